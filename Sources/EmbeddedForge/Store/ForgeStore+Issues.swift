// Comments, labels and requested reviewers in the database.

import SQLite

/// Selects the comments of a list.
struct CommentQuery: Sendable {
  /// nil for all pull requests.
  var number: Int?
  /// The earliest time of change.
  var since: Int64 = 0
  var sortsByUpdate = false
  var ascending = true
  var limit = 30
  var offset = 0
}

extension ForgeStore {
  // MARK: Comments

  private static let commentColumns = "id, number, body, author, created_at, updated_at"

  /// One page of the selected comments, and their total count.
  func comments(of repository: Int64, _ query: CommentQuery) throws
    -> (page: [CommentRecord], total: Int)
  {
    var condition = "repository=? AND updated_at>=?"
    var values: [SQLiteValue] = [.integer(repository), .integer(query.since)]
    if let number = query.number {
      condition += " AND number=?"
      values.append(.integer(Int64(number)))
    }
    let direction = query.ascending ? "ASC" : "DESC"
    let order = query.sortsByUpdate ? "updated_at \(direction), " : ""
    let page = try rows(
      """
      SELECT \(Self.commentColumns) FROM comments WHERE \(condition)
      ORDER BY \(order)id \(direction) LIMIT ? OFFSET ?
      """, values + [.integer(Int64(query.limit)), .integer(Int64(query.offset))], comment)
    let total = try row("SELECT count(*) FROM comments WHERE \(condition)", values) {
      Int($0.integer(0))
    }
    return (page, total)
  }

  func comment(of repository: Int64, id: Int64) throws -> CommentRecord? {
    try rows(
      "SELECT \(Self.commentColumns) FROM comments WHERE repository=? AND id=?",
      [.integer(repository), .integer(id)], comment
    ).first
  }

  func addComment(to repository: Int64, number: Int, body: String, author: String) throws
    -> CommentRecord
  {
    try database.transaction {
      let now = SQLiteValue.integer(Self.now)
      let made = try row(
        """
        INSERT INTO comments(repository, number, body, author, created_at, updated_at)
        VALUES(?,?,?,?,?,?) RETURNING \(Self.commentColumns)
        """,
        [.integer(repository), .integer(Int64(number)), .text(body), .text(author), now, now],
        comment)
      try database.run(
        "UPDATE pull_requests SET updated_at=? WHERE repository=? AND number=?", now,
        .integer(repository), .integer(Int64(number)))
      return made
    }
  }

  func setComment(_ id: Int64, of repository: Int64, body: String) throws {
    try database.transaction {
      try touch(commented: id, in: repository)
      try database.run(
        "UPDATE comments SET body=?, updated_at=? WHERE repository=? AND id=?", .text(body),
        .integer(Self.now), .integer(repository), .integer(id))
    }
  }

  func removeComment(_ id: Int64, of repository: Int64) throws {
    try database.transaction {
      try touch(commented: id, in: repository)
      try database.run(
        "DELETE FROM comments WHERE repository=? AND id=?", .integer(repository), .integer(id))
    }
  }

  private func touch(commented id: Int64, in repository: Int64) throws {
    try database.run(
      """
      UPDATE pull_requests SET updated_at=? WHERE repository=?
        AND number=(SELECT number FROM comments WHERE repository=? AND id=?)
      """, .integer(Self.now), .integer(repository), .integer(repository), .integer(id))
  }

  private func comment(_ row: Statement) -> CommentRecord {
    CommentRecord(
      id: row.integer(0), number: Int(row.integer(1)), body: row.text(2) ?? "",
      author: row.text(3) ?? "", createdAt: row.integer(4), updatedAt: row.integer(5))
  }

  // MARK: Labels

  private static let labelColumns = "labels.id, labels.name, labels.color, labels.description"

  func labels(of repository: Int64) throws -> [LabelRecord] {
    try labels(
      "SELECT \(Self.labelColumns) FROM labels WHERE repository=? ORDER BY name", repository)
  }

  func labels(ofPullRequest id: Int64) throws -> [LabelRecord] {
    try labels(
      """
      SELECT \(Self.labelColumns) FROM labels JOIN pull_request_labels ON label=labels.id
      WHERE pull_request=? ORDER BY labels.id
      """, id)
  }

  /// Adds labels to a pull request, creating missing ones, as on GitHub.
  func addLabels(_ names: [String], to pullRequest: PullRequestRecord) throws -> [LabelRecord] {
    try database.transaction { try attach(names, to: pullRequest) }
  }

  /// Replaces the labels of a pull request.
  func setLabels(_ names: [String], of pullRequest: PullRequestRecord) throws -> [LabelRecord] {
    try database.transaction {
      try database.run(
        "DELETE FROM pull_request_labels WHERE pull_request=?", .integer(pullRequest.id))
      return try attach(names, to: pullRequest)
    }
  }

  private func attach(_ names: [String], to pullRequest: PullRequestRecord) throws -> [LabelRecord]
  {
    for name in names {
      let id = try label(name, in: pullRequest.repository)
      try database.run(
        "INSERT OR IGNORE INTO pull_request_labels(pull_request, label) VALUES(?,?)",
        .integer(pullRequest.id), .integer(id))
    }
    try touch(pullRequest)
    return try labels(ofPullRequest: pullRequest.id)
  }

  /// - Returns: false if it did not have this label.
  func removeLabel(_ name: String, from pullRequest: PullRequestRecord) throws -> Bool {
    try database.run(
      """
      DELETE FROM pull_request_labels WHERE pull_request=?
        AND label=(SELECT id FROM labels WHERE repository=? AND name=?)
      """, .integer(pullRequest.id), .integer(pullRequest.repository), .text(name))
    return database.changes > 0
  }

  /// - Returns: nil if the label exists.
  func addLabel(_ name: String, color: String, description: String?, to repository: Int64) throws
    -> LabelRecord?
  {
    try rows(
      """
      INSERT OR IGNORE INTO labels(repository, name, color, description) VALUES(?,?,?,?)
      RETURNING id, name, color, description
      """,
      [.integer(repository), .text(name), .text(color), .optional(description)], label
    ).first
  }

  private func label(_ name: String, in repository: Int64) throws -> Int64 {
    try database.run(
      "INSERT OR IGNORE INTO labels(repository, name, color) VALUES(?,?,'ededed')",
      .integer(repository), .text(name))
    return try row(
      "SELECT id FROM labels WHERE repository=? AND name=?", [.integer(repository), .text(name)]
    ) { $0.integer(0) }
  }

  private func labels(_ sql: String, _ id: Int64) throws -> [LabelRecord] {
    try rows(sql, [.integer(id)], label)
  }

  private func label(_ row: Statement) -> LabelRecord {
    LabelRecord(
      id: row.integer(0), name: row.text(1) ?? "", color: row.text(2) ?? "",
      description: row.text(3))
  }

  // MARK: Reviewers

  func reviewers(ofPullRequest id: Int64) throws -> [String] {
    try rows("SELECT login FROM reviewers WHERE pull_request=? ORDER BY login", [.integer(id)]) {
      $0.text(0)
    }
  }

  func addReviewers(_ logins: [String], to pullRequest: PullRequestRecord) throws {
    try change(
      logins, of: pullRequest,
      "INSERT OR IGNORE INTO reviewers(pull_request, login) VALUES(?,?)")
  }

  func removeReviewers(_ logins: [String], from pullRequest: PullRequestRecord) throws {
    try change(
      logins, of: pullRequest, "DELETE FROM reviewers WHERE pull_request=? AND login=?")
  }

  private func change(
    _ logins: [String], of pullRequest: PullRequestRecord, _ sql: String
  ) throws {
    try database.transaction {
      for login in logins { try database.run(sql, .integer(pullRequest.id), .text(login)) }
      try touch(pullRequest)
    }
  }

  private func touch(_ pullRequest: PullRequestRecord) throws {
    try database.run(
      "UPDATE pull_requests SET updated_at=? WHERE id=?", .integer(Self.now),
      .integer(pullRequest.id))
  }
}
