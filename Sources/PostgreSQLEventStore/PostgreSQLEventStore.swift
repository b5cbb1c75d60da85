// The event log on PostgreSQL: the schema `aipm` of one database. It is empty unless the package is
// built with the trait `PostgreSQL`.
//
// One session writes, on its own thread. Appends wait in a bounded queue, and each commit takes all
// waiting ones: their events go over in one COPY, their texts, streams, views and digests in one
// statement for each table. The idempotency key, the version, the stamp and the stream's state are
// checked before, in the writer's memory and with one look at the database. While the server runs
// a batch, the appends behind it are planned for the next one. What they need is looked up in the
// same transaction, after the batch was written. If the commit fails, they are planned again.
// Sealing, hashing, masking, folding and digests are the code of every other store. Reads are short
// snapshots on a few other sessions, and each has a time limit.
//
// The table `head` has one row: the position, the hash and the epoch. Each commit updates it by
// epoch and position. So it is the counter of positions, the end of the chain, and the fence: a
// server that opens the log claims the next epoch, and the update of the one before changes no row.
//
// Guarantees beyond `EventStore`:
//
// - An append returns after COMMIT with `synchronous_commit=on`, which is read back when a session
//   begins. So are `fsync` and `full_page_writes`.
// - If the answer to COMMIT is lost, a new session takes the head's row, which waits for the end of
//   the old transaction. Position and hash there decide: committed, or written again. Nothing is
//   guessed.
// - The head of the log is also written to a file outside the database, at most 100 ms later.
// - Each opening checks the hashes of the last 1000 events; `verify` checks all.
// - A pooler between this program and the server is noticed when a session begins, and refused.
// - A commit that is not answered in 10 s waits for the standby: its callers are refused, and later
//   ones at once. It stays under way, invisible to readers. When it is answered, the log goes on.
//   If its session ends, a synchronous commit after it decides, by position and hash.
//
// Failures: while no server can be reached, appends wait, and are then refused as overloaded; later
// ones are tried again. If the outcome of a COMMIT can't be settled in that time, or another server
// has claimed the log, or events that were acknowledged are missing, nothing more is written until
// the log is opened again. Reads continue.

#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore
import Synchronization
import SystemCalls

package final class PostgreSQLEventStore: RunningStore {
  /// The most appends that wait for the writer.
  private static let waitingMax = 8192

  private let queue: BoundedQueue<PostgreSQLRequest>
  private let status: PostgreSQLStatus
  let readers: PostgreSQLReaders
  private let sharedFiles: PostgreSQLFiles
  private let ended: Ended
  let mask: SecretMask?
  let place: PostgreSQLPlace
  package let feed: any CommitFeed
  /// Whether another server writes the log.
  private let isFollowing: Bool
  /// Whether the views are being rebuilt.
  let rebuilding = Mutex(false)

  /// Opens the log for writing, creates it if it is missing, and claims the next epoch. The caller
  /// ensures that no other process does so at the same time.
  /// - Parameters:
  ///   - patience: how long the writer tries to reach a server before it gives up.
  ///   - replicaPatience: how long a commit is waited for, until its callers are refused because
  ///     the log waits for its replica.
  /// - Throws: `StoreFault` if no log can be read: no server, a pooler, a newer schema, settings
  ///   that lose what was committed. A corrupt log is opened, and `damage` has the reason.
  package static func open(
    _ place: PostgreSQLPlace, _ options: StoreOptions, patience: Duration = .seconds(30),
    replicaPatience: Duration = .seconds(10)
  ) throws(StoreFault) -> PostgreSQLEventStore {
    let feed = LocalCommitFeed()
    let queue = BoundedQueue<PostgreSQLRequest>(capacity: waitingMax, takers: 1)
    let ended = Ended()
    let opened = Handover<Result<PostgreSQLStatus, StoreFault>>()
    let onCommit = options.onCommit
    var options = options
    options.onCommit = {
      feed.observe($0)
      onCommit($0)
    }
    let isStarted = startThread { [options] in
      do throws(StoreFault) {
        let writer = try PostgreSQLWriter.opening(place, options, (patience, replicaPatience))
        opened.give(.success(writer.status))
        writer.run(queue)
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
      return PostgreSQLEventStore(
        queue: queue, status: status, readers: try PostgreSQLReaders(place),
        files: try PostgreSQLFiles(place, epoch: status.epoch), ended: ended, place: place,
        feed: feed, mask: options.mask)
    } catch {
      queue.close()
      throw error
    }
  }

  /// Opens the log for reading, while another server writes it. Appends are refused.
  /// - Throws: `NoLog` if it does not exist; `StoreFault` if it cannot be read.
  package static func follow(
    _ place: PostgreSQLPlace, _ options: StoreOptions
  ) async throws -> FollowedStore {
    let feed = LocalCommitFeed()
    let queue = BoundedQueue<PostgreSQLRequest>(capacity: 1, takers: 1)
    let ended = Ended()
    let opened = Handover<Result<(FollowedState, PostgreSQLStatus), any Error>>()
    let isStarted = startThread {
      do {
        let follower = try FollowedLogThread(place, options, feed: feed)
        opened.give(.success(follower.shared))
        follower.run(until: queue)
      } catch {
        opened.give(.failure(error))
      }
      ended.happen()
    }
    guard isStarted else {
      throw StoreFault(operation: "follow", message: "no thread for reading could be started")
    }
    let (log, status): (FollowedState, PostgreSQLStatus)
    do {
      (log, status) = try await onOwnThread { opened.wait() }.get()
    } catch let error as NoLog {
      throw error
    } catch {
      throw StoreFault(operation: "follow \(place.address)", message: "\(error)")
    }
    do throws(StoreFault) {
      return FollowedStore(
        store: PostgreSQLEventStore(
          queue: queue, status: status, readers: try PostgreSQLReaders(place),
          files: try PostgreSQLFiles(place, epoch: nil), ended: ended, place: place, feed: feed,
          mask: options.mask, isFollowing: true), log: log)
    } catch {
      queue.close()
      throw error
    }
  }

  private init(
    queue: BoundedQueue<PostgreSQLRequest>, status: PostgreSQLStatus, readers: PostgreSQLReaders,
    files: PostgreSQLFiles, ended: Ended, place: PostgreSQLPlace, feed: any CommitFeed,
    mask: SecretMask?, isFollowing: Bool = false
  ) {
    self.isFollowing = isFollowing
    self.queue = queue
    self.status = status
    self.readers = readers
    sharedFiles = files
    self.ended = ended
    self.place = place
    self.feed = feed
    self.mask = mask
  }

  deinit {
    queue.close()
    readers.close()
  }

  /// Finishes the queued appends, refuses new ones, and returns when the sessions are closed.
  package func close() async {
    queue.close()
    readers.close()
    sharedFiles.close()
    await ended.wait()
  }

  /// See `RunningStore`.
  package var damage: String? {
    let values = status.values.withLock { $0 }
    switch values.stopped {
    case nil:
      // The writer has not noticed yet.
      if !isFollowing, case .ofLog(let reason) = place.writing.end { return reason }
      return values.isWaiting ? AppendFault.waitsForReplica : nil
    case .damaged(let message), .io(let message): return message
    case .conflict, .duplicate, .stampTaken, .corrupt, .full, .overloaded, .unavailable, .closed:
      return nil
    }
  }

  /// See `RunningStore`.
  package var claim: Int64? { isFollowing ? nil : status.epoch }

  /// See `RunningStore`.
  package var acceptedRestore: Int64? { status.acceptedRestore }

  /// See `RunningStore`.
  package var files: (any SharedFiles)? { sharedFiles }

  /// The number of commits since the opening, and of their appends.
  package var activity: (commits: Int, appends: Int) {
    status.values.withLock { ($0.commits, $0.appends) }
  }

  // MARK: EventStore

  /// See `EventStore`.
  package func append(_ append: Append) async throws(AppendFault) -> [RecordedEvent] {
    if isFollowing { throw .followed }
    // Encoded, masked and hashed here, by the caller's task: the writer's thread is the bottleneck.
    var random = SystemRandomNumberGenerator()
    let append = EncodedAppend(append, mask: mask, salts: &random)
    let result = await withCheckedContinuation { caller in
      switch queue.put(.append(PostgreSQLAppend(append: append, caller: caller))) {
      case nil: break
      case .full: caller.resume(returning: .failure(.overloaded))
      case .closed: caller.resume(returning: .failure(.closed))
      }
    }
    return try result.get()
  }

  /// See `EventStore`.
  package func redact(
    _ positions: [Int64], reason: String, by actor: Actor
  ) async throws(RedactionFault) -> [RecordedEvent] {
    let reason = mask?.masked(reason) ?? reason
    do {
      return try await onWriter { try $0.redact(positions, reason: reason, by: actor) }
    } catch let fault as RedactionFault {
      throw fault
    } catch {
      throw .append(error as? AppendFault ?? .damaged("\(error)"))
    }
  }

  /// See `EventStore`.
  package func read(_ stream: StreamName) async throws(StoreFault) -> [RecordedEvent] {
    try await readers.read("read \(stream)") { connection in
      try LogRows.stream(stream, in: connection).map { try $0.recorded() }
    }
  }

  /// See `EventStore`.
  package func read(
    _ streams: [StreamName]
  ) async throws(StoreFault) -> [[RecordedEvent]] {
    try await readers.read("read \(streams.count) streams") { connection in
      try streams.map { try LogRows.stream($0, in: connection).map { try $0.recorded() } }
    }
  }

  /// See `EventStore`.
  package func read(
    _ stream: StreamName, types: [EventType]
  ) async throws(StoreFault) -> [RecordedEvent] {
    try await readers.read("read \(stream)") { connection in
      try LogRows.stream(stream, types: types, in: connection).map { try $0.recorded() }
    }
  }

  /// See `LogReader`.
  package func head() async throws(StoreFault) -> LogHead { status.values.withLock { $0.head } }
}

extension PostgreSQLEventStore {
  /// Runs `body` on the writer's thread, and blocks this thread, which must not belong to the
  /// cooperative pool.
  /// - Throws: what `body` throws, or an `AppendFault` if the queue is full or closed.
  func onWriterBlocking<T: Sendable>(
    _ body: @escaping @Sendable (PostgreSQLWriter) throws -> T
  ) throws -> T {
    let result = Handover<Result<T, any Error>>()
    try send { writer in result.give(Result { try body(writer) }) }
    return try result.wait().get()
  }

  /// Runs `body` on the writer's thread.
  /// - Throws: what `body` throws, or an `AppendFault` if the queue is full or closed.
  func onWriter<T: Sendable>(
    _ body: @escaping @Sendable (PostgreSQLWriter) throws -> T
  ) async throws -> T {
    try await withCheckedThrowingContinuation { caller in
      do {
        try send { writer in caller.resume(with: Result { try body(writer) }) }
      } catch {
        caller.resume(throwing: error)
      }
    }
  }

  private func send(
    _ job: @escaping @Sendable (PostgreSQLWriter) -> Void
  ) throws(AppendFault) {
    if isFollowing { throw .followed }
    switch queue.put(.job(job)) {
    case nil: break
    case .full: throw .overloaded
    case .closed: throw .closed
    }
  }
}

#endif
