import Domain
import Text

/// An event as a store or an export contains it: its columns, not validated yet.
package struct StoredEvent: Sendable {
  /// The name of a stream, as text and parsed.
  package struct Stream: Sendable {
    package var text: String
    /// nil if the text isn't the name of a stream.
    package var name: StreamName?
    /// The store's number of the stream; nil if it is unknown.
    package var number: Int64?
    package init(_ text: String, number: Int64? = nil) {
      self.text = text
      name = StreamName(text)
      self.number = number
    }
  }

  package var position: Int64
  package var id: [UInt8]
  package var stream: Stream
  package var version: Int64
  /// The number of its type.
  package var type: Int64
  package var schema: Int64
  package var time: Timestamp
  package var actorKind: String
  package var actor: String
  package var correlation: String?
  package var causation: [UInt8]?
  /// Without `detail`.
  package var facts: Facts
  /// The canonical JSON of `Facts.detail`; nil if that is empty.
  package var detail: String?
  package var payloadHash: [UInt8]
  package var hash: [UInt8]
  /// Empty if the event has no text, or the text wasn't read.
  package var salt: [UInt8]
  /// The canonical JSON of the text.
  package var body: [UInt8]
}

extension StoredEvent {
  /// Copies a row.
  /// - Parameters:
  ///   - salt: empty if the event has no text, or the text wasn't read.
  ///   - body: the canonical JSON of the text.
  package init(_ row: any EventRow, stream: Stream, salt: [UInt8], body: [UInt8]) {
    func bytes(_ column: EventColumn) -> [UInt8] { row.bytes(column).map { Array($0) } ?? [] }
    func number(_ column: EventColumn) -> Int64 { row.integer(column) ?? 0 }
    self.init(
      position: number(.position), id: bytes(.id), stream: stream, version: number(.version),
      type: number(.type), schema: number(.schema), time: Timestamp(milliseconds: number(.time)),
      actorKind: row.text(.actorKind) ?? "", actor: row.text(.actor) ?? "",
      correlation: row.text(.correlation), causation: row.bytes(.causation).map { Array($0) },
      facts: Facts(row), detail: row.text(.detail), payloadHash: bytes(.payloadHash),
      hash: bytes(.hash), salt: salt, body: body)
  }

  /// The facts with their details.
  /// - Throws: `CodecFault` if the details aren't a JSON object.
  package func allFacts() throws(CodecFault) -> Facts {
    guard let detail else { return facts }
    var all = facts
    all.detail = try .init(json: Array(detail.utf8), "detail", at: position)
    return all
  }

  /// - Throws: `CodecFault` if this program doesn't know the type.
  package func knownType() throws(CodecFault) -> EventType {
    try EventType(number: type, at: position)
  }

  func knownActorKind() throws(CodecFault) -> Actor.Kind {
    try Actor.Kind(name: actorKind, at: position)
  }

  /// The event with its text.
  package func event() throws(CodecFault) -> Event {
    let text: [String: JSONValue]? =
      body.isEmpty ? nil : try .init(json: body, "text", at: position)
    return try EventCodec.decode(try knownType(), facts: try allFacts(), text: text)
  }

  /// The event for a fold: without text, and with details only if a row depends on them.
  package func leanEvent() throws(CodecFault) -> Event {
    try EventCodec.decodeLean(facts, type: type, at: position) { detail.map { Array($0.utf8) } }
  }

  /// The decoded event.
  /// - Throws: `CodecFault` if it can't be decoded.
  package func recorded() throws(CodecFault) -> RecordedEvent {
    guard let name = stream.name else {
      throw CodecFault(at: position, reason: "\(stream.text) is no stream")
    }
    return RecordedEvent(
      position: position, id: UUIDText.encode(id), stream: name, version: version,
      schema: Int(schema), time: time, actor: Actor(kind: try knownActorKind(), name: actor),
      correlation: correlation, causation: causation.map { UUIDText.encode($0) },
      event: try event(), salt: salt, payloadHash: payloadHash, hash: hash)
  }

  /// The hash over salt and text; nil if they were redacted.
  package var recomputedPayloadHash: [UInt8]? {
    if !salt.isEmpty || !body.isEmpty { return LogHash.payload(salt: salt, text: body) }
    return payloadHash == LogHash.emptyPayload ? payloadHash : nil
  }
}

extension CodecFault {
  init(at position: Int64, reason: String) {
    self.init(type: "event \(position)", reason: reason)
  }
}

extension EventType {
  /// - Throws: `CodecFault` if this program doesn't know the number.
  init(number: Int64, at position: Int64) throws(CodecFault) {
    guard let known = EventType(rawValue: Int(number)) else {
      throw CodecFault(at: position, reason: "type \(number) is not known")
    }
    self = known
  }
}

extension Actor.Kind {
  /// - Throws: `CodecFault` if this program doesn't know the kind.
  init(name: String, at position: Int64) throws(CodecFault) {
    guard let known = Actor.Kind(rawValue: name) else {
      throw CodecFault(at: position, reason: "actor kind \(name) is not known")
    }
    self = known
  }
}

extension [String: JSONValue] {
  /// Parses a column of an event.
  /// - Throws: `CodecFault` if it isn't a JSON object.
  init(json: [UInt8], _ name: String, at position: Int64) throws(CodecFault) {
    guard let parsed = try? JSONValue(json: json), let object = parsed.objectValue else {
      throw CodecFault(at: position, reason: "its \(name) is no JSON object")
    }
    self = object
  }
}
