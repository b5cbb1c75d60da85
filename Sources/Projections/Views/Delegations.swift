import Domain
import EventLog

/// A delegation in lists and queries. It contains facts alone. Texts of users are read from their
/// event, so a redaction changes one place only.
package struct DelegationRow: ViewRow {
  package var id = DelegationID("")
  package var stamp: Int64 = 0
  package var state = DelegationStateName.requested
  package var repository = ""
  package var branch = ""
  package var baseBranch: String?
  package var baseSHA: String?
  package var requester = ""
  package var priority: Int64 = 0
  package var agent = ""
  package var workflow = ""
  package var digest = ""
  package var pr: Int64?
  package var prURL: String?
  package var prState: PullRequestState?
  package var taskCommitSHA: String?
  package var commitSHA: String?
  package var worker: String?
  package var attempt: Int64 = 0
  package var failureStep: Step?
  package var failureCode: FailureCode?
  package var failureRetryable: Bool?
  package var nextIntent: String?
  package var cancelRequested = false
  /// When the next try of a step is due, in milliseconds since 1970.
  package var retryAt: Int64?
  package var troubleCode: FaultCode?
  package var requestedAt: Int64 = 0
  package var stateSince: Int64 = 0
  package var updatedAt: Int64 = 0
  /// The version of the stream, and the position of its last event.
  package var version: Int64 = 0
  package var position: Int64 = 0
  /// Why the stream is in quarantine; nil if it is not.
  package var quarantine: String?
  /// The delegation that a follow-up follows; nil for others.
  package var follows: String?

  package init() {}

  package static let view = View<DelegationRow>(
    "delegations", version: 3,
    columns: [
      Column("id", \.id, .key),
      Column("stamp", \.stamp, .fixed),
      Column("state", \.state),
      Column("repository", \.repository, .fixed),
      Column("branch", \.branch, .fixed),
      Column("baseBranch", \.baseBranch),
      Column("baseSHA", \.baseSHA),
      Column("requester", \.requester, .fixed),
      Column("priority", \.priority, .fixed),
      Column("agent", \.agent),
      Column("workflow", \.workflow, .fixed),
      Column("digest", \.digest, .fixed),
      Column("pr", \.pr),
      Column("prURL", \.prURL),
      Column("prState", \.prState),
      Column("taskCommitSHA", \.taskCommitSHA),
      Column("commitSHA", \.commitSHA),
      Column("worker", \.worker),
      Column("attempt", \.attempt),
      Column("failureStep", \.failureStep),
      Column("failureCode", \.failureCode),
      Column("failureRetryable", \.failureRetryable),
      Column("nextIntent", \.nextIntent),
      Column("cancelRequested", \.cancelRequested),
      Column("retryAt", \.retryAt),
      Column("troubleCode", \.troubleCode),
      Column("requestedAt", \.requestedAt, .fixed),
      Column("stateSince", \.stateSince),
      Column("updatedAt", \.updatedAt),
      Column("version", \.version),
      Column("position", \.position),
      Column("quarantine", \.quarantine),
      Column("follows", \.follows, .fixed),
    ],
    stream: { .delegation($0.id) },
    indexes: [
      .init("by_stamp", on: "stamp", isUnique: true),
      .init("by_state", on: "state", "stamp"),
      .init("by_repository", on: "repository", "stamp"),
      .init("by_requester", on: "requester", "stamp"),
      .init("by_branch", on: "branch"),
      .init("by_pr", on: "pr", where: "pr IS NOT NULL"),
    ],
    listing: [
      .init("CODE") { Stamp(milliseconds: $0.stamp).confirmationCode },
      .init("STATE") { $0.state.rawValue + ($0.quarantine == nil ? "" : " (quarantine)") },
      .init("REPOSITORY", \.repository),
      .init("BRANCH", \.branch),
      .init("PR") { $0.pr.map(String.init) ?? "-" },
      .init("ATTEMPT") { String($0.attempt) },
      .init("UPDATED") { Timestamp(milliseconds: $0.updatedAt).iso8601 },
    ],
    order: { $0.stamp < $1.stamp })

  /// See `ViewRow`.
  package static func forEach(
    in projector: Projector, _ body: (DelegationRow) throws -> Void
  ) rethrows {
    for known in projector.delegations.values {
      if let row = known.row { try body(row) }
    }
  }

  /// See `ViewRow`.
  package static func countMax(in projector: Projector) -> Int { projector.knownDelegations }

  /// See `ViewRow`.
  package static func row(like other: DelegationRow, in projector: Projector) -> DelegationRow? {
    projector.delegations[other.id]?.row
  }
}

extension DelegationRow {
  /// Whether it has ended, and nothing is to be done for its pull request: no text is needed.
  package var isAtRest: Bool { state.isTerminal && nextIntent == nil }

  /// The row of a delegation in `state`; nil if it was never requested.
  /// - Parameters:
  ///   - worker: the current or last worker.
  ///   - version: like position and time, of the last event that its state allowed.
  package init?(
    state: DelegationState, worker: WorkerID?, version: Int64, position: Int64, time: Timestamp,
    quarantine: String?
  ) {
    guard let d = state.delegation, let name = state.name else { return nil }
    let request = d.sharedRequest
    id = d.id
    stamp = request.value.stamp.milliseconds
    self.state = name
    repository = request.repository
    branch = request.value.branch
    baseBranch = d.base?.branch ?? request.value.baseBranch
    baseSHA = d.base?.sha.rawValue
    requester = request.value.requester
    priority = Int64(request.value.priority)
    agent = d.agent
    workflow = request.value.workflow.name
    digest = request.value.workflow.digest
    pr = d.pullRequest.map { Int64($0.number) }
    prURL = d.pullRequest?.url
    prState = d.pullRequest?.state
    if case .followUp(let followUp) = request.value.kind {
      follows = followUp.follows.rawValue
      pr = Int64(followUp.pullRequest)
    }
    taskCommitSHA = d.taskCommit?.rawValue
    self.worker = worker?.rawValue
    attempt = Int64(d.attempt)
    nextIntent = state.nextIntent?.name
    cancelRequested = d.cancelRequested
    retryAt = d.failedTry?.retryAt.milliseconds
    troubleCode = d.failedTry?.code
    requestedAt = d.requestedAt.milliseconds
    stateSince = d.stateSince.milliseconds
    updatedAt = time.milliseconds
    self.version = version
    self.position = position
    self.quarantine = quarantine
    switch state {
    case .pushed(_, let sha): commitSHA = sha.rawValue
    case .failed(_, let failure):
      failureStep = failure.step
      failureCode = failure.code
      failureRetryable = failure.retryable
      commitSHA = d.unpushed?.sha.rawValue
    case .absent, .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
      .generating:
      commitSHA = state.commitToPush?.sha.rawValue
    }
  }
}
