// Issues in the database.

import SQLite

extension ForgeStore {
  private static let columns =
    "id, repository, number, title, body, open, author, closed_at, created_at, updated_at"

  func issue(of repository: Int64, number: Int) throws -> IssueRecord? {
    try rows(
      "SELECT \(Self.columns) FROM issues WHERE repository=? AND number=?",
      [.integer(repository), .integer(Int64(number))], record
    ).first
  }

  /// The newest issues and pull requests, which GitHub lists together, and their total count.
  /// - Parameter isOpen: nil for open and closed.
  func issueNumbers(
    of repository: Int64, isOpen: Bool?, limit: Int, offset: Int
  ) throws -> (page: [Int], total: Int) {
    let condition = isOpen.map { "repository=?1 AND open=\($0 ? 1 : 0)" } ?? "repository=?1"
    let all = """
      SELECT number FROM issues WHERE \(condition)
      UNION ALL SELECT number FROM pull_requests WHERE \(condition)
      """
    let page = try rows(
      "\(all) ORDER BY number DESC LIMIT ?2 OFFSET ?3",
      [.integer(repository), .integer(Int64(limit)), .integer(Int64(offset))]
    ) { Int($0.integer(0)) }
    let total = try row("SELECT count(*) FROM (\(all))", [.integer(repository)]) {
      Int($0.integer(0))
    }
    return (page, total)
  }

  /// The newest issues, without pull requests.
  func issues(of repository: Int64, limit: Int) throws -> [IssueRecord] {
    try rows(
      "SELECT \(Self.columns) FROM issues WHERE repository=? ORDER BY number DESC LIMIT ?",
      [.integer(repository), .integer(Int64(limit))], record)
  }

  /// Adds an issue with a new number and the current time.
  func addIssue(
    to repository: Int64, title: String, body: String?, author: String
  ) throws -> IssueRecord {
    try database.transaction {
      let number = try takeNumber(of: repository)
      let now = SQLiteValue.integer(Self.now)
      return try row(
        """
        INSERT INTO issues(repository, number, title, body, open, author, created_at, updated_at)
        VALUES(?,?,?,?,1,?,?,?) RETURNING \(Self.columns)
        """,
        [
          .integer(repository), .integer(number), .text(title), .optional(body), .text(author),
          now, now,
        ], record)
    }
  }

  /// Writes the title, the body and the state of an issue, and sets its time.
  func write(_ issue: IssueRecord) throws -> IssueRecord {
    try row(
      """
      UPDATE issues SET title=?, body=?, open=?, closed_at=?, updated_at=? WHERE id=?
      RETURNING \(Self.columns)
      """,
      [
        .text(issue.title), .optional(issue.body), .integer(issue.isOpen ? 1 : 0),
        .optional(issue.closedAt), .integer(Self.now), .integer(issue.id),
      ], record)
  }

  /// Closes those of the issues that are open.
  func closeIssues(_ numbers: [Int], of repository: Int64) throws {
    let now = SQLiteValue.integer(Self.now)
    for number in numbers {
      try database.run(
        """
        UPDATE issues SET open=0, closed_at=?, updated_at=?
        WHERE repository=? AND number=? AND open
        """, now, now, .integer(repository), .integer(Int64(number)))
    }
  }

  private func record(_ row: Statement) -> IssueRecord {
    IssueRecord(
      id: row.integer(0), repository: row.integer(1), number: Int(row.integer(2)),
      title: row.text(3) ?? "", body: row.text(4), isOpen: row.integer(5) != 0,
      author: row.text(6) ?? "", closedAt: row.optionalInteger(7), createdAt: row.integer(8),
      updatedAt: row.integer(9))
  }
}
