// Check runs, their annotations and logs, and commit statuses in the database.

import SQLite

/// Selects the check runs of a commit.
struct CheckRunQuery: Sendable {
  var name: String?
  var status: String?
  /// Only the newest of each name and creator.
  var latest = true
  var limit = 30
  var offset = 0
}

/// What the checks and statuses of a commit say together.
enum CheckSummary: Sendable, Equatable {
  case absent, pending, success, failure

  init(_ states: [CheckSummary]) {
    if states.contains(.failure) {
      self = .failure
    } else if states.contains(.pending) {
      self = .pending
    } else {
      self = states.contains(.success) ? .success : .absent
    }
  }
}

extension StatusRecord {
  var outcome: CheckSummary {
    state == "success" ? .success : state == "pending" ? .pending : .failure
  }
}

extension CheckRunRecord {
  var outcome: CheckSummary {
    guard status == "completed" else { return .pending }
    return ["success", "neutral", "skipped"].contains(conclusion) ? .success : .failure
  }
}

extension ForgeStore {
  private static let checkColumns = """
    id, name, head_sha, external_id, details_url, status, conclusion, started_at, completed_at,
    title, summary, text, creator,
    (SELECT min(s.id) FROM check_runs s WHERE s.repository=check_runs.repository
      AND s.head_sha=check_runs.head_sha AND s.creator=check_runs.creator),
    (SELECT count(*) FROM check_annotations a WHERE a.check_run=check_runs.id)
    """

  /// One page of the check runs of a commit, newest first, and their total count.
  func checkRuns(of repository: Int64, commit: ObjectName, _ query: CheckRunQuery) throws
    -> (page: [CheckRunRecord], total: Int)
  {
    var condition = "repository=? AND head_sha=?"
    var values: [SQLiteValue] = [.integer(repository), .text(commit.hex)]
    if query.latest {
      condition += """
         AND id IN (SELECT max(id) FROM check_runs WHERE repository=? AND head_sha=?
          GROUP BY name, creator)
        """
      values += [.integer(repository), .text(commit.hex)]
    }
    if let name = query.name {
      condition += " AND name=?"
      values.append(.text(name))
    }
    if let status = query.status {
      condition += " AND status=?"
      values.append(.text(status))
    }
    let page = try rows(
      """
      SELECT \(Self.checkColumns) FROM check_runs WHERE \(condition)
      ORDER BY id DESC LIMIT ? OFFSET ?
      """, values + [.integer(Int64(query.limit)), .integer(Int64(query.offset))], checkRun)
    let total = try row("SELECT count(*) FROM check_runs WHERE \(condition)", values) {
      Int($0.integer(0))
    }
    return (page, total)
  }

  func checkRun(_ id: Int64, of repository: Int64) throws -> CheckRunRecord? {
    try rows(
      "SELECT \(Self.checkColumns) FROM check_runs WHERE id=? AND repository=?",
      [.integer(id), .integer(repository)], checkRun
    ).first
  }

  /// Adds a check run, or replaces the one with this id, and adds annotations to it.
  func write(
    _ run: CheckRunRecord, of repository: Int64, adding annotations: [AnnotationRecord]
  ) throws -> CheckRunRecord {
    try database.transaction {
      let id = try row(
        """
        INSERT INTO check_runs(id, repository, name, head_sha, external_id, details_url, status,
          conclusion, started_at, completed_at, title, summary, text, creator)
        VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)
        ON CONFLICT(id) DO UPDATE SET name=excluded.name, external_id=excluded.external_id,
          details_url=excluded.details_url, status=excluded.status, conclusion=excluded.conclusion,
          started_at=excluded.started_at, completed_at=excluded.completed_at, title=excluded.title,
          summary=excluded.summary, text=excluded.text
        RETURNING id
        """,
        [
          run.id == 0 ? .null : .integer(run.id), .integer(repository), .text(run.name),
          .text(run.head.hex), .text(run.externalID), .optional(run.detailsURL),
          .text(run.status), .optional(run.conclusion), .optional(run.startedAt),
          .optional(run.completedAt), .optional(run.title), .optional(run.summary),
          .optional(run.text), .text(run.creator),
        ]
      ) { $0.integer(0) }
      for annotation in annotations { try add(annotation, to: id) }
      guard let written = try checkRun(id, of: repository) else {
        throw ForgeStoreError.rowGone("check_runs")
      }
      return written
    }
  }

  private func add(_ annotation: AnnotationRecord, to run: Int64) throws {
    try database.run(
      """
      INSERT INTO check_annotations(check_run, path, start_line, end_line, start_column, end_column,
        level, title, message, raw_details) VALUES(?,?,?,?,?,?,?,?,?,?)
      """, .integer(run), .text(annotation.path), .integer(annotation.startLine),
      .integer(annotation.endLine), .optional(annotation.startColumn),
      .optional(annotation.endColumn), .text(annotation.level), .optional(annotation.title),
      .text(annotation.message), .optional(annotation.details))
  }

  func annotations(of run: Int64, limit: Int, offset: Int) throws -> [AnnotationRecord] {
    try rows(
      """
      SELECT path, start_line, end_line, start_column, end_column, level, title, message,
        raw_details FROM check_annotations WHERE check_run=? ORDER BY id LIMIT ? OFFSET ?
      """, [.integer(run), .integer(Int64(limit)), .integer(Int64(offset))]
    ) { row in
      AnnotationRecord(
        path: row.text(0) ?? "", startLine: row.integer(1), endLine: row.integer(2),
        startColumn: row.optionalInteger(3), endColumn: row.optionalInteger(4),
        level: row.text(5) ?? "", title: row.text(6), message: row.text(7) ?? "",
        details: row.text(8))
    }
  }

  // MARK: Logs

  func setLog(_ content: [UInt8], of run: Int64) throws {
    try database.run(
      "INSERT OR REPLACE INTO job_logs(check_run, content) VALUES(?,?)", .integer(run),
      .blob(content))
  }

  /// nil if there is no log.
  func log(of run: Int64) throws -> [UInt8]? {
    try rows("SELECT content FROM job_logs WHERE check_run=?", [.integer(run)]) { $0.blob(0) }.first
  }

  // MARK: Statuses

  /// GitHub's limit for one commit and context.
  private static let statusesMax: Int64 = 1000

  /// - Returns: nil if the commit has too many statuses of this context.
  func addStatus(_ status: StatusRecord, to repository: Int64) throws -> StatusRecord? {
    try database.transaction {
      let (repository, sha) = (
        SQLiteValue.integer(repository), SQLiteValue.text(status.commit.hex)
      )
      let known = try database.integer(
        "SELECT count(*) FROM statuses WHERE repository=? AND sha=? AND context=?", repository, sha,
        .text(status.context))
      guard known ?? 0 < Self.statusesMax else { return nil }
      return try row(
        """
        INSERT INTO statuses(repository, sha, state, target_url, description, context, creator,
          created_at) VALUES(?,?,?,?,?,?,?,?) RETURNING id, created_at
        """,
        [
          repository, sha, .text(status.state), .optional(status.targetURL),
          .optional(status.description), .text(status.context), .text(status.creator),
          .integer(Self.now),
        ]
      ) { row in
        var made = status
        (made.id, made.createdAt) = (row.integer(0), row.integer(1))
        return made
      }
    }
  }

  /// The statuses of a commit, newest first.
  /// - Parameter latest: only the newest of each context.
  func statuses(
    of repository: Int64, commit: ObjectName, latest: Bool, limit: Int, offset: Int
  ) throws -> (page: [StatusRecord], total: Int) {
    var condition = "repository=? AND sha=?"
    var values: [SQLiteValue] = [.integer(repository), .text(commit.hex)]
    if latest {
      condition += """
         AND id IN (SELECT max(id) FROM statuses WHERE repository=? AND sha=? GROUP BY context)
        """
      values += values
    }
    let page = try rows(
      """
      SELECT id, sha, state, target_url, description, context, creator, created_at FROM statuses
      WHERE \(condition) ORDER BY id DESC LIMIT ? OFFSET ?
      """, values + [.integer(Int64(limit)), .integer(Int64(offset))], status)
    let total = try row("SELECT count(*) FROM statuses WHERE \(condition)", values) {
      Int($0.integer(0))
    }
    return (page, total)
  }

  /// What the newest checks and statuses of a commit say.
  func checkSummary(of repository: Int64, commit: ObjectName) throws -> CheckSummary {
    let runs = try checkRuns(of: repository, commit: commit, CheckRunQuery(limit: 1000)).page
    let statuses = try statuses(
      of: repository, commit: commit, latest: true, limit: 1000, offset: 0
    ).page
    return CheckSummary(runs.map(\.outcome) + statuses.map(\.outcome))
  }

  // MARK: Rows

  private func status(_ row: Statement) -> StatusRecord? {
    guard let commit = ObjectName(row.text(1) ?? "") else { return nil }
    return StatusRecord(
      id: row.integer(0), commit: commit, state: row.text(2) ?? "", targetURL: row.text(3),
      description: row.text(4), context: row.text(5) ?? "", creator: row.text(6) ?? "",
      createdAt: row.integer(7))
  }

  private func checkRun(_ row: Statement) -> CheckRunRecord? {
    guard let head = ObjectName(row.text(2) ?? "") else { return nil }
    return CheckRunRecord(
      id: row.integer(0), name: row.text(1) ?? "", head: head, externalID: row.text(3) ?? "",
      detailsURL: row.text(4), status: row.text(5) ?? "", conclusion: row.text(6),
      startedAt: row.optionalInteger(7), completedAt: row.optionalInteger(8), title: row.text(9),
      summary: row.text(10), text: row.text(11), creator: row.text(12) ?? "",
      suite: row.integer(13), annotations: Int(row.integer(14)))
  }
}
