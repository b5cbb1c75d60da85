import Domain
import ForgePort
import Workflows

/// Fetches the branch into the server's mirror and reads its head, before a worker gets it, unless
/// a budget is used up.
///
/// If the branch already has a commit of this delegation, because an earlier push succeeded but was
/// not recorded, it is recorded as generated and pushed: no agent runs for it.
///
/// A follow-up that merges the base branch fetches that too, and merges the two in the mirror. If
/// nothing else is asked for and there is no conflict, that merge is its commit, and no agent runs.
/// Otherwise the agent starts from the merge. Nothing is written to the forge here, so all of it
/// may be repeated.
struct Prepare: Effect {
  let context: EffectContext
  let taskCommit: ObjectID
  /// Whether a worker has it already.
  let isAssigned: Bool
  private var head: ObjectID?
  private var base: ObjectID?
  private var costMax: Int64?

  init(context: EffectContext, taskCommit: ObjectID, isAssigned: Bool) {
    self.context = context
    self.taskCommit = taskCommit
    self.isAssigned = isAssigned
  }

  mutating func start() -> EffectStep {
    // A worker has it already, and knows what it may cost.
    guard !isAssigned else { return fetch() }
    guard context.texts.workflow.budget.looksAtMonths else { return checkBudget(MonthCost()) }
    let request = context.delegation.request
    return .calls([.monthCost(requester: request.requester, request.repository)])
  }

  private mutating func checkBudget(_ month: MonthCost?) -> EffectStep {
    guard let month else {
      return .done(
        .fault(
          StepFault(
            step: .prepare, kind: .transient(.local, ambiguous: false, notBefore: nil),
            message: "this month's cost could not be read", hint: nil)))
    }
    do throws(BudgetSpent) {
      costMax = try context.texts.workflow.budget.left(
        own: context.delegation.cost, month: month)
      return fetch()
    } catch {
      return .done(
        .fault(
          StepFault(
            step: .prepare, kind: .final(.budgetExceeded, retryable: true),
            message: error.message,
            hint: "Raise the budget in the workflow or of the server, and retry.")))
    }
  }

  private func fetch() -> EffectStep {
    let fetch = Call.git(.fetch(context.repository, branch: context.branch, after: taskCommit))
    guard let baseBranch else { return .calls([fetch]) }
    return .calls([
      fetch, .git(.fetch(context.repository, branch: baseBranch, after: taskCommit)),
    ])
  }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    if case .monthCost(let cost)? = answers.first { return checkBudget(cost) }
    if let head, let base { return afterMerge(answers.only.git, of: base, into: head) }
    switch answers.only.git {
    case .success(.branch(.some(let branch))):
      for commit in branch.commits {
        guard let attempt = Trailers.generatedAttempt(commit.message, of: context.id),
          let parent = commit.parents.first
        else { continue }
        return .done(
          .record(.recordFound(commit: commit.sha, parent: parent, attempt: attempt)))
      }
      guard baseBranch != nil else {
        return .done(.prepared(PreparedHead(head: branch.head, costMax: costMax)))
      }
      return merge(answers.dropFirst().first?.git, into: branch)
    case .success(.branch(.none)):
      return .done(
        .fault(
          .diverged(
            .prepare, "the branch \(context.branch) is gone",
            hint: "Somebody deleted it: restore it on the forge and retry, or submit again.")))
    case .success(.pushed), .success(.merged): return .done(.fault(.unexpected(.prepare)))
    case .failure(let fault): return .done(.fault(StepFault(.prepare, fault)))
    }
  }

  // MARK: The base branch

  private var kind: FollowUp.Merge? { context.delegation.request.merge }

  /// The branch to merge; nil if none is to be merged.
  private var baseBranch: String? { kind == nil ? nil : context.delegation.base?.branch }

  /// The attempt that the merge belongs to. An agent has not begun it.
  private var attempt: Int { context.delegation.attempt + 1 }

  /// - Parameter answer: the base branch.
  private mutating func merge(_ answer: GitAnswer?, into branch: GitBranch) -> EffectStep {
    switch answer {
    case .success(.branch(.some(let found))):
      (head, base) = (branch.head, found.head)
      // A lease is for an agent: the merge that it started from is made again.
      let isForAgent = kind != .alone || isAssigned
      let merging = Merging(
        delegation: context.id, head: branch.head, base: found.head,
        message: isForAgent ? nil : context.texts.mergeMessage(attempt: attempt))
      return .calls([.git(.merge(context.repository, merging))])
    case .success(.branch(.none)):
      let name = baseBranch ?? ""
      return .done(
        .fault(
          .diverged(
            .prepare, "the base branch \(name) is gone",
            hint: "Give the pull request another base branch on the forge, and retry.")))
    case .success, nil: return .done(.fault(.unexpected(.prepare)))
    case .failure(let fault): return .done(.fault(StepFault(.prepare, fault)))
    }
  }

  private func afterMerge(
    _ answer: GitAnswer, of base: ObjectID, into head: ObjectID
  ) -> EffectStep {
    switch answer {
    // The branch has the base's commits already.
    case .success(.merged(nil)):
      guard kind == .alone else {
        return .done(.prepared(PreparedHead(head: head, costMax: costMax)))
      }
      return .done(
        .fault(
          StepFault(
            step: .prepare, kind: .final(.noChanges, retryable: false),
            message: "the branch has the commits of its base branch already", hint: nil)))
    case .success(.merged(.some(let made))):
      let merge = BaseMerge(base: base, start: made.start)
      guard let commit = made.commit else {
        return .done(
          .prepared(
            PreparedHead(
              head: head, merge: merge, conflicts: made.conflicts, costMax: costMax)))
      }
      return .done(
        .record(
          .recordMerge(
            Generated(
              attempt: attempt, token: nil, sha: commit, parent: head, merge: merge,
              figures: nil))))
    case .success(.branch), .success(.pushed): return .done(.fault(.unexpected(.prepare)))
    case .failure(let fault): return .done(.fault(StepFault(.prepare, fault)))
    }
  }
}
