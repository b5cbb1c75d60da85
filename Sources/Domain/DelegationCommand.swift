// What may be asked of a delegation, by users, by the executor for what it has done, and by workers
// for what they have.

package enum DelegationCommand: Equatable, Sendable {
  case request(Requested)

  // What the executor found or did on the forge.
  case recordBase(BaseResolved)
  case recordBranch(BranchCreated)
  case recordTaskCommit(TaskCommitted)
  case recordPullRequest(PullRequestCreated)
  /// A branch and a pull request that were there before the delegation.
  case recordAdoption(Adoption)
  case recordFound(commit: ObjectID, parent: ObjectID, attempt: Int)
  case recordPush(Pushed)
  case failStep(StepFault, RetryPolicy)
  /// The accepted commit does not stand on the branch's head any more, or its objects are gone.
  case dropCommit(message: String)
  /// Nothing of this delegation is under way any more: a cancellation can be carried out.
  case settleCancellation

  // The dispatcher's, and what workers hand in. Each carries the token that it speaks for.
  case dispatch(worker: WorkerID, incarnation: Int, token: FencingToken)
  case resume(worker: WorkerID, incarnation: Int, attempt: Int, token: FencingToken)
  case startGenerating(GenerationStarted)
  case acceptCommit(Generated)
  case endAttempt(AttemptEnd)
  case confirmStopped(attempt: Int, token: FencingToken, usage: AgentUsage = AgentUsage())
  /// What the attempt used of the network, with the report that ends it: one append holds both.
  indirect case recordNetwork(NetworkUsed, then: DelegationCommand)

  // People's, and the forge's.
  case cancel
  case retry
  /// As the forge tells of it, which may be late.
  case updatePullRequest(PullRequestState, asOf: Timestamp? = nil)
  case recordAction(marker: String, failure: String? = nil)
}

/// A branch and a pull request that were there, as they were read.
package struct Adoption: Equatable, Sendable {
  package var base: BaseResolved
  package var head: ObjectID
  package var pullRequest: PullRequestCreated
  package init(base: BaseResolved, head: ObjectID, pullRequest: PullRequestCreated) {
    self.base = base
    self.head = head
    self.pullRequest = pullRequest
  }
}

/// A go at a step that went wrong.
package struct StepFault: Equatable, Sendable {
  /// Whether another try may help.
  package enum Kind: Equatable, Sendable {
    /// Worth another try, not before the moment that the forge named.
    case transient(FaultCode, ambiguous: Bool, notBefore: Timestamp?)
    /// Trying again changes nothing by itself.
    case final(FailureCode, retryable: Bool)
  }
  package var step: Step
  package var kind: Kind
  package var message: String
  package var hint: String?
  package init(step: Step, kind: Kind, message: String, hint: String?) {
    self.step = step
    self.kind = kind
    self.message = message
    self.hint = hint
  }
}

/// An attempt that ended without a commit.
package struct AttemptEnd: Equatable, Sendable {
  /// How it ended.
  package enum Outcome: Equatable, Sendable {
    /// Another attempt follows where the cause and the limits allow it.
    case released(ReleaseCause)
    /// The change was refused: the same agent would make it again.
    case refused
  }
  package var attempt: Int
  package var token: FencingToken
  package var outcome: Outcome
  package var message: String?
  package var hint: String?
  /// What the agent reported that it used until then.
  package var usage: AgentUsage
  package init(
    attempt: Int, token: FencingToken, outcome: Outcome, message: String?, hint: String? = nil,
    usage: AgentUsage = AgentUsage()
  ) {
    self.usage = usage
    self.attempt = attempt
    self.token = token
    self.outcome = outcome
    self.message = message
    self.hint = hint
  }
}

/// Why a command was not carried out. Nothing was changed by it.
package enum Rejection: Error, Equatable, Sendable, CustomStringConvertible {
  case notAllowed(command: String, state: DelegationStateName?)
  /// The token or attempt is not the lease's: somebody else has the delegation now.
  case superseded
  /// A commit was accepted: the push is under way and can't be stopped.
  case pushUnderWay
  /// A cancellation came first.
  case cancelled

  package var description: String {
    switch self {
    case .notAllowed(let command, let state):
      "\(command) is not possible in state \(state?.rawValue ?? "absent")"
    case .superseded: "this attempt was superseded: its lease belongs to somebody else"
    case .pushUnderWay: "the generated commit was accepted and its push is under way"
    case .cancelled: "the delegation was cancelled"
    }
  }
}
