// Comments on lines of the diff.

import HTTPTypes
import Text

extension Route {
  private static let one = "pulls/comments/:id"
  private static let list = "pulls/:number/comments"
  private static let page = "pulls/comments"

  static let reviewComments: [Route] = [
    Route(
      .get, page, "\(page)#list-review-comments-in-a-repository", .pulls,
      repository: { $0.listAllReviewComments }),
    Route(
      .get, one, "\(page)#get-a-review-comment-for-a-pull-request", .pulls,
      repository: { $0.getReviewComment }),
    Route(
      .patch, one, "\(page)#update-a-review-comment-for-a-pull-request", .pulls, .talking,
      repository: { $0.patchReviewComment }),
    Route(
      .delete, one, "\(page)#delete-a-review-comment-for-a-pull-request", .pulls, .talking,
      repository: { $0.deleteReviewComment }),
    Route(
      .get, list, "\(page)#list-review-comments-on-a-pull-request", .pulls,
      pull: { $0.listReviewComments }),
    Route(
      .post, list, "\(page)#create-a-review-comment-for-a-pull-request", .pulls, .talking,
      pull: { $0.createReviewComment }),
    Route(
      .post, "\(list)/:id/replies", "\(page)#create-a-reply-for-a-review-comment", .pulls,
      .talking, pull: { $0.replyToReviewComment }),
  ]
}

extension RepositoryCall {
  // MARK: Reading

  @Sendable func listAllReviewComments() async throws -> APIReply {
    try await list(.repository(repository.record.id))
  }

  @Sendable func listReviewComments(_ pull: PullRequestRecord) async throws -> APIReply {
    try await list(.pullRequest(pull.id))
  }

  @Sendable func listCommentsOfReview(_ pull: PullRequestRecord) async throws -> APIReply {
    let id = Int64(try call.number("review"))
    guard try await api.store.review(id, of: pull.id, for: call.login) != nil else {
      throw APIError.notFound
    }
    return try await list(.review(id))
  }

  private func list(_ scope: ReviewCommentQuery.Scope) async throws -> APIReply {
    var query = ReviewCommentQuery(scope: scope, limit: paging.size, offset: paging.offset)
    query.since = try call.since()
    query.sortsByUpdate = call.query["sort"] == "updated"
    // As on GitHub, without `sort` the direction is ignored.
    query.ascending = call.query["sort"] == nil || call.query["direction"] != "desc"
    let (page, total) = try await api.store.reviewComments(query)
    return paged(try await shown(page), total: total)
  }

  /// Comments with their places in the current diffs.
  func shown(_ comments: [ReviewCommentRecord]) async throws -> [JSONValue] {
    let show = try await objects(for: [], also: comments.map(\.author))
    var pulls: [Int: PullRequestRecord] = [:]
    var items: [JSONValue] = []
    for comment in comments {
      let pull: PullRequestRecord
      if let known = pulls[comment.number] {
        pull = known
      } else {
        pull = try await self.pull(number: comment.number)
        pulls[comment.number] = pull
      }
      let current = try await api.places.current(
        comment.place, in: try await ends(of: pull, at: pull.headSHA), repository.git)
      items.append(show.reviewComment(comment, current, head: pull.headSHA))
    }
    return items
  }

  @Sendable func getReviewComment() async throws -> APIReply {
    .json(try await shown([try await reviewComment()])[0])
  }

  /// The comment of the call, if the caller may see it.
  private func reviewComment() async throws -> ReviewCommentRecord {
    let id = Int64(try call.number("id"))
    guard let comment = try await api.store.reviewComment(id, of: repository.record.id),
      !comment.isPending || comment.author.lowercased() == call.login.lowercased()
    else { throw APIError.notFound }
    return comment
  }

  // MARK: Writing

  @Sendable func createReviewComment(_ pull: PullRequestRecord) async throws -> APIReply {
    let body = try commentBody()
    if let first = try call.integer("in_reply_to") {
      return try await reply(to: first, body, of: pull)
    }
    guard let commit = try call.objectID("commit_id") else {
      throw APIError.notSupplied("commit_id")
    }
    guard try await isPart(commit, of: pull) else {
      throw APIError.validation(
        .custom(
          "PullRequestReviewComment", "commit_id is not part of the pull request",
          field: "commit_id"))
    }
    do {
      let place = try await api.places.place(
        try placeRequest(), in: try await ends(of: pull, at: commit), repository.git)
      return try await add(ReviewCommentDraft(body: body, place: place), to: pull)
    } catch let fault as CommentPlaces.Fault {
      throw APIError(
        status: .unprocessableContent, message: "Validation Failed", errors: fault.details)
    }
  }

  @Sendable func replyToReviewComment(_ pull: PullRequestRecord) async throws -> APIReply {
    let body = try commentBody()
    return try await reply(to: Int64(try call.number("id")), body, of: pull)
  }

  private func commentBody() throws -> String {
    let body = try call.requiredString("body")
    guard !body.trimmed.isEmpty else {
      throw APIError.validation(.missing("PullRequestReviewComment", "body"))
    }
    try Self.checkBody(body, of: "PullRequestReviewComment")
    return body
  }

  /// Adds to the thread of a comment. Every reply names the first comment of its thread.
  private func reply(to id: Int64, _ body: String, of pull: PullRequestRecord) async throws
    -> APIReply
  {
    guard let parent = try await api.store.reviewComment(id, of: repository.record.id),
      parent.pullRequest == pull.id, !parent.isPending
    else { throw APIError.notFound }
    return try await add(
      ReviewCommentDraft(
        body: body, place: parent.place, inReplyTo: parent.inReplyTo ?? parent.id), to: pull)
  }

  /// A single comment is a review of its own, as on GitHub.
  private func add(_ draft: ReviewCommentDraft, to pull: PullRequestRecord) async throws -> APIReply
  {
    let (review, comments) = try await api.store.addReview(
      to: pull, by: call.login, state: .commented, body: "", commit: draft.place.commit,
      comments: [draft])
    try await announce(submitted: review, comments, of: pull)
    return .created(try await shown(comments)[0])
  }

  @Sendable func patchReviewComment() async throws -> APIReply {
    let before = try await reviewComment()
    try checkMayEdit(before.author)
    let body = try commentBody()
    try await api.store.setReviewComment(before, body: body)
    let after = try await reviewComment()
    if !after.isPending {
      await publish("pull_request_review_comment", "edited") {
        try await commentPayload(after).with([
          "changes": ["body": ["from": .string(before.body)]]
        ])
      }
    }
    return .json(try await shown([after])[0])
  }

  @Sendable func deleteReviewComment() async throws -> APIReply {
    let comment = try await reviewComment()
    try checkMayEdit(comment.author)
    try await api.store.removeReviewComment(comment)
    if !comment.isPending {
      await publish("pull_request_review_comment", "deleted") {
        try await commentPayload(comment)
      }
    }
    return .noContent
  }

  // MARK: Places

  /// The two ends of a pull request's diff.
  func ends(of pull: PullRequestRecord, at head: ObjectName) async throws -> CommentPlaces.Ends {
    let base = try await api.places.mergeBase(pull.baseSHA, head, repository.git)
    return CommentPlaces.Ends(repository: repository.git.path, base: base, head: head)
  }

  /// Whether a commit is one of a pull request's.
  func isPart(_ commit: ObjectName, of pull: PullRequestRecord) async throws -> Bool {
    if commit == pull.headSHA { return true }
    let git = repository.git
    guard try await git.commit(commit.hex) != nil else { return false }
    guard try await git.isAncestor(commit, of: pull.headSHA) else { return false }
    return try await !git.isAncestor(commit, of: pull.baseSHA)
  }

  /// `path`, `line`, `side`, `start_line`, `start_side`, `position` and `subject_type`.
  func placeRequest() throws -> CommentPlaces.Request {
    func side(_ name: String) throws -> DiffPlace.Side? {
      guard let text = try call.string(name) else { return nil }
      guard let side = DiffPlace.Side(rawValue: text) else {
        throw APIError.validation(.invalid("PullRequestReviewComment", name))
      }
      return side
    }
    func number(_ name: String) throws -> Int? {
      try call.integer(name).map { Int(clamping: $0) }
    }
    return CommentPlaces.Request(
      path: try call.requiredString("path"), line: try number("line"),
      side: try side("side") ?? .right, startLine: try number("start_line"),
      startSide: try side("start_side"), position: try number("position"),
      isFile: try call.string("subject_type") == "file")
  }
}
