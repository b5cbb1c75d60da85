// Pull requests in the database.

import SQLite

/// Selects the pull requests of a list.
struct PullRequestQuery: Sendable, Equatable {
  enum Order: String, Sendable {
    case created = "created_at"
    case updated = "updated_at"
  }

  /// nil for open and closed.
  var isOpen: Bool? = true
  var headBranch: String?
  var baseBranch: String?
  var order = Order.created
  var ascending = false
  var limit = 30
  var offset = 0
}

/// Why a pull request could not be added or reopened.
enum PullRequestConflict: Error {
  case existsAlready
}

extension ForgeStore {
  private static let columns = """
    id, repository, number, title, body, open, draft, head_branch, head_sha, base_branch, base_sha,
    author, merged_at, merged_by, merge_commit, closed_at, created_at, updated_at,
    (SELECT count(*) FROM comments c
      WHERE c.repository=pull_requests.repository AND c.number=pull_requests.number),
    (SELECT count(*) FROM review_comments c JOIN reviews r ON r.id=c.review
      WHERE c.pull_request=pull_requests.id AND r.state<>'PENDING')
    """

  /// One page of the selected pull requests, and their total count.
  func pullRequests(of repository: Int64, _ query: PullRequestQuery) throws
    -> (page: [PullRequestRecord], total: Int)
  {
    let (condition, values) = condition(of: query, repository)
    let direction = query.ascending ? "ASC" : "DESC"
    let page = try pullRequests(
      """
      SELECT \(Self.columns) FROM pull_requests WHERE \(condition)
      ORDER BY \(query.order.rawValue) \(direction), number \(direction) LIMIT ? OFFSET ?
      """, values + [.integer(Int64(query.limit)), .integer(Int64(query.offset))])
    let total = try row("SELECT count(*) FROM pull_requests WHERE \(condition)", values) {
      Int($0.integer(0))
    }
    return (page, total)
  }

  private func condition(of query: PullRequestQuery, _ repository: Int64)
    -> (sql: String, values: [SQLiteValue])
  {
    var conditions = ["repository=?"]
    var values: [SQLiteValue] = [.integer(repository)]
    func add(_ condition: String, _ value: SQLiteValue?) {
      guard let value else { return }
      conditions.append(condition)
      values.append(value)
    }
    add("open=?", query.isOpen.map { .integer($0 ? 1 : 0) })
    add("head_branch=?", query.headBranch.map { .text($0) })
    add("base_branch=?", query.baseBranch.map { .text($0) })
    return (conditions.joined(separator: " AND "), values)
  }

  func pullRequest(of repository: Int64, number: Int) throws -> PullRequestRecord? {
    try pullRequests(
      "SELECT \(Self.columns) FROM pull_requests WHERE repository=? AND number=?",
      [.integer(repository), .integer(Int64(number))]
    ).first
  }

  /// The open pull requests of a repository.
  func openPullRequests(of repository: Int64) throws -> [PullRequestRecord] {
    try pullRequests(
      "SELECT \(Self.columns) FROM pull_requests WHERE repository=? AND open ORDER BY number",
      [.integer(repository)])
  }

  func openPullRequestCount(of repository: Int64) throws -> Int {
    let count = try database.integer(
      "SELECT count(*) FROM pull_requests WHERE repository=? AND open", .integer(repository))
    return Int(count ?? 0)
  }

  /// Adds a pull request with a new number and the current time.
  /// - Throws: `PullRequestConflict` if one with this head and base is open.
  func add(_ draft: PullRequestRecord) throws -> PullRequestRecord {
    try database.transaction {
      try refuseSecond(draft)
      let now = Self.now
      let repository = SQLiteValue.integer(draft.repository)
      let number = try takeNumber(of: draft.repository)
      try database.run(
        """
        INSERT INTO pull_requests(repository, number, title, body, open, draft, head_branch,
          head_sha, base_branch, base_sha, author, created_at, updated_at)
        VALUES(?,?,?,?,1,?,?,?,?,?,?,?,?)
        """, repository, .integer(number), .text(draft.title), .optional(draft.body),
        .integer(draft.isDraft ? 1 : 0), .text(draft.headBranch), .text(draft.headSHA.hex),
        .text(draft.baseBranch), .text(draft.baseSHA.hex), .text(draft.author), .integer(now),
        .integer(now))
      return try existing(draft.repository, Int(number))
    }
  }

  /// The next number of a repository's issues and pull requests. To be called in a transaction.
  func takeNumber(of repository: Int64) throws -> Int64 {
    let number = try database.integer(
      "SELECT next_number FROM repositories WHERE id=?", .integer(repository))
    try database.run(
      "UPDATE repositories SET next_number=next_number+1 WHERE id=?", .integer(repository))
    return number ?? 1
  }

  /// Edits the current row of a pull request and sets its time. Nothing is written if `edit`
  /// changes nothing.
  /// - Throws: `PullRequestConflict` if another one with this head and base is open.
  func change(
    _ pull: PullRequestRecord, _ edit: @Sendable (inout PullRequestRecord) -> Void
  ) throws -> PullRequestUpdate {
    try database.transaction {
      let before = try existing(pull.repository, pull.number)
      var after = before
      edit(&after)
      guard after != before else { return PullRequestUpdate(before: before, after: before) }
      if after.isOpen { try refuseSecond(after) }
      try write(after)
      return PullRequestUpdate(
        before: before, after: try existing(pull.repository, pull.number))
    }
  }

  private func write(_ record: PullRequestRecord) throws {
    try database.run(
      """
      UPDATE pull_requests SET title=?, body=?, open=?, draft=?, head_sha=?, base_branch=?,
        base_sha=?, merged_at=?, merged_by=?, merge_commit=?, closed_at=?, updated_at=?
      WHERE id=?
      """, .text(record.title), .optional(record.body), .integer(record.isOpen ? 1 : 0),
      .integer(record.isDraft ? 1 : 0), .text(record.headSHA.hex), .text(record.baseBranch),
      .text(record.baseSHA.hex), .optional(record.mergedAt), .optional(record.mergedBy),
      .optional(record.mergeCommit?.hex), .optional(record.closedAt), .integer(Self.now),
      .integer(record.id))
  }

  private func refuseSecond(_ record: PullRequestRecord) throws {
    let other = try database.integer(
      """
      SELECT number FROM pull_requests
      WHERE repository=? AND head_branch=? AND base_branch=? AND open AND id<>?
      """, .integer(record.repository), .text(record.headBranch), .text(record.baseBranch),
      .integer(record.id))
    if other != nil { throw PullRequestConflict.existsAlready }
  }

  private func existing(_ repository: Int64, _ number: Int) throws -> PullRequestRecord {
    guard let record = try pullRequest(of: repository, number: number) else {
      throw ForgeStoreError.rowGone("pull_requests")
    }
    return record
  }

  private func pullRequests(_ sql: String, _ values: [SQLiteValue]) throws -> [PullRequestRecord] {
    try rows(sql, values, record).map { record in
      var record = record
      record.labels = try labels(ofPullRequest: record.id)
      record.reviewers = try reviewers(ofPullRequest: record.id)
      return record
    }
  }

  private func record(_ row: Statement) -> PullRequestRecord? {
    guard let head = ObjectName(row.text(8) ?? ""), let base = ObjectName(row.text(10) ?? "") else {
      return nil
    }
    return PullRequestRecord(
      id: row.integer(0), repository: row.integer(1), number: Int(row.integer(2)),
      title: row.text(3) ?? "", body: row.text(4), isOpen: row.integer(5) != 0,
      isDraft: row.integer(6) != 0, headBranch: row.text(7) ?? "", headSHA: head,
      baseBranch: row.text(9) ?? "", baseSHA: base, author: row.text(11) ?? "",
      mergedAt: row.optionalInteger(12), mergedBy: row.text(13),
      mergeCommit: row.text(14).flatMap { ObjectName($0) }, closedAt: row.optionalInteger(15),
      createdAt: row.integer(16), updatedAt: row.integer(17), comments: Int(row.integer(18)),
      reviewComments: Int(row.integer(19)))
  }
}
