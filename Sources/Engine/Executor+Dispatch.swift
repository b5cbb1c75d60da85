import Domain
import Workflows

/// What the dispatcher and the workers are told of an executor.
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

  /// What counts against the limits of its repository and its requester.
  var running: Dispatcher.Running? {
    guard let request = state.delegation?.request else { return nil }
    return Dispatcher.Running(repository: request.repository, requester: request.requester)
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

/// What one step of an executor changes for others. The executor is changed in place: a copy of it
/// would cost more than most steps.
struct Advance {
  var actions: [EngineCore.Action]
  var wakeAt: Timestamp?
  /// The worker that had it before, and that has it now.
  var before: WorkerID?
  var after: WorkerID?
  /// nil where it does not wait for a worker.
  var candidate: Dispatcher.Candidate?
  var isAtRest: Bool

  init(of executor: inout Executor, _ input: Executor.Input, at now: Timestamp) {
    before = executor.worker
    actions = executor.step(input, now: now)
    wakeAt = executor.wakeAt
    isAtRest = executor.isAtRest
    after = isAtRest ? nil : executor.worker
    candidate = executor.isReady(at: now) ? executor.candidate : nil
  }
}
