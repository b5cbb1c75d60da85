import Domain
import EventLog
import Projections
import SQLite
import Text

/// A row of a view that holds what no fold can have put there.
struct UnreadableRow: Error, CustomStringConvertible {
  var view: ViewName
  var key: String
  var description: String { "a row of the view \(view.rawValue) cannot be read: \(key)" }
}

/// Reading and writing of the views.
enum ViewTables {
  /// - Parameter stream: the number of the stream whose event made the change.
  /// - Parameter tables: what stands before the names of the tables; nothing for the live views.
  static func put(
    _ change: RowChange, stream: Int64, in database: Database, tables: String = ""
  ) throws(SQLiteError) {
    switch change {
    case .delegation(nil, let new):
      try insert(new, stream: stream, into: database, tables: tables)
    case .delegation(.some, let new):
      try update(new, stream: stream, in: database, tables: tables)
    case .pullRequest(_, let new): try put(new, in: database, tables: tables)
    case .worker(_, let new): try put(new, in: database, tables: tables)
    }
  }

  // MARK: Delegations

  static let delegationColumns = """
    d.id, d.stamp, d.state, d.repository, d.branch, d.base_branch, d.base_sha, d.requester, \
    d.priority, d.agent, d.workflow, d.digest, d.pr, d.pr_url, d.pr_state, d.task_commit_sha, \
    d.commit_sha, d.worker, d.attempt, d.failure_step, d.failure_code, d.failure_retryable, \
    d.next_intent, d.cancel_requested, d.retry_at, d.trouble_code, d.requested_at, d.state_since, \
    d.updated_at, d.version, d.position, d.quarantine
    """

  private static let insertValues =
    "delegations VALUES (\(Array(repeating: "?", count: 33).joined(separator: ",")))"

  /// Columns that never change are left alone, and with them their indexes.
  private static let updateValues = """
    delegations SET state = ?4, base_branch = ?7, base_sha = ?8, pr = ?14, pr_url = ?15, \
    pr_state = ?16, task_commit_sha = ?17, commit_sha = ?18, worker = ?19, attempt = ?20, \
    failure_step = ?21, failure_code = ?22, failure_retryable = ?23, next_intent = ?24, \
    cancel_requested = ?25, retry_at = ?26, trouble_code = ?27, state_since = ?29, \
    updated_at = ?30, version = ?31, position = ?32, quarantine = ?33 WHERE stream = ?1
    """

  private static func insert(
    _ row: DelegationRow, stream: Int64, into database: Database, tables: String
  ) throws(SQLiteError) {
    let s = try database.statement("INSERT INTO " + tables + insertValues)
    s.bind(row.id.rawValue, at: 2)
    s.bind(row.stamp, at: 3)
    s.bind(row.repository, at: 5)
    s.bind(row.branch, at: 6)
    s.bind(row.requester, at: 9)
    s.bind(row.priority, at: 10)
    s.bind(row.agent, at: 11)
    s.bind(row.workflow, at: 12)
    s.bind(row.digest, at: 13)
    s.bind(row.requestedAt, at: 28)
    bindChangeable(row, stream: stream, to: s)
    try s.finish()
  }

  private static func update(
    _ row: DelegationRow, stream: Int64, in database: Database, tables: String
  ) throws(SQLiteError) {
    let s = try database.statement("UPDATE " + tables + updateValues)
    bindChangeable(row, stream: stream, to: s)
    try s.finish()
  }

  private static func bindChangeable(_ row: DelegationRow, stream: Int64, to s: Statement) {
    s.bind(stream, at: 1)
    s.bind(row.state.rawValue, at: 4)
    s.bind(row.baseBranch, at: 7)
    s.bind(row.baseSHA, at: 8)
    s.bind(row.pr, at: 14)
    s.bind(row.prURL, at: 15)
    s.bind(row.prState?.rawValue, at: 16)
    s.bind(row.taskCommitSHA, at: 17)
    s.bind(row.commitSHA, at: 18)
    s.bind(row.worker, at: 19)
    s.bind(row.attempt, at: 20)
    s.bind(row.failureStep?.rawValue, at: 21)
    s.bind(row.failureCode?.rawValue, at: 22)
    s.bind(row.failureRetryable, at: 23)
    s.bind(row.nextIntent, at: 24)
    s.bind(row.cancelRequested, at: 25)
    s.bind(row.retryAt, at: 26)
    s.bind(row.troubleCode?.rawValue, at: 27)
    s.bind(row.stateSince, at: 29)
    s.bind(row.updatedAt, at: 30)
    s.bind(row.version, at: 31)
    s.bind(row.position, at: 32)
    s.bind(row.quarantine, at: 33)
  }

  static func readDelegation(_ s: Statement) throws -> DelegationRow {
    let id = s.text(0) ?? ""
    func word<T: RawRepresentable>(_ column: Int32) throws -> T where T.RawValue == String {
      guard let raw = s.text(column), let value = T(rawValue: raw) else {
        throw UnreadableRow(view: .delegations, key: id)
      }
      return value
    }
    func optionalWord<T: RawRepresentable>(_ column: Int32) throws -> T?
    where T.RawValue == String {
      s.isNull(column) ? nil : try word(column)
    }
    return DelegationRow(
      id: DelegationID(id), stamp: s.integer(1), state: try word(2), repository: s.text(3) ?? "",
      branch: s.text(4) ?? "", baseBranch: s.text(5), baseSHA: s.text(6),
      requester: s.text(7) ?? "", priority: s.integer(8), agent: s.text(9) ?? "",
      workflow: s.text(10) ?? "", digest: s.text(11) ?? "", pr: s.optionalInteger(12),
      prURL: s.text(13), prState: try optionalWord(14), taskCommitSHA: s.text(15),
      commitSHA: s.text(16), worker: s.text(17), attempt: s.integer(18),
      failureStep: try optionalWord(19), failureCode: try optionalWord(20),
      failureRetryable: s.optionalInteger(21).map { $0 != 0 }, nextIntent: s.text(22),
      cancelRequested: s.integer(23) != 0, retryAt: s.optionalInteger(24),
      troubleCode: try optionalWord(25), requestedAt: s.integer(26), stateSince: s.integer(27),
      updatedAt: s.integer(28), version: s.integer(29), position: s.integer(30),
      quarantine: s.text(31))
  }

  // MARK: Pull requests

  static let pullRequestColumns = """
    r.repository, r.number, r.url, r.branch, r.state, r.delegation, r.delegation_stamp, \
    r.delegation_state
    """

  private static func put(
    _ row: PullRequestRow, in database: Database, tables: String
  ) throws(SQLiteError) {
    let s = try database.statement(
      """
      INSERT INTO \(tables)pull_requests VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET url = excluded.url, branch = excluded.branch,
        state = excluded.state, delegation = excluded.delegation,
        delegation_stamp = excluded.delegation_stamp, delegation_state = excluded.delegation_state
      """)
    s.bind(row.repository, at: 1)
    s.bind(row.number, at: 2)
    s.bind(row.url, at: 3)
    s.bind(row.branch, at: 4)
    s.bind(row.state.rawValue, at: 5)
    s.bind(row.delegation.rawValue, at: 6)
    s.bind(row.delegationStamp, at: 7)
    s.bind(row.delegationState.rawValue, at: 8)
    try s.finish()
  }

  static func readPullRequest(_ s: Statement) throws -> PullRequestRow {
    guard let state = PullRequestState(rawValue: s.text(4) ?? ""),
      let delegationState = DelegationStateName(rawValue: s.text(7) ?? "")
    else {
      throw UnreadableRow(view: .pullRequests, key: "\(s.text(0) ?? "")#\(s.integer(1))")
    }
    return PullRequestRow(
      repository: s.text(0) ?? "", number: s.integer(1), url: s.text(2) ?? "",
      branch: s.text(3) ?? "", state: state, delegation: DelegationID(s.text(5) ?? ""),
      delegationStamp: s.integer(6), delegationState: delegationState)
  }

  static func pullRequest(
    _ repository: String, _ number: Int64, in database: Database
  ) throws -> PullRequestRow? {
    let s = try database.statement(
      "SELECT \(pullRequestColumns) FROM pull_requests r WHERE repository = ? AND number = ?")
    s.bind(repository, at: 1)
    s.bind(number, at: 2)
    return try s.rows(readPullRequest).first
  }

  // MARK: Workers

  static let workerColumns =
    "id, state, host, agents, version, incarnation, local, delegation, since, restarts"

  private static func put(
    _ row: WorkerRow, in database: Database, tables: String
  ) throws(SQLiteError) {
    let s = try database.statement(
      """
      INSERT INTO \(tables)workers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET state = excluded.state, host = excluded.host,
        agents = excluded.agents, version = excluded.version, incarnation = excluded.incarnation,
        local = excluded.local, delegation = excluded.delegation, since = excluded.since,
        restarts = excluded.restarts
      """)
    s.bind(row.id.rawValue, at: 1)
    s.bind(row.state.rawValue, at: 2)
    s.bind(row.host, at: 3)
    s.bind(JSONValue.array(row.agents.map { .string($0) }).canonicalText, at: 4)
    s.bind(row.version, at: 5)
    s.bind(row.incarnation, at: 6)
    s.bind(row.local, at: 7)
    s.bind(row.delegation?.rawValue, at: 8)
    s.bind(row.since, at: 9)
    s.bind(row.restarts, at: 10)
    try s.finish()
  }

  static func readWorker(_ s: Statement) throws -> WorkerRow {
    let id = s.text(0) ?? ""
    guard let state = WorkerStateName(rawValue: s.text(1) ?? ""),
      let agents = try? JSONValue(json: s.blob(3)).arrayValue?.compactMap(\.stringValue)
    else { throw UnreadableRow(view: .workers, key: id) }
    return WorkerRow(
      id: WorkerID(id), state: state, host: s.text(2) ?? "", agents: agents,
      version: s.text(4) ?? "", incarnation: s.integer(5), local: s.integer(6) != 0,
      delegation: s.text(7).map { DelegationID($0) }, since: s.integer(8), restarts: s.integer(9))
  }

  static func workers(in database: Database) throws -> [WorkerRow] {
    try database.statement("SELECT \(workerColumns) FROM workers ORDER BY id").rows(readWorker)
  }

  // MARK: Digests

  static func digests(
    in database: Database
  ) throws -> (position: Int64?, digests: [ViewName: ViewDigest]) {
    let s = try database.statement("SELECT view, position, digest FROM view_digests")
    var digests: [ViewName: ViewDigest] = [:]
    var positions: Set<Int64> = []
    for (view, position, bytes) in try s.rows({ ($0.text(0) ?? "", $0.integer(1), $0.blob(2)) }) {
      guard let name = ViewName(rawValue: view), let digest = ViewDigest(bytes: bytes) else {
        continue
      }
      digests[name] = digest
      positions.insert(position)
    }
    let complete = digests.count == ViewName.allCases.count && positions.count == 1
    return (complete ? positions.first : nil, digests)
  }

  static func put(
    _ digests: [ViewName: ViewDigest], position: Int64, in database: Database
  ) throws(SQLiteError) {
    for name in ViewName.allCases {
      let s = try database.statement(
        """
        INSERT INTO view_digests VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET position = excluded.position, digest = excluded.digest
        """)
      s.bind(name.rawValue, at: 1)
      s.bind(position, at: 2)
      s.bind((digests[name] ?? ViewDigest()).bytes, at: 3)
      try s.finish()
    }
  }
}
