import Domain
import Text

extension StoredEvent {
  /// Reads one line of an export: the envelope as JSON.
  /// - Throws: `CodecFault` where it is none.
  package init(exported line: [UInt8]) throws(CodecFault) {
    guard let parsed = try? JSONValue(json: line), let envelope = parsed.objectValue else {
      throw CodecFault(type: "export", reason: "a line that is no JSON object")
    }
    let reader = EnvelopeReader(envelope: envelope)
    let typeName = try reader.text("type")
    guard let type = EventType(name: typeName) else {
      throw CodecFault(type: typeName, reason: "is not known")
    }
    guard let time = Timestamp(iso8601: try reader.text("time")) else {
      throw CodecFault(type: typeName, reason: "its time is none")
    }
    var object = try reader.object("data")
    let text = object.removeValue(forKey: "text")
    var facts = Facts(object: object)
    let detail = facts.detail
    facts.detail = [:]
    let actor = EnvelopeReader(envelope: try reader.object("actor"))
    self.init(
      position: try reader.integer("position"), id: try reader.need(try reader.uuid("id"), "id"),
      stream: Stream(try reader.text("stream")), version: try reader.integer("version"),
      type: Int64(type.rawValue), schema: try reader.integer("schema"), time: time,
      actorKind: try actor.text("kind"), actor: try actor.text("name"),
      correlation: envelope["correlation"]?.stringValue,
      causation: try reader.uuid("causation"), facts: facts,
      detail: detail.isEmpty ? nil : JSONValue.object(detail).canonicalText,
      payloadHash: try reader.hex("payloadHash"), hash: try reader.hex("hash"),
      salt: try reader.hex("salt"), body: text?.canonical ?? [])
  }
}

/// The fields of an envelope, with a named fault for each that is absent.
private struct EnvelopeReader {
  let envelope: [String: JSONValue]

  func text(_ name: String) throws(CodecFault) -> String {
    try need(envelope[name]?.stringValue, name)
  }
  func integer(_ name: String) throws(CodecFault) -> Int64 {
    try need(envelope[name]?.integerValue, name)
  }
  func object(_ name: String) throws(CodecFault) -> [String: JSONValue] {
    try need(envelope[name]?.objectValue, name)
  }
  func hex(_ name: String) throws(CodecFault) -> [UInt8] {
    try need(Hex.decode(try text(name)), name)
  }

  /// nil where the field is null or absent.
  func uuid(_ name: String) throws(CodecFault) -> [UInt8]? {
    guard let text = envelope[name]?.stringValue else { return nil }
    return try need(UUIDText.decode(text), name)
  }

  func need<T>(_ value: T?, _ name: String) throws(CodecFault) -> T {
    guard let value else {
      throw CodecFault(type: "export", reason: "\(name) is absent or not of its kind")
    }
    return value
  }
}
