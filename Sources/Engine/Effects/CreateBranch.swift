import Domain
import ForgePort

/// Creates the branch at the recorded base.
///
/// Identity: the name, which no other delegation of the log has, and the base's SHA. Adopted: a
/// branch at the base, or one with this delegation's task commit on the base. Any other branch of
/// that name belongs to somebody else.
struct CreateBranch: Effect {
  let context: EffectContext
  let base: ObjectID
  let approach: Approach
  private var phase = Phase.writing
  /// A write was sent and its answer was lost.
  private var ambiguous = false

  private enum Phase {
    case writing, lookingUp, comparing
    /// The forge did not create the branch, perhaps because its name clashes with another one.
    case seekingClash(ForgeFault)
  }

  init(context: EffectContext, base: ObjectID, approach: Approach) {
    self.context = context
    self.base = base
    self.approach = approach
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
    case .comparing: return afterCompare(answers.only.forge)
    case .seekingClash(let fault): return afterSeeking(answers, fault)
    }
  }

  private mutating func write() -> EffectStep {
    phase = .writing
    return .calls([
      .forge(.createBranch(context.repository, branch: context.branch, sha: base))
    ])
  }

  private mutating func lookUp() -> EffectStep {
    phase = .lookingUp
    return .calls([.forge(.branch(context.repository, branch: context.branch))])
  }

  private mutating func afterWrite(_ answer: ForgeAnswer) -> EffectStep {
    switch answer {
    case .success: return .done(.record(.recordBranch(BranchCreated(sha: base, adopted: false))))
    case .failure(let fault) where fault.kind == .exists: return lookUp()
    case .failure(let fault) where fault.kind.mayHaveHappened:
      ambiguous = true
      return lookUp()
    case .failure(let fault) where fault.kind == .possibleNameClash: return seekClash(fault)
    case .failure(let fault): return .done(.fault(StepFault(.createBranch, fault)))
    }
  }

  /// Looks for a branch `a` that prevents `a/b`. If such a branch exists, the fault is final;
  /// otherwise the forge failed temporarily.
  private mutating func seekClash(_ fault: ForgeFault) -> EffectStep {
    let parts = context.branch.split(separator: "/", omittingEmptySubsequences: false)
    let above = (1..<max(parts.count, 1)).map { parts.prefix($0).joined(separator: "/") }
    guard !above.isEmpty else { return .done(.fault(StepFault(.createBranch, fault))) }
    phase = .seekingClash(fault)
    return .calls(above.map { .forge(.branch(context.repository, branch: $0)) })
  }

  private func afterSeeking(_ answers: [Answer], _ fault: ForgeFault) -> EffectStep {
    for answer in answers {
      guard case .success(.head(.some)) = answer.forge else { continue }
      return .done(
        .fault(
          StepFault(
            step: .createBranch, kind: .final(.forgeRefused, retryable: false),
            message: fault.message,
            hint: "The name clashes with an existing branch, such as a if a/b is "
              + "wanted: submit again with another branch name.")))
    }
    // A failed look-up proves nothing, so the write is retried after its wait.
    for answer in answers {
      guard case .failure(let other) = answer.forge else { continue }
      let wait = StepFault(.createBranch, other)
      if case .transient = wait.kind { return .done(.fault(wait)) }
    }
    return .done(.fault(StepFault(.createBranch, fault)))
  }

  private mutating func afterLookUp(_ answer: ForgeAnswer) -> EffectStep {
    switch answer {
    case .success(.head(.none)):
      if approach == .lookUpOnly { return .done(.absent) }
      if approach == .lookUpFirst, !ambiguous { return write() }
      return .done(.fault(notSeen))
    case .success(.head(.some(let head))):
      if head == base {
        return .done(.record(.recordBranch(BranchCreated(sha: base, adopted: true))))
      }
      phase = .comparing
      return .calls([
        .forge(.compare(context.repository, base: base, head: context.branch))
      ])
    case .success: return .done(.fault(.unexpected(.createBranch)))
    case .failure(let fault): return .done(.fault(lookUpFault(fault)))
    }
  }

  private func afterCompare(_ answer: ForgeAnswer) -> EffectStep {
    switch answer {
    case .success(.commits(let commits)):
      let isOurs =
        commits.first.map {
          $0.parents == [base] && Trailers.isTaskCommit($0.message, of: context.id)
        } ?? false
      guard isOurs else { return .done(.fault(diverged)) }
      return .done(.record(.recordBranch(BranchCreated(sha: base, adopted: true))))
    case .success: return .done(.fault(.unexpected(.createBranch)))
    case .failure(let fault) where fault.kind == .notFound: return .done(.fault(diverged))
    case .failure(let fault): return .done(.fault(lookUpFault(fault)))
    }
  }

  /// After a failed look-up the result of the write is still unknown.
  private func lookUpFault(_ fault: ForgeFault) -> StepFault {
    StepFault(.createBranch, fault).carrying(ambiguous: ambiguous)
  }

  private var notSeen: StepFault {
    StepFault(
      step: .createBranch, kind: .transient(.noAnswer, ambiguous: true, notBefore: nil),
      message: "the answer to making the branch was lost, and the branch is not to be seen",
      hint: nil)
  }

  private var diverged: StepFault {
    .diverged(
      .createBranch, "a branch \(context.branch) exists that is not this delegation's",
      hint: "Submit again: the next delegation gets a name of its own.")
  }
}

extension StepFault {
  /// The same fault, ambiguous if an earlier write was.
  func carrying(ambiguous: Bool) -> StepFault {
    guard ambiguous, case .transient(let code, _, let notBefore) = kind else { return self }
    var fault = self
    fault.kind = .transient(code, ambiguous: true, notBefore: notBefore)
    return fault
  }
}
