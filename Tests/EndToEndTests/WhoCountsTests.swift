import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// Whose words on the forge lead to a round, through GitHub's adapter and without webhooks.
  @Suite("Who counts") struct WhoCountsTests {}
}

extension EndToEndTests.WhoCountsTests {
  private static let tokens = [
    "ann": "t-of-ann", "mallory": "t-of-mallory", "robot[bot]": "t-of-robot",
    "reviewer[bot]": "t-of-reviewer",
  ]

  private static func with(
    gather: String = "1s", _ body: (Conversing) async throws -> Void
  ) async throws {
    let folder = try Installation.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let accounts = JSONValue.object(tokens.mapValues { .string($0) })
    try accounts.canonicalText.write(
      toFile: "\(folder)/accounts.json", atomically: true, encoding: .utf8)
    let agent: @Sendable (Installation) throws -> [String] = { server in
      let program = try server.script("agent", Conversing.agent)
      return ["--workers", "1", "--agent", "command", "--agent-command", program]
        + (try Conversing.workflows(server, gather: gather))
    }
    try await GatedInstallation.with(
      agent: agent, forge: ["--accounts", "\(folder)/accounts.json"],
      environment: [
        "AIPM_FEEDBACK_INTERVAL": "300ms",
        "AIPM_WEBHOOK_SECRET": EndToEndTests.WebhookTests.secret,
      ]
    ) { gated in
      let talk = Conversing(
        server: gated.server, repository: gated.repository, token: GatedInstallation.token,
        forge: gated.gate.url)
      try await talk.call("PUT", "/collaborators/ann", .object(["permission": .string("push")]))
      try await body(talk)
    }
  }

  private static func say(_ words: String, _ login: String, _ talk: Conversing) async throws
    -> JSONValue
  {
    try await talk.call(
      "POST", "/issues/1/comments", .object(["body": .string(words)]), as: tokens[login])
  }

  @Test("a stranger, an unlisted bot, a draft, a forged webhook and an edit start no round")
  func ignored() async throws {
    // The edit comes after the comment was recorded and before its round starts.
    try await Self.with(gather: "4s") { talk in
      let first = try await talk.pushed()
      let forged = JSONValue.object([
        "action": .string("created"),
        "issue": .object(["number": .integer(1), "pull_request": .object([:])]),
        "comment": .object([
          "id": .integer(999), "body": .string("@aipm forged"),
          "created_at": .string("2099-01-01T00:00:00Z"),
          "user": .object(["login": .string("ann"), "type": .string("User")]),
        ]), "repository": .object(["full_name": .string("acme/tools")]),
        "sender": .object(["login": .string("ann")]),
      ])
      let answer = try await EndToEndTests.WebhookTests.deliver(
        "issue_comment", forged, to: talk.server,
        signature: "sha256=" + String(repeating: "0", count: 64))
      #expect(answer.status == 401)
      try await talk.review(["Draft words."], isSubmitted: false, as: Self.tokens["ann"])
      _ = try await Self.say("@aipm let me in", "mallory", talk)
      _ = try await Self.say("@aipm beep", "robot[bot]", talk)
      let judged = try await talk.server.event("delegation.feedback-judged", of: first)
      #expect(judged["data"]["code"].stringValue == "no-permission")

      let said = try await Self.say("@aipm rename it", "ann", talk)
      let number = try #require(said["id"].integerValue)
      _ = try await talk.server.event(of: first) {
        $0["type"].stringValue == "delegation.feedback-recorded"
          && $0["data"]["feedback"].stringValue == "comment/\(number)"
      }
      try await talk.call(
        "PATCH", "/issues/comments/\(number)", .object(["body": .string("@aipm delete it")]),
        as: Self.tokens["ann"])
      let started = try await talk.server.event("delegation.round-started", of: first)
      #expect(
        started["data"]["takes"].arrayValue?.map(\.stringValue) == ["comment/\(number)"])
      let id = try #require(started["data"]["delegation"].stringValue)
      let end = try await talk.server.end(of: id)
      #expect(end["state"].stringValue == "Pushed")
      try await talk.answered(id)
      let branch = try #require(end["branchName"].stringValue)
      let prompt = try await talk.repository.git(["grep", "-h", "-e", "@aipm", branch])
      #expect(prompt.contains("rename it") && !prompt.contains("delete it"))

      let found = try await talk.pullRequest()["feedback"].arrayValue ?? []
      let verdicts = found.map { each in
        let parts = [each["author"], each["standing"], each["reason"]]
        return parts.map { $0.stringValue ?? "-" }.joined(separator: " ")
      }
      #expect(
        Set(verdicts) == [
          "mallory ignored no-permission", "robot[bot] ignored bot-not-listed", "ann counts -",
        ])
      let types = try await talk.server.eventTypes(of: first)
      #expect(types.filter { $0 == "delegation.round-started" }.count == 1)
      let why = try await talk.server.aipm(["why", first]).outputText
      #expect(why.contains("may not push") && why.contains("does not list"), "\(why)")
    }
  }

  @Test("a bot that answers each answer is stopped by the maximum, and that is said once")
  func twoBots() async throws {
    try await Self.with(gather: "0s\n  maximum: 2") { talk in
      let first = try await talk.pushed()
      try await talk.review(["Say more."], as: Self.tokens["reviewer[bot]"])
      // It answers whatever AIPM says, in the thread and on the pull request.
      var answered: Set<Int64> = []
      func parrot() async throws {
        for (path, isThread) in [("/pulls/1/comments", true), ("/issues/1/comments", false)] {
          for comment in try await talk.call("GET", path).arrayValue ?? [] {
            guard comment["body"].stringValue?.contains("<!-- aipm: ") == true,
              let id = comment["id"].integerValue, answered.insert(id).inserted
            else { continue }
            let thread = comment["in_reply_to_id"].integerValue ?? id
            try await talk.call(
              "POST", isThread ? "/pulls/1/comments/\(thread)/replies" : path,
              .object(["body": .string("@aipm say more")]), as: Self.tokens["reviewer[bot]"])
          }
        }
      }
      func stops() async throws -> Int {
        try await talk.bodies("/issues/1/comments").count {
          $0.contains("<!-- aipm: \(first) stop-maximum")
        }
      }
      while try await stops() == 0 { try await parrot() }
      // It answers that as well, and is not heard.
      try await parrot()
      let last = try await talk.call("GET", "/issues/1/comments").arrayValue?.last
      let number = try #require(last?["id"].integerValue)
      let stopped = try await talk.server.event(of: first) {
        $0["type"].stringValue == "delegation.rounds-stopped"
          && $0["data"]["drops"].arrayValue?.contains(.string("comment/\(number)")) == true
      }
      #expect(stopped["data"]["code"].stringValue == "maximum")
      let types = try await talk.server.eventTypes(of: first)
      #expect(types.filter { $0 == "delegation.round-started" }.count == 2)
      #expect(try await stops() == 1)
      #expect(try await talk.server.replay(["--verify"]).succeeded)
    }
  }
}
