// The engine without its body: every executor, every worker's keeper and the dispatcher, in one
// value that takes inputs and gives actions. It reads no clock and does no I/O, so the simulation
// runs this very struct with a world that it makes up.
//
// What it promises: the same inputs give the same actions. Everything in it can be thrown away and
// folded again from the log, but for signs of life. How it fails: a stream that does not fold stops
// its own executor and nothing else.

import Domain
import EventLog
import Workflows

/// A moment on both clocks.
package struct Moment: Equatable, Sendable {
  /// What goes into the log, and what waits are counted by. It may be set back.
  package var wall: Timestamp
  /// What silence is measured by. It never steps.
  package var monotonic: Milliseconds
  package init(wall: Timestamp, monotonic: Milliseconds) {
    self.wall = wall
    self.monotonic = monotonic
  }
}

package struct EngineCore: Sendable {
  package struct Configuration: Sendable {
    /// Names of the workers that this server starts itself.
    package var localWorkers: [WorkerID]
    package var leases: LeasePolicy
    package var restarts: RestartPolicy
    /// The epoch of this start's tokens: one more than any before.
    package var epoch: Int64
    package init(
      localWorkers: [WorkerID], leases: LeasePolicy = .init(), restarts: RestartPolicy = .init(),
      epoch: Int64
    ) {
      self.localWorkers = localWorkers
      self.leases = leases
      self.restarts = restarts
      self.epoch = epoch
    }
  }

  package enum Input: Sendable {
    /// The log as it stands: the streams of all that is live, and of every worker.
    case started(delegations: [DelegationID: [RecordedEvent]], workers: [WorkerID: [RecordedEvent]])
    case delegation(DelegationID, Executor.Input)
    case worker(WorkerID, WorkerKeeper.Input)
    /// A delegation at rest was read because a command waits for it.
    case loaded(DelegationID, [RecordedEvent])
    case submit(DelegationID, Requested, Actor, ReplyID)
    case registered(WorkerID, journal: [HeldAttempt], local: Bool)
    case heard(WorkerID, agentSilence: Milliseconds?)
    case process(WorkerID, ProcessNews)
    case workerRestartAsked(WorkerID)
    case tick
    /// A moment has come that something waited for (`nextWake`).
    case wake
    /// No new work is given out any more.
    case drain
  }

  package enum ProcessNews: Equatable, Sendable {
    case started
    case ended(reason: String)
  }

  /// What a worker that registers still has.
  package struct HeldAttempt: Equatable, Sendable {
    package var delegation: DelegationID
    package var attempt: Int
    package var hasCommit: Bool
    package init(delegation: DelegationID, attempt: Int, hasCommit: Bool) {
      self.delegation = delegation
      self.attempt = attempt
      self.hasCommit = hasCommit
    }
  }

  package enum Action: Sendable {
    case append(StreamName, Append)
    case call(DelegationID, ticket: Int, [Call])
    /// Read a stream: `.reloaded` or `.loaded` follows.
    case read(StreamName, loads: Bool)
    case reply(ReplyID, CommandReply)
    case startProcess(WorkerID)
    /// What the worker should be doing has changed.
    case planChanged(WorkerID)
  }

  package private(set) var executors: [DelegationID: Executor] = [:]
  package private(set) var workers: [WorkerID: WorkerKeeper] = [:]
  package private(set) var workflows: [String: Workflow]
  package private(set) var isDraining = false

  let configuration: Configuration
  private var dispatcher = Dispatcher()
  private var tokenCounter: Int64 = 0
  /// Who each worker works for, or is kept free for.
  private var occupied: [WorkerID: DelegationID] = [:]
  /// Prepared delegations that wait for a worker.
  private var ready: Set<DelegationID> = []
  /// Executors that wait for a moment.
  private var wakes: [DelegationID: Timestamp] = [:]
  private var waitingForLoad: [DelegationID: [Executor.Input]] = [:]
  private var lastTick: Milliseconds?

  package init(configuration: Configuration, workflows: [String: Workflow]) {
    self.configuration = configuration
    self.workflows = workflows
  }

  package mutating func define(_ workflow: Workflow) { workflows[workflow.digest] = workflow }

  /// Whether the local workers that have nothing in hand have ended, after a drain.
  package var hasDrained: Bool {
    workers.values.allSatisfy { keeper in
      switch keeper.process {
      case .remote, .ended, .waiting: true
      case .starting, .running: occupied[keeper.id] != nil
      }
    }
  }

  /// The first moment that something waits for; the input `wake` is due then.
  package var nextWake: Timestamp? {
    let restarts = workers.values.compactMap { keeper in
      if case .waiting(let until) = keeper.process { until } else { nil as Timestamp? }
    }
    return (restarts + wakes.values).min()
  }

  // MARK: Steps

  package mutating func step(_ input: Input, now: Moment) -> [Action] {
    var actions: [Action] = []
    switch input {
    case .started(let delegations, let workers): start(delegations, workers, now, &actions)
    case .delegation(let id, let input): feed(id, input, now, &actions)
    case .worker(let id, let input): feed(id, input, now, &actions)
    case .loaded(let id, let events): loaded(id, events, now, &actions)
    case .submit(let id, let request, let actor, let reply):
      executors[id] = Executor(id: id, workflow: workflows[request.workflow.digest])
      feed(id, .command(.request(request), actor, reply), now, &actions)
    case .registered(let id, let journal, let local):
      reconcile(id, journal: journal, local: local, now, &actions)
    case .heard(let id, let silence): heard(id, silence, now, &actions)
    case .process(let id, let news): follow(id, news, now, &actions)
    case .workerRestartAsked(let id):
      workers[id]?.ends = []
      workers[id]?.leaves = false
      workers[id]?.restartAsked = true
      if workers[id]?.process == .ended { startProcess(id, &actions) }
    case .tick: tick(now, &actions)
    case .wake: startDue(now, &actions)
    case .drain:
      isDraining = true
      for id in workers.keys.sorted() { workers[id]?.leaves = true }
    }
    wakeDue(now, &actions)
    dispatch(now, &actions)
    plan(&actions)
    return actions
  }

  private mutating func start(
    _ delegations: [DelegationID: [RecordedEvent]], _ known: [WorkerID: [RecordedEvent]],
    _ now: Moment, _ actions: inout [Action]
  ) {
    lastTick = now.monotonic
    for (id, events) in known.sorted(by: { $0.key < $1.key }) {
      var keeper = makeKeeper(id, now)
      _ = keeper.step(.reloaded(events))
      workers[id] = keeper
    }
    for id in configuration.localWorkers {
      if workers[id] == nil { workers[id] = makeKeeper(id, now) }
      startProcess(id, &actions)
    }
    for (id, events) in delegations.sorted(by: { $0.key < $1.key }) {
      let executor = Executor(id: id, events: events, workflows: workflows)
      executors[id] = executor
      if let lease = executor.state.workingLease { occupied[lease.worker] = id }
      feed(id, .wake, now, &actions)
    }
  }

  private func makeKeeper(_ id: WorkerID, _ now: Moment) -> WorkerKeeper {
    // Revisions of another start never look newer than this one's.
    WorkerKeeper(id: id, heardAt: now.monotonic, revision: configuration.epoch << 20)
  }

  private mutating func loaded(
    _ id: DelegationID, _ events: [RecordedEvent], _ now: Moment, _ actions: inout [Action]
  ) {
    if executors[id] == nil, !events.isEmpty {
      executors[id] = Executor(id: id, events: events, workflows: workflows)
    }
    for input in waitingForLoad.removeValue(forKey: id) ?? [] { feed(id, input, now, &actions) }
  }

  // MARK: Delegations

  private mutating func feed(
    _ id: DelegationID, _ input: Executor.Input, _ now: Moment, _ actions: inout [Action]
  ) {
    guard var executor = executors.removeValue(forKey: id) else {
      load(id, for: input, &actions)
      return
    }
    let before = executor.worker
    for action in executor.step(input, now: now.wall) {
      switch action {
      case .append(let append): actions.append(.append(.delegation(id), append))
      case .call(let ticket, let calls): actions.append(.call(id, ticket: ticket, calls))
      case .reload: actions.append(.read(.delegation(id), loads: false))
      case .reply(let reply, let result): actions.append(.reply(reply, result))
      case .wake(let moment): wakes[id] = moment
      }
    }
    let after = executor.worker
    if before != after {
      if let before, occupied[before] == id { occupied[before] = nil }
      if let after { occupied[after] = id }
    }
    if executor.isReady(at: now.wall) { ready.insert(id) } else { ready.remove(id) }
    if executor.isAtRest { wakes[id] = nil } else { executors[id] = executor }
  }

  private mutating func load(
    _ id: DelegationID, for input: Executor.Input, _ actions: inout [Action]
  ) {
    switch input {
    case .command:
      if waitingForLoad[id] == nil { actions.append(.read(.delegation(id), loads: true)) }
      waitingForLoad[id, default: []].append(input)
    case .recorded, .notRecorded, .reloaded, .answered, .assign, .wake: break
    }
  }

  private mutating func wakeDue(_ now: Moment, _ actions: inout [Action]) {
    let due = wakes.filter { $0.value <= now.wall }.keys.sorted()
    for id in due {
      wakes[id] = nil
      feed(id, .wake, now, &actions)
    }
  }

  // MARK: Dispatch

  private mutating func dispatch(_ now: Moment, _ actions: inout [Action]) {
    guard !isDraining, !ready.isEmpty else { return }
    let free = workers.values.filter { $0.isFree && occupied[$0.id] == nil }.compactMap { keeper in
      keeper.state.life.map {
        Dispatcher.FreeWorker(
          id: keeper.id, incarnation: $0.registration.incarnation,
          agents: Set($0.registration.agents))
      }
    }
    guard !free.isEmpty else { return }
    // An agent that no worker has goes to any of them: it says so, and the delegation has its code.
    let found = workers.values.reduce(into: Set<String>()) { agents, keeper in
      agents.formUnion(keeper.state.life?.registration.agents ?? [])
    }
    let candidates = ready.sorted().compactMap { executors[$0]?.candidate }.map { candidate in
      var candidate = candidate
      if let agent = candidate.agent, !found.contains(agent) { candidate.agent = nil }
      return candidate
    }
    let running = occupied.values.compactMap { executors[$0]?.state.delegation?.request }.map {
      Dispatcher.Running(repository: $0.repository, requester: $0.requester)
    }
    for pairing in dispatcher.choose(ready: candidates, free: free, running: running) {
      let token = nextToken()
      feed(
        pairing.delegation,
        .assign(
          .init(
            worker: pairing.worker.id, incarnation: pairing.worker.incarnation, token: token)),
        now, &actions)
    }
  }

  private mutating func nextToken() -> FencingToken {
    tokenCounter += 1
    return FencingToken(epoch: configuration.epoch, counter: tokenCounter)
  }

  /// What each worker should be doing, as far as it changed.
  private mutating func plan(_ actions: inout [Action]) {
    for id in workers.keys.sorted() {
      let plan = occupied[id].flatMap { executors[$0]?.plan }
      let drains = workers[id]?.drains ?? false
      guard workers[id]?.plan != plan || workers[id]?.toldToDrain != drains else { continue }
      workers[id]?.plan = plan
      workers[id]?.toldToDrain = drains
      workers[id]?.revision += 1
      actions.append(.planChanged(id))
    }
  }

  // MARK: Workers

  private mutating func feed(
    _ id: WorkerID, _ input: WorkerKeeper.Input, _ now: Moment, _ actions: inout [Action]
  ) {
    var keeper = workers.removeValue(forKey: id) ?? makeKeeper(id, now)
    for action in keeper.step(input) {
      switch action {
      case .append(let append): actions.append(.append(.worker(id), append))
      case .reload: actions.append(.read(.worker(id), loads: false))
      case .reply(let reply, let result): actions.append(.reply(reply, result))
      }
    }
    workers[id] = keeper
  }

  private mutating func command(
    _ id: WorkerID, _ command: WorkerCommand, _ now: Moment, _ actions: inout [Action]
  ) {
    feed(id, .command(command, .system, nil), now, &actions)
  }

  /// A worker began a new life. What its last one was working on is taken up again where a commit
  /// was made, and released at once where none was.
  private mutating func reconcile(
    _ id: WorkerID, journal: [HeldAttempt], local: Bool, _ now: Moment,
    _ actions: inout [Action]
  ) {
    workers[id]?.lastHeard = now.monotonic
    workers[id]?.lastHeardAt = now.wall
    if local { workers[id]?.process = .running }
    guard let delegation = occupied[id], let lease = executors[delegation]?.state.workingLease,
      lease.worker == id, let incarnation = workers[id]?.incarnation
    else { return }
    let held = journal.first { $0.delegation == delegation && $0.attempt == lease.attempt }
    if let held, held.hasCommit {
      let token = nextToken()
      feed(
        delegation,
        .command(
          .resume(
            worker: id, incarnation: incarnation, attempt: lease.attempt, token: token),
          .system, nil), now, &actions)
    } else {
      release(lease, of: delegation, .workerCrashed, "its worker started anew", now, &actions)
    }
  }

  private mutating func release(
    _ lease: Lease, of delegation: DelegationID, _ cause: ReleaseCause, _ message: String,
    _ now: Moment, _ actions: inout [Action]
  ) {
    let end = AttemptEnd(
      attempt: lease.attempt, token: lease.token, outcome: .released(cause), message: message)
    feed(delegation, .command(.endAttempt(end), .system, nil), now, &actions)
  }

  private mutating func heard(
    _ id: WorkerID, _ silence: Milliseconds?, _ now: Moment, _ actions: inout [Action]
  ) {
    guard let keeper = workers[id] else { return }
    workers[id]?.lastHeard = now.monotonic
    workers[id]?.lastHeardAt = now.wall
    workers[id]?.agentSilence = silence
    if case .unhealthy = keeper.state { command(id, .markRecovered, now, &actions) }
  }

  private mutating func follow(
    _ id: WorkerID, _ news: ProcessNews, _ now: Moment, _ actions: inout [Action]
  ) {
    switch news {
    case .started: workers[id]?.process = .running
    case .ended(let reason):
      guard var keeper = workers[id] else { return }
      var leaves = keeper.leaves
      if case .draining = keeper.state, !keeper.restartAsked { leaves = true }
      keeper.restartAsked = false
      if leaves {
        workers[id]?.process = .ended
        command(id, .stop, now, &actions)
        return
      }
      keeper.ends.append(now.wall)
      keeper.ends.removeAll { now.wall - $0 > configuration.restarts.window }
      switch configuration.restarts.verdict(ends: keeper.ends) {
      case .restart(let delay):
        keeper.process = .waiting(until: now.wall + delay)
        workers[id] = keeper
        if keeper.state.life != nil {
          command(id, .restart(delay: delay, reason: reason), now, &actions)
        }
      case .park:
        keeper.process = .ended
        workers[id] = keeper
        if keeper.state.life != nil {
          command(id, .park(reason: "it keeps ending, last: \(reason)"), now, &actions)
        }
        loseLease(of: id, .workerCrashed, "its worker keeps ending", now, &actions)
      }
    }
    startDue(now, &actions)
  }

  private mutating func loseLease(
    of id: WorkerID, _ cause: ReleaseCause, _ message: String, _ now: Moment,
    _ actions: inout [Action]
  ) {
    guard let delegation = occupied[id], let lease = executors[delegation]?.state.workingLease
    else { return }
    release(lease, of: delegation, cause, message, now, &actions)
  }

  private mutating func startDue(_ now: Moment, _ actions: inout [Action]) {
    guard !isDraining else { return }
    for id in workers.keys.sorted() {
      if case .waiting(let until) = workers[id]?.process, until <= now.wall {
        startProcess(id, &actions)
      }
    }
  }

  private mutating func startProcess(_ id: WorkerID, _ actions: inout [Action]) {
    workers[id]?.process = .starting
    actions.append(.startProcess(id))
  }

  /// Silence is judged. A tick that came late says that this process was stopped, and not the
  /// workers: they are all heard from at that moment.
  private mutating func tick(_ now: Moment, _ actions: inout [Action]) {
    defer { lastTick = now.monotonic }
    startDue(now, &actions)
    let late = lastTick.map { now.monotonic - $0 > .seconds(2) } ?? true
    for id in workers.keys.sorted() {
      guard let keeper = workers[id] else { continue }
      if late {
        workers[id]?.lastHeard = now.monotonic
        continue
      }
      judge(keeper, now, &actions)
    }
  }

  private mutating func judge(
    _ keeper: WorkerKeeper, _ now: Moment, _ actions: inout [Action]
  ) {
    let silence = now.monotonic - keeper.lastHeard
    let words = "silent for \(silence.count / 1000) s"
    switch (configuration.leases.verdict(silence: silence), keeper.state) {
    case (.alive, _): break
    case (.unhealthy, .registered), (.unhealthy, .draining):
      command(keeper.id, .markUnhealthy(reason: words), now, &actions)
    case (.lost, .registered), (.lost, .draining), (.lost, .unhealthy):
      command(keeper.id, .lose(reason: words), now, &actions)
      loseLease(of: keeper.id, .workerLost, "its worker was \(words)", now, &actions)
    case (.lost, .starting), (.lost, .lost), (.lost, .stopped), (.lost, .parked):
      // Its process ended, or it was given up, and it has not come back.
      loseLease(of: keeper.id, .workerLost, "its worker did not come back", now, &actions)
    case (.unhealthy, _), (.lost, .absent): break
    }
  }
}

extension Executor {
  /// The worker that has the delegation, or is kept free for it.
  var worker: WorkerID? { state.workingLease?.worker ?? assignee?.worker }

  var candidate: Dispatcher.Candidate? {
    guard let request = state.delegation?.request else { return nil }
    return Dispatcher.Candidate(
      delegation: id, repository: request.repository, requester: request.requester,
      priority: request.priority, stamp: request.stamp, agent: request.agent,
      repositoryLimit: workflow?.limits.perRepository,
      requesterLimit: workflow?.limits.perRequester)
  }

  /// What the worker that has the delegation should be doing; nil until its head is known.
  var plan: WorkerPlan? {
    guard let lease = state.workingLease, let d = state.delegation else { return nil }
    let head: ObjectID
    if case .generating(_, let generation) = state {
      head = generation.head
    } else if let prepared {
      head = prepared.head
    } else {
      return nil
    }
    return WorkerPlan(delegation: id, lease: lease, head: head, cancel: d.cancelRequested)
  }
}
