import Domain
import EventLog
import Projections
import SQLite
import Synchronization
import SystemCalls

/// The writing connection: it commits what was planned, and writes the head file, the index for
/// audits and checkpoints. One thread uses it at a time.
final class Writer {
  /// The head file is at most this far behind.
  private static let headIntervalMs = 100
  private static let idleMs = 1000
  private static let walPagesMax = 2000
  /// The index for audits catches up after an idle time this long, when the head file is due too,
  /// or if it is this far behind.
  private static let indexPauseMs = headIntervalMs
  private static let indexLagMax: Int64 = 20_000

  let database: Database
  private let headFile: HeadFile
  private let checkpointer: Checkpointer
  private let onGroupCommit: @Sendable (GroupCommit) -> Void
  private let onCommit: CommitObserver
  let status: WriterStatus

  /// Why nothing is written any more; nil if it is.
  private(set) var stopped: AppendFault?
  /// The end of the log in the database.
  private var head: LogHead
  private var headWritten: LogHead
  /// True until the first append, if the head file belongs to a log that this one replaced.
  private var isHeadHeld: Bool
  private var headWrittenAt = ContinuousClock.now
  /// The last event in the index for audits.
  private var indexed: Int64
  /// True after the disk was full, until the next commit.
  private var indexRests = false
  /// True while the index for audits catches up and nothing is appended.
  private var isCatchingUp = false

  /// - Parameter path: the database's file.
  init(
    _ log: OpenedLog, path: String, onGroupCommit: @escaping @Sendable (GroupCommit) -> Void,
    onCommit: @escaping CommitObserver
  ) throws {
    database = log.database
    headFile = log.headFile
    head = log.last?.head ?? .empty
    headWritten = log.acceptedRestore == nil ? head : .empty
    isHeadHeld = log.acceptedRestore != nil
    stopped = (log.damage ?? log.viewDamage).map { .damaged($0) }
    status = WriterStatus(head: head, stopped: stopped, acceptedRestore: log.acceptedRestore)
    self.onGroupCommit = onGroupCommit
    self.onCommit = onCommit
    indexed = try AuditIndex.position(in: database)
    checkpointer = try Checkpointer(path: path)
    if stopped != nil { database.disableCheckpointOnClose() }
  }

  // MARK: Commits

  /// Commits a batch and answers its callers.
  /// - Returns: nil; or why it was rolled back, and then nobody was answered.
  func commit(_ batch: PlannedBatch) -> AppendFault? {
    if let stopped { return stopped }
    let began = ContinuousClock.now
    do {
      if !batch.writes.isEmpty {
        try database.run(WriterSQL.begin)
        for append in batch.writes { try put(append) }
        try putDigests(of: batch.after)
        try database.run(WriterSQL.commit)
      }
    } catch {
      return abandon(error)
    }
    let time = ContinuousClock.now - began
    committed(batch.results, head: batch.after.head)
    for (request, result) in zip(batch.requests, batch.results) {
      request.caller.resume(returning: result)
    }
    if !batch.writes.isEmpty { onGroupCommit(GroupCommit(appends: batch.writes.count, time: time)) }
    return nil
  }

  /// Writes an append in the transaction.
  func put(_ append: PlannedAppend) throws {
    let stream = append.stream
    if let name = append.newStream {
      try database.run(
        WriterSQL.insertStream, .integer(stream), .text(name.description), .integer(append.version))
    } else {
      try database.run(WriterSQL.updateStream, .integer(append.version), .integer(stream))
    }
    for sealed in append.events {
      try EventTable.insert(sealed, stream: stream, into: database)
      try rememberKey(of: sealed)
    }
    for change in append.changes { try ViewTables.put(change, stream: stream, in: database) }
  }

  /// Writes the digests of the views at a position, in the transaction.
  func putDigests(of position: AppendPlanner.Position) throws {
    try ViewTables.put(position.digests, position: position.head.position, in: database)
  }

  private func rememberKey(of sealed: SealedEvent) throws(SQLiteError) {
    guard case .delegation(.requested(let request)) = sealed.recorded.event,
      let key = request.idempotencyKey, case .delegation(let id) = sealed.recorded.stream
    else { return }
    try database.run(
      WriterSQL.insertKey, .text(key.key), .text(id.rawValue), .text(key.body))
  }

  /// Tells the observers what is committed now.
  func committed(_ results: [Result<[RecordedEvent], AppendFault>], head: LogHead) {
    let appends = results.count { if case .success = $0 { true } else { false } }
    status.values.withLock {
      if $0.head != head { $0.commits += 1 }
      $0.head = head
      $0.appends += appends
    }
    self.head = head
    for case .success(let events) in results where !events.isEmpty {
      isHeadHeld = false
      onCommit(events)
    }
    indexRests = false
    isCatchingUp = false
  }

  /// Runs `body` in its own transaction.
  /// - Throws: errors of `body`, after a rollback; or `AppendFault`.
  func transaction<T>(_ body: (Database) throws -> T) throws -> T {
    if let stopped { throw stopped }
    do {
      return try database.transaction { try body(database) }
    } catch let error as SQLiteError {
      throw abandon(error)
    }
  }

  // MARK: Disk failures

  /// Rolls the transaction back.
  /// - Returns: the fault of its appends.
  private func abandon(_ error: any Error) -> AppendFault {
    let fault = AppendFault(error)
    if !database.isAutocommit { try? database.run("ROLLBACK") }
    return stops(for: fault)
  }

  /// Stops writing after a fault that leaves the outcome unknown or the database damaged.
  /// - Returns: the fault.
  func stops(for fault: AppendFault) -> AppendFault {
    switch fault {
    case .full, .overloaded, .unavailable: fault
    case .conflict, .duplicate, .stampTaken, .corrupt, .damaged, .io, .closed: stop(fault)
    }
  }

  /// Writing stops until the log is opened again. After a failed sync the system may treat
  /// unwritten pages as written, so neither a second COMMIT nor a checkpoint is tried.
  @discardableResult func stop(_ fault: AppendFault) -> AppendFault {
    stopped = fault
    database.disableCheckpointOnClose()
    status.values.withLock { $0.stopped = fault }
    return fault
  }

  // MARK: Between commits

  /// The longest wait for appends until other work is due.
  var waitMs: Int? {
    guard stopped == nil else { return nil }
    if indexLag > 0, isCatchingUp { return 0 }
    if indexLag > 0 { return Self.indexPauseMs }
    if isHeadBehind { return Self.headIntervalMs }
    return database.walPages > 0 ? Self.idleMs : nil
  }

  /// Does what is due while appends go on.
  func workBetweenCommits() {
    if isHeadDue { writeHead() }
    if indexLag > Self.indexLagMax { indexForAudit() }
    if database.walPages > Self.walPagesMax { checkpointBetweenCommits() }
  }

  /// Does a part of what is due while nothing is appended.
  func workWhileIdle() {
    writeHead()
    isCatchingUp = indexLag > 0
    if isCatchingUp {
      indexForAudit()
    } else if database.walPages > 0 {
      checkpoint(.truncate)
    }
  }

  /// Does what is due at the end.
  func finish() {
    writeHead()
    checkpoint(.truncate)
    close()
  }

  /// Ends its thread. Nothing is under way.
  func close() { checkpointer.stop() }

  private var isHeadBehind: Bool { headWritten != head && !isHeadHeld }

  private var isHeadDue: Bool {
    isHeadBehind && ContinuousClock.now - headWrittenAt >= .milliseconds(Self.headIntervalMs)
  }

  private func writeHead() {
    guard stopped == nil, isHeadBehind else { return }
    do throws(FileFault) {
      try headFile.write(head)
      headWritten = head
      headWrittenAt = .now
    } catch {
      if error.isDiskFull { return }
      stop(.io(error.description))
    }
  }

  private var indexLag: Int64 { indexRests ? 0 : head.position - indexed }

  /// Adds the next batch of events to the index for audits, in its own transaction.
  private func indexForAudit() {
    guard stopped == nil else { return }
    do {
      indexed = try database.transaction { try AuditIndex.catchUp(from: indexed, in: database) }
    } catch {
      switch AppendFault(error) {
      case .full, .overloaded, .unavailable: indexRests = true
      case .conflict, .duplicate, .stampTaken, .corrupt, .damaged, .io, .closed:
        stop(AppendFault(error))
      }
    }
  }

  /// Another thread copies most pages. Then this one copies the rest, so that the write-ahead log
  /// can be written from its start again.
  private func checkpointBetweenCommits() {
    guard stopped == nil else { return }
    noting { () throws(SQLiteError) in
      if try checkpointer.proceed() { _ = try database.checkpoint(.passive) }
    }
  }

  /// Copies the write-ahead log into the database, as far as readers allow.
  func checkpoint(_ mode: Database.Checkpoint) {
    noting { () throws(SQLiteError) in
      try checkpointer.settle()
      guard stopped == nil else { return }
      // A truncating checkpoint waits for readers; appends must not wait for it.
      database.setBusyTimeout(milliseconds: 0)
      defer { database.setBusyTimeout(milliseconds: OpenedLog.busyTimeoutMs) }
      _ = try database.checkpoint(mode)
    }
  }

  /// Stops writing if a checkpoint fails for good.
  private func noting(_ checkpoint: () throws(SQLiteError) -> Void) {
    do throws(SQLiteError) {
      try checkpoint()
    } catch {
      switch error.kind {
      case .busy, .full: break
      case .inputOutput, .corrupt, .interrupted, .other:
        if stopped == nil { stop(AppendFault(error)) }
      }
    }
  }
}

/// The statements of an append.
private enum WriterSQL {
  static let begin = SQLText("BEGIN IMMEDIATE")
  static let commit = SQLText("COMMIT")
  static let insertKey = SQLText("INSERT INTO idempotency VALUES (?, ?, ?)")
  static let insertStream = SQLText("INSERT INTO streams(id, name, version) VALUES (?, ?, ?)")
  static let updateStream = SQLText("UPDATE streams SET version = ? WHERE id = ?")
}
