import Domain
import ForgePort

/// Reads a branch and a pull request that existed before the delegation, and writes nothing.
struct Adopt: Effect {
  let context: EffectContext
  let number: Int

  mutating func start() -> EffectStep {
    .calls([.forge(.pullRequest(context.repository, number: number))])
  }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    switch answers.only.forge {
    case .success(.pullRequest(let found)): return adopt(found)
    case .success: return .done(.fault(.unexpected(.adopt)))
    case .failure(let fault) where fault.kind == .notFound:
      return .done(
        .fault(
          refused(
            "there is no pull request \(number) in \(context.repository)",
            hint: "Check the number and the repository.")))
    case .failure(let fault): return .done(.fault(StepFault(.adopt, fault)))
    }
  }

  private func adopt(_ found: ForgePullRequest) -> EffectStep {
    if case .followUp = context.delegation.request.kind, found.state != .open {
      return .done(
        .fault(
          refused(
            "pull request \(number) is \(found.state.rawValue)",
            hint: "Reopen it on the forge and retry, or submit a new task.")))
    }
    guard found.headBranch == context.branch else {
      return .done(
        .fault(
          refused(
            "pull request \(number) is of the branch \(found.headBranch), not \(context.branch)",
            hint: "Name the branch that the pull request is made of.")))
    }
    return .done(
      .record(
        .recordAdoption(
          Adoption(
            base: BaseResolved(branch: found.baseBranch, sha: found.headSHA, taskBlob: nil),
            head: found.headSHA,
            pullRequest: PullRequestCreated(
              number: found.number, url: found.url, adopted: true)))))
  }

  private func refused(_ message: String, hint: String) -> StepFault {
    StepFault(
      step: .adopt, kind: .final(.forgeRefused, retryable: false), message: message, hint: hint)
  }
}
