import Domain
import Text

/// An event at its position in the log, with the encoding that a store writes.
package struct SealedEvent: Sendable {
  package var recorded: RecordedEvent
  /// The sixteen bytes of the event's id.
  package var id: [UInt8]
  /// The sixteen bytes of the id of the event that it followed from.
  package var causation: [UInt8]?
  package var content: EventContent

  package var encoded: EncodedEvent { content.encoded }
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

  /// Continues after an event that another sealer has sealed.
  package mutating func follow(_ event: RecordedEvent) {
    head = LogHead(position: event.position, hash: event.hash)
    time = event.time
    ids = EventIDs(after: UUIDText.decode(event.id) ?? [])
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
    var hasher = EventHasher()
    return seal(encoded, at: now, &hasher)
  }

  /// The same, with a hasher that is kept from one append to the next.
  package mutating func seal(
    _ encoded: EncodedAppend, at now: Timestamp, _ hasher: inout EventHasher
  ) -> [SealedEvent]? {
    let append = encoded.append
    var causation: (id: [UInt8], text: String)?
    if let text = append.causation {
      guard let id = UUIDText.decode(text) else { return nil }
      causation = (id, UUIDText.encode(id))
    }
    let stream = append.stream.description
    var sealed: [SealedEvent] = []
    sealed.reserveCapacity(append.events.count)
    for (index, event) in append.events.enumerated() {
      var content = encoded.contents[index]
      let id = ids.next(at: now, using: &random)
      content.salt(using: &random)
      var recorded = RecordedEvent(
        position: head.position + 1, id: UUIDText.encode(id), stream: append.stream,
        version: append.expectedVersion + Int64(index) + 1, schema: 1, time: now,
        actor: append.actor, correlation: append.correlation, causation: causation?.text,
        event: event, salt: content.payload?.salt ?? [],
        payloadHash: content.payload?.hash ?? LogHash.emptyPayload, hash: [])
      recorded.hash = hasher.chainHash(of: recorded, content, stream: stream, after: head.hash)
      head = LogHead(position: recorded.position, hash: recorded.hash)
      sealed.append(
        SealedEvent(recorded: recorded, id: id, causation: causation?.id, content: content))
      causation = (id, recorded.id)
    }
    if !sealed.isEmpty { time = now }
    return sealed
  }
}
