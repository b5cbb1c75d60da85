// The event log: the only source of AIPM's state.
//
// An `EventStore` keeps events in one order, by position, and in streams, by version. It guarantees
// the following, and the conformance suite tests every store for it:
//
// - Positions are dense: 1, 2, 3 …; so are the versions of each stream.
// - An append is atomic, and durable when the call returns. It requires that the stream is at the
//   version that the caller expects.
// - A request with a known idempotency key appends no event.
// - The views are updated in the append's transaction, never later.
// - `time` never decreases; each event is chained to the previous one by hash.
// - An event that its stream's state does not allow is refused before it is written. If the log
//   contains such an event, its stream is quarantined: reads continue, appends to it are refused.
//
// Failures: every fault is an `AppendFault` or a `StoreFault`. After `.damaged` or `.io` the
// outcome of an append is unknown, and the store refuses further appends until it is opened again.

import Domain

/// The end of the log.
package struct LogHead: Equatable, Sendable {
  package var position: Int64
  package var hash: [UInt8]
  package init(position: Int64, hash: [UInt8]) {
    self.position = position
    self.hash = hash
  }
  package static let empty = LogHead(position: 0, hash: LogHash.genesis)
}

/// Events to append to one stream in one transaction.
package struct Append: Sendable {
  package var stream: StreamName
  /// The current version of the stream; 0 if it does not exist.
  package var expectedVersion: Int64
  package var events: [Event]
  package var actor: Actor
  package var correlation: String?
  /// The id of the event that caused the first of these; the others are caused by the one before.
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
  /// The event that records a redaction.
  /// - Parameter version: the version in the system's stream.
  package static func redaction(
    of positions: [Int64], reason: String, by actor: Actor, after version: Int64
  ) -> Append {
    Append(
      stream: .system, expectedVersion: version,
      events: positions.map { .system(.redacted(position: $0, reason: reason)) }, actor: actor,
      correlation: "system", causation: nil)
  }
}

/// Why an append failed.
package enum AppendFault: Error, Equatable, Sendable {
  /// The stream is at another version.
  case conflict(actual: Int64)
  /// A delegation was requested with this key before.
  case duplicate(of: DelegationID, body: String)
  /// The stamp of the request belongs to another delegation.
  case stampTaken
  /// The stream's state does not allow these events, or the stream is in quarantine.
  case corrupt(CorruptStream)
  /// The disk is full. Nothing was written; appends work again when there is space.
  case full
  /// The queue of appends is full.
  case overloaded
  /// The log takes no events now, and will again; the text is the reason. Whether the events are in
  /// it is unknown until then. It is not `io`, which ends what is under way.
  case unavailable(String)
  /// The log is corrupt or older than the separate head file. Nothing is written; the text is the
  /// reason.
  case damaged(String)
  /// The disk failed during a commit, so its outcome is unknown.
  case io(String)
  case closed
}

/// Why text was not redacted.
package enum RedactionFault: Error, Equatable, Sendable {
  /// There is no event at this position.
  case noSuchEvent(Int64)
  /// The event never had text.
  case noText(Int64)
  /// Its text was redacted before.
  case redactedBefore(Int64)
  /// The delegation has not ended, and still needs the text.
  case underWay(Int64)
  /// The event is a workflow definition, which the delegations under it need.
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
/// Code outside a store's own module must not assume that it is a file.
package protocol EventStore: Sendable {
  /// Appends all events of `append`, and returns when they are on disk.
  func append(_ append: Append) async throws(AppendFault) -> [RecordedEvent]

  /// Removes the texts of events and their salts permanently, and appends one `system.redacted` for
  /// each, in one transaction. Hashes stay, so all other content can still be checked.
  /// - Parameter positions: of events with text, of delegations that have ended.
  /// - Returns: the appended events, in the order of `positions`.
  func redact(
    _ positions: [Int64], reason: String, by actor: Actor
  ) async throws(RedactionFault) -> [RecordedEvent]

  /// All events of a stream in order, with their texts; empty if the stream does not exist.
  func read(_ stream: StreamName) async throws(StoreFault) -> [RecordedEvent]

  /// The same for several streams, in their order.
  /// - Throws: `StoreFault` if one of them cannot be read.
  func read(_ streams: [StreamName]) async throws(StoreFault) -> [[RecordedEvent]]

  /// The events of a stream whose type is one of `types`, in order, with their texts. The others
  /// are not decoded.
  func read(
    _ stream: StreamName, types: [EventType]
  ) async throws(StoreFault) -> [RecordedEvent]
}

extension EventStore {
  /// See `EventStore`; for stores that do not read several streams at once.
  package func read(
    _ streams: [StreamName]
  ) async throws(StoreFault) -> [[RecordedEvent]] {
    var all: [[RecordedEvent]] = []
    for stream in streams { all.append(try await read(stream)) }
    return all
  }
}

/// One transaction of the log, with all its appends.
package struct GroupCommit: Sendable {
  /// The appends that wrote events.
  package var appends: Int
  /// From the start of the transaction to the end of its sync.
  package var time: Duration

  package init(appends: Int, time: Duration) {
    self.appends = appends
    self.time = time
  }
}

/// Called for each committed append, in the order of positions, before the append returns. It must
/// not block.
package typealias CommitObserver = @Sendable ([RecordedEvent]) -> Void
