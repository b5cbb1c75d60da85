import Domain
import Text

extension StoredEvent {
  /// Reads one line of an export: the envelope as JSON.
  /// - Throws: `CodecFault` if the line is invalid.
  package init(exported line: [UInt8]) throws(CodecFault) {
    guard let parsed = try? JSONValue(json: line), let envelope = parsed.objectValue else {
      throw CodecFault(type: "export", reason: "a line that is no JSON object")
    }
    let reader = EnvelopeReader(envelope: envelope)
    let typeName = try reader.text("type")
    guard let time = Timestamp(iso8601: try reader.text("time")) else {
      throw CodecFault(type: typeName, reason: "its time is invalid")
    }
    let content = try Content(reader, typeName)
    let actor = EnvelopeReader(envelope: try reader.object("actor"))
    self.init(
      position: try reader.integer("position"), id: try reader.need(try reader.uuid("id"), "id"),
      stream: Stream(try reader.text("stream")), version: try reader.integer("version"),
      type: content.type, schema: try reader.integer("schema"), time: time,
      actorKind: try actor.text("kind"), actor: try actor.text("name"),
      correlation: envelope["correlation"]?.stringValue,
      causation: try reader.uuid("causation"), facts: content.facts, detail: content.detail,
      payloadHash: try reader.hex("payloadHash"), hash: try reader.hex("hash"),
      salt: try reader.hex("salt"), body: content.body)
  }
}

/// The columns of an event that depend on its type.
private struct Content {
  let type: Int64
  let facts: Facts
  let detail: String?
  let body: [UInt8]

  init(_ reader: EnvelopeReader, _ typeName: String) throws(CodecFault) {
    if typeName == StoredEvent.unreadableType {
      let raw = EnvelopeReader(envelope: try reader.object("unreadable"))
      type = try raw.integer("type")
      facts = Facts(object: try raw.object("columns"))
      detail = raw.envelope["detail"]?.stringValue
      body = raw.envelope["text"]?.stringValue.map { Array($0.utf8) } ?? []
      return
    }
    guard let known = EventType(name: typeName) else {
      throw CodecFault(type: typeName, reason: "is not known")
    }
    type = Int64(known.rawValue)
    var object = try reader.object("data")
    body = object.removeValue(forKey: "text")?.canonical ?? []
    var facts = Facts(object: object)
    detail = facts.detail.isEmpty ? nil : JSONValue.object(facts.detail).canonicalText
    facts.detail = [:]
    self.facts = facts
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

  /// nil if the field is null or absent.
  func uuid(_ name: String) throws(CodecFault) -> [UInt8]? {
    guard let text = envelope[name]?.stringValue else { return nil }
    return try need(UUIDText.decode(text), name)
  }

  func need<T>(_ value: T?, _ name: String) throws(CodecFault) -> T {
    guard let value else {
      throw CodecFault(type: "export", reason: "\(name) is missing or of another kind")
    }
    return value
  }
}
