import Domain
import EventLog

/// What a start needs to know of a delegation that has not ended: much less than its row.
package struct LiveDelegation: Equatable, Sendable {
  package var id: DelegationID
  package var stamp: Stamp
  package var state: DelegationStateName
  package var repository: String
  package var branch: String
  package var requester: String
  package var priority: Int
  /// The agent of the request. Later attempts may have another one.
  package var agent: String
  /// The digest of its workflow.
  package var digest: String
  package var attempt: Int
  package var hasPullRequest: Bool
  /// Whether a commit was accepted that is not pushed.
  package var hasCommit: Bool
  package var isFollowUp: Bool
  package var isCancelled: Bool
  package var isQuarantined: Bool
  package var nextIntent: String?
  /// When the next try of the last failed step is due.
  package var retryAt: Timestamp?

  package init(
    id: DelegationID, stamp: Stamp, state: DelegationStateName, repository: String, branch: String,
    requester: String, priority: Int, agent: String, digest: String, attempt: Int,
    hasPullRequest: Bool, hasCommit: Bool, isFollowUp: Bool, isCancelled: Bool,
    isQuarantined: Bool, nextIntent: String?, retryAt: Timestamp?
  ) {
    self.id = id
    self.stamp = stamp
    self.state = state
    self.repository = repository
    self.branch = branch
    self.requester = requester
    self.priority = priority
    self.agent = agent
    self.digest = digest
    self.attempt = attempt
    self.hasPullRequest = hasPullRequest
    self.hasCommit = hasCommit
    self.isFollowUp = isFollowUp
    self.isCancelled = isCancelled
    self.isQuarantined = isQuarantined
    self.nextIntent = nextIntent
    self.retryAt = retryAt
  }

  package init(_ row: DelegationRow) {
    self.init(
      id: row.id, stamp: Stamp(milliseconds: row.stamp), state: row.state,
      repository: row.repository, branch: row.branch, requester: row.requester,
      priority: Int(row.priority), agent: row.agent, digest: row.digest, attempt: Int(row.attempt),
      hasPullRequest: row.prURL != nil, hasCommit: row.commitSHA != nil,
      isFollowUp: row.follows != nil, isCancelled: row.cancelRequested,
      isQuarantined: row.quarantine != nil, nextIntent: row.nextIntent,
      retryAt: row.retryAt.map { Timestamp(milliseconds: $0) })
  }

  /// Whether a worker has it, or its hand-in is being pushed.
  package var hasLease: Bool { state == .dispatched || state == .generating }
}

extension ReadModels {
  /// See `ReadModels`; for stores that do not select these columns alone.
  package func liveDelegations(
    in state: DelegationStateName, after stamp: Stamp?, limit: Int
  ) async throws(StoreFault) -> [LiveDelegation] {
    try await liveDelegations().lazy
      .filter { row in
        row.state == state && (stamp.map { row.stamp > $0.milliseconds } ?? true)
      }
      .prefix(max(0, limit)).map { LiveDelegation($0) }
  }

  /// See `ReadModels`; for stores that do not select this column alone.
  package func liveRepositories() async throws(StoreFault) -> [String] {
    Array(Set(try await liveDelegations().map(\.repository)))
  }
}
