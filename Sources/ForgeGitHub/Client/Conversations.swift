import Domain
import ForgePort
import HTTPClient

// What is said on pull requests, and lists that are read again and again. These calls take several
// requests each.

/// The two lists in which GitHub keeps the checks of a commit.
enum CheckList: Sendable { case runs, statuses }

extension GitHubClient {
  /// More of one kind than this many pages hold is refused, because the newest would be missing.
  private static let conversationPagesMax = 50

  // MARK: Feedback

  /// Everything that was said on a pull request.
  func feedback(
    on number: Int, of repository: RepositoryName
  ) async throws(ForgeFault) -> [Feedback] {
    let (reviews, onLines) = try await reviewsAndComments(on: number, of: repository)
    let comments = try await pages([IssueCommentBody].self) {
      .comments(repository, number: number, page: $0)
    }
    return reviews.sorted { $0.id < $1.id }.compactMap(\.feedback) + onLines
      + comments.sorted { $0.id < $1.id }.compactMap(\.feedback)
  }

  /// The reviews of a pull request, and the comments on its change. A comment of a review that was
  /// not submitted is left out. The comments are read first: each review that is not among the
  /// reviews afterwards was discarded.
  func reviewsAndComments(
    on number: Int, of repository: RepositoryName
  ) async throws(ForgeFault) -> (reviews: [ReviewBody], comments: [Feedback]) {
    let comments = try await pages([ReviewCommentBody].self) {
      .reviewComments(repository, number: number, page: $0)
    }
    let reviews = try await pages([ReviewBody].self) {
      .reviews(repository, number: number, page: $0)
    }
    let submitted = Set(reviews.lazy.filter { !$0.isPending }.map(\.id))
    let said = comments.filter { $0.pullRequestReviewId.map(submitted.contains) ?? true }
    return (reviews, said.sorted { $0.id < $1.id }.compactMap(\.feedback))
  }

  /// Reads all pages of a list.
  private func pages<Item: Decodable>(
    _ type: [Item].Type, _ request: (Int) -> RESTRequest
  ) async throws(ForgeFault) -> [Item] {
    var items: [Item] = []
    for page in 1...Self.conversationPagesMax {
      let request = request(page)
      let found = try decode(type, try await exchange(request), request)
      items += found
      if found.count < RESTRequest.perPage { return items }
    }
    throw ForgeFault(
      kind: .refused, message: "\(request(1)) has more than \(items.count) entries",
      hint: "A conversation of this length is not read: go on in a new pull request.")
  }

  /// The account under which the credential writes. A token of a workflow run may not ask.
  func account() async throws(ForgeFault) -> String {
    switch configuration.credential {
    case .app(let app): return try await app.account()
    case .token:
      let request = RESTRequest(.account, author: configuration.author)
      return try decode(AccountBody.self, try await exchange(request), request).login
    }
  }

  // MARK: Lists that seldom change

  /// How long the time of an update may be that of another one too: GitHub's times are whole
  /// seconds, and the clocks of its servers may differ by one.
  private static let updateTime = Milliseconds.seconds(2)

  /// The open pull requests, last updated first, up to `pagesMax` pages. If one was updated a
  /// moment ago, another update in the same second would change nothing in the list. So it has no
  /// time, and the list no validator: the next question reads it again.
  func openPullRequests(
    of repository: RepositoryName, since validator: ForgeValidator?
  ) async throws(ForgeFault) -> ForgeReply {
    let known = validator.map { $0.rawValue.lines } ?? []
    let read = try await list(since: known) { page, tag in
      .openPullRequests(repository, page: page, tag: tag)
    } items: { (response, request) throws(ForgeFault) in
      try pullRequestList(response, request)
    }
    guard let (all, tags, asOf) = read else { return .unchanged }
    // While the pages are read, a pull request may move from one to the next.
    var seen: Set<Int> = []
    var found = all.filter { seen.insert($0.number).inserted }
    let fresh = found.indices.filter { index in
      guard let asOf, let time = found[index].updatedAt else { return false }
      return asOf < time + Self.updateTime
    }
    for index in fresh { found[index].updatedAt = nil }
    let validator = tags.map { ForgeValidator($0.joined(separator: "\n")) }
    return .openPullRequests(found, fresh.isEmpty ? validator : nil)
  }

  /// The check runs and the statuses of a commit. With a validator one of the two lists is asked
  /// for, in turn, so that a poll costs one request. If it has changed, both are read.
  func checks(
    of commit: ObjectID, in repository: RepositoryName, since validator: ForgeValidator?
  ) async throws(ForgeFault) -> ForgeReply {
    let known = validator.flatMap { CheckTags($0) }
    let next = known == nil ? nil : nextChecks(of: commit)
    var runs: Listing<ForgeCheck>?
    if next != .statuses {
      runs = try await checkRuns(of: commit, in: repository, since: known?.runs ?? [])
      guard runs != nil else { return .unchanged }
    }
    let statuses = try await statuses(
      of: commit, in: repository, since: next == .statuses ? known?.statuses ?? [] : [])
    guard let statuses else { return .unchanged }
    let allRuns =
      if let runs { runs } else { try await checkRuns(of: commit, in: repository, since: []) }
    guard let allRuns else { return .unchanged }
    let tags = allRuns.tags.flatMap { runs in
      statuses.tags.map { CheckTags(runs: runs, statuses: $0) }
    }
    return .checks(allRuns.items + statuses.items, tags?.validator)
  }

  private func checkRuns(
    of commit: ObjectID, in repository: RepositoryName, since known: [String]
  ) async throws(ForgeFault) -> Listing<ForgeCheck>? {
    try await list(since: known) { page, tag in
      .checkRuns(repository, commit: commit, page: page, tag: tag)
    } items: { (response, request) throws(ForgeFault) in
      try decode(CheckRunsBody.self, response, request).checkRuns.map(\.value)
    }
  }

  /// The latest status of each context. GitHub lists the newest first, and a new one is on the
  /// first page, so the other pages need no validator.
  private func statuses(
    of commit: ObjectID, in repository: RepositoryName, since known: [String]
  ) async throws(ForgeFault) -> Listing<ForgeCheck>? {
    let read = try await list(since: known) { page, tag in
      .statuses(repository, commit: commit, page: page, tag: tag)
    } items: { (response, request) throws(ForgeFault) in
      try decode([StatusBody].self, response, request).map { $0.value(on: commit) }
    }
    guard let (found, tags, asOf) = read else { return nil }
    var names: Set<String> = []
    let latest = found.filter { names.insert($0.name).inserted }
    return (latest, tags.map { Array($0.prefix(1)) }, asOf)
  }

  /// Reads a list of several pages, if one of them has changed.
  /// - Parameters:
  ///   - known: the entity tags of its pages; empty: they are not known.
  ///   - request: of a page, with its tag.
  ///   - items: the items of a page.
  /// - Returns: nil if nothing has changed.
  private func list<Item>(
    since known: [String], _ request: (Int, String?) -> RESTRequest,
    items: (HTTPResponse, RESTRequest) throws(ForgeFault) -> [Item]
  ) async throws(ForgeFault) -> Listing<Item>? {
    var first: HTTPResponse?
    var isChanged = known.isEmpty
    for (index, tag) in known.prefix(RESTRequest.pagesMax).enumerated() where !isChanged {
      let response = try await exchange(request(index + 1, tag))
      isChanged = response.status != 304
      if isChanged, index == 0 { first = response }
    }
    guard isChanged else { return nil }
    var all: [Item] = []
    var tags: [String?] = []
    var asOf: Timestamp?
    for page in 1...RESTRequest.pagesMax {
      let request = request(page, nil)
      let kept = page == 1 ? first : nil
      let response = if let kept { kept } else { try await exchange(request) }
      let found = try items(response, request)
      all += found
      tags.append(response.headers["etag"])
      if page == 1 { asOf = response.headers["date"].flatMap { Self.date($0) } }
      if found.count < RESTRequest.perPage { break }
    }
    return (all, tags.contains(nil) ? nil : tags.compactMap(\.self), asOf)
  }

  /// A list, the entity tags of its pages, nil if the forge gives none, and when its first page was
  /// read, by the forge's clock.
  private typealias Listing<Item> = (items: [Item], tags: [String]?, asOf: Timestamp?)
}

/// The entity tags of a commit's checks.
private struct CheckTags {
  var runs: [String]
  var statuses: [String]

  init(runs: [String], statuses: [String]) {
    self.runs = runs
    self.statuses = statuses
  }

  /// Two groups of lines, with an empty line between them.
  init?(_ validator: ForgeValidator) {
    let lines = validator.rawValue.split(separator: "\n", omittingEmptySubsequences: false)
      .map(String.init)
    guard let gap = lines.firstIndex(of: ""), gap > 0, gap + 1 < lines.count else { return nil }
    runs = Array(lines[..<gap])
    statuses = Array(lines[(gap + 1)...])
  }

  var validator: ForgeValidator {
    ForgeValidator((runs + [""] + statuses).joined(separator: "\n"))
  }
}

extension String {
  fileprivate var lines: [String] { split(separator: "\n").map(String.init) }
}
