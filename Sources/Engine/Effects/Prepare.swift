import Domain
import ForgePort

/// Fetches the branch into the server's mirror and reads its head, before a worker gets it.
///
/// If the branch already has a commit of this delegation, because an earlier push succeeded but was
/// not recorded, it is recorded as generated and pushed: no agent runs for it.
struct Prepare: Effect {
  let context: EffectContext
  let taskCommit: ObjectID

  mutating func start() -> EffectStep {
    .calls([
      .git(.fetch(context.repository, branch: context.branch, after: taskCommit))
    ])
  }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    switch answers.only.git {
    case .success(.branch(.some(let branch))):
      for commit in branch.commits {
        guard let attempt = Trailers.generatedAttempt(commit.message, of: context.id),
          let parent = commit.parents.first
        else { continue }
        return .done(
          .record(.recordFound(commit: commit.sha, parent: parent, attempt: attempt)))
      }
      return .done(.prepared(head: branch.head))
    case .success(.branch(.none)):
      return .done(
        .fault(
          .diverged(
            .prepare, "the branch \(context.branch) is gone",
            hint: "Somebody deleted it: restore it on the forge and retry, or submit again.")))
    case .success(.pushed): return .done(.fault(.unexpected(.prepare)))
    case .failure(let fault): return .done(.fault(StepFault(.prepare, fault)))
    }
  }
}
