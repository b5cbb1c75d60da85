// Closed sets of values. Their raw values are stored in the log and shown in the API, so they never
// change.

/// The steps of a delegation. Each can fail.
package enum Step: String, CaseIterable, Sendable {
  case resolveBase = "resolve-base"
  case createBranch = "create-branch"
  case commitTask = "commit-task"
  case openPullRequest = "open-pull-request"
  case adopt = "adopt"
  /// Reading the branch's head, and searching the branch for a commit that was pushed before.
  case prepare = "prepare"
  case generate = "generate"
  case push = "push"
  case act = "act"
  /// Asking whether the author of feedback may push.
  case examineFeedback = "examine-feedback"
  /// Requesting the follow-up delegation of a round.
  case startRound = "start-round"

  /// Whether it is a step of the conversation on a pull request, and not of the delegation's work.
  package var isOfConversation: Bool {
    switch self {
    case .examineFeedback, .startRound: true
    case .resolveBase, .createBranch, .commitTask, .openPullRequest, .adopt, .prepare, .generate,
      .push, .act:
      false
    }
  }
}

/// Reasons why a delegation ended in `Failed`.
package enum FailureCode: String, CaseIterable, Sendable {
  case noChanges = "no-changes"
  case agentFailed = "agent-failed"
  case agentTimeout = "agent-timeout"
  case agentNotFound = "agent-not-found"
  case verifyFailed = "verify-failed"
  case changeRefused = "change-refused"
  case pushRejected = "push-rejected"
  case branchDiverged = "branch-diverged"
  case forgeRefused = "forge-refused"
  case cancelled = "cancelled"
  case attemptsExhausted = "attempts-exhausted"
  /// A budget of the workflow or of the server is used up.
  case budgetExceeded = "budget-exceeded"
}

/// Reasons why one try of a step failed.
package enum FaultCode: String, CaseIterable, Sendable {
  /// The request was not sent: connection refused, no route, unknown host.
  case unreachable = "unreachable"
  /// The request was sent, and no complete answer arrived.
  case noAnswer = "no-answer"
  /// Status 500–504, or an answer that is not from the API.
  case unavailable = "unavailable"
  case rateLimited = "rate-limited"
  /// The request was not sent because the forge kept failing.
  case forgeDown = "forge-down"
  /// A recent write cannot be read yet.
  case notYetVisible = "not-yet-visible"
  /// Another writer changed the same object.
  case conflict = "conflict"
  /// The server's own git or disk failed.
  case local = "local"
  /// The agent met its provider's limit.
  case agentLimited = "agent-limited"

  /// Whether the step was delayed before it was tried. Waiting in a queue is not a failure and uses
  /// up no try.
  package var isQueue: Bool {
    switch self {
    case .rateLimited, .forgeDown, .agentLimited: true
    case .unreachable, .noAnswer, .unavailable, .notYetVisible, .conflict, .local: false
    }
  }
}

/// The moments at which a workflow may write to the pull request.
package enum NoticeMoment: String, CaseIterable, Sendable {
  case opened, pushed, failed, cancelled
}

/// Reasons why a lease ended without a commit.
package enum ReleaseCause: String, CaseIterable, Sendable {
  case workerLost = "worker-lost"
  case workerCrashed = "worker-crashed"
  case drained = "drained"
  /// The accepted commit no longer fits the branch, or its objects are gone.
  case commitStale = "commit-stale"
  case agentFailed = "agent-failed"
  case agentTimeout = "agent-timeout"
  case agentNotFound = "agent-not-found"
  case noChanges = "no-changes"
  case verifyFailed = "verify-failed"
  /// A failure on the worker that is not caused by the agent or by the worker's end: disk, git.
  case workerFault = "worker-fault"
  /// The agent met its provider's limit.
  case agentLimited = "agent-limited"

  /// Whether this uses up one of the attempts that the workflow allows. A failure of the machine
  /// does not; a failure of the agent does.
  package var usesAttempt: Bool {
    switch self {
    case .workerLost, .workerCrashed, .drained, .commitStale, .workerFault, .agentLimited: false
    case .agentFailed, .agentTimeout, .agentNotFound, .noChanges, .verifyFailed: true
    }
  }
}

/// The states of a pull request as the view shows them.
package enum PullRequestState: String, CaseIterable, Sendable {
  case open, merged, closed
}

/// The states of a delegation as users read them.
package enum DelegationStateName: String, CaseIterable, Sendable {
  case requested = "Requested"
  case branchCreated = "BranchCreated"
  case taskCommitted = "TaskCommitted"
  case pullRequestCreated = "PRCreated"
  case dispatched = "Dispatched"
  case generating = "Generating"
  case pushed = "Pushed"
  case failed = "Failed"

  /// Nothing more happens unless a person requests a retry.
  package var isTerminal: Bool {
    switch self {
    case .pushed, .failed: true
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
      .generating:
      false
    }
  }
}

/// The states of a worker as users read them.
package enum WorkerStateName: String, CaseIterable, Sendable {
  case starting, idle, busy, draining, unhealthy, parked, lost, stopped
}
