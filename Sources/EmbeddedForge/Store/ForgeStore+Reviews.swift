// Reviews in the database.

import SQLite

/// Why a review was not added.
enum ReviewConflict: Error {
  /// A user can have one pending review of a pull request.
  case pendingExists
}

/// A comment that is not yet in the database.
struct ReviewCommentDraft: Sendable {
  var body: String
  var place: DiffPlace
  var inReplyTo: Int64?
}

extension ForgeStore {
  private static let columns = """
    id, pull_request, author, state, body, commit_sha, created_at, submitted_at
    """

  /// The reviews of a pull request, oldest first.
  /// - Parameter viewer: who sees their own pending review too.
  func reviews(of pullRequest: Int64, for viewer: String, limit: Int, offset: Int) throws
    -> (page: [ReviewRecord], total: Int)
  {
    let condition = "pull_request=? AND (state<>'PENDING' OR author=?)"
    let values: [SQLiteValue] = [.integer(pullRequest), .text(viewer)]
    let page = try rows(
      """
      SELECT \(Self.columns) FROM reviews WHERE \(condition)
      ORDER BY submitted_at IS NULL, submitted_at, id LIMIT ? OFFSET ?
      """, values + [.integer(Int64(limit)), .integer(Int64(offset))], review)
    let total = try row("SELECT count(*) FROM reviews WHERE \(condition)", values) {
      Int($0.integer(0))
    }
    return (page, total)
  }

  /// A review, if the viewer may see it.
  func review(_ id: Int64, of pullRequest: Int64, for viewer: String) throws -> ReviewRecord? {
    try rows(
      """
      SELECT \(Self.columns) FROM reviews
      WHERE id=? AND pull_request=? AND (state<>'PENDING' OR author=?)
      """, [.integer(id), .integer(pullRequest), .text(viewer)], review
    ).first
  }

  /// The pending review of a user.
  func pendingReview(of pullRequest: Int64, by author: String) throws -> ReviewRecord? {
    try rows(
      """
      SELECT \(Self.columns) FROM reviews WHERE pull_request=? AND author=? AND state='PENDING'
      """, [.integer(pullRequest), .text(author)], review
    ).first
  }

  /// Adds a review with its comments.
  /// - Throws: `ReviewConflict` if the author has a pending review.
  func addReview(
    to pull: PullRequestRecord, by author: String, state: ReviewRecord.State, body: String,
    commit: ObjectName, comments: [ReviewCommentDraft]
  ) throws -> (review: ReviewRecord, comments: [ReviewCommentRecord]) {
    try database.transaction {
      if state == .pending, try pendingReview(of: pull.id, by: author) != nil {
        throw ReviewConflict.pendingExists
      }
      let now = Self.now
      let made = try row(
        """
        INSERT INTO reviews(pull_request, author, state, body, commit_sha, created_at, submitted_at)
        VALUES(?,?,?,?,?,?,?) RETURNING id
        """,
        [
          .integer(pull.id), .text(author), .text(state.rawValue), .text(body), .text(commit.hex),
          .integer(now), .optional(state == .pending ? nil : now),
        ]
      ) { $0.integer(0) }
      let ids = try comments.map { try add($0, to: made, of: pull, by: author) }
      if state != .pending { try touch(pullRequest: pull.id) }
      guard let review = try review(made, of: pull.id, for: author) else {
        throw ForgeStoreError.rowGone("reviews")
      }
      return (review, try ids.compactMap { try reviewComment($0, of: pull.repository) })
    }
  }

  /// Adds comments to a pending review.
  func addComments(
    _ comments: [ReviewCommentDraft], to review: ReviewRecord, of pull: PullRequestRecord
  ) throws {
    try database.transaction {
      for comment in comments { _ = try add(comment, to: review.id, of: pull, by: review.author) }
    }
  }

  /// Submits a pending review: now others see it and its comments.
  /// - Returns: nil if it is not pending.
  func submit(
    _ review: ReviewRecord, of pull: PullRequestRecord, as state: ReviewRecord.State, body: String?
  ) throws -> ReviewRecord? {
    try database.transaction {
      let now = SQLiteValue.integer(Self.now)
      try database.run(
        """
        UPDATE reviews SET state=?, body=coalesce(?, body), submitted_at=?
        WHERE id=? AND state='PENDING'
        """, .text(state.rawValue), .optional(body), now, .integer(review.id))
      guard database.changes > 0 else { return nil }
      try database.run(
        "UPDATE review_comments SET created_at=?, updated_at=? WHERE review=?", now, now,
        .integer(review.id))
      try touch(pullRequest: pull.id)
      return try self.review(review.id, of: pull.id, for: review.author)
    }
  }

  /// Changes the words of a review.
  func setReview(_ review: ReviewRecord, body: String) throws -> ReviewRecord? {
    try database.transaction {
      try database.run(
        "UPDATE reviews SET body=? WHERE id=?", .text(body), .integer(review.id))
      if review.state != .pending { try touch(pullRequest: review.pullRequest) }
      return try self.review(review.id, of: review.pullRequest, for: review.author)
    }
  }

  /// Dismisses an approval or a request for changes.
  func dismiss(_ review: ReviewRecord) throws -> ReviewRecord? {
    try database.transaction {
      try database.run("UPDATE reviews SET state='DISMISSED' WHERE id=?", .integer(review.id))
      try touch(pullRequest: review.pullRequest)
      return try self.review(review.id, of: review.pullRequest, for: review.author)
    }
  }

  /// Deletes a pending review with its comments.
  func removeReview(_ review: ReviewRecord) throws {
    try database.run(
      "DELETE FROM reviews WHERE id=? AND state='PENDING'", .integer(review.id))
  }

  /// Sets the time of a pull request, for what is said about it.
  func touch(pullRequest id: Int64) throws {
    try database.run(
      "UPDATE pull_requests SET updated_at=? WHERE id=?", .integer(Self.now), .integer(id))
  }

  private func review(_ row: Statement) -> ReviewRecord? {
    guard let state = ReviewRecord.State(rawValue: row.text(3) ?? ""),
      let commit = ObjectName(row.text(5) ?? "")
    else { return nil }
    return ReviewRecord(
      id: row.integer(0), pullRequest: row.integer(1), author: row.text(2) ?? "", state: state,
      body: row.text(4) ?? "", commit: commit, createdAt: row.integer(6),
      submittedAt: row.optionalInteger(7))
  }
}
