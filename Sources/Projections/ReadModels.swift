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

/// Selects the tasks of a list. A property that is nil selects all.
package struct TaskFilter: Equatable, Sendable {
  /// Any of these; of none of them, there is no task.
  package var phases: Set<TaskPhase>?
  /// A part of the repository's name, or the whole of it as `OWNER/REPO`. Case is ignored.
  package var repository: String?
  package var requester: String?
  package var agent: String?
  /// Those whose newest delegation was requested then or later, and before then.
  package var since: Timestamp?
  package var until: Timestamp?
  /// Words that the texts of the newest delegation, or the first one's title, must contain.
  package var text: String?
  /// Only tasks of these repositories; empty for all.
  package var repositories: [RepositoryPattern] = []

  package init() {}

  /// What `text` asks for.
  package var terms: [SearchTerm] { SearchTerm.read(text ?? "") }

  /// Whether a row is what it selects, apart from `text`.
  package func selects(_ row: TaskRow) -> Bool {
    if let phases, !phases.contains(row.phase) { return false }
    if let requester, requester != row.requester { return false }
    if let agent, agent != row.agent { return false }
    if let since, row.newestStamp < since.milliseconds { return false }
    if let until, row.newestStamp >= until.milliseconds { return false }
    guard let repository else { return true }
    let (name, part) = (
      DelegationFilter.folded(row.repository), DelegationFilter.folded(repository)
    )
    return part.utf8.contains(UInt8(ascii: "/")) ? name == part : name.utf8.contains(part.utf8)
  }
}

/// A word or a phrase that a search looks for.
package struct SearchTerm: Equatable, Sendable {
  /// Only A–Z are folded to a–z.
  package var text: String
  /// A small number is not looked for in codes, nor in branches, which end in one: it would be in
  /// every one of them.
  package var isSmallNumber: Bool

  private static let digitsMax = 5

  /// Words, and phrases between quotation marks.
  package static func read(_ text: String) -> [SearchTerm] {
    var terms: [SearchTerm] = []
    for (index, part) in text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
    {
      let words: [Substring] =
        index.isMultiple(of: 2) ? part.split(whereSeparator: \.isWhitespace) : [part]
      terms += words.filter { !$0.isEmpty }.map { word in
        let folded = DelegationFilter.folded(String(word))
        return SearchTerm(
          text: folded,
          isSmallNumber: folded.utf8.count <= digitsMax
            && folded.utf8.allSatisfy { 48...57 ~= $0 })
      }
    }
    return terms
  }
}

/// A task with the texts of its delegations.
package struct TaskDetail: Equatable, Sendable {
  package var row: TaskRow
  package var newest: DelegationDetail
  /// The first delegation's title; nil if it was redacted.
  package var title: String?

  package init(row: TaskRow, newest: DelegationDetail, title: String?) {
    self.row = row
    self.newest = newest
    self.title = title
  }
}

/// How long workers had an ended task, for each of its delegations.
package struct WorkTime: Equatable, Sendable {
  package var agent: String
  package var span: Milliseconds

  package init(agent: String, span: Milliseconds) {
    self.agent = agent
    self.span = span
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

  /// Tasks, the newest delegation first by its stamp.
  /// - Parameter before: only those with a smaller stamp, usually the last one of the page before.
  func tasks(
    _ filter: TaskFilter, before: Stamp?, limit: Int
  ) async throws(StoreFault) -> [TaskDetail]

  /// The task of a delegation; nil if it does not exist.
  func task(of id: DelegationID) async throws(StoreFault) -> TaskDetail?

  /// The number of tasks in each phase, whatever their texts; a phase without tasks is absent.
  func taskCounts(_ filter: TaskFilter) async throws(StoreFault) -> [TaskPhase: Int]

  /// The times of the last ended tasks whose newest delegation was requested since then.
  func workTimes(since: Timestamp, limit: Int) async throws(StoreFault) -> [WorkTime]

  /// Every delegation that is not terminal, oldest first.
  func liveDelegations() async throws(StoreFault) -> [DelegationRow]

  /// The delegations in a state that is not terminal, oldest first, with what a start needs.
  /// - Parameter stamp: only those with a larger stamp, usually the last one of the batch before.
  func liveDelegations(
    in state: DelegationStateName, after stamp: Stamp?, limit: Int
  ) async throws(StoreFault) -> [LiveDelegation]

  /// The repositories of the delegations that are not terminal, in no order.
  func liveRepositories() async throws(StoreFault) -> [String]

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

  /// What attempts used that ended within these days in UTC, which are included.
  /// - Parameter days: such as `2026-11-23`; nil for no limit.
  func usage(
    from first: String?, through last: String?
  ) async throws(StoreFault) -> [UsageRow]

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
