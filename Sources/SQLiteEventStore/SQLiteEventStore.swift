// The event log on SQLite: one file, `aipm.db`, and beside it `head`.
//
// One connection writes. Appends wait in a bounded queue, and each commit takes many waiting ones,
// so that they share the cost of a sync. The idempotency key, the version, the stamp and the
// stream's state of each append are checked first: a refused append writes nothing and delays
// nobody. Events, their texts, the views and the views' digests are written together. One thread
// checks, hashes and folds a batch while another commits the batch before it. If the disk is full,
// the commit is rolled back and each append is tried alone. Reads are short snapshots on other
// connections. Searches have their own queue. Each read has a time limit.
//
// Guarantees beyond `EventStore`:
//
// - An append returns after COMMIT with `synchronous=FULL`, which is read back when the file is
//   opened. The observer is called before the append returns.
// - The head of the log is also written to a file outside the database, at most 100 ms later. So
//   the next opening notices a database that lost its end or was replaced by a backup.
// - Each opening checks the hashes of the last 1000 events; `verify` checks all.
// - A replay of a million events takes seconds: several threads read stretches of the log, compute
//   hashes and decode from the bytes in SQLite's memory, and one thread folds.
//
// Failures: on a full disk, appends that need space are refused, and later ones succeed once there
// is space. After an I/O error in a commit its outcome is unknown, so nothing more is written until
// the log is opened again. A corrupt log is opened for reading, and each append is refused with the
// reason.

import Dispatch
import Domain
import EventLog
import Projections
import SQLite
import Synchronization
import SystemCalls

package final class SQLiteEventStore: RunningStore, SQLiteLogReader {
  /// The most appends that wait for the writer.
  private static let waitingMax = 8192

  private let queue: BoundedQueue<WriterRequest>
  private let status: WriterStatus
  let readers: Readers
  private let ended: Ended
  let mask: SecretMask?
  /// The database's file.
  let path: String
  /// The file with the head.
  let headPath: String?
  package let feed: any CommitFeed
  /// Whether the views are being rebuilt.
  let rebuilding = Mutex(false)

  /// Opens the log in `directory` for writing, and creates both if they are missing. The caller
  /// ensures that no other process does so at the same time.
  /// - Parameters:
  ///   - acceptsRestore: whether a log is accepted that differs from the head file or is older.
  ///     That file stays unchanged until the first append, which should record it.
  ///   - clock: the time of events; if it steps back, the log's time does not.
  ///   - mask: masks credentials in texts before they are stored.
  ///   - onViewBuild: called while missing or outdated views are built, before anything else is
  ///     read.
  ///   - onGroupCommit: called for each transaction, on one of the two threads that write.
  ///   - onCommit: called for each append in order, one at a time, on one of these threads, before
  ///     the append returns.
  /// - Throws: `StoreFault` if no log can be read: no permission, another program's file, a newer
  ///   schema. A corrupt log is opened, and `damage` has the reason.
  package static func open(
    directory: String, clock: @escaping @Sendable () -> Timestamp, acceptsRestore: Bool = false,
    mask: SecretMask? = nil, onViewBuild: @escaping @Sendable (ViewBuild) -> Void = { _ in },
    onGroupCommit: @escaping @Sendable (GroupCommit) -> Void = { _ in },
    onCommit: @escaping CommitObserver = { _ in }
  ) throws(StoreFault) -> SQLiteEventStore {
    let feed = LocalCommitFeed()
    let queue = BoundedQueue<WriterRequest>(capacity: waitingMax, takers: 1)
    let ended = Ended()
    let opened = Handover<Result<WriterStatus, StoreFault>>()
    let isStarted = startThread {
      do throws(StoreFault) {
        let pipeline = try AppendPipeline.opening(
          directory: directory, acceptsRestore: acceptsRestore, queue: queue, clock: clock,
          onViewBuild: onViewBuild, onGroupCommit: onGroupCommit,
          onCommit: {
            feed.observe($0)
            onCommit($0)
          })
        opened.give(.success(pipeline.writer.status))
        pipeline.run()
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
        queue: queue, status: status, readers: readers, ended: ended, path: path,
        headPath: directory + "/head", feed: feed, mask: mask)
    } catch {
      queue.close()
      throw error
    }
  }

  private init(
    queue: BoundedQueue<WriterRequest>, status: WriterStatus, readers: Readers, ended: Ended,
    path: String,
    headPath: String, feed: any CommitFeed, mask: SecretMask?
  ) {
    self.path = path
    self.headPath = headPath
    self.feed = feed
    self.mask = mask
    self.queue = queue
    self.status = status
    self.readers = readers
    self.ended = ended
  }

  deinit {
    queue.close()
    readers.close()
  }

  /// Finishes the queued appends, refuses new ones, and returns when the file is closed.
  package func close() async {
    queue.close()
    readers.close()
    await ended.wait()
  }

  /// Why writing has stopped, for the operator; nil if it has not.
  package var damage: String? {
    switch status.stopped {
    case nil: nil
    case .damaged(let message), .io(let message): message
    case .conflict, .duplicate, .stampTaken, .corrupt, .full, .overloaded, .unavailable, .closed:
      nil
    }
  }

  /// See `RunningStore`.
  package var acceptedRestore: Int64? { status.acceptedRestore }

  /// The number of commits since the opening, and of their appends.
  package var activity: (commits: Int, appends: Int) {
    status.values.withLock { ($0.commits, $0.appends) }
  }

  /// The number of appends and jobs that wait for the writer.
  var waiting: Int { queue.count }
  /// Whether new appends are refused, because `close` was called.
  var isClosing: Bool { queue.isClosed }

  // MARK: EventStore

  /// See `EventStore`.
  package func append(_ append: Append) async throws(AppendFault) -> [RecordedEvent] {
    // Encoded, masked and hashed here, by the caller's task: the writer's thread is the bottleneck.
    var random = SystemRandomNumberGenerator()
    let append = EncodedAppend(append, mask: mask, salts: &random)
    let result = await withCheckedContinuation { caller in
      switch queue.put(.append(AppendRequest(append: append, caller: caller))) {
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
    _ streams: [StreamName]
  ) async throws(StoreFault) -> [[RecordedEvent]] {
    try await readers.read("read \(streams.count) streams") { database in
      try streams.map { try EventTable.stream($0, in: database).map { try $0.recorded() } }
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

  /// See `LogReader`.
  package func head() async throws(StoreFault) -> LogHead { status.values.withLock { $0.head } }
}

extension SQLiteEventStore {
  /// Runs `body` on the writer's thread, and blocks this thread, which must not belong to the
  /// cooperative pool.
  /// - Throws: what `body` throws, or an `AppendFault` if the queue is full or closed.
  func onWriterBlocking<T: Sendable>(
    _ body: @escaping @Sendable (AppendPipeline) throws -> T
  ) throws -> T {
    let result = Handover<Result<T, any Error>>()
    try send { pipeline in result.give(Result { try body(pipeline) }) }
    return try result.wait().get()
  }

  /// Runs `body` on the writer's thread.
  /// - Throws: what `body` throws, or an `AppendFault` if the queue is full or closed.
  func onWriter<T: Sendable>(
    _ body: @escaping @Sendable (AppendPipeline) throws -> T
  ) async throws -> T {
    try await withCheckedThrowingContinuation { caller in
      do {
        try send { pipeline in caller.resume(with: Result { try body(pipeline) }) }
      } catch {
        caller.resume(throwing: error)
      }
    }
  }

  private func send(_ job: @escaping @Sendable (AppendPipeline) -> Void) throws(AppendFault) {
    switch queue.put(.job(job)) {
    case nil: break
    case .full: throw .overloaded
    case .closed: throw .closed
    }
  }
}

/// An event that happens once, and its waiters.
package final class Ended: Sendable {
  private struct State {
    var hasHappened = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  package init() {}

  /// Continues all waiters.
  package func happen() {
    let waiting = state.withLock { state in
      state.hasHappened = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for one in waiting { one.resume() }
  }

  /// Waits until it has happened.
  package func wait() async {
    await withCheckedContinuation { caller in
      let isOver = state.withLock { state in
        if !state.hasHappened { state.waiting.append(caller) }
        return state.hasHappened
      }
      if isOver { caller.resume() }
    }
  }
}

/// A value that one thread sets once and another waits for.
package final class Handover<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)
  private let given = DispatchSemaphore(value: 0)

  package init() {}

  /// Sets the value, once.
  package func give(_ value: Value) {
    self.value.withLock { $0 = value }
    given.signal()
  }

  /// Waits for the value, and blocks this thread.
  package func wait() -> Value {
    while true {
      given.wait()
      if let value = value.withLock({ $0 }) { return value }
    }
  }
}
