// Where a delegation stands. Each state holds what it was made from, and nothing that a later one
// would have to leave empty: only a dispatched delegation has a lease, only a failed one a failure.

package enum DelegationState: Equatable, Sendable {
  /// Nothing has been asked yet.
  case absent
  case requested(Delegation)
  case branchCreated(Delegation)
  case taskCommitted(Delegation)
  case pullRequestCreated(Delegation)
  case dispatched(Delegation, Lease)
  case generating(Delegation, Generation)
  case pushed(Delegation, ObjectID)
  case failed(Delegation, Failure)
}

/// What every state past `absent` knows.
package struct Delegation: Equatable, Sendable {
  package let id: DelegationID
  /// What was asked for, without the user's words.
  package var request: Requested { _read { yield asked.request } }
  private let asked: Asked
  package let requestedAt: Timestamp
  /// When the state that it stands in began.
  package var stateSince: Timestamp

  package var base: BaseResolved?
  package var branchSHA: ObjectID?
  package var taskCommit: ObjectID?
  package var pullRequest: PullRequest?

  /// The number of the last attempt, and the token of its last lease; both only rise.
  package var attempt = 0
  package var token: FencingToken?
  /// How many of the allowed attempts agents have used up since the last retry.
  package var attemptsUsed = 0
  /// How often machines have failed it since the last retry.
  package var infrastructureFailures = 0

  /// The go at the present step that failed last: what it was, how often, and when the next is due.
  package var trouble: Trouble?
  /// A commit that was accepted and is not pushed, outside of any lease.
  package var unpushed: Generated?
  /// Every commit that was ever accepted, oldest first: what a push may adopt.
  package var accepted: [ObjectID] = []
  package var cancelRequested = false
  package var actionsDone: Set<String> = []

  package init(id: DelegationID, request: Requested, requestedAt: Timestamp) {
    self.id = id
    var facts = request
    facts.text = nil
    asked = Asked(facts)
    self.requestedAt = requestedAt
    stateSince = requestedAt
  }
}

/// A request where all states of a delegation share it: it never changes, and a fold of millions of
/// events would do little else than copy it.
private final class Asked: Equatable, Sendable {
  let request: Requested
  init(_ request: Requested) { self.request = request }
  static func == (a: Asked, b: Asked) -> Bool { a === b || a.request == b.request }
}

/// The delegation's pull request, as far as it is known.
package struct PullRequest: Equatable, Sendable {
  package var number: Int
  package var url: String
  package var state: PullRequestState
  /// When the forge last told of it, by the forge's clock.
  package var asOf: Timestamp?
}

/// The last failed go at a step.
package struct Trouble: Equatable, Sendable {
  package var step: Step
  package var tries: Int
  package var code: FaultCode
  package var retryAt: Timestamp
  package var ambiguous: Bool
}

/// Who has the delegation, and by which token.
package struct Lease: Equatable, Sendable {
  package var worker: WorkerID
  package var incarnation: Int
  package var attempt: Int
  package var token: FencingToken
}

/// A lease whose agent runs, or whose commit was accepted and waits for its push.
package struct Generation: Equatable, Sendable {
  package var lease: Lease
  package var agent: String
  package var head: ObjectID
  package var accepted: Generated?
}

/// Why the delegation failed.
package struct Failure: Equatable, Sendable {
  package var step: Step
  package var code: FailureCode
  package var retryable: Bool
}

extension DelegationState {
  /// nil while nothing has been asked.
  package var delegation: Delegation? {
    switch self {
    case .absent: nil
    case .requested(let d), .branchCreated(let d), .taskCommitted(let d),
      .pullRequestCreated(let d):
      d
    case .dispatched(let d, _): d
    case .generating(let d, _): d
    case .pushed(let d, _): d
    case .failed(let d, _): d
    }
  }

  package var name: DelegationStateName? {
    switch self {
    case .absent: nil
    case .requested: .requested
    case .branchCreated: .branchCreated
    case .taskCommitted: .taskCommitted
    case .pullRequestCreated: .pullRequestCreated
    case .dispatched: .dispatched
    case .generating: .generating
    case .pushed: .pushed
    case .failed: .failed
    }
  }

  package var lease: Lease? {
    switch self {
    case .dispatched(_, let lease): lease
    case .generating(_, let generation): generation.lease
    case .absent, .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .pushed,
      .failed:
      nil
    }
  }

  /// The lease of a worker that has work to do: after its hand-in was accepted it has none.
  package var workingLease: Lease? { commitToPush == nil ? lease : nil }

  /// The commit that was accepted and waits for its push, and the head it stands on.
  package var commitToPush: Generated? {
    switch self {
    case .generating(_, let generation): generation.accepted
    case .pullRequestCreated(let d): d.unpushed
    case .absent, .requested, .branchCreated, .taskCommitted, .dispatched, .pushed, .failed: nil
    }
  }
}
