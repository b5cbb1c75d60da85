// The pages for people: repositories, their pull requests, each pull request with its conversation
// and its diff, and check runs. A private repository needs a token.

import HTTPTypes
import Hummingbird
import Text

struct PageResponder: Sendable {
  let api: ForgeAPI
  let authenticator: Authenticator
  /// The forge's URL, if the request has no host.
  let address: ForgeAddress

  /// - Parameter path: segments, still percent-encoded.
  func respond(to request: Request, path: [Substring]) async throws -> Response {
    guard request.method != .post else { return try await act(request, path) }
    guard request.method == .get || request.method == .head else {
      return Self.readOnly
    }
    let urls = ForgeURLs(host: request.head.authority, fallback: address.base, prefix: "")
    let response = try await page(request, path, urls)
    return request.method == .head ? response.createHeadResponse() : response
  }

  private static var readOnly: Response {
    PageFrame.plain(.methodNotAllowed, "This page can only be read.\n", [.allow: "GET, HEAD"])
  }

  private func page(_ request: Request, _ path: [Substring], _ urls: ForgeURLs) async throws
    -> Response
  {
    if path.isEmpty { return try await home(request, urls) }
    let isBranch = path.count >= 4 && path[2] == "tree"
    guard path.count == 2 || path.count == 4 || path.count == 5 || isBranch,
      let record = try await record(path)
    else { return Self.notFound }
    // There is no page of a branch's files.
    if isBranch { return PageFrame.see("/\(record.fullName)") }
    if path.count == 5 { return try await log(request, path, of: record) }
    if let refusal = try await refusal(request, record) { return refusal }
    let repository = try await api.context(record, urls)
    // Events have the forge's own address: the reader may be anybody, and so may name any host.
    let own = try await api.context(
      record, ForgeURLs(host: nil, fallback: address.base, prefix: ""))
    if path.count == 2 { return try await list(repository, own) }
    if path[2] == "runs", let id = Int64(path[3]),
      let run = try await api.store.checkRun(id, of: record.id)
    {
      return try await ChecksView(api: api, repository: repository, run: run).response()
    }
    if path[2] == "commit" { return try await commit(String(path[3]), repository) }
    if path[2] == "issues" {
      guard let number = Int(path[3]),
        let issue = try await api.store.issue(of: record.id, number: number)
      else { return Self.notFound }
      return IssueViews.page(of: issue, in: record)
    }
    guard path[2] == "pull" else { return Self.notFound }
    let (number, kind) = Self.number(path[3])
    guard let number,
      let known = try await api.store.pullRequest(of: record.id, number: number)
    else { return Self.notFound }
    let pull = try await api.refreshed(known, in: own, by: known.author)
    if kind != nil { return try await patch(of: pull, repository) }
    return try await PullRequestPage(
      api: api, repository: repository, pull: pull, forms: forms(request, record, number),
      query: APIResponder.members(of: request.uri.query)
    ).response()
  }

  /// Forms are on pages at the forge's own address only: elsewhere they would be refused.
  private func forms(_ request: Request, _ record: RepositoryRecord, _ number: Int) -> PageForms {
    let path = "/\(record.fullName)/pull/\(number)"
    let isOwn = request.head.authority.map { address.isOwn($0) } ?? false
    let canWrite = !record.settings.isArchived && record.settings.allowsWriting
    return PageForms(
      person: api.accounts.person, token: isOwn && canWrite ? api.addresses.token(for: path) : nil,
      path: path)
  }

  /// A form: `OWNER/REPO/pull/NUMBER/ACTION`.
  private func act(_ request: Request, _ path: [Substring]) async throws -> Response {
    guard path.count == 5, path[2] == "pull", let number = Int(path[3]),
      let record = try await record(path)
    else { return Self.readOnly }
    if let refusal = try await refusal(request, record) { return refusal }
    return try await PageActions(
      api: api, address: address, repository: record, number: number
    ).respond(to: request, action: String(path[4]))
  }

  private func record(_ path: [Substring]) async throws -> RepositoryRecord? {
    guard let owner = Percent.decode(path[0]), let name = Percent.decode(path[1]) else {
      return nil
    }
    return try await api.folder.repository(owner: owner, name: name, store: api.store)
  }

  /// The answer to a reader who may not see a repository; nil for one who may.
  private func refusal(_ request: Request, _ record: RepositoryRecord) async throws -> Response? {
    if try await isReadable(record, by: request) { return nil }
    return authenticator.caller(request.headers) == .anonymous ? Self.needsToken : Self.notFound
  }

  private func isReadable(_ record: RepositoryRecord, by request: Request) async throws -> Bool {
    guard record.settings.isPrivate else { return true }
    guard case .known(let login) = authenticator.caller(request.headers) else { return false }
    return try await api.role(of: login, in: record) > .none
  }

  /// `7`, `7.diff` or `7.patch`.
  private static func number(_ text: Substring) -> (number: Int?, kind: Substring?) {
    for kind in [".diff", ".patch"] where text.hasSuffix(kind) {
      return (Int(text.dropLast(kind.count)), text.suffix(kind.count))
    }
    return (Int(text), nil)
  }

  private func patch(of pull: PullRequestRecord, _ repository: RepositoryContext) async throws
    -> Response
  {
    let git = repository.git
    let base = try await git.mergeBase(pull.baseSHA, pull.headSHA) ?? BareRepository.emptyTree
    let patch = try await git.patch(from: base, to: pull.headSHA)
    return PageFrame.plain(.ok, String(decoding: patch, as: UTF8.self))
  }

  /// The change of a commit, as plain text.
  private func commit(_ name: String, _ repository: RepositoryContext) async throws -> Response {
    guard let id = ObjectName(name), let commit = try await repository.git.commit(id.hex) else {
      return Self.notFound
    }
    let base = commit.parents.first ?? BareRepository.emptyTree
    let patch = try await repository.git.patch(from: base, to: commit.id)
    return PageFrame.plain(.ok, String(decoding: patch, as: UTF8.self))
  }

  /// `OWNER/REPO/runs/ID/log`, which a signature opens instead of a credential.
  private func log(_ request: Request, _ path: [Substring], of record: RepositoryRecord)
    async throws -> Response
  {
    guard path[2] == "runs", path[4] == "log", let id = Int64(path[3]),
      api.addresses.isValid(
        APIResponder.members(of: request.uri.query),
        for: "/\(record.fullName)/runs/\(id)/log"),
      try await api.store.checkRun(id, of: record.id) != nil,
      let log = try await api.store.log(of: id)
    else { return Self.notFound }
    return PageFrame.plain(.ok, bytes: log)
  }

  private func home(_ request: Request, _ urls: ForgeURLs) async throws -> Response {
    var items: [HTML] = []
    for record in try await api.folder.repositories(store: api.store) {
      guard try await isReadable(record, by: request) else { continue }
      let open = try await api.store.openPullRequestCount(of: record.id)
      items.append(
        """
        <li><span class="right dim">\(open) open</span>\
        <a href="/\(record.fullName)"><strong>\(record.fullName)</strong></a> \
        <span class="dim">\(record.settings.description ?? "")</span></li>

        """)
    }
    let list: HTML =
      items.isEmpty
      ? "<p class=\"dim\">No repository yet: <code>aipm forge create OWNER/REPO</code></p>"
      : "<ul class=\"list\">\n\(items)</ul>"
    return PageFrame.response(
      title: "AIPM forge", "<h1>Repositories</h1>\n\(list)")
  }

  private func list(_ repository: RepositoryContext, _ own: RepositoryContext) async throws
    -> Response
  {
    try await api.refreshAll(in: own, by: api.accounts.principal)
    let (pulls, total) = try await api.store.pullRequests(
      of: repository.record.id, PullRequestQuery(isOpen: nil, limit: 200))
    let name = repository.record.fullName
    let items = pulls.map { pull -> HTML in
      """
      <li>\(PullRequestPage.badge(pull)) \
      <a href="/\(name)/pull/\(pull.number)"><strong>\(pull.title)</strong></a> \
      <span class="dim">#\(pull.number) · <code class="ref">\(pull.headBranch)</code> · \
      \(ISO8601.text(seconds: pull.createdAt))</span></li>

      """
    }
    let list: HTML =
      items.isEmpty
      ? "<p class=\"dim\">No pull request yet.</p>" : "<ul class=\"list\">\n\(items)</ul>"
    let more: HTML =
      total > pulls.count ? "<p class=\"dim\">The newest 200 of \(total).</p>" : ""
    let issues = try await api.store.issues(of: repository.record.id, limit: 200)
    let address = "\(repository.urls.page(repository.record)).git"
    return PageFrame.response(
      title: name,
      """
      <p><a href="/">Repositories</a></p>
      <h1>\(name)</h1>
      <p class="dim">\(repository.record.settings.description ?? "")</p>
      <p><code>git clone \(address)</code> · default branch \
      <code class="ref">\(repository.facts.defaultBranch)</code></p>
      <h2>Pull requests</h2>
      \(list)\(more)
      \(IssueViews.list(issues, in: repository.record))
      """)
  }

  private static var notFound: Response {
    PageFrame.response(
      .notFound, title: "Not found",
      "<h1>Not found</h1>\n<p>There is no such page. <a href=\"/\">Repositories</a></p>")
  }

  private static var needsToken: Response {
    PageFrame.plain(
      .unauthorized, "This repository is private: any user name, and the token as password.\n",
      [.wwwAuthenticate: "Basic realm=\"AIPM forge\""])
  }
}
