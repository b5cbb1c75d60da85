// Comments on lines of a diff in the database.

import SQLite

/// Selects the comments of a list.
struct ReviewCommentQuery: Sendable {
  enum Scope: Sendable {
    case repository(Int64)
    case pullRequest(Int64)
    /// With those of a pending review.
    case review(Int64)
  }

  var scope: Scope
  var since: Int64 = 0
  var sortsByUpdate = false
  var ascending = true
  var limit = 30
  var offset = 0
}

extension ForgeStore {
  private static let columns = """
    c.id, c.pull_request, p.number, c.review, r.state, c.author, c.body, c.path, c.base_path,
    c.side, c.start_side, c.line, c.start_line, c.position, c.commit_sha, c.base_sha, c.diff_hunk,
    c.in_reply_to, c.created_at, c.updated_at
    """
  private static let tables = """
    review_comments c JOIN reviews r ON r.id=c.review JOIN pull_requests p ON p.id=c.pull_request
    """

  /// One page of the selected comments, and their total count.
  func reviewComments(_ query: ReviewCommentQuery) throws
    -> (page: [ReviewCommentRecord], total: Int)
  {
    let (condition, id) =
      switch query.scope {
      case .repository(let id): ("p.repository=? AND r.state<>'PENDING'", id)
      case .pullRequest(let id): ("c.pull_request=? AND r.state<>'PENDING'", id)
      case .review(let id): ("c.review=?", id)
      }
    let from = "FROM \(Self.tables) WHERE \(condition) AND c.updated_at>=?"
    let values: [SQLiteValue] = [.integer(id), .integer(query.since)]
    let order = query.sortsByUpdate ? "c.updated_at" : "c.created_at"
    let direction = query.ascending ? "ASC" : "DESC"
    let page = try rows(
      """
      SELECT \(Self.columns) \(from) ORDER BY \(order) \(direction), c.id \(direction)
      LIMIT ? OFFSET ?
      """, values + [.integer(Int64(query.limit)), .integer(Int64(query.offset))], comment)
    return (page, try row("SELECT count(*) \(from)", values) { Int($0.integer(0)) })
  }

  func reviewComment(_ id: Int64, of repository: Int64) throws -> ReviewCommentRecord? {
    try rows(
      "SELECT \(Self.columns) FROM \(Self.tables) WHERE c.id=? AND p.repository=?",
      [.integer(id), .integer(repository)], comment
    ).first
  }

  /// - Returns: the id.
  func add(
    _ draft: ReviewCommentDraft, to review: Int64, of pull: PullRequestRecord, by author: String
  ) throws -> Int64 {
    let place = draft.place
    let now = SQLiteValue.integer(Self.now)
    func number(_ value: Int?) -> SQLiteValue { .optional(value.map { Int64($0) }) }
    return try row(
      """
      INSERT INTO review_comments(pull_request, review, author, body, path, base_path, side,
        start_side, line, start_line, position, commit_sha, base_sha, diff_hunk, in_reply_to,
        created_at, updated_at)
      VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id
      """,
      [
        .integer(pull.id), .integer(review), .text(author), .text(draft.body), .text(place.path),
        .text(place.basePath), .text(place.side.rawValue), .optional(place.startSide?.rawValue),
        number(place.line), number(place.startLine), number(place.position),
        .text(place.commit.hex), .text(place.base.hex), .text(place.hunk),
        .optional(draft.inReplyTo), now, now,
      ]
    ) { $0.integer(0) }
  }

  func setReviewComment(_ comment: ReviewCommentRecord, body: String) throws {
    try database.transaction {
      try database.run(
        "UPDATE review_comments SET body=?, updated_at=? WHERE id=?", .text(body),
        .integer(Self.now), .integer(comment.id))
      if !comment.isPending { try touch(pullRequest: comment.pullRequest) }
    }
  }

  func removeReviewComment(_ comment: ReviewCommentRecord) throws {
    try database.transaction {
      try database.run("DELETE FROM review_comments WHERE id=?", .integer(comment.id))
      if !comment.isPending { try touch(pullRequest: comment.pullRequest) }
    }
  }

  private func comment(_ row: Statement) -> ReviewCommentRecord? {
    guard let commit = ObjectName(row.text(14) ?? ""), let base = ObjectName(row.text(15) ?? "")
    else { return nil }
    func number(_ column: Int32) -> Int? { row.optionalInteger(column).map { Int($0) } }
    let place = DiffPlace(
      path: row.text(7) ?? "", basePath: row.text(8) ?? "",
      side: DiffPlace.Side(rawValue: row.text(9) ?? "") ?? .right,
      startSide: row.text(10).flatMap { DiffPlace.Side(rawValue: $0) }, line: number(11),
      startLine: number(12), position: number(13), base: base, commit: commit,
      hunk: row.text(16) ?? "")
    return ReviewCommentRecord(
      id: row.integer(0), pullRequest: row.integer(1), number: Int(row.integer(2)),
      review: row.integer(3), isPending: row.text(4) == ReviewRecord.State.pending.rawValue,
      author: row.text(5) ?? "", body: row.text(6) ?? "", place: place,
      inReplyTo: row.optionalInteger(17), createdAt: row.integer(18), updatedAt: row.integer(19))
  }
}
