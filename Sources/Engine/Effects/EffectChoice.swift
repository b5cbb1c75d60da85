// The effect for each intent.

import Domain

extension EffectContext {
  /// The effect that carries out `intent`; nil if it needs no effect.
  func effect(for intent: Intent, state: DelegationState, fresh: Bool) -> (any Effect)? {
    let approach: Approach = fresh ? .writeFirst : .lookUpFirst
    switch intent {
    case .resolveBase: return ResolveBase(context: self)
    case .createBranch: return createBranch(approach)
    case .commitTask: return commitTask(approach)
    case .openPullRequest: return openPullRequest(approach)
    case .adopt(let number): return Adopt(context: self, number: number)
    case .dispatch, .awaitWorker:
      return delegation.taskCommit.map {
        Prepare(context: self, taskCommit: $0, isAssigned: state.lease != nil)
      }
    case .push(let commit):
      // A merge that the server made itself is made again.
      var mayDrop = false
      if case .pullRequestCreated = state { mayDrop = true }
      return delegation.taskCommit.map {
        Push(
          context: self, commit: commit, taskCommit: $0, mayDrop: mayDrop, approach: approach)
      }
    case .act(let notice):
      return delegation.pullRequestNumber.map {
        Act(
          context: self, notice: notice, number: $0, mayHaveBegun: mayHaveBegun(notice))
      }
    case .settle(let step): return settling(step)
    // The executor carries these out without the delegation's texts.
    case .stopAgent, .cancel, .examineFeedback, .startRound, .awaitRounds: return nil
    }
  }

  /// Whether a call for a notice may have been sent before this try: by the process that wrote the
  /// log until then, or by a try whose answer was lost.
  private func mayHaveBegun(_ notice: Notice) -> Bool {
    if notice.marker == inheritedNotice { return true }
    return delegation.failedTry.map { $0.step == .act && $0.ambiguous } ?? false
  }

  /// The look-up of a cancellation after a write whose answer was lost.
  private func settling(_ step: Step) -> (any Effect)? {
    switch step {
    case .createBranch: createBranch(.lookUpOnly)
    case .commitTask: commitTask(.lookUpOnly)
    case .openPullRequest: openPullRequest(.lookUpOnly)
    case .resolveBase, .adopt, .prepare, .generate, .push, .act, .examineFeedback, .startRound:
      Nothing()
    }
  }

  private func createBranch(_ approach: Approach) -> (any Effect)? {
    delegation.base.map { CreateBranch(context: self, base: $0.sha, approach: approach) }
  }
  private func commitTask(_ approach: Approach) -> (any Effect)? {
    delegation.base.map {
      CommitTask(
        context: self, base: $0, approach: approach, lastFailure: delegation.failedTry)
    }
  }
  private func openPullRequest(_ approach: Approach) -> (any Effect)? {
    delegation.base.map {
      OpenPullRequest(context: self, baseBranch: $0.branch, approach: approach)
    }
  }
}

/// For a step without a result to look up.
private struct Nothing: Effect {
  mutating func start() -> EffectStep { .done(.absent) }
  mutating func resume(_ answers: [Answer]) -> EffectStep { .done(.absent) }
}
