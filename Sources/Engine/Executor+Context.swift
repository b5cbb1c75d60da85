import Domain
import Projections
import Workflows

/// What the executor's effects need to know.
extension Executor {
  var context: EffectContext? {
    guard let delegation = state.delegation, let workflow, let text else { return nil }
    return EffectContext(
      delegation: delegation,
      texts: EffectContext.Texts(
        id: id, workflow: workflow, words: text, request: delegation.request,
        branchRecord: branchRecord ?? (0, []),
        facts: NoticeFacts(
          attempt: delegation.attempt, commit: generated?.sha, figures: generated?.figures,
          failure: lastFailure, usage: usage, refusals: refusals, words: words,
          secret: requestHash)),
      capabilities: capabilities, inheritedNotice: inheritedNotice)
  }

  /// nil unless it is `Failed`: an earlier failure before a retry is no longer of interest.
  var lastFailure: Failed? { if case .failed = state { failed } else { nil } }

  /// The last words of the last attempt's agent.
  var words: String? { lastFailure == nil ? generated?.words : failed?.words }

  /// The usage of the last attempt's agent, for people.
  var usage: String? {
    if case .failed = state { return failed?.usage.summary }
    return generated?.usage.summary ?? generated?.figures?.usageText
  }

  var refusals: NoticeFacts.Refusals? {
    guard let network, network.hostsRefused > 0 else { return nil }
    return NoticeFacts.Refusals(
      hosts: network.refusedNames, line: network.lineAllowingRefused)
  }

  var unreadable: StepFault {
    let missing = text == nil ? "the user's text was redacted" : "its workflow is not known"
    return StepFault(
      step: state.step, kind: .final(.forgeRefused, retryable: false),
      message: "the delegation cannot go on: \(missing)", hint: "Submit it again.")
  }
}

extension RetryPolicy {
  /// No second try.
  static let never = RetryPolicy(
    firstDelay: .seconds(1), maximumDelay: .seconds(1), triesMax: 1)
}

extension DelegationEvent {
  /// Whether the next effect's own conflict is a sufficient look-up after this event.
  var isMilestone: Bool {
    switch self {
    case .requested, .baseResolved, .branchCreated, .taskCommitted, .pullRequestCreated,
      .generated:
      true
    case .dispatched, .generating, .pushed, .failed, .stepFailed, .released, .cancelRequested,
      .retryRequested, .pullRequestUpdated, .actionDone, .networkUsed, .conversation:
      false
    }
  }
}
