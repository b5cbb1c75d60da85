import Domain
import Workflows

/// An executor's data for the dispatcher and the workers.
extension Executor {
  /// The worker that has the delegation or is reserved for it.
  var worker: WorkerID? { state.workingLease?.worker ?? assignee?.worker }

  var candidate: Dispatcher.Candidate? {
    guard let request = state.delegation?.request else { return nil }
    return Dispatcher.Candidate(
      delegation: id, repository: request.repository, requester: request.requester,
      priority: request.priority, stamp: request.stamp, agent: request.agent,
      repositoryLimit: workflow?.limits.perRepository,
      requesterLimit: workflow?.limits.perRequester)
  }

  /// Which of two delegations of one branch goes on first after a start.
  static func precedes(_ a: Executor, _ b: Executor) -> Bool {
    func order(_ executor: Executor) -> (Int, Int64) {
      let stamp = executor.state.delegation?.request.stamp.milliseconds ?? 0
      if executor.state.lease != nil || executor.state.commitToPush != nil { return (0, stamp) }
      return (executor.state.delegation?.pullRequest == nil ? 2 : 1, stamp)
    }
    return order(a) < order(b)
  }

  /// Counts against the limits of its repository and its requester.
  var running: Dispatcher.Running? {
    guard let request = state.delegation?.request else { return nil }
    return Dispatcher.Running(repository: request.repository, requester: request.requester)
  }

  /// The plan for the delegation's worker; nil until the head is known.
  var plan: WorkerPlan? {
    guard let lease = state.workingLease, let d = state.delegation else { return nil }
    let head: ObjectID
    if case .generating(_, let generation) = state {
      head = generation.head
    } else if let prepared {
      head = prepared.head
    } else if d.cancelRequested, let commit = d.taskCommit {
      // Nothing will be checked out, so the branch's head is not needed.
      head = commit
    } else {
      return nil
    }
    return WorkerPlan(delegation: id, lease: lease, head: head, cancel: d.cancelRequested)
  }
}

/// The changes of one step that concern others. The executor is changed in place: a copy would cost
/// more than most steps.
struct Advance {
  var actions: [EngineCore.Action]
  var wakeAt: Timestamp?
  /// The worker before and after the step.
  var before: WorkerID?
  var after: WorkerID?
  /// nil if it does not wait for a worker.
  var candidate: Dispatcher.Candidate?
  var isAtRest: Bool
  var round: RoundChange?

  init(of executor: inout Executor, _ input: Executor.Input, at now: Timestamp) {
    before = executor.worker
    let state = executor.state.name
    actions = executor.step(input, now: now)
    wakeAt = executor.wakeAt
    isAtRest = executor.isAtRest
    after = isAtRest ? nil : executor.worker
    round = RoundChange(from: state, to: executor.state)
    candidate = executor.isReady(at: now) ? executor.candidate : nil
  }
}
