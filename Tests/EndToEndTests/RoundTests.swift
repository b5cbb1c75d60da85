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

/// A server whose agent answers what it is asked, and the forge as people use it.
struct Conversing: Sendable {
  let server: Installation
  let repository: BareRepository
  let token: String
  let forge: String

  private static let workflow = """
    name: personal-delegate
    agent-preference: [demo]
    attempts: 2
    rounds: {gather: 1s, bots: [reviewer]}
    templates:
      task-file: "{{objective}}"
      prompt: "{{objective}}"
      commit-message: "{{prTitle}}"
      pull-request-body: "{{objective}}"

    """

  /// It keeps what it was asked, and says what it did about each number.
  static let agent = """
    #!/bin/sh
    prompt=$(cat)
    newline=$(printf '\\nx'); newline=${newline%x}
    case $prompt in
      *'only later'*'[1]'*) echo later > later.txt;;
      *'only later'*) echo 'Not now.';;
      *'touch nothing'*) echo '[1] It is right as it is, @everybody.';;
      *"$newline"hold*) while :; do sleep 1; done;;
      *) printf '%s' "$prompt" > "asked-$(ls | wc -l).txt"
         printf 'Thinking.\\n[1] Renamed it.\\n[2] Tested it.\\n[3] Documented it.\\n';;
    esac
    """

  /// Writes the workflow, and gives the options that name it.
  static func workflows(_ server: Installation) throws -> [String] {
    let folder = "\(server.folder)/workflows"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try workflow.write(
      toFile: "\(folder)/personal-delegate.yaml", atomically: true, encoding: .utf8)
    return ["--workflows", folder]
  }

  static func with(_ body: (Conversing) async throws -> Void) async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let agent = try server.script("agent", Self.agent)
      try await server.start(
        ["--workers", "1", "--agent", "command", "--agent-command", agent]
          + Self.workflows(server))
      let token = try String(
        contentsOfFile: "\(server.data)/secrets/forge-token", encoding: .utf8
      ).filter { !$0.isNewline }
      let port = try String(contentsOfFile: "\(server.data)/forge/port", encoding: .utf8)
      try await body(
        Conversing(
          server: server, repository: repository, token: token,
          forge: "http://127.0.0.1:\(port.filter { !$0.isNewline })"))
    }
  }

  /// A pushed delegation with pull request 1.
  func pushed() async throws -> String {
    let id = try await server.submit()
    #expect(try await server.end(of: id)["state"].stringValue == "Pushed")
    return id
  }

  func ask(
    _ reference: String, _ body: [String: JSONValue], key: String? = nil
  ) async throws -> APIAnswer {
    try await server.post(
      "/api/delegations/\(reference)/follow-ups", .object(body),
      headers: key.map { [("Idempotency-Key", $0)] } ?? [])
  }

  /// A call of the forge's API, by the account that AIPM uses.
  func call(
    _ method: String, _ path: String, _ body: JSONValue? = nil
  ) async throws -> JSONValue {
    var request = HTTPRequest(
      method: method, url: "\(forge)/repos/acme/tools\(path)",
      headers: [("Authorization", "Bearer \(token)"), ("Accept", "application/vnd.github+json")])
    if let body {
      request.headers.append(("Content-Type", "application/json"))
      request.body = .bytes(body.canonical)
    }
    let response = try await server.http.send(request)
    guard (200..<300).contains(response.status) else {
      throw KitFault(
        "\(method) \(path): \(response.status) \(String(decoding: response.body, as: UTF8.self))")
    }
    return response.body.isEmpty ? .null : try JSONValue(json: response.body)
  }

  func pullRequest() async throws -> JSONValue {
    try await server.get("/api/pull-requests/acme%2Ftools%231").json
  }

  /// A review with a comment for each of these, on the first line of a changed file.
  func review(_ comments: [String]) async throws {
    let files = try await call("GET", "/pulls/1/files").arrayValue ?? []
    let path = try #require(files.first?["filename"])
    let said = comments.map { words in
      JSONValue.object([
        "path": path, "line": .integer(1), "side": .string("RIGHT"), "body": .string(words),
      ])
    }
    _ = try await call(
      "POST", "/pulls/1/reviews",
      .object(["event": .string("COMMENT"), "comments": .array(said)]))
  }

  /// The options with which a killed server is started again.
  var restart: [String] {
    [
      "--workers", "1", "--agent", "command", "--agent-command", "\(server.folder)/agent",
      "--workflows", "\(server.folder)/workflows",
    ]
  }

  /// The bodies of the comments of a list.
  func bodies(_ path: String) async throws -> [String] {
    try await call("GET", path).arrayValue?.compactMap { $0["body"].stringValue } ?? []
  }

  /// Waits until the delegation has told of itself what it owes.
  func answered(_ id: String, _ marker: String = "summary") async throws {
    _ = try await server.event(of: id) {
      $0["type"].stringValue == "delegation.action-done"
        && $0["data"]["marker"].stringValue == marker
    }
  }
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
