// Pull requests.

import HTTPTypes
import Text

extension Route {
  private static let pull = "pulls/:number"
  private static let reviewers = "pulls/:number/requested_reviewers"

  static let pulls: [Route] = [
    Route(
      .get, "pulls", "pulls/pulls#list-pull-requests", .pulls, repository: { $0.listPulls }),
    Route(
      .post, "pulls", "pulls/pulls#create-a-pull-request", .pulls, history: { $0.createPull }),
    Route(.get, pull, "pulls/pulls#get-a-pull-request", .pulls, pull: { $0.getPull }),
    Route(
      .patch, pull, "pulls/pulls#update-a-pull-request", .pulls, .talking,
      pull: { $0.patchPull }),
    Route(
      .get, "\(pull)/commits", "pulls/pulls#list-commits-on-a-pull-request", .pulls,
      pull: { $0.pullCommits }),
    Route(
      .get, "\(pull)/files", "pulls/pulls#list-pull-requests-files", .pulls,
      pull: { $0.pullFiles }),
    Route(
      .get, "\(pull)/merge", "pulls/pulls#check-if-a-pull-request-has-been-merged", .contents,
      pull: { $0.isMerged }),
    Route(
      .put, "\(pull)/merge", "pulls/pulls#merge-a-pull-request", .contents,
      pull: { $0.mergePull }),
    Route(
      .get, reviewers, "pulls/review-requests#get-all-requested-reviewers-for-a-pull-request",
      .pulls, pull: { $0.listReviewers }),
    Route(
      .post, reviewers, "pulls/review-requests#request-reviewers-for-a-pull-request", .pulls,
      pull: { $0.addReviewers }),
    Route(
      .delete, reviewers,
      "pulls/review-requests#remove-requested-reviewers-from-a-pull-request", .pulls,
      pull: { $0.removeReviewers }),
  ]
}

extension RepositoryCall {
  // MARK: Finding and showing

  /// The pull request of the call, refreshed from its branches.
  func pull() async throws -> PullRequestRecord {
    try await pull(number: try call.number("number"))
  }

  func pull(number: Int) async throws -> PullRequestRecord {
    guard let known = try await api.store.pullRequest(of: repository.record.id, number: number)
    else {
      throw APIError.notFound
    }
    return try await api.refreshed(known, in: repository, by: call.login)
  }

  func objects(
    for pulls: [PullRequestRecord], also logins: [String] = []
  ) async throws -> PullRequestObjects {
    try await api.objects(for: pulls, also: logins, in: repository)
  }

  private func shown(
    _ pull: PullRequestRecord, mergeability: Bool
  ) async throws -> JSONValue {
    var detail = try await api.pullRequests.detail(
      of: pull, repository.git, mergeability: mergeability)
    detail.isBehind = try await repository.isBehind(pull)
    let checks = try await api.store.checkSummary(
      of: repository.record.id, commit: pull.headSHA)
    return try await objects(for: [pull]).full(pull, detail, checks: checks)
  }

  @Sendable func getPull(_ pull: PullRequestRecord) async throws -> APIReply {
    if call.accepts("diff") || call.accepts("patch") {
      let base = try await mergeBase(of: pull)
      if let reply = try await patchReply(from: base, to: pull.headSHA) {
        return reply
      }
    }
    return .json(try await shown(pull, mergeability: true))
  }

  private func mergeBase(of pull: PullRequestRecord) async throws -> ObjectName {
    try await repository.git.mergeBase(pull.baseSHA, pull.headSHA) ?? BareRepository.emptyTree
  }

  @Sendable func listPulls() async throws -> APIReply {
    var query = PullRequestQuery(limit: paging.size, offset: paging.offset)
    switch call.query["state"] ?? "open" {
    case "open": query.isOpen = true
    case "closed": query.isOpen = false
    case "all": query.isOpen = nil
    case _: throw APIError.validation(.invalid("PullRequest", "state"))
    }
    if let head = call.query["head"] {
      let parts = head.split(separator: ":", maxSplits: 1).map(String.init)
      // GitHub ignores a head without its owner.
      if parts.count == 2 {
        let isOwn = parts[0].lowercased() == repository.record.owner.lowercased()
        guard isOwn else { return paged([], total: 0) }
        query.headBranch = parts[1]
      }
    }
    query.baseBranch = call.query["base"]
    if call.query["sort"] == "updated" { query.order = .updated }
    query.ascending = call.query["direction"] == "asc"
    // Refreshed first, so that states and pages are right.
    try await api.refreshAll(in: repository, by: call.login)
    let (page, total) = try await api.store.pullRequests(of: repository.record.id, query)
    let show = try await objects(for: page)
    return paged(page.map { show.simple($0) }, total: total)
  }

  // MARK: Creating and changing

  @Sendable func createPull() async throws -> APIReply {
    let draft = try await validDraft()
    let range = PullRequestKeeper.Range(
      repository: repository.git.path, base: draft.baseSHA, head: draft.headSHA)
    let detail = try await api.pullRequests.detail(of: range, repository.git, mergeability: false)
    guard detail.commits > 0 else {
      throw APIError.validation(
        .custom(
          "PullRequest", "No commits between \(draft.baseBranch) and \(draft.headBranch)"))
    }
    let pull: PullRequestRecord
    do { pull = try await api.store.add(draft) } catch is PullRequestConflict {
      throw exists(draft)
    }
    try await api.pullRequests.keepHead(of: pull, repository.git)
    await publish("pull_request", "opened") {
      try await api.pullPayload(pull, in: repository)
    }
    return .created(try await shown(pull, mergeability: false))
  }

  private func exists(_ pull: PullRequestRecord) -> APIError {
    .validation(
      .custom(
        "PullRequest",
        "A pull request already exists for \(repository.record.owner):\(pull.headBranch)."))
  }

  private func validDraft() async throws -> PullRequestRecord {
    guard let title = try call.string("title"), !title.trimmed.isEmpty else {
      throw APIError.validation(.missing("PullRequest", "title"))
    }
    let body = try call.string("body")
    try Self.checkText(title: title, body: body, of: "PullRequest")
    let head = try call.requiredString("head")
    let base = try call.requiredString("base")
    let isDraft = try call.bool("draft") ?? false
    if isDraft, !repository.record.settings.allowsDrafts {
      throw APIError.unprocessable("Draft pull requests are not supported in this repository.")
    }
    let parts = head.split(separator: ":", maxSplits: 1).map(String.init)
    let owner = repository.record.owner.lowercased()
    guard parts.count == 1 || parts.first?.lowercased() == owner, let headBranch = parts.last,
      let headRef = RefName(branch: headBranch), let headSHA = repository.git.resolve(headRef)
    else { throw APIError.validation(.invalid("PullRequest", "head")) }
    guard let baseRef = RefName(branch: base), let baseSHA = repository.git.resolve(baseRef) else {
      throw APIError.validation(.invalid("PullRequest", "base"))
    }
    return PullRequestRecord(
      id: 0, repository: repository.record.id, number: 0, title: title, body: body, isOpen: true,
      isDraft: isDraft, headBranch: headBranch, headSHA: headSHA, baseBranch: base,
      baseSHA: baseSHA, author: call.login, createdAt: 0, updatedAt: 0)
  }

  static func checkText(title: String?, body: String?, of resource: String) throws(APIError) {
    if let title, title.unicodeScalars.count > 256 {
      throw .validation(
        .custom(resource, "title is too long (maximum is 256 characters)", field: "title"))
    }
    try checkBody(body, of: resource)
  }

  static func checkBody(_ body: String?, of resource: String) throws(APIError) {
    if let body, body.unicodeScalars.count > 65536 {
      throw .validation(
        .custom(resource, "body is too long (maximum is 65536 characters)", field: "body"))
    }
  }

  @Sendable func patchPull(_ pull: PullRequestRecord) async throws -> APIReply {
    .json(try await shown(try await changed(pull), mergeability: true))
  }

  /// Applies `title`, `body`, `state` and `base` to the pull request of the call.
  func changed(_ pull: PullRequestRecord) async throws -> PullRequestRecord {
    try checkMayEdit(pull.author)
    let title = try call.string("title")
    if let title, title.trimmed.isEmpty {
      throw APIError.validation(.missing("PullRequest", "title"))
    }
    let body = try call.string("body")
    try Self.checkText(title: title, body: body, of: "PullRequest")
    let setsBody = call.body?.objectValue?["body"] != nil
    let state = try call.string("state")
    guard state == nil || state == "open" || state == "closed" else {
      throw APIError.validation(.invalid("PullRequest", "state"))
    }
    if state == "open", !pull.isOpen { try checkReopening(pull) }
    let base = try call.string("base")
    let baseSHA = base.flatMap { RefName(branch: $0) }.flatMap { repository.git.resolve($0) }
    if base != nil, baseSHA == nil {
      throw APIError.validation(.invalid("PullRequest", "base"))
    }
    do {
      return try await api.change(pull, in: repository, by: call.login) { record in
        if let title { record.title = title }
        if setsBody { record.body = body }
        if let base, let baseSHA { (record.baseBranch, record.baseSHA) = (base, baseSHA) }
        guard let state, record.isOpen != (state == "open") else { return }
        record.isOpen = state == "open"
        record.closedAt = record.isOpen ? nil : ForgeStore.now
      }
    } catch is PullRequestConflict {
      throw exists(pull)
    }
  }

  /// Refuses changes to what another person wrote, except by those who may write.
  func checkMayEdit(_ author: String) throws(APIError) {
    guard author.lowercased() == call.login.lowercased() || repository.role >= .push else {
      throw .notAccessible
    }
  }

  private func checkReopening(_ pull: PullRequestRecord) throws {
    if pull.mergedAt != nil {
      throw APIError.validation(
        .custom("PullRequest", "The pull request was merged.", field: "state"))
    }
    guard let head = pull.headRef, repository.git.resolve(head) != nil else {
      throw APIError.validation(
        .custom("PullRequest", "The \(pull.headBranch) branch has been deleted.", field: "state"))
    }
  }

  // MARK: Parts

  @Sendable func pullCommits(_ pull: PullRequestRecord) async throws -> APIReply {
    let commits = try await repository.git.commits(
      ["--reverse", "--topo-order", "\(pull.baseSHA)..\(pull.headSHA)"])
    return paged(
      paging.slice(commits).map { repository.objects.commit($0) }, total: commits.count)
  }

  @Sendable func pullFiles(_ pull: PullRequestRecord) async throws -> APIReply {
    let base = try await mergeBase(of: pull)
    let files = try await repository.git.changes(from: base, to: pull.headSHA)
    return paged(
      paging.slice(files).map { repository.objects.change($0, at: pull.headSHA) },
      total: files.count)
  }
}
