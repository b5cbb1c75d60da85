// What is to be done next, derived from where a delegation stands. There is no list of pending work
// anywhere: after a start, a crash or a take-over, this function says it again.

package enum Intent: Equatable, Sendable {
  case resolveBase
  case createBranch
  case commitTask
  case openPullRequest
  /// Read the branch and the pull request that the delegation was given.
  case adopt(pullRequest: Int)
  /// Give it to a worker.
  case dispatch
  /// A worker has it; its result, or the end of its lease, is the next thing.
  case awaitWorker(Lease)
  case push(Generated)
  /// Say or do on the pull request what the workflow wants.
  case act(Notice)
  /// The worker is to end the agent.
  case stopAgent(Lease)
  /// Cancelled while an effect may have happened: look, record what is there, and end.
  case settle(Step)
  /// Cancelled with nothing under way.
  case cancel

  /// The word that the API shows.
  package var name: String {
    switch self {
    case .resolveBase: "resolve-base"
    case .createBranch: "create-branch"
    case .commitTask: "commit-task"
    case .openPullRequest: "open-pull-request"
    case .adopt: "adopt"
    case .dispatch: "dispatch"
    case .awaitWorker: "generate"
    case .push: "push"
    case .act: "act"
    case .stopAgent: "stop-agent"
    case .settle: "settle-cancellation"
    case .cancel: "cancel"
    }
  }
}

extension DelegationState {
  /// nil before anything was asked, and in a terminal state once all that is owed is done.
  package var nextIntent: Intent? {
    switch self {
    case .absent: return nil
    case .pushed, .failed: return owedNotice.map { .act($0) }
    case .requested(let d):
      if let ending = d.ending { return ending }
      switch d.request.kind {
      case .adopt(let number): return .adopt(pullRequest: number)
      case .delegate: return d.base == nil ? .resolveBase : .createBranch
      }
    case .branchCreated(let d): return d.ending ?? .commitTask
    case .taskCommitted(let d): return d.ending ?? .openPullRequest
    case .pullRequestCreated(let d):
      if let unpushed = d.unpushed { return .push(unpushed) }
      return d.ending ?? owedNotice.map { .act($0) } ?? .dispatch
    case .dispatched(let d, let lease):
      return d.cancelRequested ? .stopAgent(lease) : .awaitWorker(lease)
    case .generating(let d, let generation):
      if let accepted = generation.accepted { return .push(accepted) }
      return d.cancelRequested ? .stopAgent(generation.lease) : .awaitWorker(generation.lease)
    }
  }

  /// Not before this moment; nil: now. An end waits for nothing.
  package var nextIntentDue: Timestamp? {
    switch nextIntent {
    case nil, .cancel, .stopAgent: nil
    case .act: delegation?.trouble?.retryAt
    case .resolveBase, .createBranch, .commitTask, .openPullRequest, .adopt, .dispatch,
      .awaitWorker, .push, .settle:
      // A notice that has to be tried again holds up nothing.
      delegation?.trouble.flatMap { $0.step == .act ? nil : $0.retryAt }
    }
  }

  /// What the workflow wants said or done on the pull request now, and is not. One that could not
  /// be done before the work began is tried again after it.
  package var owedNotice: Notice? {
    switch self {
    case .absent, .requested, .branchCreated, .taskCommitted, .dispatched, .generating: nil
    case .pullRequestCreated(let d):
      d.unpushed == nil && !d.cancelRequested && d.trouble?.step != .act ? d.owes(.opened) : nil
    case .pushed(let d, _): d.owes(.opened) ?? d.owes(.pushed)
    case .failed(let d, let failure):
      d.owes(.opened) ?? d.owes(failure.code == .cancelled ? .cancelled : .failed)
    }
  }

  /// The step that the delegation stands at, for telling where it failed.
  package var step: Step {
    switch self {
    case .absent: return .resolveBase
    case .requested(let d):
      if case .adopt = d.request.kind { return .adopt }
      return d.base == nil ? .resolveBase : .createBranch
    case .branchCreated: return .commitTask
    case .taskCommitted: return .openPullRequest
    case .pullRequestCreated(let d): return d.unpushed == nil ? .prepare : .push
    case .dispatched: return .generate
    case .generating(_, let generation): return generation.accepted == nil ? .generate : .push
    case .pushed: return .act
    case .failed(_, let failure): return failure.step
    }
  }
}

/// Something to be said or done on the pull request.
package struct Notice: Equatable, Sendable {
  package var moment: NoticeMoment
  /// By what it is found again; an attempt that fails is told of once.
  package var marker: String

  package init(moment: NoticeMoment, marker: String) {
    self.moment = moment
    self.marker = marker
  }
}

extension Delegation {
  fileprivate func owes(_ moment: NoticeMoment) -> Notice? {
    guard pullRequest != nil, request.notices.contains(moment) else { return nil }
    let marker: String =
      switch moment {
      case .opened, .pushed: moment.rawValue
      case .failed, .cancelled: "\(moment.rawValue)-\(attempt)"
      }
    return actionsDone.contains(marker) ? nil : Notice(moment: moment, marker: marker)
  }

  /// How a cancellation goes on while no worker has the delegation.
  var ending: Intent? {
    guard cancelRequested else { return nil }
    if let trouble, trouble.ambiguous { return .settle(trouble.step) }
    return .cancel
  }
}
