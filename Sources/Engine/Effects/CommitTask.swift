import Domain
import ForgePort

/// Commits the file of the task, TASK.md, on the branch.
///
/// Identity: the trailer `Aipm-Delegation` without `Aipm-Attempt`; author, committer, dates and the
/// blob that it replaces are fixed, so the same commit has the same SHA in every try. Adopted: the
/// commit with that trailer between base and head.
struct CommitTask: Effect {
  let context: EffectContext
  let base: BaseResolved
  let approach: Approach
  /// The last failure of this step, if there was one, and how many there were.
  let lastFailure: FailedTry?
  private var phase = Phase.writing
  private var ambiguous = false
  /// The blob was read again after a conflict. A second conflict has another cause.
  private var readAgain = false
  private var replaces: ObjectID?

  private enum Phase { case writing, lookingUp, reading }

  init(context: EffectContext, base: BaseResolved, approach: Approach, lastFailure: FailedTry?) {
    self.context = context
    self.base = base
    self.approach = approach
    self.lastFailure = lastFailure
    replaces = base.taskBlob
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
    case .reading: return afterRead(answers.only.forge)
    }
  }

  private mutating func write() -> EffectStep {
    phase = .writing
    let commit = FileCommit(
      path: context.texts.taskFilePath, branch: context.branch, content: context.texts.taskFile,
      message: context.texts.taskCommitMessage, replaces: replaces,
      date: context.delegation.requestedAt)
    return .calls([.forge(.putFile(context.repository, commit))])
  }

  private mutating func lookUp() -> EffectStep {
    phase = .lookingUp
    return .calls([
      .forge(.compare(context.repository, base: base.sha, head: context.branch))
    ])
  }

  private mutating func afterWrite(_ answer: ForgeAnswer) -> EffectStep {
    switch answer {
    case .success(.committed(let sha)):
      return .done(.record(.recordTaskCommit(TaskCommitted(sha: sha, adopted: false))))
    case .success: return .done(.fault(.unexpected(.commitTask)))
    case .failure(let fault) where fault.kind == .conflict || fault.kind == .exists:
      return lookUp()
    case .failure(let fault) where fault.kind.mayHaveHappened:
      ambiguous = true
      return lookUp()
    case .failure(let fault) where fault.kind == .notFound: return .done(.fault(branchGone(fault)))
    case .failure(let fault): return .done(.fault(StepFault(.commitTask, fault)))
    }
  }

  private mutating func afterLookUp(_ answer: ForgeAnswer) -> EffectStep {
    switch answer {
    case .success(.commits(let commits)):
      if let ours = commits.first(where: { Trailers.isTaskCommit($0.message, of: context.id) }) {
        return .done(.record(.recordTaskCommit(TaskCommitted(sha: ours.sha, adopted: true))))
      }
      return afterNothingFound(commits)
    case .success: return .done(.fault(.unexpected(.commitTask)))
    case .failure(let fault) where fault.kind == .notFound: return .done(.fault(branchGone(fault)))
    case .failure(let fault):
      return .done(.fault(StepFault(.commitTask, fault).carrying(ambiguous: ambiguous)))
    }
  }

  private mutating func afterNothingFound(_ commits: [ForgeCommit]) -> EffectStep {
    if approach == .lookUpOnly { return .done(.absent) }
    if ambiguous {
      return .done(
        .fault(
          StepFault(
            step: .commitTask, kind: .transient(.noAnswer, ambiguous: true, notBefore: nil),
            message: "the answer to committing TASK.md was lost, and the commit is not to be seen",
            hint: nil)))
    }
    if phase == .lookingUp, approach == .lookUpFirst, !readAgain, !wrote {
      wrote = true
      return write()
    }
    if readAgain {
      return .done(
        .fault(
          StepFault(
            step: .commitTask, kind: .transient(.conflict, ambiguous: false, notBefore: nil),
            message: "the branch keeps changing while TASK.md is committed", hint: nil)))
    }
    // The recorded blob is not the one at the base: the base moved between two reads.
    readAgain = true
    phase = .reading
    return .calls([
      .forge(
        .fileBlob(
          context.repository, path: context.texts.taskFilePath, ref: base.sha.rawValue))
    ])
  }
  private var wrote = false

  private mutating func afterRead(_ answer: ForgeAnswer) -> EffectStep {
    switch answer {
    case .success(.blob(let blob)):
      replaces = blob
      return write()
    case .success: return .done(.fault(.unexpected(.commitTask)))
    case .failure(let fault) where fault.kind == .notFound:
      replaces = nil
      return write()
    case .failure(let fault): return .done(.fault(StepFault(.commitTask, fault)))
    }
  }

  /// A new branch may not be visible at once. A branch that stays invisible was deleted: at least
  /// the fifth try, and the second in a row that does not see it. One look that misses the branch
  /// proves nothing, however often the step has failed before for other reasons.
  private func branchGone(_ fault: ForgeFault) -> StepFault {
    guard let lastFailure, lastFailure.code == .notYetVisible, lastFailure.tries >= 4 else {
      return StepFault(
        step: .commitTask, kind: .transient(.notYetVisible, ambiguous: ambiguous, notBefore: nil),
        message: fault.message, hint: nil)
    }
    return .diverged(
      .commitTask, "the branch \(context.branch) is gone",
      hint: "Somebody deleted it: submit again.")
  }
}
