#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore
import SystemCalls

/// Long reads of the log. Events are read in chunks, each in its own snapshot, so a long replay
/// keeps no old versions of rows alive. Events and views are compared in one snapshot.
///
/// It is used from one thread.
final class PostgreSQLLog {
  /// How many events one statement reads.
  private static let chunkLength = 2000

  let connection: PostgreSQLConnection

  init(_ connection: PostgreSQLConnection) { self.connection = connection }

  /// Passes the events after `position` to `body`, in order, in chunks.
  /// - Parameters:
  ///   - last: the last position; `.max` for the head at the end of the scan.
  ///   - body: returns false to end the scan.
  func scan(
    after position: Int64, through last: Int64 = .max, _ body: (StoredEvent) throws -> Bool
  ) throws {
    var next = position
    while true {
      let events = try LogRows.after(
        next, through: last, limit: Self.chunkLength, in: connection)
      for event in events where try !body(event) { return }
      guard events.count == Self.chunkLength, let end = events.last else { return }
      next = end.position
    }
  }

  /// Folds the log up to its current end.
  /// - Parameters:
  ///   - isChecking: whether hashes and versions are checked.
  ///   - isWanted: whether to fold an event; the fold stops at the first one that is not wanted.
  ///   - onProgress: called from time to time with the number of folded events.
  func fold(
    isChecking: Bool,
    while isWanted: (_ position: Int64, _ time: Timestamp) -> Bool = { _, _ in true },
    onProgress: (_ events: Int) -> Void
  ) throws -> LogFold {
    let end = try LogRows.head(in: connection).position
    var fold = LogFold(isChecking: isChecking)
    try scan(after: 0, through: end) { stored in
      guard isWanted(stored.position, stored.time) else { return false }
      fold.take(stored)
      if fold.events % Self.chunkLength == 0 { onProgress(fold.events) }
      return true
    }
    onProgress(fold.events)
    return fold
  }

  /// See `LogReader`.
  func replay(_ plan: ReplayPlan, onProgress: ReplayProgress) throws -> ReplayedLog {
    var fold = try fold(
      isChecking: plan.isChecking, while: { plan.end?.includes($0, $1) ?? true },
      onProgress: onProgress)
    let comparison = plan.comparesViews ? try compare(with: &fold) : nil
    return ReplayedLog(fold: fold, comparison: comparison)
  }

  /// Checks every hash, the views, the look-ups, the head's row and the head file. A server may
  /// write at the same time.
  func verify(headPath: String?, onProgress: ReplayProgress) throws -> Verification {
    // The head file is read first, because it is written after its commit.
    let known = try headPath.map { try HeadFile.read(path: $0) }
    var fold = try fold(isChecking: true, onProgress: onProgress)
    let comparison = try compare(with: &fold)
    let headFault = try known?.fault(endingAt: fold.head, store: "database") {
      try LogRows.hash(at: $0, in: connection)
    }
    return Verification(fold: fold, comparison: comparison, head: headFault)
  }

  /// See `LogReader`.
  func unfitStreams() throws -> [UnfitStream] {
    let delegations = try connection.query(
      "SELECT id FROM delegations WHERE NOT \(StateSQL.ended("state")) "
        + "OR next_intent IS NOT NULL ORDER BY stamp"
    ).map { StreamName.delegation(DelegationID($0.text(0) ?? "")) }
    let workers = try connection.query("SELECT id FROM workers ORDER BY id").map {
      StreamName.worker(WorkerID($0.text(0) ?? ""))
    }
    return try (delegations + workers).compactMap { stream in
      try fault(of: stream).map { UnfitStream(stream: stream, reason: $0) }
    }
  }

  private func fault(of stream: StreamName) throws -> String? {
    var folded = Projector()
    for stored in try LogRows.stream(stream, in: connection) { _ = folded.fold(stored) }
    switch stream {
    case .delegation(let id): return folded.delegations[id]?.corrupt?.description
    case .worker(let id): return folded.workers[id]?.corrupt?.description
    case .system: return nil
    }
  }
}

/// A session for reading the log and its views, whether or not a server writes.
package final class PostgreSQLReader: LogReader {
  private let place: PostgreSQLPlace
  private let readers: PostgreSQLReaders

  init(_ place: PostgreSQLPlace) throws(StoreFault) {
    self.place = place
    readers = try PostgreSQLReaders(place)
  }

  deinit { readers.close() }

  /// See `LogReader`.
  package func head() async throws(StoreFault) -> LogHead {
    try await readers.read("head") { try LogRows.head(in: $0) }
  }

  /// See `LogReader`.
  package func read(after position: Int64, limit: Int) async throws(StoreFault) -> [StoredEvent] {
    try await LogReads(place: place, readers: readers).read(after: position, limit: limit)
  }

  /// See `LogReader`.
  package func events(of stream: StreamName) async throws(StoreFault) -> [StoredEvent] {
    try await LogReads(place: place, readers: readers).events(of: stream)
  }

  /// See `LogReader`.
  package func last(of stream: StreamName) async throws(StoreFault) -> StoredEvent? {
    try await LogReads(place: place, readers: readers).last(of: stream)
  }

  /// See `LogReader`.
  package func replay(
    _ plan: ReplayPlan, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> ReplayedLog {
    try await LogReads(place: place, readers: readers).replay(plan, onProgress: onProgress)
  }

  /// See `LogReader`.
  package func verify(
    onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    try await LogReads(place: place, readers: readers).verify(onProgress: onProgress)
  }

  /// See `LogReader`.
  package func unfitStreams() async throws(StoreFault) -> [UnfitStream] {
    try await LogReads(place: place, readers: readers).unfitStreams()
  }
}

extension PostgreSQLEventStore {
  private var reads: LogReads { LogReads(place: place, readers: readers) }

  /// See `LogReader`.
  package func read(after position: Int64, limit: Int) async throws(StoreFault) -> [StoredEvent] {
    try await reads.read(after: position, limit: limit)
  }

  /// See `LogReader`.
  package func events(of stream: StreamName) async throws(StoreFault) -> [StoredEvent] {
    try await reads.events(of: stream)
  }

  /// See `LogReader`.
  package func last(of stream: StreamName) async throws(StoreFault) -> StoredEvent? {
    try await reads.last(of: stream)
  }

  /// See `LogReader`.
  package func replay(
    _ plan: ReplayPlan, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> ReplayedLog {
    try await reads.replay(plan, onProgress: onProgress)
  }

  /// See `LogReader`.
  package func verify(
    onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    try await reads.verify(onProgress: onProgress)
  }

  /// See `LogReader`.
  package func unfitStreams() async throws(StoreFault) -> [UnfitStream] {
    try await reads.unfitStreams()
  }
}

/// The reads of `LogReader`, which a running store and a reader share.
struct LogReads {
  let place: PostgreSQLPlace
  let readers: PostgreSQLReaders

  func read(after position: Int64, limit: Int) async throws(StoreFault) -> [StoredEvent] {
    try await readers.read("read after \(position)") {
      try LogRows.after(position, limit: limit, in: $0)
    }
  }

  func events(of stream: StreamName) async throws(StoreFault) -> [StoredEvent] {
    try await readers.read("read \(stream)") { try LogRows.stream(stream, in: $0) }
  }

  func last(of stream: StreamName) async throws(StoreFault) -> StoredEvent? {
    try await readers.read("read \(stream)") { try LogRows.last(of: stream, in: $0) }
  }

  func replay(
    _ plan: ReplayPlan, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> ReplayedLog {
    try await reading("replay") { try $0.replay(plan, onProgress: onProgress) }
  }

  func verify(onProgress: @escaping ReplayProgress) async throws(StoreFault) -> Verification {
    let headPath = place.headPath
    return try await reading("verify") {
      try $0.verify(headPath: headPath, onProgress: onProgress)
    }
  }

  func unfitStreams() async throws(StoreFault) -> [UnfitStream] {
    try await reading("check the streams") { try $0.unfitStreams() }
  }

  /// Runs `body`, which reads much of the log, on its own thread and session.
  private func reading<T: Sendable>(
    _ operation: String, _ body: @escaping @Sendable (PostgreSQLLog) throws -> T
  ) async throws(StoreFault) -> T {
    let place = place
    return try await onThread(operation) {
      try body(PostgreSQLLog(try PostgreSQLSession.begin(place, for: .maintenance)))
    }
  }
}

#endif
