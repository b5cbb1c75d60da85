// Pull requests.

import HTTPTypes
import Text

extension Route {
  static let pulls: [Route] = [
    Route(
      .get, "repos/:owner/:repo/pulls", "pulls/pulls#list-pull-requests", "pull_requests=read",
      { $0.listPulls }),
    Route(
      .post, "repos/:owner/:repo/pulls", "pulls/pulls#create-a-pull-request",
      "pull_requests=write", { $0.createPull }),
    Route(
      .get, "repos/:owner/:repo/pulls/:number", "pulls/pulls#get-a-pull-request",
      "pull_requests=read", { $0.getPull }),
    Route(
      .patch, "repos/:owner/:repo/pulls/:number", "pulls/pulls#update-a-pull-request",
      "pull_requests=write", { $0.patchPull }),
    Route(
      .get, "repos/:owner/:repo/pulls/:number/commits",
      "pulls/pulls#list-commits-on-a-pull-request", "pull_requests=read", { $0.pullCommits }),
    Route(
      .get, "repos/:owner/:repo/pulls/:number/files", "pulls/pulls#list-pull-requests-files",
      "pull_requests=read", { $0.pullFiles }),
    Route(
      .get, "repos/:owner/:repo/pulls/:number/merge",
      "pulls/pulls#check-if-a-pull-request-has-been-merged", "contents=read", { $0.isMerged }),
    Route(
      .put, "repos/:owner/:repo/pulls/:number/merge", "pulls/pulls#merge-a-pull-request",
      "contents=write", { $0.mergePull }),
    Route(
      .get, "repos/:owner/:repo/pulls/:number/requested_reviewers",
      "pulls/review-requests#get-all-requested-reviewers-for-a-pull-request",
      "pull_requests=read", { $0.listReviewers }),
    Route(
      .post, "repos/:owner/:repo/pulls/:number/requested_reviewers",
      "pulls/review-requests#request-reviewers-for-a-pull-request", "pull_requests=write",
      { $0.addReviewers }),
    Route(
      .delete, "repos/:owner/:repo/pulls/:number/requested_reviewers",
      "pulls/review-requests#remove-requested-reviewers-from-a-pull-request",
      "pull_requests=write", { $0.removeReviewers }),
  ]
}

extension ForgeAPI {
  // MARK: Finding and showing

  /// The pull request of the call, refreshed from its branches.
  func pull(_ call: APICall, _ repository: RepositoryContext) async throws -> PullRequestRecord {
    let number = try call.number("number")
    guard let known = try await store.pullRequest(of: repository.record.id, number: number) else {
      throw APIError.notFound
    }
    return try await pullRequests.refreshed(known, repository.git)
  }

  func objects(
    for pulls: [PullRequestRecord], also logins: [String] = [], _ repository: RepositoryContext
  )
    async throws -> PullRequestObjects
  {
    let named = pulls.flatMap { [$0.author] + ($0.mergedBy.map { [$0] } ?? []) + $0.reviewers }
    return PullRequestObjects(
      urls: repository.urls, repository: repository.record, facts: repository.facts,
      users: try await store.users(named + logins))
  }

  private func shown(
    _ pull: PullRequestRecord, _ repository: RepositoryContext, mergeability: Bool
  ) async throws -> JSONValue {
    let detail = try await pullRequests.detail(
      of: pull, repository.git, mergeability: mergeability)
    return try await objects(for: [pull], repository).full(pull, detail)
  }

  @Sendable func getPull(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    let pull = try await pull(call, repository)
    if call.accepts("diff") || call.accepts("patch") {
      let base = try await mergeBase(of: pull, repository)
      if let reply = try await patchReply(call, repository, from: base, to: pull.headSHA) {
        return reply
      }
    }
    return .json(try await shown(pull, repository, mergeability: true))
  }

  private func mergeBase(of pull: PullRequestRecord, _ repository: RepositoryContext) async throws
    -> ObjectName
  {
    try await repository.git.mergeBase(pull.baseSHA, pull.headSHA) ?? BareRepository.emptyTree
  }

  @Sendable func listPulls(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    let paging = Paging(call.query)
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
        guard isOwn else { return paging.reply([], total: 0, to: call) }
        query.headBranch = parts[1]
      }
    }
    query.baseBranch = call.query["base"]
    if call.query["sort"] == "updated" { query.order = .updated }
    query.ascending = call.query["direction"] == "asc"
    // Refreshed first, so that states and pages are right.
    try await pullRequests.refreshAll(of: repository.record, repository.git)
    let (page, total) = try await store.pullRequests(of: repository.record.id, query)
    let show = try await objects(for: page, repository)
    return paging.reply(page.map { show.simple($0) }, total: total, to: call)
  }

  // MARK: Creating and changing

  @Sendable func createPull(_ call: APICall) async throws -> APIReply {
    let repository = try await nonEmptyRepository(call, .writing)
    let draft = try await validDraft(call, repository)
    let range = PullRequestKeeper.Range(
      repository: repository.git.path, base: draft.baseSHA, head: draft.headSHA)
    let detail = try await pullRequests.detail(of: range, repository.git, mergeability: false)
    guard detail.commits > 0 else {
      throw APIError.validation(
        .custom(
          "PullRequest", "No commits between \(draft.baseBranch) and \(draft.headBranch)"))
    }
    let pull: PullRequestRecord
    do { pull = try await store.add(draft) } catch is PullRequestConflict {
      throw Self.exists(repository, draft)
    }
    try await pullRequests.keepHead(of: pull, repository.git)
    return .created(try await shown(pull, repository, mergeability: false))
  }

  private static func exists(_ repository: RepositoryContext, _ pull: PullRequestRecord)
    -> APIError
  {
    .validation(
      .custom(
        "PullRequest",
        "A pull request already exists for \(repository.record.owner):\(pull.headBranch)."))
  }

  private func validDraft(_ call: APICall, _ repository: RepositoryContext) async throws
    -> PullRequestRecord
  {
    guard let title = try call.string("title"), !title.trimmed.isEmpty else {
      throw APIError.validation(.missing("PullRequest", "title"))
    }
    let body = try call.string("body")
    try Self.checkText(title: title, body: body)
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

  private static func checkText(title: String?, body: String?) throws(APIError) {
    if let title, title.unicodeScalars.count > 256 {
      throw .validation(
        .custom("PullRequest", "title is too long (maximum is 256 characters)", field: "title"))
    }
    try checkBody(body, of: "PullRequest")
  }

  static func checkBody(_ body: String?, of resource: String) throws(APIError) {
    if let body, body.unicodeScalars.count > 65536 {
      throw .validation(
        .custom(resource, "body is too long (maximum is 65536 characters)", field: "body"))
    }
  }

  @Sendable func patchPull(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call, .writing)
    let pull = try await changedPull(call, repository)
    return .json(try await shown(pull, repository, mergeability: true))
  }

  /// Applies `title`, `body`, `state` and `base` to the pull request of the call.
  func changedPull(_ call: APICall, _ repository: RepositoryContext) async throws
    -> PullRequestRecord
  {
    let pull = try await pull(call, repository)
    let title = try call.string("title")
    if let title, title.trimmed.isEmpty {
      throw APIError.validation(.missing("PullRequest", "title"))
    }
    let body = try call.string("body")
    try Self.checkText(title: title, body: body)
    let setsBody = call.body?.objectValue?["body"] != nil
    let state = try call.string("state")
    guard state == nil || state == "open" || state == "closed" else {
      throw APIError.validation(.invalid("PullRequest", "state"))
    }
    if state == "open", !pull.isOpen { try checkReopening(pull, repository) }
    let base = try call.string("base")
    let baseSHA = base.flatMap { RefName(branch: $0) }.flatMap { repository.git.resolve($0) }
    if base != nil, baseSHA == nil {
      throw APIError.validation(.invalid("PullRequest", "base"))
    }
    do {
      return try await store.change(pull) { record in
        if let title { record.title = title }
        if setsBody { record.body = body }
        if let base, let baseSHA { (record.baseBranch, record.baseSHA) = (base, baseSHA) }
        guard let state, record.isOpen != (state == "open") else { return }
        record.isOpen = state == "open"
        record.closedAt = record.isOpen ? nil : ForgeStore.now
      }
    } catch is PullRequestConflict {
      throw Self.exists(repository, pull)
    }
  }

  private func checkReopening(_ pull: PullRequestRecord, _ repository: RepositoryContext) throws {
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

  @Sendable func pullCommits(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    let pull = try await pull(call, repository)
    let paging = Paging(call.query)
    let commits = try await repository.git.commits(
      ["--reverse", "--topo-order", "\(pull.baseSHA)..\(pull.headSHA)"])
    return paging.reply(
      paging.slice(commits).map { repository.objects.commit($0) }, total: commits.count, to: call)
  }

  @Sendable func pullFiles(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    let pull = try await pull(call, repository)
    let paging = Paging(call.query)
    let base = try await mergeBase(of: pull, repository)
    let files = try await repository.git.changes(from: base, to: pull.headSHA)
    return paging.reply(
      paging.slice(files).map { repository.objects.change($0, at: pull.headSHA) },
      total: files.count, to: call)
  }
}
