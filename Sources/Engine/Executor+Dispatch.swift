import Domain
import Workflows

/// An executor's data for the dispatcher and the workers.
extension Executor {
  /// The worker that has the delegation or is reserved for it.
  var worker: WorkerID? { state.workingLease?.worker ?? assignee?.worker }

  var candidate: Dispatcher.Candidate? {
    guard let d = state.delegation else { return nil }
    let request = d.request
    return Dispatcher.Candidate(
      delegation: id, repository: request.repository, requester: request.requester,
      priority: request.priority, stamp: request.stamp, agent: d.agent,
      repositoryLimit: workflow?.limits.perRepository,
      requesterLimit: workflow?.limits.perRequester)
  }

  /// The first delegation of its pull request, if its agent may continue a conversation of it.
  var conversation: DelegationID? {
    guard let d = state.delegation, let workflow, workflow.keepSession.count > 0,
      workflow.agents[d.agent]?.continuesConversations ?? false
    else { return nil }
    return d.firstOfPullRequest
  }

  /// Counts against the limits of its repository and its requester.
  var running: Dispatcher.Running? {
    guard let request = state.delegation?.request else { return nil }
    return Dispatcher.Running(repository: request.repository, requester: request.requester)
  }

  /// The plan for the delegation's worker; nil until the head is known.
  var plan: WorkerPlan? {
    guard let lease = state.workingLease, let d = state.delegation else { return nil }
    let start: PreparedHead
    if case .generating(_, let generation) = state {
      // The files with conflicts are in the prompt, which the agent has.
      start = PreparedHead(head: generation.head, merge: generation.merge, costMax: costMax)
    } else if let prepared {
      start = prepared.start
    } else if d.cancelRequested, let commit = d.taskCommit {
      // Nothing will be checked out, so the branch's head is not needed.
      start = PreparedHead(head: commit)
    } else {
      return nil
    }
    return WorkerPlan(delegation: id, lease: lease, start: start, cancel: d.cancelRequested)
  }

  /// The start of an attempt, with the head and the merge that belong to the commit that its worker
  /// has checked out.
  /// - Parameter report: as the worker made it: its head is that commit.
  /// - Returns: nil if the commit is no merge that this server has assigned, although the
  ///   delegation merges its base branch.
  func started(_ report: GenerationStarted) -> GenerationStarted? {
    guard state.delegation?.request.merge != nil else { return report }
    var started = report
    if let begun = state.delegation?.begun, begun.attempt == report.attempt,
      begun.merge.start == report.head
    {
      (started.head, started.merge) = (begun.head, begun.merge)
    } else if let plan, plan.start.start == report.head {
      (started.head, started.merge) = (plan.start.head, plan.start.merge)
    } else {
      return nil
    }
    return started
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
  /// The limit of an agent's provider that it met in this step.
  var limitMet: AgentLimits.Met?

  init(of executor: inout Executor, _ input: Executor.Input, at now: Timestamp) {
    before = executor.worker
    let state = executor.state.name
    let limit = executor.limitMet
    actions = executor.step(input, now: now)
    wakeAt = executor.wakeAt
    isAtRest = executor.isAtRest
    after = isAtRest ? nil : executor.worker
    round = RoundChange(from: state, to: executor.state)
    limitMet = executor.limitMet == limit ? nil : executor.limitMet
    candidate = executor.isReady(at: now) ? executor.candidate : nil
  }
}
