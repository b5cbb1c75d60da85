import Domain
import ForgePort

/// Opens the pull request.
///
/// Identity: head and base. Adopted: the pull request of the delegation's branch, open or closed,
/// whose body names this delegation.
struct OpenPullRequest: Effect {
  let context: EffectContext
  let baseBranch: String
  let approach: Approach
  private var phase = Phase.writing
  private var ambiguous = false
  private var draft: Bool

  private enum Phase { case writing, lookingUp }

  init(context: EffectContext, baseBranch: String, approach: Approach) {
    self.context = context
    self.baseBranch = baseBranch
    self.approach = approach
    draft = context.delegation.request.draft && context.capabilities.draftPullRequests
  }

  mutating func start() -> EffectStep {
    switch approach {
    case .writeFirst: return write()
    case .lookUpFirst, .lookUpOnly: return lookUp()
    }
  }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    switch phase {
    case .writing: return afterWrite(answers.only.forge)
    case .lookingUp: return afterLookUp(answers.only.forge)
    }
  }

  private mutating func write() -> EffectStep {
    phase = .writing
    return .calls([
      .forge(
        .openPullRequest(
          context.repository,
          NewPullRequest(
            title: context.texts.pullRequestTitle, head: context.branch, base: baseBranch,
            body: context.texts.pullRequestBody, draft: draft)))
    ])
  }

  private mutating func lookUp() -> EffectStep {
    phase = .lookingUp
    return .calls([.forge(.pullRequests(context.repository, headBranch: context.branch))])
  }

  private mutating func afterWrite(_ answer: ForgeAnswer) -> EffectStep {
    switch answer {
    case .success(.pullRequest(let made)): return .done(record(made, adopted: false))
    case .success: return .done(.fault(.unexpected(.openPullRequest)))
    case .failure(let fault) where fault.kind == .exists: return lookUp()
    case .failure(let fault) where fault.kind.mayHaveHappened:
      ambiguous = true
      return lookUp()
    case .failure(let fault) where draft && fault.kind == .draftsUnsupported:
      draft = false
      return write()
    case .failure(let fault): return .done(.fault(StepFault(.openPullRequest, fault)))
    }
  }

  private mutating func afterLookUp(_ answer: ForgeAnswer) -> EffectStep {
    switch answer {
    case .success(.pullRequests(let found)):
      let marker = DelegationMarker.of(context.id)
      if let ours = found.first(where: {
        $0.headBranch == context.branch && $0.body.contains(marker)
      }) {
        return .done(record(ours, adopted: true))
      }
      return afterNothingFound(others: !found.isEmpty)
    case .success: return .done(.fault(.unexpected(.openPullRequest)))
    case .failure(let fault):
      return .done(.fault(StepFault(.openPullRequest, fault).carrying(ambiguous: ambiguous)))
    }
  }

  private mutating func afterNothingFound(others: Bool) -> EffectStep {
    if approach == .lookUpOnly { return .done(.absent) }
    if approach == .lookUpFirst, !ambiguous, !wrote {
      wrote = true
      return write()
    }
    if others, !ambiguous {
      return .done(
        .fault(
          .diverged(
            .openPullRequest,
            "a pull request of the branch \(context.branch) exists that does not name this "
              + "delegation",
            hint: "Close it and retry, or submit again.")))
    }
    return .done(
      .fault(
        StepFault(
          step: .openPullRequest, kind: .transient(.noAnswer, ambiguous: ambiguous, notBefore: nil),
          message: "the pull request is not to be seen after it was opened", hint: nil)))
  }
  private var wrote = false

  private func record(_ found: ForgePullRequest, adopted: Bool) -> Outcome {
    .record(
      .recordPullRequest(
        PullRequestCreated(number: found.number, url: found.url, adopted: adopted)))
  }
}
