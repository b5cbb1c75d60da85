import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("On the pull request") struct NoticeTests {}
}

extension EndToEndTests.NoticeTests {
  private static let workflow = """
    name: noticing
    agent-preference: [demo]
    attempts: 1
    pull-request: {labels: [aipm], reviewers: [alice]}
    on-pushed:
      comment: "Done: {{filesChanged}} file in {{commit}}, attempt {{attempt}}"
      labels: [generated]
    on-failed: {comment: "{{failureCode}}: `{{failureMessage}}`", labels: [failed]}
    templates:
      task-file: "{{objective}}"
      prompt: "{{objective}}"
      commit-message: "{{prTitle}}"
      pull-request-body: "{{objective}}"
      cancel-comment: "cancelled {{branch}}"

    """

  private static let agent = """
    #!/bin/sh
    case $(cat) in
      fail) echo '@team look `here`'; exit 1;;
      hang) while :; do sleep 1; done;;
      *) echo fine > fine;;
    esac
    """

  private func with(
    _ body: (Installation, BareRepository, String) async throws -> Void
  ) async throws {
    try await Installation.with(
      environment: ["AIPM_DEFAULT_REPO": "acme/tools"], starts: false
    ) { server in
      let repository = try await server.createRepository()
      let agent = try server.script("agent", Self.agent)
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try Self.workflow.write(
        toFile: "\(folder)/noticing.yaml", atomically: true, encoding: .utf8)
      try await server.start([
        "--workers", "1", "--agent", "command", "--agent-command", agent, "--workflows", folder,
      ])
      let token = try String(
        contentsOfFile: "\(server.data)/secrets/forge-token", encoding: .utf8
      ).filter { !$0.isNewline }
      try await body(server, repository, token)
    }
  }

  private func submit(_ server: Installation, _ objective: String) async throws -> String {
    try await server.submit(
      Installation.request(
        "acme/tools", ["objective": .string(objective), "workflow": .string("noticing")]))
  }

  /// The bodies of the comments and the labels of a pull request, as the forge has them, once
  /// everything that was owed is recorded.
  private func forge(
    _ server: Installation, _ token: String, _ id: String, marker: String
  ) async throws -> (comments: [String], labels: [String]) {
    _ = try await server.event(of: id) {
      $0["type"].stringValue == "delegation.action-done"
        && $0["data"]["marker"].stringValue == marker
    }
    let pull = try await server.delegation(id)["pullRequest"]
    let number = pull["number"].integerValue ?? 0
    let page = pull["html_url"].stringValue ?? ""
    let root = page.prefix(page.count - "/acme/tools/pull/\(number)".count)
    func get(_ path: String) async throws -> [JSONValue] {
      let result = try await Command(
        "curl",
        [
          "-fsS", "-H", "Authorization: Bearer \(token)",
          "\(root)/repos/acme/tools/issues/\(number)/\(path)",
        ], timeout: .seconds(30)
      ).run()
      guard result.succeeded else { throw KitFault(result.errorText) }
      return try JSONValue(json: result.standardOutput).arrayValue ?? []
    }
    return (
      try await get("comments").map { $0["body"].stringValue ?? "" },
      try await get("labels").map { $0["name"].stringValue ?? "" }
    )
  }

  @Test("each moment is told once, also across starts, and what the forge refuses stops nothing")
  func moments() async throws {
    try await with { server, repository, token in
      let pushed = try await submit(server, "do it")
      let ended = try await server.end(of: pushed)
      try await Outcome(server: server, repository: repository, delegation: ended).check()
      let told = try await forge(server, token, pushed, marker: "pushed")
      #expect(told.comments.count == 1 && told.labels == ["aipm", "generated"], "\(told)")
      #expect(told.comments.first?.hasPrefix("Done: 1 file in ") ?? false, "\(told)")
      #expect(told.comments.first?.contains("<!-- aipm: \(pushed) pushed ") ?? false)

      let failing = try await submit(server, "fail")
      let failed = try await forge(server, token, failing, marker: "failed-1")
      #expect(failed.labels == ["aipm", "failed"])
      #expect(failed.comments.count == 1)
      let words = failed.comments.first ?? ""
      #expect(
        words.hasPrefix("agent-failed: `") && words.contains("@team look 'here'`"), "\(words)")

      let hanging = try await submit(server, "hang")
      try await server.event("delegation.generating", of: hanging)
      #expect(try await server.aipm(["cancel", hanging]).succeeded)
      let cancelled = try await forge(server, token, hanging, marker: "cancelled-1")
      #expect(cancelled.comments.first?.hasPrefix("cancelled feature/add-export-") ?? false)

      await server.kill()
      try await server.start()
      let again = try await forge(server, token, pushed, marker: "pushed")
      #expect(again.comments.count == 1)
      #expect(try await server.delegation(pushed)["nextIntent"] == .null)
      #expect(try await server.replay(["--verify"]).succeeded)
    }
  }

  @Test("what was owed when the server died is done by the next one, once")
  func owed() async throws {
    try await with { server, _, token in
      let id = try await submit(server, "do it")
      try await server.event("delegation.pushed", of: id)
      await server.kill()
      try await server.start()
      let told = try await forge(server, token, id, marker: "pushed")
      #expect(told.comments.count == 1, "\(told)")
    }
  }

  @Test("a comment whose answer was lost is found, and not written again")
  func lostAnswer() async throws {
    try await GatedInstallation.with(agent: { server in
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try Self.workflow.write(
        toFile: "\(folder)/noticing.yaml", atomically: true, encoding: .utf8)
      return ["--workflows", folder, "--agent", "demo"]
    }) { installation in
      let (server, gate) = (installation.server, installation.gate)
      gate.set { call in
        guard call.method == "POST", call.path.hasSuffix("/comments") else { return .pass }
        gate.set { _ in .pass }
        return .loseAnswer
      }
      let id = try await submit(server, "do it")
      _ = try await server.event("delegation.action-done", of: id)
      _ = try await server.event(of: id) { $0["data"]["marker"].stringValue == "pushed" }
      let written = gate.calls.count { $0.method == "POST" && $0.path.hasSuffix("/comments") }
      #expect(written == 1)
      let events = try await server.events(of: id)
      let lost = events.filter { $0["data"]["step"].stringValue == "act" }
      #expect(lost.count == 1, "\(lost)")
      let story = try await server.aipm(["why", id])
      #expect(
        story.outputText.contains("noted on the pull request (pushed)"), "\(story.outputText)")
    }
  }

  @Test("code is generated on a branch and a pull request that exist, one delegation at a time")
  func generateCode() async throws {
    try await with { server, repository, _ in
      let first = try await server.end(of: try await submit(server, "do it"))
      let branch = first["branchName"].stringValue ?? ""
      func ask(_ words: String, _ more: [String: JSONValue] = [:]) async throws -> APIAnswer {
        try await server.post(
          "/generate-code",
          .object(
            [
              "branch": .string(branch), "taskDescription": .string(words),
              "prNumber": .integer(1),
            ].merging(more) { $1 }))
      }
      let wrong = try await server.post("/generate-code", .object(["prNumber": .string("1")]))
      #expect(wrong.status == 422 && (wrong.json["errors"].arrayValue ?? []).count == 3)

      let hanging = try await ask("hang")
      #expect(hanging.status == 202, "\(hanging.text)")
      let id = hanging.json["id"].stringValue ?? ""
      #expect(hanging.json["confirmationCode"].stringValue?.hasPrefix("PR") ?? false)
      try await server.event("delegation.generating", of: id)
      let taken = try await ask("more")
      #expect(taken.status == 409 && taken.json["id"].stringValue == id, "\(taken.text)")
      #expect(try await server.aipm(["cancel", id]).succeeded)
      _ = try await server.end(of: id)

      _ = try await repository.git(["update-ref", "refs/heads/\(branch)", "\(branch)~1"])
      let next = try await ask("Add more\n\nin two lines")
      let ended = try await server.end(of: next.json["id"].stringValue ?? "")
      #expect(ended["state"].stringValue == "Pushed", "\(ended["failure"])")
      #expect(ended["pullRequest"]["number"].integerValue == 1)
      let commits = try await repository.commits(of: branch, beyond: "main")
      #expect(commits.map(\.files) == [["TASK.md"], ["fine"]])
      #expect(commits.last?.message.hasPrefix("Add more\n\nAipm-Delegation: ") ?? false)
      #expect(try await server.pullRequests(from: branch).count == 1)

      let none = try await ask("x", ["prNumber": .integer(77)])
      let failed = try await server.end(of: none.json["id"].stringValue ?? "")
      #expect(failed["failure"]["code"].stringValue == "forge-refused")
    }
  }
}
