#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore
import Synchronization
import SystemCalls

/// The writing session. It is used on one thread, and only through its queue.
final class PostgreSQLWriter {
  /// The most appends in one commit.
  static let batchMax = 256
  /// The head file is at most this far behind.
  private static let headIntervalMs = 100
  /// The most delegations, and the most rows of a view, that are kept in memory.
  private static let cachedMax = 20_000

  let place: PostgreSQLPlace
  /// How long it tries to reach a server before it gives up.
  let patience: Duration
  /// How long a commit is waited for.
  let replicaPatience: Duration
  /// nil unless the log waits for its replica.
  var waiting: ReplicaWait?
  /// nil while no server could be reached.
  var session: WriterSession?
  /// The last session that was lost.
  var lastIdentity: WriterSession.Identity?
  let epoch: Int64
  let clock: @Sendable () -> Timestamp
  private let onGroupCommit: @Sendable (GroupCommit) -> Void
  private let onCommit: CommitObserver
  let status: PostgreSQLStatus

  var sealer: EventSealer<SystemRandomNumberGenerator>
  var projector = Projector()
  var digests: [ViewName: ViewDigest]
  var stopped: AppendFault?
  /// The number and the version of streams, as needed.
  var streams: [StreamName: (number: Int64, version: Int64)] = [:]
  /// The rows of views that were looked up for the batch, by their keys; nil if one does not exist.
  var lookedUp: [ViewKey: (any ViewRow)?] = [:]
  /// The largest number of a stream.
  var lastStream: Int64
  var areWorkersLoaded = false
  /// False after a swap of the views whose outcome is unknown: they are read again.
  var areDigestsKnown = true
  private var eventHasher = EventHasher()
  private var rowHasher = RowHasher()

  /// Appends that were planned during the last commit; nil if none were.
  var next: BatchPlan?
  /// What is being looked up for the appends that are planned next; nil for nothing.
  var lookUpAhead: LookUpAhead?
  /// Requests that were taken and not carried out, in order.
  var left: [PostgreSQLRequest] = []
  /// Appends that were committed and not answered, with their results.
  private var unanswered: [(PostgreSQLAppend, Result<[RecordedEvent], AppendFault>)] = []
  /// Whether the session waits for the answer to COMMIT.
  var isSessionBusy = false
  /// nil before `run`.
  private(set) var queue: BoundedQueue<PostgreSQLRequest>?

  private let headFile: HeadFile?
  /// The end of the log in the database.
  private var writtenHead: LogHead
  private var headWritten: LogHead
  /// True until the first append, if the head file belongs to a log that this one replaced.
  private var isHeadHeld: Bool
  private var headWrittenAt = ContinuousClock.now

  init(
    _ log: ClaimedLog, _ place: PostgreSQLPlace, _ options: StoreOptions,
    _ patience: (server: Duration, replica: Duration)
  ) {
    self.place = place
    self.patience = patience.server
    replicaPatience = patience.replica
    session = log.session
    epoch = log.epoch
    headFile = log.headFile
    digests = log.digests
    lastStream = log.lastStream
    sealer = EventSealer(last: log.last, random: SystemRandomNumberGenerator())
    writtenHead = sealer.head
    headWritten = log.acceptedRestore == nil ? sealer.head : .empty
    isHeadHeld = log.acceptedRestore != nil
    stopped = (log.damage ?? log.viewDamage).map { .damaged($0) }
    status = PostgreSQLStatus(
      head: sealer.head, stopped: stopped, acceptedRestore: log.acceptedRestore, epoch: log.epoch)
    place.writing.begin(at: sealer.head, (log.damage ?? log.viewDamage).map { .ofLog($0) })
    clock = options.clock
    onGroupCommit = options.onGroupCommit
    onCommit = options.onCommit
  }

  static func opening(
    _ place: PostgreSQLPlace, _ options: StoreOptions,
    _ patience: (server: Duration, replica: Duration)
  ) throws(StoreFault) -> PostgreSQLWriter {
    let log = try ClaimedLog.open(place, options)
    return PostgreSQLWriter(log, place, options, patience)
  }

  /// Takes appends until the queue is closed and empty.
  func run(_ queue: BoundedQueue<PostgreSQLRequest>) {
    self.queue = queue
    while true {
      if next != nil || !left.isEmpty {
        // Later ones are taken while the server commits these.
        let requests = left
        left = []
        carryOut(requests)
        writeHeadIfDue()
        continue
      }
      let pauseMs = isHeadBehind ? Self.headIntervalMs : nil
      switch queue.take(
        max: Self.batchMax, timeoutMs: waiting == nil ? pauseMs : Self.answerIntervalMs)
      {
      case .items(let requests):
        carryOut(requests)
        writeHeadIfDue()
      case .nothingYet, .woken:
        if hasReplica() { writeHead() }
      case .closed:
        writeHead()
        (session, waiting) = (nil, nil)
        return
      }
    }
  }

  /// Runs the requests in order. Appends that follow each other share a commit.
  private func carryOut(_ requests: [PostgreSQLRequest]) {
    var appends: [PostgreSQLAppend] = []
    for request in requests {
      switch request {
      case .append(let append): appends.append(append)
      case .job(let job):
        if !appends.isEmpty || next != nil { commit(appends, plansAhead: false) }
        appends = []
        job(self)
      }
    }
    if !appends.isEmpty || next != nil { commit(appends, plansAhead: true) }
  }

  // MARK: Commits

  /// Commits the plan that was begun, and these appends with it.
  /// - Parameter plansAhead: whether later appends may be planned during the commit.
  private func commit(_ added: [PostgreSQLAppend], plansAhead: Bool) {
    let began = ContinuousClock.now
    var begun = next
    next = nil
    let requests = (begun?.requests ?? []) + added
    // If the next batch is planned, these appends are answered while the server begins with it.
    defer { if next == nil || !left.isEmpty { answerCommitted() } }
    let prepared: (results: [Result<[RecordedEvent], AppendFault>], batch: LogBatch)
    do throws(AppendFault) {
      prepared = try transact(before: begun?.before, plansAhead: plansAhead, { $0 }) { writer in
        // After a failure everything is planned again.
        var plan = begun ?? BatchPlan(writer)
        let isContinued = begun != nil
        begun = nil
        try writer.plan(isContinued ? added : requests, into: &plan)
        return (plan.results, plan.batch)
      }
    } catch {
      answerCommitted()
      for request in requests { request.caller.resume(returning: .failure(error)) }
      return
    }
    answerCommitted()
    committed(prepared.results, to: prepared.batch.new)
    unanswered = Array(zip(requests, prepared.results))
    let appends = prepared.results.count {
      if case .success(let events) = $0 { !events.isEmpty } else { false }
    }
    if appends > 0 { onGroupCommit(GroupCommit(appends: appends, time: .now - began)) }
  }

  /// Prepares a batch and writes it. If nothing of it is in the database, the writer is afterwards
  /// as it was before.
  /// - Parameters:
  ///   - begun: what the writer knew before a plan that `prepare` continues; nil for none.
  ///   - plansAhead: whether later appends are planned while the server commits.
  ///   - results: what `committed` gets, if the batch is confirmed later.
  ///   - prepare: it may run several times; what it changes in the writer is undone before.
  /// - Throws: `AppendFault`, also that of `prepare`.
  func transact<T>(
    before begun: Knowledge? = nil, plansAhead: Bool = false,
    _ results: (T) -> [Result<[RecordedEvent], AppendFault>],
    _ prepare: (PostgreSQLWriter) throws -> (T, LogBatch)
  ) throws(AppendFault) -> (T, LogBatch) {
    if let fault = hasReplica() ? stopped : .logWaitsForReplica {
      if let begun { undo(to: begun) }
      throw fault
    }
    var before = begun ?? knowledge
    let deadline = ContinuousClock.now + patience
    while true {
      var written: T?
      var after = before
      do {
        if !areDigestsKnown {
          digests = .empty.merging(try ViewRows.digests(in: try connection()).digests) { $1 }
          areDigestsKnown = true
          before.digests = digests
        }
        lookedUp.removeAll(keepingCapacity: true)
        let prepared = try prepare(self)
        after = knowledge
        if !prepared.1.isEmpty {
          written = prepared.0
          try write(prepared.1, until: deadline, plansAhead: plansAhead)
        }
        return prepared
      } catch {
        dropPlan()
        undo(to: before)
        if waiting != nil {
          if let written {
            waiting?.after = after
            waiting?.results = results(written)
          }
          throw .logWaitsForReplica
        }
        if let error = error as? PostgreSQLError, error.isLost || error.kind == .readOnly {
          // Nothing was written yet, or nothing is in the database.
          guard ContinuousClock.now < deadline else { throw .noServer }
          try settle(.unchanged(sealer.head))
          continue
        }
        session?.rollBack()
        if let fault = error as? AppendFault { throw fault }
        let fault = AppendFault(error)
        switch fault {
        case .full, .overloaded, .unavailable: throw fault
        case .conflict, .duplicate, .stampTaken, .corrupt, .damaged, .io, .closed:
          throw stop(fault)
        }
      }
    }
  }

  /// - Parameter head: the end of the log with these appends.
  func committed(_ results: [Result<[RecordedEvent], AppendFault>], to head: LogHead) {
    writtenHead = head
    let appends = results.count { if case .success = $0 { true } else { false } }
    status.values.withLock {
      if $0.head != head { $0.commits += 1 }
      $0.head = head
      $0.appends += appends
    }
    place.writing.acknowledge(head)
    for case .success(let events) in results where !events.isEmpty {
      isHeadHeld = false
      onCommit(events)
    }
    trimCache()
  }

  /// Answers the appends of the last commit.
  func answerCommitted() {
    let answered = unanswered
    unanswered = []
    for (request, result) in answered { request.caller.resume(returning: result) }
  }

  /// Seals and folds the events of an append, and adds them to the batch.
  /// - Throws: `AppendFault` and `CorruptStream` only before anything has changed.
  func add(
    _ encoded: EncodedAppend, at now: Timestamp, to batch: inout LogBatch
  ) throws -> [RecordedEvent] {
    let append = encoded.append
    let before = sealer
    guard let sealed = sealer.seal(encoded, at: now, &eventHasher) else {
      throw CorruptStream(
        event: append.events.first?.name ?? "", state: append.stream.description,
        reason: "its causation is no id: \(append.causation ?? "")")
    }
    let recorded = sealed.map(\.recorded)
    let changes: [RowChange]
    do {
      changes = try projector.apply(recorded, look: look, &rowHasher)
    } catch {
      sealer = before
      throw error
    }
    let number: Int64
    if let known = streams[append.stream] {
      number = known.number
    } else {
      lastStream += 1
      number = lastStream
    }
    let place = (number: number, version: append.expectedVersion + Int64(sealed.count))
    streams[append.stream] = place
    try batch.add(sealed, to: append.stream, place, changes)
    batch.new = sealer.head
    for change in changes { digests.follow(change) }
    return recorded
  }

  /// Writing stops until the log is opened again.
  func stop(_ fault: AppendFault) -> AppendFault {
    stopped = fault
    session = nil
    status.values.withLock { $0.stopped = fault }
    switch fault {
    case .damaged(let reason): place.writing.end(.ofLog(reason))
    case .io(let reason): place.writing.end(.ofServer(reason))
    case .conflict, .duplicate, .stampTaken, .corrupt, .full, .overloaded, .unavailable, .closed:
      break
    }
    return fault
  }

  // MARK: Memory

  /// What a commit changes.
  struct Knowledge {
    var sealer: EventSealer<SystemRandomNumberGenerator>
    var digests: [ViewName: ViewDigest]
    var lastStream: Int64
  }

  var knowledge: Knowledge {
    get { Knowledge(sealer: sealer, digests: digests, lastStream: lastStream) }
    set { (sealer, digests, lastStream) = (newValue.sealer, newValue.digests, newValue.lastStream) }
  }

  /// Forgets everything that was prepared since.
  func undo(to before: Knowledge) {
    knowledge = before
    forgetRows()
  }

  /// Removes from memory what a transaction that failed may have changed.
  func forgetRows() {
    projector = Projector()
    lookedUp.removeAll()
    lookUpAhead = nil
    streams.removeAll()
    areWorkersLoaded = false
  }

  /// Whether memory has more than it may keep. Nothing is planned ahead then, because what is
  /// planned and not written must stay in memory.
  var isCacheFull: Bool {
    max(streams.count, projector.knownDelegations, projector.foldedRowsMax) > Self.cachedMax
  }

  private func trimCache() {
    guard next == nil else { return }
    projector.forgetFoldedRows(beyond: Self.cachedMax)
    if streams.count > Self.cachedMax { streams.removeAll() }
    guard projector.knownDelegations > Self.cachedMax else { return }
    let terminal = projector.delegations.filter { $0.value.state.name?.isTerminal ?? true }
    let isEnough = terminal.count > Self.cachedMax / 2
    for id in isEnough ? terminal.map(\.key) : Array(projector.delegations.keys) {
      projector.forget(id)
    }
  }

  // MARK: Head file

  private var isHeadBehind: Bool {
    headFile != nil && stopped == nil && headWritten != writtenHead && !isHeadHeld
  }

  private var isHeadDue: Bool {
    isHeadBehind && ContinuousClock.now - headWrittenAt >= .milliseconds(Self.headIntervalMs)
  }

  private func writeHeadIfDue() {
    guard isHeadDue else { return }
    answerCommitted()
    writeHead()
  }

  private func writeHead() {
    guard isHeadBehind, let headFile else { return }
    do throws(FileFault) {
      try headFile.write(writtenHead)
      headWritten = writtenHead
      headWrittenAt = .now
    } catch {
      if error.isDiskFull { return }
      _ = stop(.io(error.description))
    }
  }
}

#endif
