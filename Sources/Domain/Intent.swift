// The next action, derived from the state of a delegation. No list of pending work is stored: after
// a start, a crash or a take-over this function computes it again.

package enum Intent: Equatable, Sendable {
  case resolveBase
  case createBranch
  case commitTask
  case openPullRequest
  /// Read the branch and the pull request that the delegation was given.
  case adopt(pullRequest: Int)
  /// Assign it to a worker.
  case dispatch
  /// A worker has the delegation; its result or the end of its lease comes next.
  case awaitWorker(Lease)
  case push(Generated)
  /// Write the workflow's comment, labels or reviewers to the pull request.
  case act(Notice)
  /// Ask the worker to stop the agent.
  case stopAgent(Lease)
  /// Cancelled while an effect may have happened: look it up, record the result, and end.
  case settle(Step)
  /// Cancelled, with no effect in progress.
  case cancel
  /// Ask the forge whether the author of feedback may push.
  case examineFeedback(FeedbackID, author: String)
  /// Take the feedback that waits.
  case startRound
  /// Rounds are at work. Their delegations are requested, if that has not happened.
  case awaitRounds([DelegationID])

  /// The name in the API.
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
    case .examineFeedback: "examine-feedback"
    case .startRound: "start-round"
    case .awaitRounds: "await-round"
    }
  }
}

extension DelegationState {
  /// nil before the request, and in a terminal state without a pending notice.
  package var nextIntent: Intent? {
    switch self {
    case .absent: return nil
    case .pushed(let d, _), .failed(let d, _):
      return pendingNotice.map { .act($0) } ?? conversationIntent(of: d.conversation)
    case .requested(let d):
      if let ending = d.ending { return ending }
      switch d.request.kind {
      case .adopt(let number): return .adopt(pullRequest: number)
      case .followUp(let followUp): return .adopt(pullRequest: followUp.pullRequest)
      case .delegate: return d.base == nil ? .resolveBase : .createBranch
      }
    case .branchCreated(let d): return d.ending ?? .commitTask
    case .taskCommitted(let d): return d.ending ?? .openPullRequest
    case .pullRequestCreated(let d):
      if let unpushed = d.unpushed { return .push(unpushed) }
      return d.ending ?? pendingNotice.map { .act($0) } ?? .dispatch
    case .dispatched(let d, let lease):
      return d.cancelRequested ? .stopAgent(lease) : .awaitWorker(lease)
    case .generating(let d, let generation):
      if let accepted = generation.accepted { return .push(accepted) }
      return d.cancelRequested ? .stopAgent(generation.lease) : .awaitWorker(generation.lease)
    }
  }

  /// The earliest time of the next intent; nil for now. A cancellation does not wait.
  package var nextIntentDue: Timestamp? {
    switch nextIntent {
    case nil, .cancel, .stopAgent: nil
    case .act: delegation?.failedTry.flatMap { $0.step == .act ? $0.retryAt : nil }
    case .examineFeedback, .awaitRounds: conversationRetryAt
    case .startRound:
      [delegation?.conversation.startAt, conversationRetryAt].compactMap(\.self).max()
    case .resolveBase, .createBranch, .commitTask, .openPullRequest, .adopt, .dispatch,
      .awaitWorker, .push, .settle:
      // A notice that has to be retried delays nothing else.
      delegation?.failedTry.flatMap { $0.step == .act ? nil : $0.retryAt }
    }
  }

  private func conversationIntent(of conversation: Conversation) -> Intent? {
    let open = conversation.openRounds
    if !open.isEmpty { return .awaitRounds(open) }
    if let waiting = conversation.toExamine {
      return .examineFeedback(waiting.id, author: waiting.author)
    }
    return startsRound ? .startRound : nil
  }

  private var conversationRetryAt: Timestamp? {
    delegation?.failedTry.flatMap { $0.step.isOfConversation ? $0.retryAt : nil }
  }

  /// The notice that the workflow asks for in this state and that is not done yet. A notice that
  /// failed before the work began is retried after it.
  package var pendingNotice: Notice? {
    switch self {
    case .absent, .requested, .branchCreated, .taskCommitted, .dispatched, .generating: nil
    case .pullRequestCreated(let d):
      d.unpushed == nil && !d.cancelRequested && d.failedTry?.step != .act
        ? d.pendingNotice(.opened) : nil
    case .pushed(let d, _):
      d.pendingNotice(.opened) ?? d.pendingAnswer(to: nil) ?? d.pendingNotice(.pushed)
        ?? d.pendingStop
    case .failed(let d, let failure):
      d.pendingNotice(.opened) ?? d.pendingAnswer(to: failure.code)
        ?? d.pendingNotice(failure.code == .cancelled ? .cancelled : .failed) ?? d.pendingStop
    }
  }

  /// The current step, to report where the delegation failed.
  package var step: Step {
    switch self {
    case .absent: return .resolveBase
    case .requested(let d):
      switch d.request.kind {
      case .adopt, .followUp: return .adopt
      case .delegate: return d.base == nil ? .resolveBase : .createBranch
      }
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

/// A comment, labels or reviewers for the pull request.
package struct Notice: Equatable, Sendable {
  /// What it says.
  package enum Subject: Equatable, Sendable {
    /// What the workflow says at this moment.
    case moment(NoticeMoment)
    /// What a follow-up did for a thread, as a reply in it.
    case reply(thread: Int64)
    /// What a follow-up did.
    case summary
    /// Why no further round starts.
    case stop(RoundsStopped.Reason)
  }

  package var subject: Subject
  /// Identifies the notice. Each failed attempt has its own marker, so it is reported once.
  package var marker: String

  package init(_ subject: Subject, marker: String) {
    self.subject = subject
    self.marker = marker
  }

  package init(moment: NoticeMoment, marker: String) { self.init(.moment(moment), marker: marker) }
}

extension Delegation {
  fileprivate func pendingNotice(_ moment: NoticeMoment) -> Notice? {
    guard pullRequest != nil, request.notices.contains(moment) else { return nil }
    let marker: String =
      switch moment {
      case .opened, .pushed: moment.rawValue
      case .failed, .cancelled: "\(moment.rawValue)-\(attempt)"
      }
    return actionsDone.contains(marker) ? nil : Notice(moment: moment, marker: marker)
  }

  /// The next answer of a follow-up to what it answers: a reply in each thread, then a summary.
  /// Of a failure, except for a change that was not needed, only the summary speaks.
  /// - Parameter failure: nil if it succeeded.
  fileprivate func pendingAnswer(to failure: FailureCode?) -> Notice? {
    guard case .followUp(let followUp) = request.kind, failure != .cancelled else { return nil }
    // Nobody waits for the answer that the branch was up to date.
    if followUp.merge == .alone, failure == .noChanges { return nil }
    func notice(_ subject: Notice.Subject, _ marker: String) -> Notice? {
      actionsDone.contains(marker) ? nil : Notice(subject, marker: marker)
    }
    if failure == nil || failure == .noChanges {
      for thread in followUp.threads {
        if let reply = notice(.reply(thread: thread), "reply-\(thread)") { return reply }
      }
      return notice(.summary, failure == nil ? "summary" : "summary-no-changes-\(attempt)")
    }
    return notice(.summary, "summary-failed-\(attempt)")
  }

  /// The notice that a limit stopped the rounds.
  fileprivate var pendingStop: Notice? {
    guard let reason = conversation.stop else { return nil }
    let marker = "stop-\(reason.rawValue)-\(conversation.rounds.count)"
    return actionsDone.contains(marker) ? nil : Notice(.stop(reason), marker: marker)
  }

  /// The next intent of a cancelled delegation that no worker has; nil if it is not cancelled.
  var ending: Intent? {
    guard cancelRequested else { return nil }
    if let failedTry, failedTry.ambiguous { return .settle(failedTry.step) }
    return .cancel
  }
}
