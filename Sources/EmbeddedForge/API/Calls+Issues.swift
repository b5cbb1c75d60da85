// Issues, and the comments and labels of pull requests. As on GitHub every pull request is an
// issue. Other issues have neither comments nor labels here.

import HTTPTypes
import Text

extension Route {
  private static let issue = "issues/:number"
  private static let comment = "issues/comments/:id"

  static let issues: [Route] = [
    Route(
      .get, "issues/comments", "issues/comments#list-issue-comments-for-a-repository", .issues,
      repository: { $0.listAllComments }),
    Route(
      .get, "issues", "issues/issues#list-repository-issues", .issues,
      repository: { $0.listIssues }),
    Route(
      .post, "issues", "issues/issues#create-an-issue", .issues, .talking,
      repository: { $0.createIssue }),
    Route(.get, issue, "issues/issues#get-an-issue", .issues, repository: { $0.getIssue }),
    Route(
      .patch, issue, "issues/issues#update-an-issue", .issues, .talking,
      repository: { $0.patchIssue }),
    Route(
      .get, "\(issue)/comments", "issues/comments#list-issue-comments", .issues,
      pull: { $0.listComments }),
    Route(
      .post, "\(issue)/comments", "issues/comments#create-an-issue-comment", .issues, .talking,
      pull: { $0.createComment }),
    Route(
      .get, comment, "issues/comments#get-an-issue-comment", .issues,
      repository: { $0.getComment }),
    Route(
      .patch, comment, "issues/comments#update-an-issue-comment", .issues, .talking,
      repository: { $0.patchComment }),
    Route(
      .delete, comment, "issues/comments#delete-an-issue-comment", .issues, .talking,
      repository: { $0.deleteComment }),
    Route(
      .get, "\(issue)/labels", "issues/labels#list-labels-for-an-issue", .issues,
      pull: { $0.listIssueLabels }),
    Route(
      .post, "\(issue)/labels", "issues/labels#add-labels-to-an-issue", .issues,
      pull: { $0.addIssueLabels }),
    Route(
      .put, "\(issue)/labels", "issues/labels#set-labels-for-an-issue", .issues,
      pull: { $0.setIssueLabels }),
    Route(
      .delete, "\(issue)/labels/*name", "issues/labels#remove-a-label-from-an-issue", .issues,
      pull: { $0.removeIssueLabel }),
    Route(
      .get, "labels", "issues/labels#list-labels-for-a-repository", .issues,
      repository: { $0.listLabels }),
    Route(
      .post, "labels", "issues/labels#create-a-label", .issues,
      repository: { $0.createLabel }),
  ]
}

extension RepositoryCall {
  @Sendable func listIssues() async throws -> APIReply {
    let isOpen: Bool?
    switch call.query["state"] ?? "open" {
    case "open": isOpen = true
    case "closed": isOpen = false
    case "all": isOpen = nil
    case _: throw APIError.validation(.invalid("Issue", "state"))
    }
    try await api.refreshAll(in: repository, by: call.login)
    let (page, total) = try await api.store.issueNumbers(
      of: repository.record.id, isOpen: isOpen, limit: paging.size, offset: paging.offset)
    var shown: [JSONValue] = []
    for number in page { shown.append(try await self.shown(try await anyIssue(number))) }
    return paged(shown, total: total)
  }

  @Sendable func createIssue() async throws -> APIReply {
    guard let title = try call.string("title"), !title.trimmed.isEmpty else {
      throw APIError.validation(.missing("Issue", "title"))
    }
    let body = try call.string("body")
    try Self.checkText(title: title, body: body, of: "Issue")
    let made = try await api.store.addIssue(
      to: repository.record.id, title: title, body: body, author: call.login)
    return .created(try await shown(.issue(made)))
  }

  @Sendable func getIssue() async throws -> APIReply {
    .json(try await shown(try await anyIssue(try call.number("number"))))
  }

  @Sendable func patchIssue() async throws -> APIReply {
    switch try await anyIssue(try call.number("number")) {
    case .pullRequest(let pull):
      var pull = try await changed(pull)
      if let labels = try call.strings("labels") {
        pull.labels = try await api.store.setLabels(labels, of: pull)
      }
      return .json(try await shown(.pullRequest(pull)))
    case .issue(let issue): return .json(try await shown(.issue(try await changed(issue))))
    }
  }

  /// Applies `title`, `body` and `state` to an issue.
  private func changed(_ issue: IssueRecord) async throws -> IssueRecord {
    try checkMayEdit(issue.author)
    var issue = issue
    if let title = try call.string("title") {
      guard !title.trimmed.isEmpty else { throw APIError.validation(.missing("Issue", "title")) }
      issue.title = title
    }
    if call.body?.objectValue?["body"] != nil { issue.body = try call.string("body") }
    try Self.checkText(title: issue.title, body: issue.body, of: "Issue")
    switch try call.string("state") {
    case nil: break
    case "open": (issue.isOpen, issue.closedAt) = (true, nil)
    case "closed":
      if issue.isOpen { (issue.isOpen, issue.closedAt) = (false, ForgeStore.now) }
    case _: throw APIError.validation(.invalid("Issue", "state"))
    }
    return try await api.store.write(issue)
  }

  /// What a number of the repository names.
  private enum AnyIssue {
    case issue(IssueRecord)
    case pullRequest(PullRequestRecord)
  }

  private func anyIssue(_ number: Int) async throws -> AnyIssue {
    if let issue = try await api.store.issue(of: repository.record.id, number: number) {
      return .issue(issue)
    }
    return .pullRequest(try await pull(number: number))
  }

  private func shown(_ issue: AnyIssue) async throws -> JSONValue {
    switch issue {
    case .issue(let issue): try await objects(for: [], also: [issue.author]).issue(issue)
    case .pullRequest(let pull): try await objects(for: [pull]).issue(pull)
    }
  }

  // MARK: Comments

  @Sendable func listComments(_ pull: PullRequestRecord) async throws -> APIReply {
    var query = CommentQuery(number: pull.number, limit: paging.size, offset: paging.offset)
    query.since = try call.since()
    return try await list(query)
  }

  @Sendable func listAllComments() async throws -> APIReply {
    var query = CommentQuery(number: nil, limit: paging.size, offset: paging.offset)
    query.since = try call.since()
    query.sortsByUpdate = call.query["sort"] == "updated"
    // As on GitHub, without `sort` the direction is ignored.
    query.ascending = call.query["sort"] == nil || call.query["direction"] != "desc"
    return try await list(query)
  }

  private func list(_ query: CommentQuery) async throws -> APIReply {
    let (page, total) = try await api.store.comments(of: repository.record.id, query)
    let show = try await objects(for: [], also: page.map(\.author))
    return paged(page.map { show.comment($0) }, total: total)
  }

  @Sendable func createComment(_ pull: PullRequestRecord) async throws -> APIReply {
    let body = try call.requiredString("body")
    guard !body.trimmed.isEmpty else {
      throw APIError.validation(.missing("IssueComment", "body"))
    }
    try Self.checkBody(body, of: "IssueComment")
    let comment = try await api.store.addComment(
      to: repository.record.id, number: pull.number, body: body, author: call.login)
    await publish("issue_comment", "created") { try await issueCommentPayload(comment) }
    let show = try await objects(for: [pull], also: [call.login])
    return .created(show.comment(comment))
  }

  @Sendable func getComment() async throws -> APIReply {
    .json(try await shown(try await comment()))
  }

  @Sendable func patchComment() async throws -> APIReply {
    let before = try await comment()
    try checkMayEdit(before.author)
    let body = try call.requiredString("body")
    try Self.checkBody(body, of: "IssueComment")
    try await api.store.setComment(before.id, of: repository.record.id, body: body)
    let after = try await comment()
    await publish("issue_comment", "edited") {
      try await issueCommentPayload(after).with([
        "changes": ["body": ["from": .string(before.body)]]
      ])
    }
    return .json(try await shown(after))
  }

  @Sendable func deleteComment() async throws -> APIReply {
    let comment = try await comment()
    try checkMayEdit(comment.author)
    try await api.store.removeComment(comment.id, of: repository.record.id)
    await publish("issue_comment", "deleted") { try await issueCommentPayload(comment) }
    return .noContent
  }

  private func comment() async throws -> CommentRecord {
    let id = Int64(try call.number("id"))
    guard let comment = try await api.store.comment(of: repository.record.id, id: id) else {
      throw APIError.notFound
    }
    return comment
  }

  private func shown(_ comment: CommentRecord) async throws -> JSONValue {
    try await objects(for: [], also: [comment.author]).comment(comment)
  }

  // MARK: Labels

  @Sendable func listIssueLabels(_ pull: PullRequestRecord) async throws -> APIReply {
    return try await shown(pull.labels)
  }

  @Sendable func addIssueLabels(_ pull: PullRequestRecord) async throws -> APIReply {
    try await shown(try await api.store.addLabels(try labelNames(), to: pull))
  }

  @Sendable func setIssueLabels(_ pull: PullRequestRecord) async throws -> APIReply {
    try await shown(try await api.store.setLabels(try labelNames(), of: pull))
  }

  @Sendable func removeIssueLabel(_ pull: PullRequestRecord) async throws -> APIReply {
    let name = call.parameter("name")
    // Without a name, all labels are removed.
    if name.isEmpty {
      _ = try await api.store.setLabels([], of: pull)
      return .noContent
    }
    guard try await api.store.removeLabel(name, from: pull) else {
      throw APIError(status: .notFound, message: "Label does not exist")
    }
    return try await shown(try await api.store.labels(ofPullRequest: pull.id))
  }

  @Sendable func listLabels() async throws -> APIReply {
    return try await shown(try await api.store.labels(of: repository.record.id))
  }

  @Sendable func createLabel() async throws -> APIReply {
    let name = try call.requiredString("name")
    let color = try call.string("color") ?? "ededed"
    guard color.utf8.count == 6, color.allSatisfy(\.isHexDigit) else {
      throw APIError.validation(.invalid("Label", "color"))
    }
    try checkLabels([name])
    let made = try await api.store.addLabel(
      name, color: color.lowercased(), description: try call.string("description"),
      to: repository.record.id)
    guard let made else {
      throw APIError.validation(
        APIError.Detail(resource: "Label", field: "name", code: "already_exists"))
    }
    return .created(try await objects(for: []).label(made))
  }

  /// The names in `{"labels": […]}`, or in a list.
  private func labelNames() throws -> [String] {
    let listed = call.body?.arrayValue ?? call.member("labels")?.arrayValue
    guard let listed else { throw APIError.notSupplied("labels") }
    let names = try listed.map { item in
      guard let name = item.stringValue ?? item["name"].stringValue else {
        throw APIError.wrongType("labels/items", "a string")
      }
      return name
    }
    try checkLabels(names)
    return names
  }

  private func checkLabels(_ names: [String]) throws(APIError) {
    guard names.count <= 100, names.allSatisfy({ !$0.trimmed.isEmpty && $0.utf8.count <= 200 })
    else { throw .validation(.invalid("Label", "name")) }
  }

  private func shown(_ labels: [LabelRecord]) async throws -> APIReply {
    let show = try await objects(for: [])
    return paged(
      paging.slice(labels).map { show.label($0) }, total: labels.count)
  }
}
