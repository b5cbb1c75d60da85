// The commands of a delegation: from users, from the executor for its results, and from workers for
// theirs.

package enum DelegationCommand: Equatable, Sendable {
  case request(Requested)

  // Results of the executor on the forge.
  case recordBase(BaseResolved)
  case recordBranch(BranchCreated)
  case recordTaskCommit(TaskCommitted)
  case recordPullRequest(PullRequestCreated)
  /// A branch and a pull request that existed before the delegation.
  case recordAdoption(Adoption)
  case recordFound(commit: ObjectID, parent: ObjectID, attempt: Int)
  /// A merge that the server made itself. It is pushed next.
  case recordMerge(Generated)
  case recordPush(Pushed)
  case failStep(StepFault, RetryPolicy)
  /// The accepted commit is no longer based on the branch's head, or its objects are gone.
  case dropCommit(message: String)
  /// No effect of this delegation is in progress: a cancellation can be carried out.
  case settleCancellation

  // From the dispatcher and from workers. Each carries the token of its lease.
  case dispatch(worker: WorkerID, incarnation: Int, token: FencingToken)
  /// Its agent met its provider's limit in another delegation: it waits, or goes on with the next
  /// agent, without a start of its own.
  case awaitAgent(until: Timestamp, nextAgent: String?)
  case resume(worker: WorkerID, incarnation: Int, attempt: Int, token: FencingToken)
  case startGenerating(GenerationStarted)
  case acceptCommit(Generated)
  case endAttempt(AttemptEnd)
  case confirmStopped(attempt: Int, token: FencingToken, usage: AgentUsage = AgentUsage())
  /// The network use of the attempt, with the report that ends it, in one append.
  indirect case recordNetwork(NetworkUsed, then: DelegationCommand)

  // From users and from the forge.
  case cancel
  case retry
  /// As reported by the forge, possibly late.
  case updatePullRequest(PullRequestState, asOf: Timestamp? = nil)
  case recordAction(marker: String, failure: String? = nil)

  /// Of the conversation on the pull request.
  indirect case conversation(ConversationCommand)
}

/// An existing branch and pull request, as read from the forge.
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

/// A failed try of a step.
package struct StepFault: Equatable, Sendable {
  /// Whether another try may help.
  package enum Kind: Equatable, Sendable {
    /// Another try may succeed, not before the time that the forge named.
    case transient(FaultCode, ambiguous: Bool, notBefore: Timestamp?)
    /// Another try would fail too.
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
  /// The outcome.
  package enum Outcome: Equatable, Sendable {
    /// Another attempt follows if the cause and the limits allow it.
    case released(ReleaseCause)
    /// The change was refused: the same agent would make it again.
    case refused
  }
  package var attempt: Int
  package var token: FencingToken
  package var outcome: Outcome
  package var message: String?
  package var hint: String?
  /// The usage that the agent reported until then.
  package var usage: AgentUsage
  /// The agent's last words; nil if it gave none.
  package var words: String?
  /// For `agentLimited`.
  package var limit: AgentLimit?
  package init(
    attempt: Int, token: FencingToken, outcome: Outcome, message: String?, hint: String? = nil,
    usage: AgentUsage = AgentUsage(), words: String? = nil, limit: AgentLimit? = nil
  ) {
    self.limit = limit
    self.words = words
    self.usage = usage
    self.attempt = attempt
    self.token = token
    self.outcome = outcome
    self.message = message
    self.hint = hint
  }
}

/// The provider's limit that an agent met.
package struct AgentLimit: Equatable, Sendable {
  /// When it ends; nil if the provider did not say.
  package var reset: Timestamp?
  /// The agent that goes on instead; nil to wait for this one.
  package var nextAgent: String?
  package init(reset: Timestamp?, nextAgent: String? = nil) {
    self.reset = reset
    self.nextAgent = nextAgent
  }
}

/// Why a command was refused. It changed nothing.
package enum Rejection: Error, Equatable, Sendable, CustomStringConvertible {
  case notAllowed(command: String, state: DelegationStateName?)
  /// The token or attempt is not the lease's: another worker has the delegation.
  case superseded
  /// A commit was accepted: its push is in progress and can't be stopped.
  case pushUnderWay
  /// A cancellation came first.
  case cancelled
  /// The pull request takes no follow-up any more.
  case pullRequestEnded(PullRequestState)
  /// Another delegation is at work on the branch.
  case branchInUse(by: DelegationID)
  /// The conversation on the pull request has as much feedback as it may have.
  case tooMuchFeedback
  /// The key was used before for another request.
  case keyReused

  package var description: String {
    switch self {
    case .notAllowed(let command, let state):
      "\(command) is not possible in state \(state?.rawValue ?? "absent")"
    case .superseded: "this attempt was superseded: its lease belongs to somebody else"
    case .pushUnderWay: "the generated commit was accepted and its push is under way"
    case .cancelled: "the delegation was cancelled"
    case .pullRequestEnded(let state): "the pull request is \(state.rawValue)"
    case .branchInUse(let other): "the delegation \(other) is at work on the branch"
    case .tooMuchFeedback: "the pull request has too much feedback or too many queued follow-ups"
    case .keyReused: "the Idempotency-Key was used before for another request"
    }
  }
}
