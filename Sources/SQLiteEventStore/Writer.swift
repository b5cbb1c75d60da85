import Domain
import EventLog
import Projections
import SQLite
import Synchronization

/// The one connection that writes. It lives on one thread; the lane is its only door.
final class Writer {
  /// How many appends one commit takes at most.
  static let batchMax = 256
  /// The head outside the database is at most this far behind.
  private static let headIntervalMs = 100
  private static let idleMs = 1000
  private static let walPagesMax = 1000
  /// The index for audit catches up where nothing waits for so long, or it is so far behind.
  private static let indexPauseMs = 5
  private static let indexLagMax: Int64 = 20_000
  /// How many delegations the fold keeps at hand.
  private static let cachedMax = 20_000

  private let database: Database
  private let headFile: HeadFile
  private let clock: @Sendable () -> Timestamp
  private let onCommit: CommitObserver
  private let status: WriterStatus

  private var sealer: EventSealer<SystemRandomNumberGenerator>
  private var projector = Projector()
  private var digests: [ViewName: ViewDigest]
  private var stopped: AppendFault?

  private var headWritten: LogHead
  private var headWrittenAt = ContinuousClock.now
  /// The last event that the index for audit holds.
  private var indexed: Int64
  /// There was no room for it; it goes on after the next commit.
  private var indexRests = false

  init(
    _ log: OpenedLog, clock: @escaping @Sendable () -> Timestamp,
    onCommit: @escaping CommitObserver
  ) throws {
    database = log.database
    headFile = log.headFile
    digests = log.digests
    sealer = EventSealer(last: log.last, random: SystemRandomNumberGenerator())
    headWritten = sealer.head
    stopped = log.damage.map { .damaged($0) }
    status = WriterStatus(head: sealer.head, stopped: stopped)
    self.clock = clock
    self.onCommit = onCommit
    indexed = try AuditIndex.position(in: database)
    if stopped == nil { try loadWorkers() } else { database.disableCheckpointOnClose() }
  }

  var sharedStatus: WriterStatus { status }

  static func opening(
    directory: String, clock: @escaping @Sendable () -> Timestamp,
    onCommit: @escaping CommitObserver
  ) throws(StoreFault) -> Writer {
    let log = try OpenedLog.open(directory: directory)
    do {
      return try Writer(log, clock: clock, onCommit: onCommit)
    } catch {
      throw StoreFault(operation: "open \(directory)", message: "\(error)")
    }
  }

  /// Takes appends until the lane is closed and empty.
  func run(_ lane: Lane<AppendRequest>) {
    while true {
      switch lane.take(max: Self.batchMax, timeoutMs: waitMs) {
      case .items(let requests):
        commit(requests)
        if isHeadDue { writeHead() }
        if indexLag > Self.indexLagMax { indexForAudit() }
        if database.walPages > Self.walPagesMax { checkpoint(.passive) }
      case .nothingYet:
        writeHead()
        if indexLag > 0 {
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

  // MARK: One commit

  private func commit(_ requests: [AppendRequest]) {
    if let stopped { return answer(requests, requests.map { _ in .failure(stopped) }) }
    let before = (sealer, digests)
    do {
      try database.run("BEGIN IMMEDIATE")
      var results: [Result<[RecordedEvent], AppendFault>] = []
      for request in requests { results.append(try carryOut(request.append)) }
      if sealer.head != before.0.head {
        try ViewTables.put(digests, position: sealer.head.position, in: database)
      }
      try database.run("COMMIT")
      committed(results)
      answer(requests, results)
    } catch {
      (sealer, digests) = before
      let fault = abandon(error)
      answer(requests, requests.map { _ in .failure(fault) })
    }
  }

  private func committed(_ results: [Result<[RecordedEvent], AppendFault>]) {
    let head = sealer.head
    let appends = results.count { if case .success = $0 { true } else { false } }
    status.values.withLock {
      if $0.head != head { $0.commits += 1 }
      $0.head = head
      $0.appends += appends
    }
    for case .success(let events) in results where !events.isEmpty { onCommit(events) }
    indexRests = false
    trimCache()
  }

  private func answer(
    _ requests: [AppendRequest], _ results: [Result<[RecordedEvent], AppendFault>]
  ) {
    for (request, result) in zip(requests, results) { request.caller.resume(returning: result) }
  }

  /// One append within the transaction, in a savepoint of its own.
  /// - Throws: where the whole transaction has to go.
  private func carryOut(_ append: Append) throws -> Result<[RecordedEvent], AppendFault> {
    let before = (sealer, digests)
    do {
      let now = sealer.time(at: clock())
      let stream = try admit(append, at: now)
      guard !append.events.isEmpty else { return .success([]) }
      try database.run("SAVEPOINT append")
      let events = try write(append, to: stream, at: now)
      try database.run("RELEASE append")
      return .success(events)
    } catch let fault as AppendFault {
      return .failure(fault)
    } catch let error as SQLiteError where error.kind == .full && !database.isAutocommit {
      // Room for the others may be left: what this one wrote is taken back, and they go on.
      try database.run("ROLLBACK TO append")
      try database.run("RELEASE append")
      (sealer, digests) = before
      try forget(append.stream)
      return .failure(.full)
    }
  }

  /// Whether `append` may be written. It looks and writes nothing.
  /// - Returns: the number of its stream; nil for a new one.
  private func admit(_ append: Append, at now: Timestamp) throws -> Int64? {
    var stamp: Int64?
    for case .delegation(.requested(let request)) in append.events {
      stamp = request.stamp.milliseconds
      guard let key = request.idempotencyKey else { continue }
      let s = try database.statement("SELECT delegation, body FROM idempotency WHERE key = ?")
      s.bind(key.key, at: 1)
      let known = try s.rows { (DelegationID($0.text(0) ?? ""), $0.text(1) ?? "") }.first
      if let known { throw AppendFault.duplicate(of: known.0, body: known.1) }
    }
    let s = try database.statement("SELECT id, version FROM streams WHERE name = ?")
    s.bind(append.stream.description, at: 1)
    let stream = try s.rows { (id: $0.integer(0), version: $0.integer(1)) }.first
    guard stream?.version ?? 0 == append.expectedVersion else {
      throw AppendFault.conflict(actual: stream?.version ?? 0)
    }
    if let stamp,
      try database.integer("SELECT 1 FROM delegations WHERE stamp = ?", .integer(stamp)) != nil
    {
      throw AppendFault.stampTaken
    }
    if stream != nil { try load(append.stream) }
    do throws(CorruptStream) {
      try projector.check(append.events, on: append.stream, at: now)
    } catch {
      throw AppendFault.corrupt(error)
    }
    return stream?.id
  }

  private func write(
    _ append: Append, to known: Int64?, at now: Timestamp
  ) throws -> [RecordedEvent] {
    guard let sealed = sealer.seal(append, at: now) else {
      throw AppendFault.corrupt(
        CorruptStream(
          event: append.events.first?.name ?? "", state: append.stream.description,
          reason: "its causation is no id: \(append.causation ?? "")"))
    }
    let version = append.expectedVersion + Int64(sealed.count)
    let stream = try put(append.stream, known, version: version)
    var changes: [RowChange] = []
    for one in sealed {
      try EventTable.insert(one, stream: stream, into: database)
      try loadPullRequest(of: one)
      changes += projector.apply(
        one.recorded.event, stream: append.stream, version: one.recorded.version,
        position: one.recorded.position, time: one.recorded.time)
      try rememberKey(of: one)
    }
    for change in changes.coalesced {
      try ViewTables.put(change, stream: stream, in: database)
      digests.follow(change)
    }
    return sealed.map(\.recorded)
  }

  private func put(_ stream: StreamName, _ known: Int64?, version: Int64) throws -> Int64 {
    if let known {
      try database.run(
        "UPDATE streams SET version = ? WHERE id = ?", .integer(version), .integer(known))
      return known
    }
    try database.run(
      "INSERT INTO streams(name, version) VALUES (?, ?)", .text(stream.description),
      .integer(version))
    return database.lastInsertedRowID
  }

  private func rememberKey(of sealed: SealedEvent) throws(SQLiteError) {
    guard case .delegation(.requested(let request)) = sealed.recorded.event,
      let key = request.idempotencyKey, case .delegation(let id) = sealed.recorded.stream
    else { return }
    try database.run(
      "INSERT INTO idempotency VALUES (?, ?, ?)", .text(key.key), .text(id.rawValue),
      .text(key.body))
  }

  // MARK: What the fold has at hand

  private func load(_ stream: StreamName) throws {
    guard case .delegation(let id) = stream, projector.delegations[id] == nil else { return }
    let folded = try Projector.folding(stream, in: database)
    if let known = folded.delegations[id] { projector.load(id, known) }
  }

  private func loadPullRequest(of sealed: SealedEvent) throws {
    guard case .delegation(let id) = sealed.recorded.stream,
      let row = projector.delegations[id]?.row
    else { return }
    var number = row.pr
    if case .delegation(.pullRequestCreated(let made)) = sealed.recorded.event {
      number = Int64(made.number)
    }
    guard let number else { return }
    let key = Projector.PullRequestKey(repository: row.repository, number: number)
    guard projector.pullRequests[key] == nil else { return }
    let known = try ViewTables.pullRequest(row.repository, number, in: database)
    if let known { projector.load(known) }
  }

  private func loadWorkers() throws {
    let rows = Dictionary(
      uniqueKeysWithValues: try ViewTables.workers(in: database).map { ($0.id, $0) })
    let names = try database.statement(
      "SELECT name FROM streams WHERE name >= 'worker-' AND name < 'worker.'"
    ).rows { $0.text(0) ?? "" }
    for name in names {
      guard let stream = StreamName(name), case .worker(let id) = stream else { continue }
      var known = try Projector.folding(stream, in: database).workers[id]
      // What it is working on stands in the streams of delegations; the row has it from there.
      known?.delegation = rows[id]?.delegation
      known?.busySince = rows[id].map { Timestamp(milliseconds: $0.since) }
      known?.row = rows[id]
      if let known { projector.load(id, known) } else { projector.forget(id) }
    }
  }

  /// The rows of a stream stand again as they did before the append that was taken back.
  private func forget(_ stream: StreamName) throws {
    switch stream {
    case .delegation(let id): projector.forget(id)
    case .worker(let id): projector.forget(id)
    case .system: break
    }
    projector.forgetPullRequests()
    try loadWorkers()
  }

  private func trimCache() {
    if projector.pullRequests.count > Self.cachedMax { projector.forgetPullRequests() }
    guard projector.knownDelegations > Self.cachedMax else { return }
    let terminal = projector.delegations.filter { $0.value.state.name?.isTerminal ?? true }
    let all = terminal.count > Self.cachedMax / 2 ? terminal : projector.delegations
    for id in all.keys { projector.forget(id) }
  }

  // MARK: When the disk does not do as it should

  /// Takes the transaction back.
  /// - Returns: what its appends are answered.
  private func abandon(_ error: any Error) -> AppendFault {
    let fault = AppendFault(error)
    if !database.isAutocommit { try? database.run("ROLLBACK") }
    switch fault {
    case .full, .overloaded:
      do {
        projector = Projector()
        try loadWorkers()
      } catch { return stop(AppendFault(error)) }
      return fault
    case .conflict, .duplicate, .stampTaken, .corrupt, .damaged, .io, .closed:
      return stop(fault)
    }
  }

  /// Nothing is written any more until the log is opened again. After a failed sync the system may
  /// take pages for written that are not, so neither a second COMMIT nor a checkpoint is tried.
  private func stop(_ fault: AppendFault) -> AppendFault {
    stopped = fault
    database.disableCheckpointOnClose()
    status.values.withLock { $0.stopped = fault }
    return fault
  }

  // MARK: The head outside, and checkpoints

  private var isHeadDue: Bool {
    headWritten != sealer.head
      && ContinuousClock.now - headWrittenAt >= .milliseconds(Self.headIntervalMs)
  }

  /// How long there is nothing to do but wait for appends.
  private var waitMs: Int? {
    guard stopped == nil else { return nil }
    if indexLag > 0 { return Self.indexPauseMs }
    if headWritten != sealer.head { return Self.headIntervalMs }
    return database.walPages > 0 ? Self.idleMs : nil
  }

  private func writeHead() {
    guard stopped == nil, headWritten != sealer.head else { return }
    do throws(HeadFile.Fault) {
      try headFile.write(sealer.head)
      headWritten = sealer.head
      headWrittenAt = .now
    } catch {
      if error.isDiskFull { return }
      _ = stop(.io(error.description))
    }
  }

  private var indexLag: Int64 { indexRests ? 0 : sealer.head.position - indexed }

  /// Takes the next batch of events into the index for audit, in a transaction of its own.
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

  private func checkpoint(_ mode: Database.Checkpoint) {
    guard stopped == nil else { return }
    // A truncating one waits for readers; appends must not wait for it.
    database.setBusyTimeout(milliseconds: 0)
    defer { database.setBusyTimeout(milliseconds: OpenedLog.busyTimeoutMs) }
    do throws(SQLiteError) {
      _ = try database.checkpoint(mode)
    } catch {
      switch error.kind {
      case .busy, .full: break
      case .inputOutput, .corrupt, .other: _ = stop(AppendFault(error))
      }
    }
  }
}
