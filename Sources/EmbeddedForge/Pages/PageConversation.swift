// What a pull request's page shows of a conversation: everything once, in order.

import Text

/// A thread of comments at one place.
struct CommentThread: Sendable {
  var first: ReviewCommentRecord
  var replies: [ReviewCommentRecord] = []
  /// Its place in the current diff; nil if it is outdated.
  var current: CommentPlaces.Current?

  var comments: [ReviewCommentRecord] { [first] + replies }

  /// The path with the lines, as people write it.
  var place: String {
    let place = first.place
    guard let line = current?.line ?? place.line else { return place.path }
    guard let start = current?.startLine ?? place.startLine else { return "\(place.path):\(line)" }
    return "\(place.path):\(start)-\(line)"
  }
}

struct PageConversation: Sendable {
  /// A comment or a review.
  enum Remark: Sendable {
    case comment(CommentRecord)
    case review(ReviewRecord, [ReviewCommentRecord])

    var time: Int64 {
      switch self {
      case .comment(let comment): comment.createdAt
      case .review(let review, _): review.submittedAt ?? review.createdAt
      }
    }
  }

  /// Oldest first, without what is pending.
  var remarks: [Remark]
  var threads: [CommentThread]
  /// The review that the reader has not submitted yet, and how many comments it has.
  var pending: (review: ReviewRecord, comments: Int)?
  var checks: [CheckRunRecord]
  var statuses: [StatusRecord]

  /// The most comments of each kind on a page.
  private static let shownMax = 500

  /// Reads a conversation.
  /// - Parameter viewer: who sees their own pending review.
  init(
    of pull: PullRequestRecord, for viewer: String, ends: CommentPlaces.Ends,
    in repository: RepositoryContext, _ api: ForgeAPI
  ) async throws {
    let (store, id) = (api.store, repository.record.id)
    let comments = try await store.comments(
      of: id, CommentQuery(number: pull.number, limit: Self.shownMax)
    ).page
    let reviews = try await store.reviews(
      of: pull.id, for: viewer, limit: Self.shownMax, offset: 0
    ).page
    var lines = try await store.reviewComments(
      ReviewCommentQuery(scope: .pullRequest(pull.id), limit: Self.shownMax)
    ).page
    pending = nil
    if let review = reviews.first(where: { $0.state == .pending }) {
      let own = try await store.reviewComments(
        ReviewCommentQuery(scope: .review(review.id), limit: Self.shownMax)
      ).page
      lines += own
      pending = (review, own.count)
    }
    let byReview = Dictionary(grouping: lines, by: \.review)
    let submitted = reviews.filter { $0.state != .pending }.compactMap { review -> Remark? in
      let comments = byReview[review.id] ?? []
      // A comment that was deleted leaves an empty review.
      if comments.isEmpty, review.body.isEmpty, review.state == .commented { return nil }
      return .review(review, comments)
    }
    remarks = (comments.map { .comment($0) } + submitted).sorted { $0.time < $1.time }
    threads = try await Self.threads(lines, ends, repository.git, api)
    checks = try await store.checkRuns(
      of: id, commit: pull.headSHA, CheckRunQuery(limit: 100)
    ).page.reversed()
    statuses = try await store.statuses(
      of: id, commit: pull.headSHA, latest: true, limit: 100, offset: 0
    ).page.reversed()
  }

  private static func threads(
    _ comments: [ReviewCommentRecord], _ ends: CommentPlaces.Ends, _ git: BareRepository,
    _ api: ForgeAPI
  ) async throws -> [CommentThread] {
    var threads: [CommentThread] = []
    var index: [Int64: Int] = [:]
    for comment in comments {
      // The first comment may have been deleted: then the next one is the first.
      let key = comment.inReplyTo ?? comment.id
      if let known = index[key] {
        threads[known].replies.append(comment)
      } else {
        index[key] = threads.count
        threads.append(
          CommentThread(
            first: comment, current: try await api.places.current(comment.place, in: ends, git)))
      }
    }
    return threads
  }

  /// What the checks and statuses say together.
  var checkSummary: CheckSummary {
    CheckSummary(checks.map(\.outcome) + statuses.map(\.outcome))
  }
}
