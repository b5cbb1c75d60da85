import EventLog
import FoundationEssentials
import HTTPClient
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// Follow-ups: what people ask in AIPM and on the forge leads to the next commit, once.
  @Suite("Rounds") struct RoundTests {}
}

extension EndToEndTests.RoundTests {
  @Test("a message and comments on lines become one commit on the same pull request")
  func ask() async throws {
    try await Conversing.with { talk in
      let first = try await talk.pushed()
      let body: [String: JSONValue] = [
        "message": .string("Use a table."),
        "comments": .array([
          .object([
            "path": .string("README.md"), "line": .integer(1), "body": .string("Say why."),
          ])
        ]),
      ]
      let answer = try await talk.ask(first, body, key: "one")
      #expect([201, 202].contains(answer.status), "\(answer.text)")
      let id = try #require(answer.json["id"].stringValue)
      #expect(try await talk.server.end(of: id)["state"].stringValue == "Pushed")
      // The same request again is answered from the first.
      let again = try await talk.ask(first, body, key: "one")
      #expect(again.json["id"].stringValue == id)
      let other = try await talk.ask(first, ["message": .string("Else.")], key: "one")
      #expect(other.status == 422)

      let branch = try #require(answer.json["branchName"].stringValue)
      let commits = try await talk.repository.commits(of: branch, beyond: "main")
      #expect(commits.count == 3, "the task, the code and the follow-up")
      let message = try #require(commits.last?.message)
      #expect(message.contains("Aipm-Delegation: \(id)\nAipm-Follows: \(first)\nAipm-Attempt: 1"))
      try await talk.answered(id)

      let found = try await talk.pullRequest()
      #expect(
        found["rounds"].arrayValue?.compactMap { $0["id"].stringValue } == [first, id])
      let said = found["feedback"].arrayValue ?? []
      #expect(said.map { $0["body"].stringValue } == ["Use a table.", "Say why."])
      #expect(said.allSatisfy { $0["round"].stringValue == id })
      #expect(said.last?["path"].stringValue == "README.md")
      #expect(try await talk.server.delegation(id)["kind"].stringValue == "follow-up")
      let comments = try await talk.bodies("/issues/1/comments")
      #expect(comments.count == 1 && comments[0].contains("AIPM answered 2 comments in"))
      #expect(comments[0].contains("> [1] Renamed it."))
      let why = try await talk.server.aipm(["why", id])
      #expect(why.succeeded && why.outputText.contains("It answers: local asked in AIPM"))
      #expect(try await talk.server.replay(["--verify"]).succeeded)
    }
  }

  @Test("three comments of a review become one commit and three replies")
  func review() async throws {
    try await Conversing.with { talk in
      let first = try await talk.pushed()
      try await talk.review(["Rename it.", "Test it.", "Document it."])
      let started = try await talk.server.event(of: first) {
        $0["type"].stringValue == "delegation.round-started"
      }
      #expect(started["data"]["takes"].arrayValue?.count == 3)
      let id = try #require(started["data"]["delegation"].stringValue)
      #expect(try await talk.server.end(of: id)["state"].stringValue == "Pushed")
      try await talk.answered(id)
      let commit = try #require(try await talk.server.delegation(id)["commitSHA"].stringValue)
      let replies = try await talk.call("GET", "/pulls/1/comments").arrayValue?.filter {
        $0["in_reply_to_id"].integerValue != nil
      }
      let bodies = (replies ?? []).compactMap { $0["body"].stringValue }
      #expect(bodies.count == 3 && bodies.allSatisfy { $0.contains("Answered in \(commit).") })
      for words in ["Renamed it.", "Tested it.", "Documented it."] {
        #expect(bodies.filter { $0.contains("> \(words)") }.count == 1)
      }
      // AIPM's own words lead to nothing.
      let events = try await talk.server.eventTypes(of: first)
      #expect(events.filter { $0 == "delegation.round-started" }.count == 1)
      #expect(events.filter { $0 == "delegation.feedback-recorded" }.count == 3)
      let branch = try await talk.server.delegation(first)["branchName"].stringValue ?? ""
      let asked = try await talk.repository.git([
        "grep", "-h", "-e", "Rename it.", branch,
      ])
      #expect(asked.contains("Rename it."), "the prompt has the words of the comment")
    }
  }

  @Test("a mention counts; other comments, edits and what comes after the merge do not")
  func mentions() async throws {
    try await Conversing.with { talk in
      let first = try await talk.pushed()
      for words in ["Nice.", "> @aipm do it", "`/aipm`"] {
        _ = try await talk.call(
          "POST", "/issues/1/comments", .object(["body": .string(words)]))
      }
      _ = try await talk.call(
        "POST", "/issues/1/comments", .object(["body": .string("@aipm please touch nothing")]))
      let started = try await talk.server.event(of: first) {
        $0["type"].stringValue == "delegation.round-started"
      }
      #expect(started["data"]["takes"].arrayValue?.count == 1)
      let id = try #require(started["data"]["delegation"].stringValue)
      let end = try await talk.server.end(of: id)
      #expect(end["failure"]["code"].stringValue == "no-changes")
      try await talk.answered(id, "summary-no-changes-1")
      let comments = try await talk.bodies("/issues/1/comments")
      let answer = try #require(comments.last)
      #expect(answer.contains("made no change") && answer.contains("right as it is"))
      #expect(!answer.contains("@everybody"), "nobody is mentioned")
      #expect(try await talk.server.delegation(id)["attempt"].integerValue == 1)

      _ = try await talk.call("PUT", "/pulls/1/merge", .object([:]))
      _ = try await talk.server.event(of: first) {
        $0["type"].stringValue == "delegation.pull-request-updated"
      }
      _ = try await talk.call(
        "POST", "/issues/1/comments", .object(["body": .string("@aipm again")]))
      let late = try await talk.server.event(of: first) {
        $0["data"]["code"].stringValue == "pull-request-ended"
      }
      #expect(late["type"].stringValue == "delegation.feedback-recorded")
      let refused = try await talk.ask(first, ["message": .string("More.")])
      #expect(refused.status == 409 && refused.text.contains("merged"))
      let types = try await talk.server.eventTypes(of: first)
      #expect(types.filter { $0 == "delegation.round-started" }.count == 1)
    }
  }

  @Test("while a delegation is at work on the branch another one is refused, or waits")
  func queue() async throws {
    try await Conversing.with { talk in
      let first = try await talk.pushed()
      let one = try await talk.ask(first, ["message": .string("hold")])
      let id = try #require(one.json["id"].stringValue)
      _ = try await talk.server.event("delegation.generating", of: id)
      let refused = try await talk.ask(first, ["message": .string("Two.")])
      #expect(refused.status == 409, "\(refused.text)")
      let queued = try await talk.ask(
        first, ["message": .string("Two."), "queue": .bool(true)])
      #expect(queued.status == 202)
      let second = try #require(queued.json["id"].stringValue)
      #expect(try await talk.server.delegation(second)["state"].stringValue == "Requested")
      _ = try await talk.server.post("/api/delegations/\(id)/cancel")
      #expect(try await talk.server.end(of: id)["failure"]["code"].stringValue == "cancelled")
      #expect(try await talk.server.end(of: second)["state"].stringValue == "Pushed")
      let branch = try #require(one.json["branchName"].stringValue)
      #expect(try await talk.repository.commits(of: branch, beyond: "main").count == 3)
    }
  }

  @Test("a follow-up of a task that failed puts TASK.md back")
  func afterAFailure() async throws {
    try await Conversing.with { talk in
      let id = try await talk.server.submit(
        Installation.request("acme/tools", ["objective": .string("only later")]))
      let failed = try await talk.server.end(of: id)
      #expect(failed["failure"]["code"].stringValue == "no-changes")
      let answer = try await talk.ask(id, ["message": .string("Do it.")])
      let next = try #require(answer.json["id"].stringValue)
      #expect(try await talk.server.end(of: next)["state"].stringValue == "Pushed")
      let branch = try #require(answer.json["branchName"].stringValue)
      let files = try await talk.repository.git(["ls-tree", "--name-only", branch])
      #expect(!files.contains("TASK.md"), "\(files)")
    }
  }

  @Test("what is wrong with a request is named")
  func wrong() async throws {
    try await Conversing.with { talk in
      let first = try await talk.pushed()
      let cases: [([String: JSONValue], String)] = [
        ([:], "message"), (["message": .string(" ")], "message"),
        (["message": .integer(3)], "message"),
        (["message": .string("x"), "agent": .string("nobody")], "agent"),
        (
          ["comments": .array([.object(["path": .string("../x"), "body": .string("y")])])],
          "comments[0].path"
        ),
        (
          [
            "comments": .array([
              .object([
                "path": .string("a"), "line": .integer(0), "body": .string("y"),
              ])
            ])
          ], "comments[0].line"
        ),
      ]
      for (body, field) in cases {
        let answer = try await talk.ask(first, body)
        #expect(answer.status == 422, "\(body)")
        #expect(answer.json["errors"].arrayValue?.first?["field"].stringValue == field)
      }
      #expect(try await talk.ask("PR1", ["message": .string("x")]).status == 404)
    }
  }
}

extension EndToEndTests.RoundTests {
  /// GitHub has a list of check runs and one of statuses, which polls read in turn. No poll follows
  /// here, and no round begins that would move on to another commit.
  @Test("each webhook of a failed check has both lists of the forge read")
  func webhooksOfChecks() async throws {
    try await Conversing.with(gather: "1h") { talk in
      let first = try await talk.pushed()
      let commit = try #require(try await talk.server.delegation(first)["commitSHA"].stringValue)
      func fail(_ path: String, _ name: String, _ body: [String: JSONValue]) async throws {
        try await talk.call("POST", path, .object(body))
        _ = try await talk.server.event(of: first) {
          $0["type"].stringValue == "delegation.feedback-recorded"
            && $0["data"]["text"]["body"].stringValue?.contains(name) == true
        }
      }
      for name in ["build", "lint", "style"] {
        try await fail(
          "/statuses/\(commit)", name,
          ["state": .string("failure"), "context": .string(name)])
      }
      for name in ["unit", "browser"] {
        try await fail(
          "/check-runs", name,
          [
            "name": .string(name), "head_sha": .string(commit), "status": .string("completed"),
            "conclusion": .string("failure"),
          ])
      }
    }
  }

  /// A forge that sends no webhooks: what people and checks say is read at intervals.
  @Test("without webhooks, comments, failed checks and a merge are read all the same")
  func polls() async throws {
    let agent: @Sendable (Installation) throws -> [String] = { server in
      let program = try server.script("agent", Conversing.agent)
      return ["--agent", "command", "--agent-command", program]
        + (try Conversing.workflows(server))
    }
    try await GatedInstallation.with(
      agent: agent, environment: ["AIPM_FEEDBACK_INTERVAL": "500ms"]
    ) { gated in
      let talk = Conversing(
        server: gated.server, repository: gated.repository, token: GatedInstallation.token,
        forge: gated.gate.url)
      let first = try await talk.pushed()
      _ = try await talk.call(
        "POST", "/issues/1/comments", .object(["body": .string("@aipm one more test")]))
      let started = try await talk.server.event(of: first) {
        $0["type"].stringValue == "delegation.round-started"
      }
      let second = try #require(started["data"]["delegation"].stringValue)
      #expect(try await talk.server.end(of: second)["state"].stringValue == "Pushed")

      let commit = try #require(
        try await talk.server.delegation(second)["commitSHA"].stringValue)
      _ = try await talk.call(
        "POST", "/statuses/\(commit)",
        .object([
          "state": .string("failure"), "context": .string("build"),
          "description": .string("2 tests failed"),
        ]))
      let check = try await talk.server.event(of: first) {
        $0["type"].stringValue == "delegation.feedback-recorded"
          && $0["data"]["source"].stringValue == "check"
      }
      let said = try await talk.pullRequest()["feedback"].arrayValue ?? []
      let body = said.first { $0["id"] == check["data"]["feedback"] }?["body"].stringValue
      #expect(body?.contains("2 tests failed") == true)
      let again = try await talk.server.event(of: first) {
        $0["type"].stringValue == "delegation.round-started"
          && $0["data"]["takes"].arrayValue?.first == check["data"]["feedback"]
      }
      let third = try #require(again["data"]["delegation"].stringValue)
      #expect(try await talk.server.end(of: third)["state"].stringValue == "Pushed")
      #expect(again["data"]["follows"].stringValue == second)

      _ = try await talk.call("PUT", "/pulls/1/merge", .object([:]))
      let merged = try await talk.server.event(of: first) {
        $0["type"].stringValue == "delegation.pull-request-updated"
      }
      #expect(merged["data"]["code"].stringValue == "merged")
    }
  }
}
