import Domain

/// One event as it stands in a store or an export: its columns, none of which is trusted yet.
package struct StoredEvent: Sendable {
  /// The name of a stream, as it stands and as it is understood.
  package struct Stream: Sendable {
    package var text: String
    /// nil where the text names no stream.
    package var name: StreamName?
    /// What the store calls it; nil where that is not known.
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
  /// The canonical JSON of `Facts.detail`; nil where that is empty.
  package var detail: String?
  package var payloadHash: [UInt8]
  package var hash: [UInt8]
  /// Empty where the event has no text, or none was read.
  package var salt: [UInt8]
  /// The canonical JSON of the text.
  package var body: [UInt8]

  package init(
    position: Int64, id: [UInt8], stream: Stream, version: Int64, type: Int64, schema: Int64,
    time: Timestamp, actorKind: String, actor: String, correlation: String?,
    causation: [UInt8]?, facts: Facts, detail: String?, payloadHash: [UInt8], hash: [UInt8],
    salt: [UInt8], body: [UInt8]
  ) {
    self.position = position
    self.id = id
    self.stream = stream
    self.version = version
    self.type = type
    self.schema = schema
    self.time = time
    self.actorKind = actorKind
    self.actor = actor
    self.correlation = correlation
    self.causation = causation
    self.facts = facts
    self.detail = detail
    self.payloadHash = payloadHash
    self.hash = hash
    self.salt = salt
    self.body = body
  }
}

extension StoredEvent {
  /// A row of a store, copied.
  /// - Parameters:
  ///   - salt: none where the event has no text, or none was read.
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
  /// - Throws: `CodecFault` where the details are no JSON object.
  package func allFacts() throws(CodecFault) -> Facts {
    guard let detail else { return facts }
    var all = facts
    all.detail = try object(Array(detail.utf8), "detail")
    return all
  }

  /// The type by its number.
  /// - Throws: `CodecFault` where this program knows none of that number.
  package func knownType() throws(CodecFault) -> EventType {
    guard let known = EventType(rawValue: Int(type)) else {
      throw fault("type \(type) is not known")
    }
    return known
  }

  /// The event with its words.
  package func event() throws(CodecFault) -> Event {
    let text = body.isEmpty ? nil : try object(body, "text")
    return try EventCodec.decode(try knownType(), facts: try allFacts(), text: text)
  }

  /// The event for a fold: without words, and with details only where a row depends on them.
  package func leanEvent() throws(CodecFault) -> Event {
    let type = try knownType()
    let object = try LeanDetail.read(detail.map { Array($0.utf8) }, of: type, at: position)
    return try EventCodec.decode(
      FactReader(type: type, facts: facts, detail: object, text: [:]))
  }

  /// The event with everything that the log says of it.
  /// - Throws: `CodecFault` where it cannot be read.
  package func recorded() throws(CodecFault) -> RecordedEvent {
    guard let name = stream.name else { throw fault("\(stream.text) is no stream") }
    return RecordedEvent(
      position: position, id: UUIDText.encode(id), stream: name, version: version,
      schema: Int(schema), time: time, actor: Actor(kind: try knownActorKind(), name: actor),
      correlation: correlation, causation: causation.map { UUIDText.encode($0) },
      event: try event(), salt: salt, payloadHash: payloadHash, hash: hash)
  }

  /// The hash over salt and text as they stand; nil where they were taken away.
  package var recomputedPayloadHash: [UInt8]? {
    if !salt.isEmpty || !body.isEmpty { return LogHash.payload(salt: salt, text: body) }
    return payloadHash == LogHash.emptyPayload ? payloadHash : nil
  }

  private func knownActorKind() throws(CodecFault) -> Actor.Kind {
    guard let kind = Actor.Kind(rawValue: actorKind) else {
      throw fault("actor kind \(actorKind) is not known")
    }
    return kind
  }

  private func object(
    _ json: [UInt8], _ name: String
  ) throws(CodecFault) -> [String: JSONValue] {
    guard let parsed = try? JSONValue(json: json), let object = parsed.objectValue else {
      throw fault("its \(name) is no JSON object")
    }
    return object
  }

  private func fault(_ reason: String) -> CodecFault {
    CodecFault(type: "event \(position)", reason: reason)
  }
}
