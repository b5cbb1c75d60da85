// Statuses of commits, and the logs of jobs.

import FoundationEssentials
import HTTPTypes
import Text

extension Route {
  private static let page = "commits/statuses"

  /// Before the routes of commits, whose names may have slashes.
  static let statuses: [Route] = [
    Route(
      .post, "statuses/:sha", "\(page)#create-a-commit-status", .statuses,
      repository: { $0.createStatus }),
    // No longer documented, but clients use it.
    Route(
      .get, "statuses/:ref", "\(page)#list-commit-statuses-for-a-reference", .statuses,
      repository: { $0.listStatuses }),
    Route(
      .get, "commits/*ref/statuses", "\(page)#list-commit-statuses-for-a-reference", .statuses,
      repository: { $0.listStatuses }),
    Route(
      .get, "commits/*ref/status", "\(page)#get-the-combined-status-for-a-specific-reference",
      .statuses, repository: { $0.combinedStatus }),
  ]

  static let jobs: [Route] = [
    Route(
      .get, "actions/jobs/:id/logs",
      "actions/workflow-jobs#download-job-logs-for-a-workflow-run", .actions,
      repository: { $0.getLog }),
    // Not a call of GitHub's, where runners write the logs.
    Route(.put, "actions/jobs/:id/logs", "", .actions, repository: { $0.setLog }),
  ]
}

extension RepositoryCall {
  @Sendable func createStatus() async throws -> APIReply {
    let sha = call.parameter("sha")
    guard let id = ObjectName(sha), try await repository.git.commit(id.hex) != nil else {
      throw APIError.unprocessable("No commit found for SHA: \(sha)")
    }
    let state = try call.requiredString("state")
    guard ["error", "failure", "pending", "success"].contains(state) else {
      throw APIError.validation(.invalid("Status", "state"))
    }
    let description = try call.string("description")
    guard description?.unicodeScalars.count ?? 0 <= 140 else {
      throw APIError.validation(
        .custom(
          "Status", "description is too long (maximum is 140 characters)", field: "description"))
    }
    let draft = StatusRecord(
      id: 0, commit: id, state: state, targetURL: try webAddress("target_url"),
      description: description, context: try call.string("context") ?? "default",
      creator: call.login, createdAt: 0)
    guard let status = try await api.store.addStatus(draft, to: repository.record.id) else {
      throw APIError.validation(
        .custom("Status", "This SHA and context has reached the maximum number of statuses."))
    }
    await publish("status") { try await statusPayload(status) }
    return .created(try await checkObjects([status.creator]).status(status))
  }

  private func statusPayload(_ status: StatusRecord) async throws -> JSONValue {
    let git = repository.git
    guard let commit = try await git.commit(status.commit.hex) else { throw APIError.notFound }
    let show = try await checkObjects([status.creator])
    let branches = try await git.refs(below: "refs/heads/").filter { $0.object == commit.id }
    return show.status(status).with([
      "sha": .string(status.commit.hex), "name": .string(repository.record.fullName),
      "commit": repository.objects.commit(commit),
      "branches": .array(
        branches.prefix(10).map { name, object in
          [
            "name": .string(name.withoutPrefix("refs/heads/")), "protected": false,
            "commit": [
              "sha": .string(object.hex),
              "url": .string(repository.urls.api(repository.record, "/commits/\(object)")),
            ],
          ]
        }),
    ])
  }

  @Sendable func listStatuses() async throws -> APIReply {
    let (page, total) = try await api.store.statuses(
      of: repository.record.id, commit: try await commitOfRef(), latest: false,
      limit: paging.size, offset: paging.offset)
    let show = try await checkObjects(page.map(\.creator))
    return paged(page.map(show.status), total: total)
  }

  @Sendable func combinedStatus() async throws -> APIReply {
    let commit = try await commitOfRef()
    let all = try await api.store.statuses(
      of: repository.record.id, commit: commit, latest: true, limit: 1000, offset: 0
    ).page
    let state =
      switch CheckSummary(all.map(\.outcome)) {
      case .failure: "failure"
      case .success: "success"
      case .absent, .pending: "pending"
      }
    let show = try await checkObjects(all.map(\.creator))
    var reply = paged([], total: all.count)
    let url = repository.urls.api(repository.record, "/commits/\(commit)")
    reply.content = .json([
      "state": .string(state), "sha": .string(commit.hex), "total_count": JSONValue(all.count),
      "statuses": .array(paging.slice(all).map(show.simpleStatus)),
      "repository": RepositoryObjects(urls: repository.urls).simple(
        repository.record, repository.facts),
      "commit_url": .string(url), "url": "\(url)/status",
    ])
    return reply
  }

  // MARK: Logs

  /// The largest log, in bytes.
  private static let logMax = 16 << 20

  /// The job of a check run has its id, as on GitHub.
  @Sendable func getLog() async throws -> APIReply {
    let run = try await checkRun()
    guard try await api.store.log(of: run.id) != nil else { throw APIError.notFound }
    let path = "/\(repository.record.fullName)/runs/\(run.id)/log"
    var reply = APIReply(status: .found, content: .none)
    reply.headers[.location] = "\(repository.urls.base)\(path)?\(api.addresses.query(for: path))"
    return reply
  }

  /// Stores the log of a check run's job: `{"content": …, "encoding": "utf-8"}`, or `base64`.
  @Sendable func setLog() async throws -> APIReply {
    let run = try await checkRun()
    let content = try call.requiredString("content")
    let bytes: [UInt8]
    switch try call.string("encoding") ?? "utf-8" {
    case "utf-8": bytes = Array(content.utf8)
    case "base64":
      let text = content.filter { !$0.isWhitespace }
      guard let data = Data(base64Encoded: text) else {
        throw APIError.unprocessable("content is not valid Base64")
      }
      bytes = Array(data)
    case _: throw APIError.validation(.invalid("Log", "encoding"))
    }
    guard bytes.count <= Self.logMax else {
      throw APIError(status: .contentTooLarge, message: "The log is too large.")
    }
    try await api.store.setLog(bytes, of: run.id)
    return .noContent
  }
}
