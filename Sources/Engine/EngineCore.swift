// The engine's state machine: all executors, workers' keepers and the dispatcher, in one value that
// takes inputs and returns actions. It reads no clock and does no I/O, so the simulation runs this
// type with a simulated environment.
//
// Guarantees: the same inputs give the same actions. All of its state can be folded again from the
// log, except heartbeats. A step costs what it touches: whatever waits for a worker, a time or a
// heartbeat is in an ordered collection (`Dispatcher`, `KeyedHeap`, `WorkerTable`), and no step
// iterates over all delegations or workers. Most delegations that wait have no executor: see
// `EngineCore+Waiting.swift`.
//
// Failures: a stream that does not fold or cannot be read stops only its own executor.

import Domain
import EventLog
import ForgePort
import Workflows

/// A time on both clocks.
package struct Moment: Equatable, Sendable {
  /// For the log and for waits. It may be set back.
  package var wall: Timestamp
  /// For silences. It is monotonic.
  package var monotonic: Milliseconds
  package init(wall: Timestamp, monotonic: Milliseconds) {
    self.wall = wall
    self.monotonic = monotonic
  }
}

/// The engine's core; see the top of this file.
package struct EngineCore: Sendable {
  /// The constants of a server process.
  package struct Configuration: Sendable {
    /// Names of the workers that this server starts itself.
    package var localWorkers: [WorkerID]
    package var leases: LeasePolicy
    package var restarts: RestartPolicy
    /// The epoch of this start's tokens: one more than any before.
    package var epoch: Int64
    /// The optional features of the forge.
    package var capabilities = ForgeCapabilities()
    /// The number of executors above which a delegation that only waits has none.
    package var residentsMax = 1024

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

  /// An input.
  package enum Input: Sendable {
    case started(Start)
    case delegation(DelegationID, Executor.Input)
    case worker(WorkerID, WorkerKeeper.Input)
    /// The log says who had a delegation of this pull request last, by its first delegation.
    case recalled(WorkerID, of: DelegationID)
    /// A delegation without an executor was read for its next input, or a quarantined one was read
    /// again.
    case loaded(DelegationID, [RecordedEvent])
    /// The stream could not be read in all tries: it is quarantined until it is read.
    case unreadable(StreamName, reason: String)
    case submit(DelegationID, Requested, Actor, ReplyID)
    /// A caller waits for the delegation's pull request, its failure, or a retry after `until`.
    case follow(DelegationID, until: Timestamp, ReplyID)
    /// The wait is over: the caller gets the current progress.
    case unfollow(DelegationID, ReplyID)
    case registered(WorkerID, journal: [HeldAttempt], local: Bool)
    /// - Parameter used: the agent's usage so far.
    case heard(WorkerID, agentSilence: Milliseconds?, used: LeaseUse? = nil)
    /// This month's costs in the log, after one was recorded or an agent reported one.
    case costsRecorded(MonthCosts)
    case process(WorkerID, ProcessNews)
    case workerRestartAsked(WorkerID)
    case tick
    /// The time of `nextWake` has come.
    case wake
    /// Assign no new work.
    case drain
  }

  /// News of a local worker's process.
  package enum ProcessNews: Equatable, Sendable {
    case started
    case ended(reason: String)
  }

  /// An attempt that a worker has in its journal when it registers.
  package struct HeldAttempt: Equatable, Sendable {
    package var delegation: DelegationID
    package var attempt: Int
    package var hasCommit: Bool
    /// The usage that its agent reported.
    package var usage: AgentUsage
    package init(
      delegation: DelegationID, attempt: Int, hasCommit: Bool, usage: AgentUsage = AgentUsage()
    ) {
      self.delegation = delegation
      self.attempt = attempt
      self.hasCommit = hasCommit
      self.usage = usage
    }
  }

  /// The usage so far of the agent under a lease. It is kept in memory only, in case the worker is
  /// lost.
  package struct LeaseUse: Equatable, Sendable {
    package var token: FencingToken
    package var usage: AgentUsage
    package init(token: FencingToken, usage: AgentUsage) {
      self.token = token
      self.usage = usage
    }
  }

  /// An action of an executor, of a worker's keeper or of the core itself.
  package enum Action: Sendable {
    case append(Append)
    case call(DelegationID, ticket: Int, [Call])
    /// Read a stream: `.reloaded` or `.loaded` follows.
    case read(StreamName, loads: Bool)
    case reply(ReplyID, CommandReply)
    /// Answers a `follow`; nil if the delegation is not in memory.
    case progress(ReplyID, SubmissionProgress?)
    case startProcess(WorkerID)
    /// The worker's plan has changed.
    case planChanged(WorkerID)
  }

  package internal(set) var executors: [DelegationID: Executor] = [:]
  package var workers: [WorkerID: WorkerKeeper] { table.keepers }
  package private(set) var workflows: [String: Workflow]
  /// The streams that cannot be read, with the reasons.
  package internal(set) var unreadable: [StreamName: String] = [:]
  package internal(set) var isDraining = false

  let configuration: Configuration
  var table = WorkerTable()
  var dispatcher = Dispatcher()
  var formerWorkers = FormerWorkers()
  var limits = AgentLimits()
  /// Delegations that are ready for a worker, but whose agent is at its provider's limit.
  var limited: Set<DelegationID> = []
  var tokenCounter: Int64 = 0
  /// The delegation that each worker has or is reserved for.
  var occupied: [WorkerID: DelegationID] = [:]
  /// Delegations that wait for a time.
  var wakes = KeyedHeap<DelegationID, Timestamp>()
  var branches = BranchOrder()
  /// Delegations that wait and have no executor.
  var parked: [DelegationID: Branch] = [:]
  var loading: [DelegationID: Loading] = [:]
  var followers = Followers()
  var lastTick: Milliseconds?

  package init(configuration: Configuration, workflows: [String: Workflow]) {
    self.configuration = configuration
    self.workflows = workflows
  }

  /// Whether a workflow has a budget for a month.
  var hasMonthBudgets: Bool { workflows.values.contains { $0.budget.looksAtMonths } }

  /// Makes a workflow known, by its digest.
  package mutating func define(_ workflow: Workflow) { workflows[workflow.digest] = workflow }

  /// Whether the idle local workers have ended after a drain.
  package var hasDrained: Bool {
    workers.values.allSatisfy { keeper in
      switch keeper.process {
      case .remote, .ended, .waiting: true
      case .starting, .running: occupied[keeper.id] != nil
      }
    }
  }

  /// The next time that something waits for; the input `wake` is due then.
  package var nextWake: Timestamp? {
    // After a drain no worker is started.
    let restart = isDraining ? nil : table.nextRestart
    guard let wake = wakes.first?.rank else { return restart }
    return restart.map { min($0, wake) } ?? wake
  }

  // MARK: Steps

  /// Handles an input and returns the actions, in the order of their causes.
  package mutating func step(_ input: Input, now: Moment) -> [Action] {
    var actions: [Action] = []
    switch input {
    case .started(let state): start(state, now, &actions)
    case .recalled(let worker, let first):
      // What this process has seen is newer.
      if formerWorkers[first] == nil { formerWorkers.note(worker, first) }
    case .delegation(let id, let input): feed(id, input, now, &actions)
    case .worker(let id, let input):
      if case .reloaded = input { unreadable[.worker(id)] = nil }
      feed(id, input, now, &actions)
    case .loaded(let id, let events): loaded(id, events, now, &actions)
    case .unreadable(let stream, let reason): quarantine(stream, reason, now, &actions)
    case .submit(let id, let request, let actor, let reply):
      var executor = Executor(
        id: id, workflow: workflows[request.workflow.digest],
        capabilities: configuration.capabilities)
      executor.isHeld = !branches.enter(id, request.repository, request.branch)
      executor.usesBranch = true
      executor.submitted = request
      executors[id] = executor
      feed(id, .command(.request(request), actor, reply), now, &actions)
    case .follow(let id, let end, let reply): follow(id, until: end, reply, now, &actions)
    case .unfollow(let id, let reply):
      if followers.remove(reply, of: id) {
        actions.append(.progress(reply, executors[id]?.progress))
      }
    case .registered(let id, let journal, let local):
      reconcile(id, journal: journal, local: local, now, &actions)
    case .heard(let id, let silence, let used): heard(id, silence, used, now, &actions)
    case .costsRecorded(let costs): limitCosts(costs)
    case .process(let id, let news): follow(id, news, now, &actions)
    case .workerRestartAsked(let id):
      let hasEnded = table.update(id) { keeper in
        keeper.ends = []
        keeper.leaves = false
        keeper.restartAsked = true
        return keeper.process == .ended
      }
      if hasEnded ?? false { startProcess(id, &actions) }
    case .tick: tick(now, &actions)
    case .wake: startDue(now, &actions)
    case .drain:
      isDraining = true
      for id in workers.keys.sorted() { table.update(id) { $0.leaves = true } }
    }
    wakeDue(now, &actions)
    followWorkers()
    awaitAgents(now, &actions)
    dispatch(now, &actions)
    plan(&actions)
    return actions
  }

  func makeKeeper(_ id: WorkerID, _ now: Moment) -> WorkerKeeper {
    // Revisions of another start never look newer than this one's.
    WorkerKeeper(id: id, heardAt: now.monotonic, revision: configuration.epoch << 20)
  }

  /// Quarantines a stream that cannot be read. Its waiting callers get an error, and its worker
  /// becomes free.
  private mutating func quarantine(
    _ stream: StreamName, _ reason: String, _ now: Moment, _ actions: inout [Action]
  ) {
    unreadable[stream] = reason
    let fault = CorruptStream(unreadable: reason)
    switch stream {
    case .delegation(let id):
      if executors[id] != nil { feed(id, .unreadable(fault), now, &actions) }
      if let worker = executors[id]?.worker, occupied[worker] == id { occupy(worker, by: nil) }
      dispatcher.remove(id)
      limited.remove(id)
      wakes.remove(id)
      drop(id, now, &actions)
      forgetAway(id, now, &actions)
      answerFollowers(of: id, &actions)
    case .worker(let id): feed(id, .unreadable(fault), now, &actions)
    case .system: break
    }
  }

  // MARK: Delegations

  /// Passes an input to a delegation.
  /// - Parameter parks: false if another input follows at once.
  mutating func feed(
    _ id: DelegationID, _ input: Executor.Input, _ now: Moment, _ actions: inout [Action],
    parks: Bool = true
  ) {
    guard let index = executors.index(forKey: id) else {
      // Only a command may concern a delegation at rest.
      if case .command = input {} else if !isAway(id) { return }
      load(id, for: input, now, &actions)
      return
    }
    let advance = Advance(of: &executors.values[index], input, at: now.wall)
    actions += advance.actions
    if let moment = advance.wakeAt { wakes.set(id, to: moment) }
    answerFollowers(of: id, &actions)
    // The worker may have another plan now.
    if let worker = advance.before { table.touch(worker) }
    if let worker = advance.after { table.touch(worker) }
    if advance.before != advance.after {
      if let before = advance.before, occupied[before] == id { occupy(before, by: nil) }
      if let after = advance.after { occupy(after, by: executors[id]) }
    }
    if let met = advance.limitMet { note(met, by: id, now.wall) }
    limited.remove(id)
    if let candidate = advance.candidate, !isLimited(id, now.wall) {
      dispatcher.insert(preferring(candidate))
    } else {
      dispatcher.remove(id)
      if advance.candidate != nil { limited.insert(id) }
    }
    if advance.isAtRest {
      wakes.remove(id)
      drop(id, now, &actions)
    } else {
      followBranch(id, now, &actions)
    }
    if let change = advance.round { followRound(change, of: id, now, &actions) }
    if parks { parkIfCrowded(id, now) }
  }

  /// Removes the executor of a delegation that is at rest or cannot be read.
  private mutating func drop(_ id: DelegationID, _ now: Moment, _ actions: inout [Action]) {
    guard let executor = executors.removeValue(forKey: id), executor.usesBranch,
      let request = executor.state.delegation?.request ?? executor.submitted
    else { return }
    leaveBranch(id, Branch(of: request), now, &actions)
  }

  /// Records the delegation of a worker.
  mutating func occupy(_ worker: WorkerID, by executor: Executor?) {
    occupied[worker] = executor?.id
    if let first = executor?.conversation { formerWorkers.note(worker, first) }
    dispatcher.occupy(worker, by: executor?.running)
    table.touch(worker)
  }

  private mutating func wakeDue(_ now: Moment, _ actions: inout [Action]) {
    for id in wakes.take(through: now.wall).sorted() { feed(id, .wake, now, &actions) }
  }
}
