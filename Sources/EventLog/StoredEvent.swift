import Domain

/// One event as it stands in a store or an export: its columns, none of which is trusted yet.
package struct StoredEvent: Sendable {
  /// The name of a stream, as it stands and as it is understood.
  package struct Stream: Sendable {
    package var text: String
    /// nil where the text names no stream.
    package var name: StreamName?
    package init(_ text: String) {
      self.text = text
      name = StreamName(text)
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
    let hasUse = type.foldsDetail || (type == .requested && asksForNotices)
    return try EventCodec.decode(type, facts: hasUse ? try allFacts() : facts, text: nil)
  }

  /// Whether notices stand in the details of a request: they are steps of the delegation, and all
  /// else that stands there shows in no row.
  private var asksForNotices: Bool {
    guard var detail else { return false }
    return detail.withUTF8 { text in
      Self.noticesKey.withUTF8Buffer { key in
        guard text.count >= key.count else { return false }
        return (0...(text.count - key.count)).contains { start in
          text[start] == key[0] && text[start + 1] == key[1]
            && text[start..<(start + key.count)].elementsEqual(key)
        }
      }
    }
  }
  private static let noticesKey: StaticString = "\"notices\":"

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

  /// The chain up to this event, from the values of its columns.
  package func recomputedHash(previous: [UInt8]) throws(CodecFault) -> [UInt8] {
    let leaf = LogHash.leaf(
      position: position, id: UUIDText.encode(id), stream: stream.text, version: version,
      type: try knownType().name, schema: Int(schema), time: time,
      actor: Actor(kind: try knownActorKind(), name: actor), correlation: correlation,
      causation: causation.map { UUIDText.encode($0) }, facts: try canonicalFacts(),
      payloadHash: payloadHash)
    return LogHash.chain(previous: previous, leaf: leaf)
  }

  private func canonicalFacts() throws(CodecFault) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(512)
    if facts.writeCanonical(detail: detail, into: &bytes) { return bytes }
    return JSONValue.object(try allFacts().object).canonical
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

extension EventType {
  /// Whether the fold of the views always reads what stands in `detail`. Of what most events keep
  /// there no row shows anything, so a fold of millions parses none of it.
  var foldsDetail: Bool {
    switch self {
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .pushed, .failed, .baseResolved, .generated, .stepFailed, .released, .cancelRequested,
      .retryRequested, .pullRequestUpdated:
      false
    case .actionDone, .workerRegistered, .workerUnhealthy, .workerRecovered, .workerRestarted,
      .workerParked, .workerDraining, .workerStopped, .workerLost, .systemStarted,
      .systemRecovered, .systemRestored, .systemRedacted, .workflowDefined:
      true
    }
  }
}
