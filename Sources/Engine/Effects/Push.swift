import Domain
import ForgePort

/// Pushes the accepted commit.
///
/// Identity: the commit's SHA, recorded with `generated`, and the head that it is based on.
/// Adopted: that SHA anywhere in the branch's history after the task commit, or an earlier accepted
/// one of this delegation; if the branch does not exist, the head of the pull request.
struct Push: Effect {
  let context: EffectContext
  let commit: Generated
  let taskCommit: ObjectID
  /// True after a retry: a commit that no longer fits is given up, and the next attempt starts.
  let mayDrop: Bool
  let approach: Approach
  private var phase = Phase.pushing
  private var failure: MirrorFault?

  private enum Phase { case pushing, lookingUp, readingPullRequest }

  init(
    context: EffectContext, commit: Generated, taskCommit: ObjectID, mayDrop: Bool,
    approach: Approach
  ) {
    self.context = context
    self.commit = commit
    self.taskCommit = taskCommit
    self.mayDrop = mayDrop
    self.approach = approach
  }

  mutating func start() -> EffectStep {
    switch approach {
    case .writeFirst: return push()
    case .lookUpFirst, .lookUpOnly: return lookUp()
    }
  }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    switch phase {
    case .pushing: return afterPush(answers.only.git)
    case .lookingUp: return afterLookUp(answers.only.git)
    case .readingPullRequest: return afterPullRequest(answers.only.forge)
    }
  }

  private mutating func push() -> EffectStep {
    phase = .pushing
    return .calls([
      .git(
        .push(
          context.repository, branch: context.branch, sha: commit.sha, expected: commit.parent))
    ])
  }

  private mutating func lookUp() -> EffectStep {
    phase = .lookingUp
    return .calls([
      .git(.fetch(context.repository, branch: context.branch, after: taskCommit))
    ])
  }

  private mutating func afterPush(_ answer: GitAnswer) -> EffectStep {
    switch answer {
    case .success: return .done(.record(.recordPush(Pushed(sha: commit.sha, adopted: false))))
    case .failure(let fault):
      failure = fault
      switch fault.kind {
      case .rejected, .noAnswer, .notFound: return lookUp()
      case .objectMissing:
        return .done(
          .record(.dropCommit(message: "the commit's objects are gone: \(fault.message)")))
      case .unreachable, .limited, .down, .unauthorized, .refused, .local:
        return .done(.fault(StepFault(.push, fault)))
      }
    }
  }

  private mutating func afterLookUp(_ answer: GitAnswer) -> EffectStep {
    switch answer {
    case .success(.branch(.some(let branch))): return compare(branch)
    case .success(.branch(.none)):
      guard let number = context.delegation.pullRequest?.number else {
        return .done(.fault(gone))
      }
      phase = .readingPullRequest
      return .calls([.forge(.pullRequest(context.repository, number: number))])
    case .success(.pushed), .success(.merged): return .done(.fault(.unexpected(.push)))
    case .failure(let fault):
      return .done(.fault(StepFault(.push, fault).carrying(ambiguous: failure?.kind == .noAnswer)))
    }
  }

  private mutating func compare(_ branch: GitBranch) -> EffectStep {
    let known = Set(context.delegation.accepted + [commit.sha])
    if let ours = branch.commits.last(where: { known.contains($0.sha) }) {
      return .done(.record(.recordPush(Pushed(sha: ours.sha, adopted: true))))
    }
    guard branch.head == commit.parent else {
      let message =
        "the branch \(context.branch) moved to \(branch.head) while its code was generated on "
        + "\(commit.parent)"
      if mayDrop { return .done(.record(.dropCommit(message: message))) }
      return .done(
        .fault(
          .diverged(
            .push, message,
            hint: "Retry: the next attempt starts from the branch as it is now.")))
    }
    switch failure?.kind {
    case nil: return push()
    case .rejected(stale: true):
      // The push was rejected as stale, but the head is the expected one: somebody moved it and
      // moved it back.
      return .done(
        .fault(
          StepFault(
            step: .push, kind: .transient(.conflict, ambiguous: false, notBefore: nil),
            message: failure?.message ?? "stale", hint: nil)))
    case .rejected(stale: false), .notFound, .unauthorized, .refused, .unreachable, .limited, .down,
      .local,
      .objectMissing, .noAnswer:
      let fault = failure ?? MirrorFault(kind: .noAnswer, message: "no answer")
      return .done(.fault(StepFault(.push, fault)))
    }
  }

  private func afterPullRequest(_ answer: ForgeAnswer) -> EffectStep {
    switch answer {
    case .success(.pullRequest(let found)):
      let known = context.delegation.accepted + [commit.sha]
      guard known.contains(found.headSHA) else { return .done(.fault(gone)) }
      return .done(.record(.recordPush(Pushed(sha: found.headSHA, adopted: true))))
    case .success: return .done(.fault(.unexpected(.push)))
    case .failure(let fault) where fault.kind == .notFound: return .done(.fault(gone))
    case .failure(let fault): return .done(.fault(StepFault(.push, fault)))
    }
  }

  private var gone: StepFault {
    .diverged(
      .push, "the branch \(context.branch) is gone, and the commit is not in the pull request",
      hint: "Restore the branch on the forge and retry: the commit is kept, and will be pushed.")
  }
}
