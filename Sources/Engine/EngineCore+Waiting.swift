// Delegations that wait, without executors. Of a delegation that waits for a worker, for a time or
// for its branch, the core needs its branch, its place in the dispatcher's order and its next time,
// which are a fraction of its executor. So beyond `residentsMax` executors, one that only waits is
// dropped, and the delegation is parked. Its next input loads it: its stream is read and folded as
// at a start, and the input follows. There is no other path for a delegation of a start.
//
// At a start, delegations whose view says that they only wait are parked without reading their
// streams. A stream that does not fold is found when it is loaded; what the views know to be in
// quarantine is loaded at once.

import Domain
import EventLog
import Projections
import Workflows

extension EngineCore {
  /// The state of the log at a start.
  package struct Start: Sendable {
    /// Every delegation that has not ended.
    package var live: [LiveDelegation]
    /// Those that have ended and have something to do for their pull request.
    package var ended: [DelegationID]
    /// The streams of the live ones with a lease. Workers ask for them at once.
    package var leased: [DelegationID: [RecordedEvent]]
    /// The streams of the workers.
    package var workers: [WorkerID: [RecordedEvent]]

    package init(
      live: [LiveDelegation], ended: [DelegationID], leased: [DelegationID: [RecordedEvent]],
      workers: [WorkerID: [RecordedEvent]]
    ) {
      self.live = live
      self.ended = ended
      self.leased = leased
      self.workers = workers
    }
  }

  /// The branch of a delegation without an executor.
  struct Branch: Sendable {
    var repository: RepositoryName
    var name: String

    init(repository: RepositoryName, name: String) {
      self.repository = repository
      self.name = name
    }
    init(of request: Requested) { self.init(repository: request.repository, name: request.branch) }
  }

  /// The inputs of a delegation whose stream is being read.
  struct Loading: Sendable {
    var inputs: [Executor.Input] = []
    /// The worker that is reserved for it.
    var worker: WorkerID?
  }

  /// Whether the delegation has an executor, or will have one for its next input.
  package func isTracked(_ id: DelegationID) -> Bool { executors[id] != nil || isAway(id) }

  /// Whether the delegation is tracked without an executor.
  func isAway(_ id: DelegationID) -> Bool { parked[id] != nil || loading[id] != nil }

  // MARK: Starts

  mutating func start(_ start: Start, _ now: Moment, _ actions: inout [Action]) {
    lastTick = now.monotonic
    for (id, events) in start.workers.sorted(by: { $0.key < $1.key }) {
      var keeper = makeKeeper(id, now)
      _ = keeper.step(.reloaded(events))
      table.insert(keeper)
    }
    for id in configuration.localWorkers {
      if workers[id] == nil { table.insert(makeKeeper(id, now)) }
      startProcess(id, &actions)
    }
    let live = start.live.filter { unreadable[.delegation($0.id)] == nil && !isTracked($0.id) }
    var names: [String: RepositoryName] = [:]
    // Of those that share a branch, the one that was at work goes on first.
    for one in live.sorted(by: LiveDelegation.precedes) {
      let known = names[one.repository] ?? RepositoryName(one.repository)
      guard let repository = known else { continue }
      names[one.repository] = repository
      park(one.id, on: Branch(repository: repository, name: one.branch))
    }
    let leased = start.leased.keys.filter { executors[$0] == nil }.sorted()
    for id in leased { takeUp(id, start.leased[id] ?? [], now, &actions) }
    for id in leased { feed(id, .wake, now, &actions) }
    for one in live where start.leased[one.id] == nil && !wait(one, now) {
      load(one.id, for: .wake, now, &actions)
    }
    for id in start.ended where unreadable[.delegation(id)] == nil {
      load(id, for: .wake, now, &actions)
    }
  }

  /// Notes what a parked delegation waits for.
  /// - Returns: false if it has to be loaded: it has something to do now, or its row does not say
  ///   enough.
  private mutating func wait(_ one: LiveDelegation, _ now: Moment) -> Bool {
    guard let branch = parked[one.id], !one.isCancelled, !one.isQuarantined,
      let workflow = workflows[one.digest], let intent = one.nextIntent
    else { return false }
    if Self.stepsOfForge.contains(intent), let due = one.retryAt, due > now.wall {
      wakes.set(one.id, to: due)
      return true
    }
    // A later attempt may have another agent, and a follow-up may go to its former worker.
    guard intent == Intent.dispatch.name, one.attempt == 0, !one.isFollowUp, one.retryAt == nil,
      branches.first(branch.repository, branch.name) == one.id
    else { return false }
    dispatcher.insert(
      Dispatcher.Candidate(
        delegation: one.id, repository: branch.repository, requester: one.requester,
        priority: one.priority, stamp: one.stamp, agent: one.agent,
        repositoryLimit: workflow.limits.perRepository,
        requesterLimit: workflow.limits.perRequester))
    return true
  }

  /// The intents before a delegation has its pull request. Only their own tries are waited for.
  private static let stepsOfForge = Set(
    [Intent.resolveBase, .createBranch, .commitTask, .openPullRequest, .adopt(pullRequest: 0)]
      .map(\.name))

  // MARK: Parking

  private mutating func park(_ id: DelegationID, on branch: Branch) {
    _ = branches.enter(id, branch.repository, branch.name)
    parked[id] = branch
  }

  /// Drops the executor of a delegation that only waits, if there are many executors.
  mutating func parkIfCrowded(_ id: DelegationID, _ now: Moment) {
    guard executors.count > configuration.residentsMax, let executor = executors[id],
      executor.usesBranch, executor.onlyWaits(at: now.wall), !followers.wait(for: id),
      !limited.contains(id),
      let request = executor.state.delegation?.request
    else { return }
    executors[id] = nil
    parked[id] = Branch(of: request)
  }

  // MARK: Loading

  /// Keeps an input until the stream of its delegation is read.
  mutating func load(
    _ id: DelegationID, for input: Executor.Input, _ now: Moment, _ actions: inout [Action]
  ) {
    if let reason = unreadable[.delegation(id)] {
      guard case .command(_, _, let reply?) = input else { return }
      actions.append(.reply(reply, .failed(.corrupt(CorruptStream(unreadable: reason)))))
      return
    }
    switch input {
    case .command, .wake, .assign: break
    case .branchMoved, .recorded, .notRecorded, .reloaded, .unreadable, .answered: return
    }
    var waiting = loading[id] ?? Loading()
    if loading[id] == nil { actions.append(.read(.delegation(id), loads: true)) }
    waiting.inputs.append(input)
    if case .assign(let assignee) = input {
      waiting.worker = assignee.worker
      occupied[assignee.worker] = id
      table.touch(assignee.worker)
    }
    loading[id] = waiting
  }

  /// Takes the stream of a delegation that was read, and passes the kept inputs on.
  mutating func loaded(
    _ id: DelegationID, _ events: [RecordedEvent], _ now: Moment, _ actions: inout [Action]
  ) {
    let wasUnreadable = unreadable.removeValue(forKey: .delegation(id)) != nil
    let waiting = loading.removeValue(forKey: id) ?? Loading()
    if executors[id] == nil, !events.isEmpty { takeUp(id, events, now, &actions) }
    if executors[id] != nil {
      // It is not parked between two of them: the worker that is reserved for it would count as
      // free, and a second delegation would get it.
      for input in waiting.inputs {
        // That its agent is at its provider's limit is known now. It waits, or has another agent.
        if case .assign = input, isLimited(id, now.wall) {
          feed(id, .wake, now, &actions, parks: false)
        } else {
          feed(id, input, now, &actions, parks: false)
        }
      }
      if wasUnreadable { feed(id, .wake, now, &actions, parks: false) }
      parkIfCrowded(id, now)
    } else {
      // Nobody requested this delegation. To load it again would find nothing again.
      for case .command(_, _, let reply?) in waiting.inputs {
        actions.append(.reply(reply, .rejected(.notAllowed(command: "this", state: nil))))
      }
      answerFollowers(of: id, &actions)
    }
    // It may have something else to do than to go to the worker that was reserved for it.
    if let worker = waiting.worker, occupied[worker] == id, executors[id]?.worker != worker {
      occupy(worker, by: nil)
    }
  }

  private mutating func takeUp(
    _ id: DelegationID, _ events: [RecordedEvent], _ now: Moment, _ actions: inout [Action]
  ) {
    var executor = Executor(
      id: id, events: events, workflows: workflows, capabilities: configuration.capabilities)
    if let branch = parked.removeValue(forKey: id) {
      executor.usesBranch = true
      executor.isHeld = branches.first(branch.repository, branch.name) != id
    } else {
      // One that has ended gets its turn on the branch before it goes on.
      executor.isHeld = executor.state.name?.isTerminal ?? false
    }
    executors[id] = executor
    if let lease = executor.state.workingLease { occupy(lease.worker, by: executor) }
    if let met = executor.limitMet { note(met, by: id, now.wall) }
    followBranch(id, now, &actions)
  }

  /// Gives up what an unreadable delegation without an executor has.
  mutating func forgetAway(_ id: DelegationID, _ now: Moment, _ actions: inout [Action]) {
    let waiting = loading.removeValue(forKey: id)
    if let worker = waiting?.worker, occupied[worker] == id { occupy(worker, by: nil) }
    if let branch = parked.removeValue(forKey: id) { leaveBranch(id, branch, now, &actions) }
    let fault = CorruptStream(unreadable: unreadable[.delegation(id)] ?? "")
    for case .command(_, _, let reply?) in waiting?.inputs ?? [] {
      actions.append(.reply(reply, .failed(.corrupt(fault))))
    }
  }
}

extension LiveDelegation {
  /// Which of two delegations of one branch goes on first after a start.
  fileprivate static func precedes(_ a: LiveDelegation, _ b: LiveDelegation) -> Bool {
    func order(_ one: LiveDelegation) -> (Int, Int64) {
      (one.hasLease || one.hasCommit ? 0 : one.hasPullRequest ? 1 : 2, one.stamp.milliseconds)
    }
    return order(a) < order(b)
  }
}
