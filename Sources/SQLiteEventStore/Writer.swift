import Domain
import EventLog
import Projections
import SQLite
import Synchronization
import SystemCalls

/// The writing connection. It is used on one thread, and only through its queue.
final class Writer {
  /// The most appends in one commit.
  static let batchMax = 256
  /// The head file is at most this far behind.
  private static let headIntervalMs = 100
  private static let idleMs = 1000
  private static let walPagesMax = 1000
  /// The index for audits catches up after an idle time this long, when the head file is due too,
  /// or if it is this far behind.
  private static let indexPauseMs = headIntervalMs
  private static let indexLagMax: Int64 = 20_000

  let database: Database
  private let headFile: HeadFile
  let clock: @Sendable () -> Timestamp
  private let onGroupCommit: @Sendable (GroupCommit) -> Void
  private let onCommit: CommitObserver
  private let status: WriterStatus

  var sealer: EventSealer<SystemRandomNumberGenerator>
  var projector = Projector()
  var digests: [ViewName: ViewDigest]
  var stopped: AppendFault?
  /// The number and the version of streams, as needed.
  var streams: [StreamName: (number: Int64, version: Int64)] = [:]
  private var eventHasher = EventHasher()
  private var rowHasher = RowHasher()

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

  init(
    _ log: OpenedLog, clock: @escaping @Sendable () -> Timestamp,
    onGroupCommit: @escaping @Sendable (GroupCommit) -> Void, onCommit: @escaping CommitObserver
  ) throws {
    database = log.database
    headFile = log.headFile
    digests = log.digests
    sealer = EventSealer(last: log.last, random: SystemRandomNumberGenerator())
    headWritten = log.acceptedRestore == nil ? sealer.head : .empty
    isHeadHeld = log.acceptedRestore != nil
    stopped = (log.damage ?? log.viewDamage).map { .damaged($0) }
    status = WriterStatus(
      head: sealer.head, stopped: stopped, acceptedRestore: log.acceptedRestore)
    self.clock = clock
    self.onGroupCommit = onGroupCommit
    self.onCommit = onCommit
    indexed = try AuditIndex.position(in: database)
    if stopped == nil { try loadWorkers() } else { database.disableCheckpointOnClose() }
  }

  var sharedStatus: WriterStatus { status }

  static func opening(
    directory: String, acceptsRestore: Bool, clock: @escaping @Sendable () -> Timestamp,
    onViewBuild: (ViewBuild) -> Void, onGroupCommit: @escaping @Sendable (GroupCommit) -> Void,
    onCommit: @escaping CommitObserver
  ) throws(StoreFault) -> Writer {
    let log = try OpenedLog.open(
      directory: directory, acceptsRestore: acceptsRestore, onViewBuild: onViewBuild)
    do {
      return try Writer(log, clock: clock, onGroupCommit: onGroupCommit, onCommit: onCommit)
    } catch {
      throw StoreFault(operation: "open \(directory)", message: "\(error)")
    }
  }

  /// Takes appends until the queue is closed and empty.
  func run(_ queue: BoundedQueue<WriterRequest>) {
    while true {
      switch queue.take(max: Self.batchMax, timeoutMs: waitMs) {
      case .items(let requests):
        isCatchingUp = false
        carryOut(requests)
        if isHeadDue { writeHead() }
        if indexLag > Self.indexLagMax { indexForAudit() }
        if database.walPages > Self.walPagesMax { checkpoint(.passive) }
      case .nothingYet:
        writeHead()
        isCatchingUp = indexLag > 0
        if isCatchingUp {
          indexForAudit()
          continue
        }
        if database.walPages > 0 { checkpoint(.truncate) }
      case .closed:
        writeHead()
        if stopped == nil { checkpoint(.truncate) }
        return
      }
    }
  }

  /// Runs the requests in order. Appends that follow each other share a commit.
  private func carryOut(_ requests: [WriterRequest]) {
    var appends: [AppendRequest] = []
    for request in requests {
      switch request {
      case .append(let append): appends.append(append)
      case .job(let job):
        if !appends.isEmpty { commit(appends) }
        appends = []
        job(self)
      }
    }
    if !appends.isEmpty { commit(appends) }
  }

  // MARK: Commits

  private func commit(_ requests: [AppendRequest]) {
    if let stopped { return answer(requests, requests.map { _ in .failure(stopped) }) }
    let before = (sealer, digests)
    let began = ContinuousClock.now
    do {
      try database.run(WriterSQL.begin)
      var results: [Result<[RecordedEvent], AppendFault>] = []
      for request in requests { results.append(try carryOut(request.append)) }
      if sealer.head != before.0.head {
        try ViewTables.put(digests, position: sealer.head.position, in: database)
      }
      try database.run(WriterSQL.commit)
      let time = ContinuousClock.now - began
      committed(results)
      answer(requests, results)
      report(results, time)
    } catch {
      (sealer, digests) = before
      let fault = abandon(error)
      guard case .full = fault, requests.count > 1 else {
        return answer(requests, requests.map { _ in .failure(fault) })
      }
      // There may be space for some of them. A savepoint for each would find out at once, but would
      // cost every append a fifth of its time.
      for request in requests { commit([request]) }
    }
  }

  func committed(_ results: [Result<[RecordedEvent], AppendFault>]) {
    let head = sealer.head
    let appends = results.count { if case .success = $0 { true } else { false } }
    status.values.withLock {
      if $0.head != head { $0.commits += 1 }
      $0.head = head
      $0.appends += appends
    }
    for case .success(let events) in results where !events.isEmpty {
      isHeadHeld = false
      onCommit(events)
    }
    indexRests = false
    trimCache()
  }

  private func report(_ results: [Result<[RecordedEvent], AppendFault>], _ time: Duration) {
    let appends = results.count {
      if case .success(let events) = $0 { !events.isEmpty } else { false }
    }
    if appends > 0 { onGroupCommit(GroupCommit(appends: appends, time: time)) }
  }

  private func answer(
    _ requests: [AppendRequest], _ results: [Result<[RecordedEvent], AppendFault>]
  ) {
    for (request, result) in zip(requests, results) { request.caller.resume(returning: result) }
  }

  /// Runs one append in the transaction. A refused append writes nothing.
  /// - Throws: if the whole transaction has to be rolled back.
  private func carryOut(_ encoded: EncodedAppend) throws -> Result<[RecordedEvent], AppendFault> {
    let append = encoded.append
    do {
      let now = sealer.time(at: clock())
      let stream = try admit(append)
      guard !append.events.isEmpty else {
        try projector.check([], on: append.stream, at: now)
        return .success([])
      }
      return .success(try write(encoded, to: stream, at: now))
    } catch let fault as AppendFault {
      return .failure(fault)
    } catch let corrupt as CorruptStream {
      return .failure(.corrupt(corrupt))
    }
  }

  /// Checks everything of `append` except what its stream's state allows, and writes nothing.
  /// - Returns: the number of its stream; nil for a new one.
  private func admit(_ append: Append) throws -> Int64? {
    var stamp: Int64?
    for case .delegation(.requested(let request)) in append.events {
      stamp = request.stamp.milliseconds
      guard let key = request.idempotencyKey else { continue }
      let s = try database.statement(WriterSQL.selectKey)
      s.bind(key.key, at: 1)
      let known = try s.rows { (DelegationID($0.text(0) ?? ""), $0.text(1) ?? "") }.first
      if let known { throw AppendFault.duplicate(of: known.0, body: known.1) }
    }
    let stream = try stream(append.stream)
    guard stream?.version ?? 0 == append.expectedVersion else {
      throw AppendFault.conflict(actual: stream?.version ?? 0)
    }
    if let stamp {
      let s = try database.statement(WriterSQL.selectStamp)
      s.bind(stamp, at: 1)
      if try s.rows({ _ in true }).first != nil { throw AppendFault.stampTaken }
    }
    if stream != nil { try load(append.stream) }
    return stream?.number
  }

  private func stream(_ name: StreamName) throws -> (number: Int64, version: Int64)? {
    if let known = streams[name] { return known }
    let s = try database.statement(WriterSQL.selectStream)
    s.bind(name.description, at: 1)
    return try s.rows { (number: $0.integer(0), version: $0.integer(1)) }.first
  }

  /// - Throws: `AppendFault` and `CorruptStream` only before anything is written, and then nothing
  ///   has changed.
  func write(
    _ encoded: EncodedAppend, to known: Int64?, at now: Timestamp
  ) throws -> [RecordedEvent] {
    let append = encoded.append
    let before = sealer
    guard let sealed = sealer.seal(encoded, at: now, &eventHasher) else {
      throw AppendFault.corrupt(
        CorruptStream(
          event: append.events.first?.name ?? "", state: append.stream.description,
          reason: "its causation is no id: \(append.causation ?? "")"))
    }
    let recorded = sealed.map(\.recorded)
    let changes: [RowChange]
    do {
      changes = try projector.apply(recorded, look: look, &rowHasher)
    } catch {
      sealer = before
      throw error
    }
    let version = append.expectedVersion + Int64(sealed.count)
    let stream = try put(append.stream, known, version: version)
    for one in sealed {
      try EventTable.insert(one, stream: stream, into: database)
      try rememberKey(of: one)
    }
    for change in changes {
      try ViewTables.put(change, stream: stream, in: database)
      digests.follow(change)
    }
    streams[append.stream] = (stream, version)
    return recorded
  }

  private func put(_ stream: StreamName, _ known: Int64?, version: Int64) throws -> Int64 {
    if let known {
      try database.run(WriterSQL.updateStream, .integer(version), .integer(known))
      return known
    }
    try database.run(WriterSQL.insertStream, .text(stream.description), .integer(version))
    return database.lastInsertedRowID
  }

  private func rememberKey(of sealed: SealedEvent) throws(SQLiteError) {
    guard case .delegation(.requested(let request)) = sealed.recorded.event,
      let key = request.idempotencyKey, case .delegation(let id) = sealed.recorded.stream
    else { return }
    try database.run(
      WriterSQL.insertKey, .text(key.key), .text(id.rawValue), .text(key.body))
  }

  // MARK: Jobs

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

  /// Replaces the live views with the rebuilt ones.
  /// - Parameter fold: a fold up to near the head; the returned one is up to the head.
  func swapViews(
    _ fold: LogFold
  ) throws -> (fold: LogFold, replaced: [ViewName: ViewDigest]) {
    var fold = fold
    let replaced = digests
    digests = try transaction { try ShadowViews($0).swap(&fold) }
    try forgetRows()
    return (fold, replaced)
  }

  // MARK: Disk failures

  /// Rolls the transaction back.
  /// - Returns: the fault of its appends.
  private func abandon(_ error: any Error) -> AppendFault {
    let fault = AppendFault(error)
    if !database.isAutocommit { try? database.run("ROLLBACK") }
    switch fault {
    case .full, .overloaded:
      do { try forgetRows() } catch { return stop(AppendFault(error)) }
      return fault
    case .conflict, .duplicate, .stampTaken, .corrupt, .damaged, .io, .closed:
      return stop(fault)
    }
  }

  /// Writing stops until the log is opened again. After a failed sync the system may treat
  /// unwritten pages as written, so neither a second COMMIT nor a checkpoint is tried.
  private func stop(_ fault: AppendFault) -> AppendFault {
    stopped = fault
    database.disableCheckpointOnClose()
    status.values.withLock { $0.stopped = fault }
    return fault
  }

  // MARK: Head file and checkpoints

  private var isHeadBehind: Bool { headWritten != sealer.head && !isHeadHeld }

  private var isHeadDue: Bool {
    isHeadBehind && ContinuousClock.now - headWrittenAt >= .milliseconds(Self.headIntervalMs)
  }

  /// The longest wait for appends until other work is due.
  private var waitMs: Int? {
    guard stopped == nil else { return nil }
    if indexLag > 0, isCatchingUp { return 0 }
    if indexLag > 0 { return Self.indexPauseMs }
    if isHeadBehind { return Self.headIntervalMs }
    return database.walPages > 0 ? Self.idleMs : nil
  }

  private func writeHead() {
    guard stopped == nil, isHeadBehind else { return }
    do throws(FileFault) {
      try headFile.write(sealer.head)
      headWritten = sealer.head
      headWrittenAt = .now
    } catch {
      if error.isDiskFull { return }
      _ = stop(.io(error.description))
    }
  }

  private var indexLag: Int64 { indexRests ? 0 : sealer.head.position - indexed }

  /// Adds the next batch of events to the index for audits, in its own transaction.
  private func indexForAudit() {
    guard stopped == nil else { return }
    do {
      indexed = try database.transaction { try AuditIndex.catchUp(from: indexed, in: database) }
    } catch {
      switch AppendFault(error) {
      case .full, .overloaded: indexRests = true
      case .conflict, .duplicate, .stampTaken, .corrupt, .damaged, .io, .closed:
        _ = stop(AppendFault(error))
      }
    }
  }

  func checkpoint(_ mode: Database.Checkpoint) {
    guard stopped == nil else { return }
    // A truncating checkpoint waits for readers; appends must not wait for it.
    database.setBusyTimeout(milliseconds: 0)
    defer { database.setBusyTimeout(milliseconds: OpenedLog.busyTimeoutMs) }
    do throws(SQLiteError) {
      _ = try database.checkpoint(mode)
    } catch {
      switch error.kind {
      case .busy, .full: break
      case .inputOutput, .corrupt, .interrupted, .other: _ = stop(AppendFault(error))
      }
    }
  }
}
