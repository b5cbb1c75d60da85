// The engine: runs the core. It passes events to the core as inputs, one at a time, and carries out
// the returned actions; it decides nothing.
//
// Guarantees: an action begins as soon as the core asks for it, and its result is passed back, also
// a failure. Failures: a fault of a port is an input like any other. Only a log that accepts no
// more events (`damaged`, an I/O error) is fatal; then no further action is carried out.

import Domain
import EventLog
import ForgePort
import Projections
import Workflows

/// Clocks and timers.
package protocol EngineClock: Sendable {
  func now() -> Moment
  func sleep(_ span: Milliseconds) async throws
}

/// Starts local worker processes.
package protocol WorkerLauncher: Sendable {
  /// Starts the process of a worker, or adopts a running one, and returns when it has ended.
  /// - Returns: how it ended, for people.
  func run(_ worker: WorkerID, onStart: @escaping @Sendable () -> Void) async -> String
}

/// The engine. A server process has one.
package actor Engine {
  package typealias Store = any EventStore & ReadModels & LogReader

  /// Options of `aipm serve` that override the workflow's.
  package struct Overrides: Sendable {
    /// The agent of `--agent command`.
    package var customAgent: AgentProfile?
    package var agentTimeout: Milliseconds?
    /// Besides the workflow's own.
    package var budget: Budget
    package init(
      customAgent: AgentProfile? = nil, agentTimeout: Milliseconds? = nil,
      budget: Budget = Budget()
    ) {
      self.customAgent = customAgent
      self.agentTimeout = agentTimeout
      self.budget = budget
    }
  }

  nonisolated package let overrides: Overrides
  nonisolated package let store: Store
  nonisolated package let feed: any CommitFeed
  nonisolated let mirrors: any RepositoryMirrors
  nonisolated package let forge: any ForgeClient
  nonisolated let clock: any EngineClock
  private let launcher: any WorkerLauncher

  private(set) var core: EngineCore
  private var lastStamp: Int64
  private var lastReply: Int64 = 0
  private var replies: [ReplyID: CheckedContinuation<CommandReply, Never>] = [:]
  var followers: [ReplyID: CheckedContinuation<SubmissionProgress?, Never>] = [:]
  private var planWaits: [WorkerID: [Int: CheckedContinuation<Void, Never>]] = [:]
  private var lastWait = 0
  /// Who waits for the append of a delegation that is in progress.
  private var appendWaits: [DelegationID: [CheckedContinuation<Void, Never>]] = [:]
  private var timer: (due: Timestamp, task: Task<Void, Never>)?
  private var ticker: Task<Void, Never>?
  var costs = CostWatch()
  /// Delegations of rounds that are being requested.
  var roundRequests: [DelegationID: Task<RoundAnswer, Never>] = [:]
  private var inFlight = 0
  private var idleWaiters: [CheckedContinuation<Void, Never>] = []
  nonisolated let report: @Sendable (StreamReading) -> Void
  nonisolated let observer: (any DelegationObserver)?
  /// Delegations whose streams wait to be read, and the number of reads in progress.
  var waitingLoads: ArraySlice<DelegationID> = []
  var loads = 0
  /// The quarantined streams, each of which is read again from time to time.
  var rereading: [StreamName: Task<Void, Never>] = [:]

  /// - Parameters:
  ///   - stampMark: the largest stamp that was ever used.
  ///   - workflows: all definitions of the log, and the current ones.
  ///   - observer: follows the delegations; nil: nobody does.
  ///   - report: called for each failed read of a stream, for the server's log.
  package init(
    store: Store, feed: any CommitFeed, forge: any ForgeClient, mirrors: any RepositoryMirrors,
    clock: any EngineClock, launcher: any WorkerLauncher, configuration: EngineCore.Configuration,
    workflows: [Workflow], overrides: Overrides, stampMark: Int64,
    observer: (any DelegationObserver)? = nil,
    report: @escaping @Sendable (StreamReading) -> Void = { _ in }
  ) {
    self.report = report
    self.observer = observer
    self.overrides = overrides
    self.store = store
    self.feed = feed
    self.forge = forge
    self.mirrors = mirrors
    self.clock = clock
    self.launcher = launcher
    lastStamp = stampMark
    let limited = workflows.map { workflow in
      var workflow = workflow
      workflow.budget = workflow.budget.limited(by: overrides.budget)
      return (workflow.digest, workflow)
    }
    core = EngineCore(
      configuration: configuration,
      workflows: Dictionary(limited, uniquingKeysWith: { a, _ in a }))
  }

  /// Resumes the live delegations, starts the local workers, and starts the timer. Streams are read
  /// only of workers and of what they have; the others are read when it is their turn, or from now
  /// on if they have something to do. A stream that cannot be read is quarantined, and delays
  /// nothing else.
  /// - Returns: the number of delegations in progress.
  /// - Throws: `StoreFault` if the views cannot be read.
  package func start() async throws(StoreFault) -> Int {
    let live = try await liveDelegations()
    let ended = try await store.endedDelegationsWithWork().map(\.id)
    let leased = await streams(of: live.filter(\.hasLease).map { .delegation($0.id) })
    let workers = await streams(
      of: try await store.workers().filter(\.mayComeBack).map { .worker($0.id) })
    for round in live.filter({ $0.isFollowUp && !$0.hasLease }).prefix(Self.recalledRoundsMax) {
      try await recallWorker(of: round.id)
    }
    beginObserving(live)
    step(
      .started(
        EngineCore.Start(
          live: live, ended: ended,
          leased: Dictionary(
            leased.compactMap { stream, events in
              if case .delegation(let id) = stream { (id, events) } else { nil }
            }, uniquingKeysWith: { a, _ in a }),
          workers: Dictionary(
            workers.compactMap { stream, events in
              if case .worker(let id) = stream { (id, events) } else { nil }
            }, uniquingKeysWith: { a, _ in a }))))
    ticker = Task { [clock, weak self] in
      while !Task.isCancelled {
        try? await clock.sleep(.seconds(1))
        await self?.step(.tick)
      }
    }
    return live.count
  }

  /// Assigns no new work from now on.
  package func drain() { step(.drain) }

  /// Returns when no effect is in progress and the idle local workers have ended, or after `limit`.
  package func settle(limit: Milliseconds) async {
    guard !isSettled else { return }
    let timeout = Task { [clock] in
      try? await clock.sleep(limit)
      self.releaseIdleWaiters()
    }
    await withCheckedContinuation { idleWaiters.append($0) }
    timeout.cancel()
  }

  var isSettled: Bool { inFlight == 0 && (!core.isDraining || core.hasDrained) }

  /// Stops the timers. Effects in progress end by themselves; no new ones begin.
  package func stop() {
    ticker?.cancel()
    timer?.task.cancel()
    for task in rereading.values { task.cancel() }
  }

  private func releaseIdleWaiters() {
    for waiter in idleWaiters { waiter.resume() }
    idleWaiters = []
  }

  // MARK: The loop

  func step(_ input: EngineCore.Input) {
    for action in core.step(input, now: clock.now()) { perform(action) }
    schedule()
  }

  private func perform(_ action: EngineCore.Action) {
    switch action {
    case .append(let append): write(append)
    case .call(let id, let ticket, let calls): call(id, ticket, calls)
    case .read(let stream, let loads): read(stream, loads: loads)
    case .reply(let id, let reply): replies.removeValue(forKey: id)?.resume(returning: reply)
    case .progress(let id, let progress):
      followers.removeValue(forKey: id)?.resume(returning: progress)
    case .startProcess(let id): launch(id)
    case .planChanged(let id):
      for wait in (planWaits.removeValue(forKey: id) ?? [:]).values { wait.resume() }
    }
  }

  /// Runs `work` and passes its result to the core. The task is detached, so that it starts without
  /// a turn of this actor.
  func begin(_ work: @escaping @Sendable () async -> EngineCore.Input?) {
    inFlight += 1
    Task.detached { await self.end(with: await work()) }
  }

  private func end(with input: EngineCore.Input?) {
    if case .delegation(let id, .recorded(let events)) = input {
      observe(events, of: id)
      noteCosts(in: events)
    }
    if let input { step(input) }
    switch input {
    case .delegation(let id, .recorded), .delegation(let id, .notRecorded): endAppendWaits(of: id)
    case _: break
    }
    inFlight -= 1
    if isSettled { releaseIdleWaiters() }
  }

  private func write(_ append: Append) {
    begin { [store] in
      do throws(AppendFault) {
        let recorded = try await store.append(append)
        switch append.stream {
        case .delegation(let id): return .delegation(id, .recorded(recorded))
        case .worker(let id): return .worker(id, .recorded(recorded))
        case .system: return nil
        }
      } catch {
        switch append.stream {
        case .delegation(let id): return .delegation(id, .notRecorded(error))
        case .worker(let id): return .worker(id, .notRecorded(error))
        case .system: return nil
        }
      }
    }
  }

  /// Waits for the append of a delegation that is in progress, if there is one. A client that has
  /// read the log may know its events before the core does, and ask for what only they allow.
  func awaitAppend(of id: DelegationID) async {
    guard core.executors[id]?.isAppending == true else { return }
    await withCheckedContinuation { appendWaits[id, default: []].append($0) }
  }

  /// Whether a caller waits in `awaitAppend`.
  var hasAppendWaits: Bool { !appendWaits.isEmpty }

  private func endAppendWaits(of id: DelegationID) {
    for wait in appendWaits.removeValue(forKey: id) ?? [] { wait.resume() }
  }

  private func read(_ stream: StreamName, loads: Bool) {
    if loads, case .delegation(let id) = stream {
      waitingLoads.append(id)
      loadWaiting()
    } else {
      readAlone(stream, loads: loads, tries: .whileServing)
    }
  }

  private func call(_ id: DelegationID, _ ticket: Int, _ calls: [Call]) {
    begin {
      .delegation(id, .answered(ticket: ticket, await self.answers(to: calls)))
    }
  }

  /// Makes the calls at the same time.
  private nonisolated func answers(to calls: [Call]) async -> [Answer] {
    if calls.count == 1 { return [await answer(to: calls[0])] }
    return await withTaskGroup(of: (Int, Answer).self) { group in
      for (index, call) in calls.enumerated() {
        group.addTask { (index, await self.answer(to: call)) }
      }
      var answers: [(Int, Answer)] = []
      for await answer in group { answers.append(answer) }
      return answers.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  private nonisolated func answer(to call: Call) async -> Answer {
    switch call {
    case .forge(let call): .forge(await forge.perform(call))
    case .git(let call): .git(await mirrors.perform(call))
    case .round(let round, let first): .round(await request(round: round, of: first))
    case .monthCost(let requester, let repository):
      .monthCost(await monthCost(requester, repository))
    }
  }

  private func launch(_ id: WorkerID) {
    Task { [launcher] in
      let reason = await launcher.run(id) {
        Task { await self.step(.process(id, .started)) }
      }
      step(.process(id, .ended(reason: reason)))
      if isSettled { releaseIdleWaiters() }
    }
  }

  /// One timer, for the next time that the core waits for.
  private func schedule() {
    guard let due = core.nextWake else {
      timer?.task.cancel()
      timer = nil
      return
    }
    if let timer, timer.due == due { return }
    timer?.task.cancel()
    let wait = max(Milliseconds(0), due - clock.now().wall)
    let task = Task { [clock, weak self] in
      guard (try? await clock.sleep(wait)) != nil else { return }
      await self?.fire()
    }
    timer = (due, task)
  }

  private func fire() {
    timer = nil
    step(.wake)
  }

  // MARK: Commands

  func nextReply() -> ReplyID {
    lastReply += 1
    return ReplyID(lastReply)
  }

  func reply(to input: (ReplyID) -> EngineCore.Input) async -> CommandReply {
    let id = nextReply()
    let input = input(id)
    return await withCheckedContinuation { continuation in
      replies[id] = continuation
      step(input)
    }
  }

  /// Sends a command to a delegation, and returns when it is done or refused.
  package func command(
    _ id: DelegationID, _ command: DelegationCommand, by actor: Actor
  ) async -> CommandReply {
    await reply { .delegation(id, .command(command, actor, $0)) }
  }

  /// The start of this process's work at the delegation's next intent, such as a call to the forge
  /// that is in progress or queued; nil if there is no such work.
  package func underWaySince(_ id: DelegationID) -> Timestamp? { core.executors[id]?.effectBegunAt }

  /// The same for many delegations, in one call.
  package func underWaySince(_ ids: [DelegationID]) -> [DelegationID: Timestamp] {
    var all: [DelegationID: Timestamp] = [:]
    for id in ids { all[id] = core.executors[id]?.effectBegunAt }
    return all
  }

  /// Notes a push to the delegation's branch.
  package func branchMoved(_ id: DelegationID) { step(.delegation(id, .branchMoved)) }

  /// Sends a command to a worker.
  package func command(
    _ id: WorkerID, _ command: WorkerCommand, by actor: Actor
  ) async -> CommandReply {
    guard core.workers[id] != nil else {
      return .rejected(.notAllowed(command: "\(command)", state: nil))
    }
    return await reply { .worker(id, .command(command, actor, $0)) }
  }

  /// The next free stamp: the clock's millisecond, or the one after the last used stamp.
  func nextStamp() -> Stamp {
    lastStamp = max(lastStamp + 1, clock.now().wall.milliseconds)
    return Stamp(milliseconds: lastStamp)
  }

  // MARK: Workers' plans

  /// Returns at the next change of the worker's plan, or after `limit`.
  func planChange(of worker: WorkerID, limit: Milliseconds) async {
    lastWait += 1
    let key = lastWait
    let expiry = Task.detached { [clock] in
      guard (try? await clock.sleep(limit)) != nil else { return }
      await self.endWait(of: worker, key)
    }
    defer { expiry.cancel() }
    await withTaskCancellationHandler {
      await withCheckedContinuation { planWaits[worker, default: [:]][key] = $0 }
    } onCancel: {
      Task { await self.endWait(of: worker, key) }
    }
  }

  private func endWait(of worker: WorkerID, _ key: Int) {
    planWaits[worker]?.removeValue(forKey: key)?.resume()
    if planWaits[worker]?.isEmpty ?? false { planWaits[worker] = nil }
  }

  /// The number of workers with a waiting caller.
  var waitingWorkers: Int { planWaits.count }
}
