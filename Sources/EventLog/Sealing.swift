import Domain
import Text

/// An event at its position in the log, with the encoding that a store writes.
package struct SealedEvent: Sendable {
  package var recorded: RecordedEvent
  /// The sixteen bytes of the event's id.
  package var id: [UInt8]
  /// The sixteen bytes of the id of the event that it followed from.
  package var causation: [UInt8]?
  package var encoded: EncodedEvent
  /// The canonical JSON of the text; empty if the event has none.
  package var body: [UInt8]
}

/// Gives events their position, version, time, id, salt and hashes. It is a value: a store whose
/// append fails continues with the copy from before.
package struct EventSealer<Random: RandomNumberGenerator & Sendable>: Sendable {
  package private(set) var head: LogHead
  /// The time of the last event.
  package private(set) var time: Timestamp
  private var ids: EventIDs
  private var random: Random

  /// - Parameter last: the event at the head; nil for an empty log.
  package init(last: (head: LogHead, time: Timestamp, id: [UInt8])?, random: Random) {
    head = last?.head ?? .empty
    time = last?.time ?? Timestamp(milliseconds: 0)
    ids = last.map { EventIDs(after: $0.id) } ?? EventIDs()
    self.random = random
  }

  /// The time of events that are appended `now`: never before that of the last event.
  package func time(at now: Timestamp) -> Timestamp { max(now, time) }

  /// Seals the events of an append without a mask.
  package mutating func seal(_ append: Append, at now: Timestamp) -> [SealedEvent]? {
    seal(EncodedAppend(append), at: now)
  }

  /// Seals the events of an append.
  /// - Parameter now: a result of `time(at:)`.
  /// - Returns: nil if the append's causation isn't a UUID.
  package mutating func seal(_ encoded: EncodedAppend, at now: Timestamp) -> [SealedEvent]? {
    let append = encoded.append
    var causation: [UInt8]?
    if let text = append.causation {
      guard let bytes = UUIDText.decode(text) else { return nil }
      causation = bytes
    }
    var sealed: [SealedEvent] = []
    sealed.reserveCapacity(append.events.count)
    for (index, event) in append.events.enumerated() {
      let one = seal(
        event, encoded.encoded[index], of: append,
        version: append.expectedVersion + Int64(index) + 1,
        causation: causation, at: now)
      causation = one.id
      sealed.append(one)
    }
    return sealed
  }

  private mutating func seal(
    _ event: Event, _ encoded: EncodedEvent, of append: Append, version: Int64,
    causation: [UInt8]?, at now: Timestamp
  ) -> SealedEvent {
    let id = ids.next(at: now, using: &random)
    var salt: [UInt8] = []
    var body: [UInt8] = []
    var payloadHash = LogHash.emptyPayload
    if !encoded.text.isEmpty {
      salt = (0..<2).flatMap { _ in Self.bytes(of: random.next()) }
      body = JSONValue.object(encoded.text).canonical
      payloadHash = LogHash.payload(salt: salt, text: body)
    }
    var recorded = RecordedEvent(
      position: head.position + 1, id: UUIDText.encode(id), stream: append.stream,
      version: version, schema: 1, time: now, actor: append.actor,
      correlation: append.correlation, causation: causation.map { UUIDText.encode($0) },
      event: event, salt: salt, payloadHash: payloadHash, hash: [])
    let leaf = LogHash.leaf(of: recorded, type: encoded.type, facts: encoded.facts)
    recorded.hash = LogHash.chain(previous: head.hash, leaf: leaf)
    head = LogHead(position: recorded.position, hash: recorded.hash)
    time = now
    return SealedEvent(
      recorded: recorded, id: id, causation: causation, encoded: encoded, body: body)
  }

  private static func bytes(of word: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
  }
}
