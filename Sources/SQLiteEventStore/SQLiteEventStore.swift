// The event log on SQLite: one file, `aipm.db`, and beside it `head`.
//
// One connection writes. It has a thread of its own; appends wait in a bounded queue, and each
// commit takes all that wait, so that the cost of a sync is shared. Of each append idempotency key,
// version, stamp and the stream's own state are looked at first, so that a refused one writes
// nothing and stops nobody. Events, their texts, the views and the views' digests are written
// together; if the disk is full the commit is rolled back and each append is tried alone. Reads are
// short snapshots on other connections; searches wait for each other and for nothing else, and each
// read has a time limit.
//
// What it promises beyond `EventStore`:
//
// - An append's caller is answered after COMMIT with `synchronous=FULL`, which was read back when
//   the file was opened. The observer hears of it before the caller does.
// - Where the log ends is kept outside of the database too, at most 100 ms behind, so that a
//   database that lost its end or was put back from a backup is noticed at the next opening.
// - Each opening checks the hashes of the last 1000 events; `LogFile.verify` checks all.
// - `LogFile.fold` replays a log of a million events in seconds: several threads read stretches of
//   it, make hashes again and decode from the bytes where SQLite has them, and one folds.
//
// How it fails: a full disk refuses the appends that need room and goes on when there is some. An
// I/O error in a commit leaves its outcome unknown, so nothing more is written until the log was
// opened again. A log that is hurt is opened for reading, and each append is told why.

import Dispatch
import Domain
import EventLog
import Projections
import SQLite
import Synchronization
import SystemCalls

package final class SQLiteEventStore: EventStore, Views, Sendable {
  /// How many appends may wait.
  private static let waitingMax = 8192

  private let lane: BoundedQueue<WriterRequest>
  private let status: WriterStatus
  let readers: Readers
  private let ended: Ended
  let mask: SecretMask?
  /// The database's file.
  let path: String
  /// Whether the views are being made again.
  let rebuilding = Mutex(false)

  /// Opens the log in `directory` for writing, and makes both where they are missing. Whoever
  /// calls sees to it that no other process does so at the same time.
  /// - Parameters:
  ///   - acceptsRestore: whether a log is gone on with that is older than the head outside, or
  ///     another; the head stays as it is until the first append, which should say so.
  ///   - clock: the time of events; it may step back, the log's time does not.
  ///   - mask: takes credentials out of words before they are stored.
  ///   - onViewBuild: called while views are built that the database does not have in this
  ///     program's version, before anything else is read.
  ///   - onCommit: told of each append on the writer's thread, before its caller is answered.
  /// - Throws: `StoreFault` where there is no log that could even be read: no permission, another
  ///   program's file, a newer schema. A log that is hurt is opened, and `damage` says why.
  package static func open(
    directory: String, clock: @escaping @Sendable () -> Timestamp, acceptsRestore: Bool = false,
    mask: SecretMask? = nil, onViewBuild: @escaping @Sendable (ViewBuild) -> Void = { _ in },
    onCommit: @escaping CommitObserver
  ) throws(StoreFault) -> SQLiteEventStore {
    let lane = BoundedQueue<WriterRequest>(capacity: waitingMax, takers: 1)
    let ended = Ended()
    let opened = Handover<Result<WriterStatus, StoreFault>>()
    let isStarted = startThread {
      do throws(StoreFault) {
        let writer = try Writer.opening(
          directory: directory, acceptsRestore: acceptsRestore, clock: clock,
          onViewBuild: onViewBuild, onCommit: onCommit)
        opened.give(.success(writer.sharedStatus))
        writer.run(lane)
      } catch {
        opened.give(.failure(error))
      }
      ended.happen()
    }
    guard isStarted else {
      throw StoreFault(operation: "open", message: "no thread for writing could be started")
    }
    let status = try opened.wait().get()
    do throws(StoreFault) {
      let path = directory + "/aipm.db"
      let readers = try Readers(path: path)
      return SQLiteEventStore(
        lane: lane, status: status, readers: readers, ended: ended, path: path,
        mask: mask)
    } catch {
      lane.close()
      throw error
    }
  }

  private init(
    lane: BoundedQueue<WriterRequest>, status: WriterStatus, readers: Readers, ended: Ended,
    path: String,
    mask: SecretMask?
  ) {
    self.path = path
    self.mask = mask
    self.lane = lane
    self.status = status
    self.readers = readers
    self.ended = ended
  }

  deinit {
    lane.close()
    readers.close()
  }

  /// Writes what waits, takes nothing more, and returns when the file is closed.
  package func close() async {
    lane.close()
    readers.close()
    await ended.wait()
  }

  /// Why nothing is written any more, in words for the operator; nil where all is well.
  package var damage: String? {
    switch status.values.withLock({ $0.stopped }) {
    case nil: nil
    case .damaged(let message), .io(let message): message
    case .conflict, .duplicate, .stampTaken, .corrupt, .full, .overloaded, .closed: nil
    }
  }

  /// Where the log ended that was taken in place of a newer one; nil where none was.
  package var acceptedRestore: Int64? { status.acceptedRestore }

  /// How many commits there were since the opening, and how many appends they carried.
  package var activity: (commits: Int, appends: Int) {
    status.values.withLock { ($0.commits, $0.appends) }
  }

  // MARK: EventStore

  /// See `EventStore`.
  package func append(_ append: Append) async throws(AppendFault) -> [RecordedEvent] {
    let append = mask.map { append.masked(by: $0) } ?? append
    let result = await withCheckedContinuation { caller in
      switch lane.put(.append(AppendRequest(append: append, caller: caller))) {
      case nil: break
      case .full: caller.resume(returning: .failure(.overloaded))
      case .closed: caller.resume(returning: .failure(.closed))
      }
    }
    return try result.get()
  }

  /// See `EventStore`.
  package func read(_ stream: StreamName) async throws(StoreFault) -> [RecordedEvent] {
    try await readers.read("read \(stream)") { database in
      try EventTable.stream(stream, in: database).map { try $0.recorded() }
    }
  }

  /// See `EventStore`.
  package func read(
    _ stream: StreamName, types: [EventType]
  ) async throws(StoreFault) -> [RecordedEvent] {
    try await readers.read("read \(stream)") { database in
      try EventTable.stream(stream, types: types, in: database).map { try $0.recorded() }
    }
  }

  /// See `EventStore`.
  package func last(of stream: StreamName) async throws(StoreFault) -> RecordedEvent? {
    try await readers.read("read \(stream)") { database in
      try EventTable.last(of: stream, in: database)?.recorded()
    }
  }

  /// See `EventStore`.
  package func read(
    after position: Int64, limit: Int
  ) async throws(StoreFault) -> [RecordedEvent] {
    try await readers.read("read after \(position)") { database in
      let s = try database.statement(
        EventTable.select + " WHERE e.position > ? ORDER BY e.position LIMIT ?")
      s.bind(position, at: 1)
      s.bind(Int64(limit), at: 2)
      return try EventTable.few(s, in: database).map { try $0.recorded() }
    }
  }

  /// See `EventStore`.
  package func head() async throws(StoreFault) -> LogHead { status.values.withLock { $0.head } }
}

extension SQLiteEventStore {
  /// Runs `body` on the writer's thread, and waits for it on this one, which must be none of the
  /// cooperative pool's.
  /// - Throws: what `body` throws, or an `AppendFault` where the writer takes nothing.
  func onWriterBlocking<T: Sendable>(
    _ body: @escaping @Sendable (Writer) throws -> T
  ) throws -> T {
    let result = Handover<Result<T, any Error>>()
    try send { writer in result.give(Result { try body(writer) }) }
    return try result.wait().get()
  }

  /// Runs `body` on the writer's thread.
  /// - Throws: what `body` throws, or an `AppendFault` where the writer takes nothing.
  func onWriter<T: Sendable>(
    _ body: @escaping @Sendable (Writer) throws -> T
  ) async throws -> T {
    try await withCheckedThrowingContinuation { caller in
      do {
        try send { writer in caller.resume(with: Result { try body(writer) }) }
      } catch {
        caller.resume(throwing: error)
      }
    }
  }

  private func send(_ errand: @escaping @Sendable (Writer) -> Void) throws(AppendFault) {
    switch lane.put(.errand(errand)) {
    case nil: break
    case .full: throw .overloaded
    case .closed: throw .closed
    }
  }
}

/// Something that happens once, and those who wait for it.
final class Ended: Sendable {
  private struct State {
    var hasHappened = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  func happen() {
    let waiting = state.withLock { state in
      state.hasHappened = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for one in waiting { one.resume() }
  }

  func wait() async {
    await withCheckedContinuation { caller in
      let isOver = state.withLock { state in
        if !state.hasHappened { state.waiting.append(caller) }
        return state.hasHappened
      }
      if isOver { caller.resume() }
    }
  }
}

/// A value that one thread waits for and another gives, once.
private final class Handover<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)
  private let given = DispatchSemaphore(value: 0)

  func give(_ value: Value) {
    self.value.withLock { $0 = value }
    given.signal()
  }

  func wait() -> Value {
    while true {
      given.wait()
      if let value = value.withLock({ $0 }) { return value }
    }
  }
}
