// Reviews of pull requests.

import HTTPTypes
import Text

extension Route {
  private static let reviewsPath = "pulls/:number/reviews"
  private static let reviewPath = "pulls/:number/reviews/:review"

  static let reviews: [Route] = [
    Route(
      .get, reviewsPath, "pulls/reviews#list-reviews-for-a-pull-request", .pulls,
      pull: { $0.listReviews }),
    Route(
      .post, reviewsPath, "pulls/reviews#create-a-review-for-a-pull-request", .pulls, .talking,
      pull: { $0.createReview }),
    Route(
      .get, reviewPath, "pulls/reviews#get-a-review-for-a-pull-request", .pulls,
      pull: { $0.getReview }),
    Route(
      .put, reviewPath, "pulls/reviews#update-a-review-for-a-pull-request", .pulls, .talking,
      pull: { $0.updateReview }),
    Route(
      .delete, reviewPath, "pulls/reviews#delete-a-pending-review-for-a-pull-request", .pulls,
      .talking, pull: { $0.deleteReview }),
    Route(
      .get, "\(reviewPath)/comments", "pulls/reviews#list-comments-for-a-pull-request-review",
      .pulls, pull: { $0.listCommentsOfReview }),
    Route(
      .post, "\(reviewPath)/events", "pulls/reviews#submit-a-review-for-a-pull-request", .pulls,
      .talking, pull: { $0.submitReview }),
    Route(
      .put, "\(reviewPath)/dismissals", "pulls/reviews#dismiss-a-review-for-a-pull-request",
      .pulls, pull: { $0.dismissReview }),
  ]
}

extension RepositoryCall {
  @Sendable func listReviews(_ pull: PullRequestRecord) async throws -> APIReply {
    let (page, total) = try await api.store.reviews(
      of: pull.id, for: call.login, limit: paging.size, offset: paging.offset)
    let show = try await objects(for: [], also: page.map(\.author))
    return paged(page.map { show.review($0, number: pull.number) }, total: total)
  }

  @Sendable func getReview(_ pull: PullRequestRecord) async throws -> APIReply {
    try await shown(try await review(of: pull), pull)
  }

  /// With `event` the review is submitted, else it is pending.
  @Sendable func createReview(_ pull: PullRequestRecord) async throws -> APIReply {
    let state = try submittedState(required: false)
    let body = try call.string("body") ?? ""
    try Self.checkBody(body, of: "PullRequestReview")
    let commit = try await reviewedCommit(of: pull)
    let items = try call.array("comments") ?? []
    if let state { try check(state, body, hasComments: !items.isEmpty, pull) }
    var drafts: [ReviewCommentDraft] = []
    for item in items { drafts.append(try await draft(item, at: commit, of: pull)) }
    do {
      let (review, comments) = try await api.store.addReview(
        to: pull, by: call.login, state: state ?? .pending, body: body, commit: commit,
        comments: drafts)
      if state != nil { try await announce(submitted: review, comments, of: pull) }
      return try await shown(review, pull)
    } catch is ReviewConflict {
      throw APIError.refused("User can only have one pending review per pull request")
    }
  }

  @Sendable func updateReview(_ pull: PullRequestRecord) async throws -> APIReply {
    let review = try await review(of: pull)
    guard review.author.lowercased() == call.login.lowercased() else {
      throw APIError.notAccessible
    }
    let body = try call.requiredString("body")
    try Self.checkBody(body, of: "PullRequestReview")
    guard let changed = try await api.store.setReview(review, body: body) else {
      throw APIError.notFound
    }
    if review.state != .pending {
      await publish("pull_request_review", "edited") {
        try await reviewPayload(changed, pull).with([
          "changes": review.body == body ? [:] : ["body": ["from": .string(review.body)]]
        ])
      }
    }
    return try await shown(changed, pull)
  }

  @Sendable func deleteReview(_ pull: PullRequestRecord) async throws -> APIReply {
    let review = try await review(of: pull)
    guard review.state == .pending else {
      throw APIError.refused("Can not delete a non-pending pull request review")
    }
    try await api.store.removeReview(review)
    return try await shown(review, pull)
  }

  @Sendable func submitReview(_ pull: PullRequestRecord) async throws -> APIReply {
    let review = try await review(of: pull)
    guard let state = try submittedState(required: true) else { throw APIError.notFound }
    let body = try call.string("body")
    try Self.checkBody(body, of: "PullRequestReview")
    let pending = try await api.store.reviewComments(
      ReviewCommentQuery(scope: .review(review.id), limit: 1000))
    try check(state, body ?? review.body, hasComments: pending.total > 0, pull)
    guard
      let submitted = try await api.store.submit(review, of: pull, as: state, body: body)
    else { throw APIError.refused("Can not submit a review that is not pending") }
    let comments = try await api.store.reviewComments(
      ReviewCommentQuery(scope: .review(review.id), limit: 1000)
    ).page
    try await announce(submitted: submitted, comments, of: pull)
    return try await shown(submitted, pull)
  }

  @Sendable func dismissReview(_ pull: PullRequestRecord) async throws -> APIReply {
    let review = try await review(of: pull)
    _ = try call.requiredString("message")
    guard review.state == .approved || review.state == .changesRequested else {
      throw APIError.refused("Can not dismiss a commented pull request review")
    }
    guard let dismissed = try await api.store.dismiss(review) else { throw APIError.notFound }
    await publish("pull_request_review", "dismissed") {
      try await reviewPayload(dismissed, pull)
    }
    return try await shown(dismissed, pull)
  }

  /// Adds a comment to a pending review of the caller.
  func add(_ item: JSONValue, to review: ReviewRecord, of pull: PullRequestRecord) async throws {
    let draft = try await draft(item, at: try await reviewedCommit(of: pull), of: pull)
    try await api.store.addComments([draft], to: review, of: pull)
  }

  // MARK: Parts

  private func review(of pull: PullRequestRecord) async throws -> ReviewRecord {
    let id = Int64(try call.number("review"))
    guard let review = try await api.store.review(id, of: pull.id, for: call.login) else {
      throw APIError.notFound
    }
    return review
  }

  private func shown(_ review: ReviewRecord, _ pull: PullRequestRecord) async throws -> APIReply {
    let show = try await objects(for: [], also: [review.author])
    return .json(show.review(review, number: pull.number))
  }

  /// The state of `event`; nil without one.
  private func submittedState(required: Bool) throws -> ReviewRecord.State? {
    switch try call.string("event") {
    case "APPROVE": return .approved
    case "REQUEST_CHANGES": return .changesRequested
    case "COMMENT": return .commented
    case nil where !required: return nil
    case let event:
      throw APIError.refused(
        "Variable $event of type PullRequestReviewEvent was provided invalid value "
          + (event ?? "null"))
    }
  }

  private func check(
    _ state: ReviewRecord.State, _ body: String, hasComments: Bool, _ pull: PullRequestRecord
  ) throws(APIError) {
    let isOwn = pull.author.lowercased() == call.login.lowercased()
    if state == .approved, isOwn { throw .refused("Can not approve your own pull request") }
    if state == .changesRequested, isOwn {
      throw .refused("Can not request changes on your own pull request")
    }
    if state != .approved, body.trimmed.isEmpty, !hasComments {
      throw .refused("Body can't be blank")
    }
  }

  /// `commit_id`, or the head.
  private func reviewedCommit(of pull: PullRequestRecord) async throws -> ObjectName {
    guard let commit = try call.objectID("commit_id") else { return pull.headSHA }
    guard try await isPart(commit, of: pull) else {
      throw APIError.refused("The commit is not part of the pull request")
    }
    return commit
  }

  private func draft(
    _ item: JSONValue, at commit: ObjectName, of pull: PullRequestRecord
  ) async throws -> ReviewCommentDraft {
    var inner = self
    inner.call.body = item
    let body = try inner.call.requiredString("body")
    guard !body.trimmed.isEmpty else { throw APIError.refused("Body can't be blank") }
    try Self.checkBody(body, of: "PullRequestReviewComment")
    do {
      let place = try await api.places.place(
        try inner.placeRequest(), in: try await ends(of: pull, at: commit), repository.git)
      return ReviewCommentDraft(body: body, place: place)
    } catch let fault as CommentPlaces.Fault {
      throw APIError.refused(fault.words)
    }
  }
}

extension CommentPlaces.Fault {
  /// As GitHub words it where it names no field.
  var words: String {
    let thread = "Pull request review thread"
    let hunk = "\(thread) diff hunk can't be blank"
    return switch self {
    case .path: "\(thread) path is invalid and \(hunk)"
    case .line: "\(thread) line must be part of the diff and \(hunk)"
    case .startLine: "\(thread) start line must be part of the same hunk as the line."
    case .order: "\(thread) start line must precede the end line."
    }
  }

  /// As GitHub words it with fields.
  var details: [APIError.Detail] {
    let resource = "PullRequestReviewComment"
    func custom(_ field: String, _ words: String) -> APIError.Detail {
      let field = "pull_request_review_thread.\(field)"
      return .custom(resource, "\(field) \(words)", field: field)
    }
    let hunk = APIError.Detail.missing(resource, "pull_request_review_thread.diff_hunk")
    return switch self {
    case .path: [custom("path", "is invalid"), hunk]
    case .line: [custom("line", "must be part of the diff"), hunk]
    case .startLine: [custom("start_line", "must be part of the same hunk as the line.")]
    case .order: [custom("start_line", "must precede the end line.")]
    }
  }
}
