import Domain
import EmbeddedForge
import ForgeConformance
import ForgePort
import Foundation
import HTTPClient
import Logging
import Text

/// The embedded forge with one repository, while a test runs.
struct HostedForge: Sendable {
  static let token = "a-token-of-the-embedded-forge"
  static let repository = RepositoryName(owner: "octo", name: "hello")

  let forge: EmbeddedForge
  let root: String
  let url: String

  var people: GitHubPeople {
    GitHubPeople(url: url, repository: Self.repository, token: Self.token)
  }

  static func run(
    hooks: [ForgeHook] = [], _ body: @escaping @Sendable (HostedForge) async throws -> Void
  ) async throws {
    let root = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    try await EmbeddedForge.createRepository(repository.description, root: root)
    var logger = Logger(label: "forge")
    logger.logLevel = .critical
    var configuration = EmbeddedForgeConfiguration(root: root, token: token)
    configuration.accounts = GitHubPeople.accounts
    configuration.hooks = hooks
    let forge = try EmbeddedForge(configuration: configuration, logger: logger)
    let (ports, port) = AsyncStream<Int>.makeStream()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await forge.run { port.yield($0) } }
      group.addTask {
        for await number in ports {
          try await body(
            HostedForge(forge: forge, root: root, url: "http://127.0.0.1:\(number)"))
          return
        }
      }
      try await group.next()
      group.cancelAll()
    }
  }
}

/// A reviewer and a runner of jobs, with accounts of their own on the embedded forge.
struct GitHubPeople: ForgePeople {
  static let accounts = [
    ForgeAccount(login: "ann", token: "a-token-of-ann"),
    // The slug of GitHub's own jobs, whose logs can be read.
    ForgeAccount(login: "github-actions[bot]", token: "a-token-of-jobs"),
  ]

  let url: String
  let repository: RepositoryName
  /// AIPM's own.
  let token: String
  let reviewer = accounts[0].login
  private let http = HTTPClient(configuration: .init(userAgent: "people", proxy: .none))

  init(url: String, repository: RepositoryName, token: String) {
    self.url = url
    self.repository = repository
    self.token = token
  }

  func review(
    _ words: String, _ comments: [LineComment], on pullRequest: ForgePullRequest
  ) async throws {
    try await send(
      "POST", "/pulls/\(pullRequest.number)/reviews",
      [
        "event": "REQUEST_CHANGES", "body": .string(words),
        "comments": .array(comments.map(Self.comment)),
      ], as: Self.accounts[0].token)
  }

  func beginReview(_ comment: LineComment, on pullRequest: ForgePullRequest) async throws {
    try await send(
      "POST", "/pulls/\(pullRequest.number)/reviews",
      ["body": "not submitted", "comments": [Self.comment(comment)]], as: token)
  }

  private static func comment(_ comment: LineComment) -> JSONValue {
    [
      "path": .string(comment.path), "line": JSONValue(comment.line), "side": "RIGHT",
      "body": .string(comment.body),
    ]
  }

  func comment(_ words: String, on pullRequest: ForgePullRequest) async throws {
    try await send(
      "POST", "/issues/\(pullRequest.number)/comments", ["body": .string(words)],
      as: Self.accounts[0].token)
  }

  func failJob(_ name: String, log: String, on commit: ObjectID) async throws {
    let runner = Self.accounts[1]
    try await send(
      "PUT", "/collaborators/\(Percent.encode(runner.login))", ["permission": "push"], as: token)
    let made = try await send(
      "POST", "/check-runs",
      [
        "name": .string(name), "head_sha": .string(commit.rawValue), "status": "completed",
        "conclusion": "failure",
      ], as: runner.token)
    guard let id = made["id"].integerValue else {
      throw WrongAnswer(description: "\(made.canonicalText)")
    }
    try await send(
      "PUT", "/actions/jobs/\(id)/logs", ["content": .string(log)], as: runner.token)
  }

  func openIssue(_ title: String, _ body: String) async throws -> Int {
    let made = try await send(
      "POST", "/issues", ["title": .string(title), "body": .string(body)],
      as: Self.accounts[0].token)
    guard let number = made["number"].integerValue else {
      throw WrongAnswer(description: "\(made.canonicalText)")
    }
    return Int(number)
  }

  func report(_ name: String, failed: Bool, on commit: ObjectID) async throws {
    try await send(
      "POST", "/statuses/\(commit)",
      ["state": failed ? "failure" : "success", "context": .string(name)], as: token)
  }

  @discardableResult
  private func send(
    _ method: String, _ target: String, _ body: JSONValue, as token: String
  ) async throws -> JSONValue {
    let request = HTTPRequest(
      method: method, url: "\(url)/repos/\(repository)\(target)",
      headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")],
      body: .bytes(body.canonical))
    let response = try await http.send(request)
    guard (200..<300).contains(response.status) else {
      let text = String(decoding: response.body.prefix(500), as: UTF8.self)
      throw WrongAnswer(description: "\(method) \(target): \(response.status) \(text)")
    }
    return response.body.isEmpty ? nil : try JSONValue(parsing: response.body)
  }
}
