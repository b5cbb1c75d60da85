import Domain
import EventLog

/// Selects the delegations of a list. A property that is nil selects all.
package struct DelegationFilter: Equatable, Sendable {
  /// Any of these; empty for all.
  package var states: Set<DelegationStateName>
  package var repository: String?
  package var requester: String?
  package var worker: String?
  /// Words that the title, the branch, the repository or the confirmation code must contain.
  package var text: String?
  /// The number of the pull request that they made or work on. Names of repositories that differ
  /// in case are then the same, as they are for a forge.
  package var pullRequest: Int64?
  /// The commit that they pushed.
  package var commit: String?
  /// Only delegations of these repositories; empty for all.
  package var repositories: [RepositoryPattern]

  package init(
    states: Set<DelegationStateName> = [], repository: String? = nil, requester: String? = nil,
    worker: String? = nil, text: String? = nil, pullRequest: Int64? = nil, commit: String? = nil,
    repositories: [RepositoryPattern] = []
  ) {
    self.states = states
    self.repository = repository
    self.requester = requester
    self.worker = worker
    self.text = text
    self.pullRequest = pullRequest
    self.commit = commit
    self.repositories = repositories
  }
}

extension DelegationFilter {
  /// Whether a row is of the repository, the pull request and the commit that it selects.
  package func isOf(_ row: DelegationRow) -> Bool {
    if let pullRequest, row.pr != pullRequest { return false }
    if let commit, row.commitSHA != commit { return false }
    guard let repository else { return true }
    if pullRequest == nil { return repository == row.repository }
    return Self.folded(repository) == Self.folded(row.repository)
  }

  /// The words of `text`, which must all be found. Only A–Z are folded to a–z.
  package var words: [String] {
    (text ?? "").split(whereSeparator: \.isWhitespace).map { Self.folded(String($0)) }
  }

  /// `text` with A–Z as a–z.
  package static func folded(_ text: String) -> String {
    String(decoding: text.utf8.map { 65...90 ~= $0 ? $0 | 32 : $0 }, as: UTF8.self)
  }
}

/// A delegation with the texts of its request and of its failure, unless they were redacted.
package struct DelegationDetail: Equatable, Sendable {
  package var row: DelegationRow
  package var text: TaskText?
  package var failureMessage: String?
  package var failureHint: String?

  package init(
    row: DelegationRow, text: TaskText?, failureMessage: String?, failureHint: String?
  ) {
    self.row = row
    self.text = text
    self.failureMessage = failureMessage
    self.failureHint = failureHint
  }
}

/// A user's reference to a delegation: its id, its confirmation code, or a pull request, of which
/// it is the newest.
package enum DelegationReference: Equatable, Sendable {
  case id(DelegationID)
  case stamp(Stamp)
  case pullRequest(RepositoryName, number: Int64)

  /// Reads an id, a confirmation code, or `OWNER/REPO#NUMBER`, whose owner may be a path of groups;
  /// nil if the text is invalid.
  package init?(_ text: String) {
    if let stamp = Stamp(confirmationCode: text) {
      self = .stamp(stamp)
      return
    }
    let parts = text.split(separator: "#", omittingEmptySubsequences: false)
    if parts.count == 2, let repository = RepositoryName(String(parts[0])),
      let number = Int64(parts[1]), number > 0
    {
      self = .pullRequest(repository, number: number)
      return
    }
    let isID = text.utf8.count == 36 && text.utf8.allSatisfy { Self.idBytes.contains($0) }
    guard isID else { return nil }
    self = .id(DelegationID(text.lowercased()))
  }

  private static let idBytes = Set("0123456789abcdefABCDEF-".utf8)
}

/// The views of a store, as of one committed position: rows, look-ups, figures and audits.
package protocol ReadModels: Sendable {
  /// The delegation that `reference` names; nil if it does not exist.
  func delegation(_ reference: DelegationReference) async throws(StoreFault) -> DelegationDetail?

  /// Whether a delegation was requested under this idempotency key.
  func isKnown(key: String) async throws(StoreFault) -> Bool

  /// Newest first by stamp.
  /// - Parameter before: only those with a smaller stamp, usually the last one of the page before.
  func delegations(
    _ filter: DelegationFilter, before: Stamp?, limit: Int
  ) async throws(StoreFault) -> [DelegationDetail]

  /// Every delegation that is not terminal, oldest first.
  func liveDelegations() async throws(StoreFault) -> [DelegationRow]

  /// Every delegation of a branch that is not terminal, of any repository, oldest first.
  func liveDelegations(branch: String) async throws(StoreFault) -> [DelegationRow]

  /// Counts over every delegation that is not terminal.
  func liveFigures() async throws(StoreFault) -> LiveFigures

  /// Every delegation that has ended and has something to do for its pull request, oldest first:
  /// a pending notice, feedback, or a round.
  func endedDelegationsWithWork() async throws(StoreFault) -> [DelegationRow]

  /// Delegations that ended at or after `since` and had been requested within the week before it,
  /// newest request first.
  func ended(since: Timestamp, limit: Int) async throws(StoreFault) -> [EndedDelegation]

  /// The positions of events with text of delegations that ended before `time`, oldest first.
  func texts(endedBefore time: Timestamp, limit: Int) async throws(StoreFault) -> [Int64]

  /// Newest first by the stamp of their delegation, with the delegation's title.
  /// - Parameter repositories: only pull requests of these; empty for all.
  func pullRequests(
    in repositories: [RepositoryPattern], limit: Int
  ) async throws(StoreFault) -> [(row: PullRequestRow, title: String?)]

  /// By name.
  func workers() async throws(StoreFault) -> [WorkerRow]

  /// The number of workers in each state; a state without workers is absent.
  func workerCounts() async throws(StoreFault) -> [WorkerStateName: Int]

  /// Every row of the view, in no order.
  func repositoryUsage() async throws(StoreFault) -> [RepositoryUsage]

  /// The events that `query` selects, newest first.
  /// - Parameter before: only events at a smaller position, usually the last one of the page
  ///   before.
  func audit(
    _ query: AuditQuery, before: Int64?, limit: Int
  ) async throws(StoreFault) -> [StoredEvent]

  /// The views' digests and their position.
  func digests() async throws(StoreFault) -> (position: Int64, digests: [ViewName: ViewDigest])

  /// Rebuilds the views from the log and replaces the live ones in one step, while appends
  /// continue.
  /// - Throws: `StoreFault` if the log is corrupt or another rebuild is in progress; the live views
  ///   then stay.
  func rebuild() async throws(StoreFault) -> Rebuild

  /// The largest stamp and the largest epoch of tokens that were ever used; 0 if there were none.
  func marks() async throws(StoreFault) -> (stamp: Int64, epoch: Int64)
}
