// The event log: what AIPM knows, and the only thing that it knows.
//
// An `EventStore` keeps events in one order, by position, and in streams, by version. What it
// promises, and the conformance suite holds every store to:
//
// - Positions are dense: 1, 2, 3 …; so are the versions of each stream.
// - An append is whole or not at all, and has happened, durably, when the call returns. It happens
//   only if the stream stands at the version that the caller expects.
// - A request with an idempotency key that is known makes no event.
// - The views are updated in the append's transaction, never later.
// - `time` never falls; each event is chained to the one before by hash.
// - An event that its stream's state does not allow is refused before it is written; one that is
//   found in the log quarantines its stream: reads go on, appends to it are refused.
//
// How it fails: every fault is an `AppendFault` or a `StoreFault`. After `.damaged` or `.io` the
// outcome of an append is unknown, and the store takes no more until it was opened again.

import Domain

/// Where the log ends.
package struct LogHead: Equatable, Sendable {
  package var position: Int64
  package var hash: [UInt8]
  package init(position: Int64, hash: [UInt8]) {
    self.position = position
    self.hash = hash
  }
  package static let empty = LogHead(position: 0, hash: LogHash.genesis)
}

/// Events to be written to one stream, as one.
package struct Append: Sendable {
  package var stream: StreamName
  /// The version that the stream stands at, 0 for one that does not exist.
  package var expectedVersion: Int64
  package var events: [Event]
  package var actor: Actor
  package var correlation: String?
  /// The id of the event that the first of these follows from; the others follow from each other.
  package var causation: String?

  package init(
    stream: StreamName, expectedVersion: Int64, events: [Event], actor: Actor,
    correlation: String?, causation: String?
  ) {
    self.stream = stream
    self.expectedVersion = expectedVersion
    self.events = events
    self.actor = actor
    self.correlation = correlation
    self.causation = causation
  }
}

extension Append {
  /// What the log says of words that were taken away.
  /// - Parameter version: of the system's stream.
  package static func redaction(
    of positions: [Int64], reason: String, by actor: Actor, after version: Int64
  ) -> Append {
    Append(
      stream: .system, expectedVersion: version,
      events: positions.map { .system(.redacted(position: $0, reason: reason)) }, actor: actor,
      correlation: "system", causation: nil)
  }
}

/// Why an append did not happen.
package enum AppendFault: Error, Equatable, Sendable {
  /// The stream stands at another version.
  case conflict(actual: Int64)
  /// A delegation was requested under this key before.
  case duplicate(of: DelegationID, body: String)
  /// The stamp of the request belongs to another delegation.
  case stampTaken
  /// The stream's state does not allow these events, or the stream is in quarantine.
  case corrupt(CorruptStream)
  /// The disk is full; nothing was written, and the store goes on when there is room.
  case full
  /// Too many appends wait.
  case overloaded
  /// The log is hurt or older than its own head outside: nothing is written, and this says why.
  case damaged(String)
  /// The disk failed in a commit, and whether it happened is not known.
  case io(String)
  case closed
}

/// Why words were not taken away.
package enum RedactionFault: Error, Equatable, Sendable {
  /// There is no event at this position.
  case noSuchEvent(Int64)
  /// The event never had words.
  case noWords(Int64)
  /// Its words were taken away before.
  case redactedBefore(Int64)
  /// Its delegation has not ended, and still needs them.
  case underWay(Int64)
  /// It is a workflow's definition, without which the delegations under it cannot be understood.
  case definition(Int64)
  case append(AppendFault)
}

/// Why a read failed.
package struct StoreFault: Error, Equatable, Sendable, CustomStringConvertible {
  package var operation: String
  package var message: String
  package init(operation: String, message: String) {
    self.operation = operation
    self.message = message
  }
  package var description: String { "\(operation): \(message)" }
}

/// The writing side of a store, and its streams. `ReadModels` and `LogReader` are the other sides.
/// Nothing outside a store's own module may assume that it is a file.
package protocol EventStore: Sendable {
  /// Writes `append` whole, and returns when that is on disk.
  func append(_ append: Append) async throws(AppendFault) -> [RecordedEvent]

  /// Takes the words of events and their salts away, for ever, and appends one `system.redacted`
  /// for each, all as one. Hashes stay, so everything else can still be checked.
  /// - Parameter positions: of events with words, of delegations that have ended.
  /// - Returns: the events that say so, in the order of `positions`.
  func redact(
    _ positions: [Int64], reason: String, by actor: Actor
  ) async throws(RedactionFault) -> [RecordedEvent]

  /// All events of a stream in order, with their texts; none where there is no such stream.
  func read(_ stream: StreamName) async throws(StoreFault) -> [RecordedEvent]

  /// The events of a stream whose type is one of `types`, in order, with their texts. The others
  /// are not decoded.
  func read(
    _ stream: StreamName, types: [EventType]
  ) async throws(StoreFault) -> [RecordedEvent]
}

/// Told of each committed append, in the order of positions, before the append's caller is
/// answered. It must not block.
package typealias CommitObserver = @Sendable ([RecordedEvent]) -> Void
