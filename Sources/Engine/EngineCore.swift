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

/// The engine's core; see the head of this file.
package struct EngineCore: Sendable {
  /// What does not change while a server runs.
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

  /// What happened.
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

  /// What is told of a local worker's process.
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

  /// What is to be done.
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

  package internal(set) var executors: [DelegationID: Executor] = [:]
  package internal(set) var workers: [WorkerID: WorkerKeeper] = [:]
  package private(set) var workflows: [String: Workflow]
  package internal(set) var isDraining = false

  let configuration: Configuration
  private var dispatcher = Dispatcher()
  private var tokenCounter: Int64 = 0
  /// Who each worker works for, or is kept free for.
  var occupied: [WorkerID: DelegationID] = [:]
  /// Prepared delegations that wait for a worker.
  private var ready: Set<DelegationID> = []
  /// Executors that wait for a moment.
  private var wakes: [DelegationID: Timestamp] = [:]
  /// What the worker of each delegation should be doing.
  private var plans: [DelegationID: WorkerPlan] = [:]
  private var waitingForLoad: [DelegationID: [Executor.Input]] = [:]
  var lastTick: Milliseconds?

  package init(configuration: Configuration, workflows: [String: Workflow]) {
    self.configuration = configuration
    self.workflows = workflows
  }

  /// Makes a workflow known, by its digest.
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

  /// Takes an input in, and says what is to be done. The order of the actions is that of their
  /// causes.
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

  func makeKeeper(_ id: WorkerID, _ now: Moment) -> WorkerKeeper {
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

  mutating func feed(
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
    plans[id] = executor.plan
    if executor.isAtRest { wakes[id] = nil } else { executors[id] = executor }
  }

  private mutating func load(
    _ id: DelegationID, for input: Executor.Input, _ actions: inout [Action]
  ) {
    switch input {
    case .command:
      if waitingForLoad[id] == nil { actions.append(.read(.delegation(id), loads: true)) }
      waitingForLoad[id, default: []].append(input)
    case .recorded, .notRecorded, .reloaded, .answered, .assign, .branchMoved, .wake: break
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

  mutating func nextToken() -> FencingToken {
    tokenCounter += 1
    return FencingToken(epoch: configuration.epoch, counter: tokenCounter)
  }

  /// What each worker should be doing, as far as it changed.
  private mutating func plan(_ actions: inout [Action]) {
    for id in workers.keys.sorted() {
      let plan = occupied[id].flatMap { plans[$0] }
      let drains = workers[id]?.drains ?? false
      guard workers[id]?.plan != plan || workers[id]?.toldToDrain != drains else { continue }
      workers[id]?.plan = plan
      workers[id]?.toldToDrain = drains
      workers[id]?.revision += 1
      actions.append(.planChanged(id))
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
    } else if d.cancelRequested, let commit = d.taskCommit {
      // Nothing will be checked out, so the branch's head is not waited for.
      head = commit
    } else {
      return nil
    }
    return WorkerPlan(delegation: id, lease: lease, head: head, cancel: d.cancelRequested)
  }
}
