// Comments and labels, which pull requests share with issues. Issues themselves are not supported.

import HTTPTypes
import Text

extension Route {
  private static let issue = "repos/:owner/:repo/issues/:number"

  static let issues: [Route] = [
    Route(.get, issue, "issues/issues#get-an-issue", "issues=read", { $0.getIssue }),
    Route(.patch, issue, "issues/issues#update-an-issue", "issues=write", { $0.patchIssue }),
    Route(
      .get, "\(issue)/comments", "issues/comments#list-issue-comments", "issues=read",
      { $0.listComments }),
    Route(
      .post, "\(issue)/comments", "issues/comments#create-an-issue-comment", "issues=write",
      { $0.createComment }),
    Route(
      .get, "repos/:owner/:repo/issues/comments/:id", "issues/comments#get-an-issue-comment",
      "issues=read", { $0.getComment }),
    Route(
      .patch, "repos/:owner/:repo/issues/comments/:id",
      "issues/comments#update-an-issue-comment", "issues=write", { $0.patchComment }),
    Route(
      .delete, "repos/:owner/:repo/issues/comments/:id",
      "issues/comments#delete-an-issue-comment", "issues=write", { $0.deleteComment }),
    Route(
      .get, "\(issue)/labels", "issues/labels#list-labels-for-an-issue", "issues=read",
      { $0.listIssueLabels }),
    Route(
      .post, "\(issue)/labels", "issues/labels#add-labels-to-an-issue", "issues=write",
      { $0.addIssueLabels }),
    Route(
      .put, "\(issue)/labels", "issues/labels#set-labels-for-an-issue", "issues=write",
      { $0.setIssueLabels }),
    Route(
      .delete, "\(issue)/labels/*name", "issues/labels#remove-a-label-from-an-issue",
      "issues=write", { $0.removeIssueLabel }),
    Route(
      .get, "repos/:owner/:repo/labels", "issues/labels#list-labels-for-a-repository",
      "issues=read", { $0.listLabels }),
    Route(
      .post, "repos/:owner/:repo/labels", "issues/labels#create-a-label", "issues=write",
      { $0.createLabel }),
  ]
}

extension ForgeAPI {
  @Sendable func getIssue(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    let pull = try await pull(call, repository)
    return .json(try await objects(for: [pull], repository).issue(pull))
  }

  @Sendable func patchIssue(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call, .writing)
    var pull = try await changedPull(call, repository)
    if let labels = try call.strings("labels") {
      pull.labels = try await store.setLabels(labels, of: pull)
    }
    return .json(try await objects(for: [pull], repository).issue(pull))
  }

  // MARK: Comments

  @Sendable func listComments(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    let pull = try await pull(call, repository)
    let paging = Paging(call.query)
    var since: Int64 = 0
    if let text = call.query["since"] {
      guard let time = ISO8601.seconds(text) else {
        throw APIError.wrongType("since", "a date-time")
      }
      since = time.seconds
    }
    let comments = try await store.comments(
      of: repository.record.id, number: pull.number, since: since, limit: paging.size,
      offset: paging.offset)
    let show = try await objects(for: [pull], also: comments.map(\.author), repository)
    return paging.reply(comments.map { show.comment($0) }, total: pull.comments, to: call)
  }

  @Sendable func createComment(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call, .writing)
    let pull = try await pull(call, repository)
    let body = try call.requiredString("body")
    guard !body.trimmed.isEmpty else {
      throw APIError.validation(.missing("IssueComment", "body"))
    }
    try Self.checkBody(body, of: "IssueComment")
    let comment = try await store.addComment(
      to: repository.record.id, number: pull.number, body: body, author: call.login)
    let show = try await objects(for: [pull], also: [call.login], repository)
    return .created(show.comment(comment))
  }

  @Sendable func getComment(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    return .json(try await shown(try await comment(call, repository), repository))
  }

  @Sendable func patchComment(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call, .writing)
    let comment = try await comment(call, repository)
    let body = try call.requiredString("body")
    try Self.checkBody(body, of: "IssueComment")
    try await store.setComment(comment.id, of: repository.record.id, body: body)
    return .json(try await shown(try await self.comment(call, repository), repository))
  }

  @Sendable func deleteComment(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call, .writing)
    let comment = try await comment(call, repository)
    try await store.removeComment(comment.id, of: repository.record.id)
    return .noContent
  }

  private func comment(_ call: APICall, _ repository: RepositoryContext) async throws
    -> CommentRecord
  {
    let id = Int64(try call.number("id"))
    guard let comment = try await store.comment(of: repository.record.id, id: id) else {
      throw APIError.notFound
    }
    return comment
  }

  private func shown(_ comment: CommentRecord, _ repository: RepositoryContext) async throws
    -> JSONValue
  {
    try await objects(for: [], also: [comment.author], repository).comment(comment)
  }

  // MARK: Labels

  @Sendable func listIssueLabels(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    let pull = try await pull(call, repository)
    return try await shown(pull.labels, call, repository)
  }

  @Sendable func addIssueLabels(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call, .writing)
    let pull = try await pull(call, repository)
    let names = try labelNames(call)
    return try await shown(try await store.addLabels(names, to: pull), call, repository)
  }

  @Sendable func setIssueLabels(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call, .writing)
    let pull = try await pull(call, repository)
    let names = try labelNames(call)
    return try await shown(try await store.setLabels(names, of: pull), call, repository)
  }

  @Sendable func removeIssueLabel(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call, .writing)
    let pull = try await pull(call, repository)
    let name = call.parameter("name")
    // Without a name, all labels are removed.
    if name.isEmpty {
      _ = try await store.setLabels([], of: pull)
      return .noContent
    }
    guard try await store.removeLabel(name, from: pull) else {
      throw APIError(status: .notFound, message: "Label does not exist")
    }
    return try await shown(try await store.labels(ofPullRequest: pull.id), call, repository)
  }

  @Sendable func listLabels(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    return try await shown(try await store.labels(of: repository.record.id), call, repository)
  }

  @Sendable func createLabel(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call, .writing)
    let name = try call.requiredString("name")
    let color = try call.string("color") ?? "ededed"
    guard color.utf8.count == 6, color.allSatisfy(\.isHexDigit) else {
      throw APIError.validation(.invalid("Label", "color"))
    }
    try checkLabels([name])
    let made = try await store.addLabel(
      name, color: color.lowercased(), description: try call.string("description"),
      to: repository.record.id)
    guard let made else {
      throw APIError.validation(
        APIError.Detail(resource: "Label", field: "name", code: "already_exists"))
    }
    return .created(try await objects(for: [], repository).label(made))
  }

  /// The names in `{"labels": […]}`, or in a list.
  private func labelNames(_ call: APICall) throws -> [String] {
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

  private func shown(_ labels: [LabelRecord], _ call: APICall, _ repository: RepositoryContext)
    async throws -> APIReply
  {
    let paging = Paging(call.query)
    let show = try await objects(for: [], repository)
    return paging.reply(
      paging.slice(labels).map { show.label($0) }, total: labels.count, to: call)
  }
}
