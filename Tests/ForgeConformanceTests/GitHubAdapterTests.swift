import Cryptography
import Domain
import EmbeddedForge
import ForgeConformance
import ForgeGitHub
import ForgePort
import Foundation
import Processes
import RawSockets
import Testing
import Text

/// The suite on GitHub's adapter, with the embedded forge in GitHub's place.
@Suite("The conformance of GitHub's adapter") struct GitHubAdapterTests {
  private struct Subject: ForgeUnderTest {
    let hosted: HostedForge
    let adapter: any ForgeAdapter
    let repository = HostedForge.repository
    let prefix = "conformance"
    let reviewers = ["ann"]
    let testsPages = true
    let situations = Set(Situation.allCases)
    var people: (any ForgePeople)? { hosted.people }

    init(_ hosted: HostedForge) {
      self.hosted = hosted
      adapter = GitHub.adapter(hosted.url, token: HostedForge.token)
    }

    func enter(_ situation: Situation) async throws -> (any ForgeClient, RepositoryName) {
      var settings = RepositorySettings()
      switch situation {
      case .wrongCredential: return (GitHub.adapter(hosted.url, token: "wrong").client, repository)
      case .unreachable:
        let port = try ClosedPort()
        let nowhere = "http://127.0.0.1:\(port.number)"
        return (GitHub.adapter(nowhere, token: HostedForge.token).client, repository)
      case .answersLost: try fail("POST **", #""drop-answer","first":1"#)
      case .failing: try fail("* /repos/**", #""fail","status":503"#)
      case .limited: try fail("* /repos/**", #""limit","retry-after":30,"first":1"#)
      case .readOnly: settings.allowsWriting = false
      case .withoutDrafts: settings.allowsDrafts = false
      case .archived: settings.isArchived = true
      case .empty:
        try await Git.run(
          ["update-ref", "-d", "refs/heads/main"], gitDirectory: "\(hosted.root)/\(repository).git")
      }
      try await hosted.forge.setSettings(settings, of: repository.description)
      return (adapter.client, repository)
    }

    private func fail(_ call: String, _ then: String) throws {
      let text = #"{"rules":[{"call":"\#(call)","then":\#(then)}]}"#
      hosted.forge.setFaults(try FaultRules(parsing: Array(text.utf8)))
    }

    func webhook(
      _ event: WebhookEvent, id: String, secret: String
    ) throws -> (headers: [String: String], body: [UInt8]) {
      try GitHub.webhook(event, id: id, secret: secret)
    }
  }

  @Test(arguments: ForgeConformance.checks)
  func conforms(check: ConformanceCheck) async throws {
    try await HostedForge.run { try await check.run(Subject($0)) }
  }
}

/// What tests of GitHub's adapter share.
enum GitHub {
  static func adapter(_ url: String, token: String) -> GitHubAdapter {
    GitHubAdapter(GitHubSettings(embeddedAt: url, token: token), .init(userAgent: "aipm/test"))
  }

  /// A webhook as GitHub sends it.
  static func webhook(
    _ event: WebhookEvent, id: String, secret: String
  ) throws -> (headers: [String: String], body: [UInt8]) {
    let name: String
    var message: [String: Any] = [:]
    switch event {
    case .ping: name = "ping"
    case .push(let repository, let branch):
      name = "push"
      message = [
        "ref": "refs/heads/\(branch)", "repository": ["full_name": repository?.description ?? ""],
      ]
    case .pullRequest(let change):
      name = "pull_request"
      let asOf = Double(change.asOf?.milliseconds ?? 0) / 1000
      let date = Date(timeIntervalSince1970: asOf)
      message = [
        "action": change.state == .open ? "reopened" : "closed",
        "pull_request": [
          "number": change.number, "state": change.state == .open ? "open" : "closed",
          "merged": change.state == .merged, "updated_at": date.ISO8601Format(),
          "body": change.body,
        ],
        "repository": ["full_name": change.repository?.description ?? ""],
        "sender": ["login": change.sender],
      ]
    case .feedback(let report): (name, message) = try GitHub.webhook(report)
    case .ignored(let action): name = action
    }
    let body = Array(try JSONSerialization.data(withJSONObject: message))
    let code = HMACSHA256.code(for: body, key: Array(secret.utf8))
    let headers = [
      "content-type": "application/json", "x-github-event": name, "x-github-delivery": id,
      "x-hub-signature-256": "sha256=\(Hex.encode(code))",
    ]
    return (headers, body)
  }
}

extension GitHub {
  /// The name and the message of a report with one piece of feedback, as GitHub sends them.
  private static func webhook(
    _ report: FeedbackReport
  ) throws -> (name: String, message: [String: Any]) {
    let said = report.feedback[0]
    let account: [String: Any] = ["login": said.author, "type": said.isByBot ? "Bot" : "User"]
    let key = Int64(said.id.rawValue.split(separator: "/")[1].filter(\.isNumber)) ?? 0
    let date = Date(timeIntervalSince1970: Double(said.saidAt?.milliseconds ?? 0) / 1000)
      .ISO8601Format()
    let number = report.pullRequests.first ?? 0
    var message: [String: Any] = [
      "repository": ["full_name": report.repository?.description ?? ""],
      "sender": ["login": report.sender, "type": "User"],
    ]
    var comment: [String: Any] = [
      "id": key, "user": account, "body": said.text?.body ?? "", "created_at": date,
    ]
    switch said.source {
    case .review:
      message["action"] = "submitted"
      message["pull_request"] = ["number": number]
      message["review"] = [
        "id": key, "user": account, "body": said.text?.body ?? "", "submitted_at": date,
        "commit_id": said.commit?.rawValue ?? "", "state": "changes_requested",
      ]
      return ("pull_request_review", message)
    case .reviewComment:
      message["action"] = "created"
      message["pull_request"] = ["number": number]
      comment["in_reply_to_id"] = said.thread == key ? nil : said.thread
      comment["original_commit_id"] = said.commit?.rawValue
      comment["commit_id"] = said.commit?.rawValue
      comment["line"] = said.line
      comment["original_line"] = said.line
      comment["side"] = "RIGHT"
      comment["subject_type"] = said.line == nil ? "file" : "line"
      comment["path"] = said.text?.path
      comment["diff_hunk"] = said.text?.hunk
      message["comment"] = comment
      return ("pull_request_review_comment", message)
    case .comment:
      message["action"] = "created"
      message["issue"] = ["number": number, "pull_request": ["url": "https://example.com"]]
      message["comment"] = comment
      return ("issue_comment", message)
    case .check:
      message["action"] = "completed"
      message["check_run"] = [
        "id": key, "name": "build", "head_sha": report.head?.rawValue ?? "",
        "status": "completed", "conclusion": "failure", "completed_at": date,
        "output": ["title": "1 error", "summary": "x.swift does not compile"],
        "app": ["slug": said.author], "pull_requests": report.pullRequests.map { ["number": $0] },
      ]
      return ("check_run", message)
    case .ask, .conflict, .behind:
      throw WrongAnswer(description: "no webhook reports \(said.source)")
    }
  }
}
