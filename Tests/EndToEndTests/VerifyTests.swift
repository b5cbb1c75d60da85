import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("Before and after the agent") struct VerifyTests {}
}

extension EndToEndTests.VerifyTests {
  private static let workflow = """
    name: checked
    agent-preference: [demo]
    attempts: 1
    commands:
      setup: [[sh, -c, "test -d .git && echo ready > .git/ready"]]
      verify: [[cat, good], [grep, -q, fine, good]]
      rounds: 2
    repository-may-set: [verify]
    templates:
      {task-file: "{{objective}}", prompt: "{{objective}}", commit-message: "{{prTitle}}",
       pull-request-body: "{{objective}}"}

    """

  /// It mends what it is told of, one thing a round, and tells whether it was prepared.
  private static let agent = """
    #!/bin/sh
    prompt=$(cat)
    cat .git/ready; echo "round"
    case $prompt in
      never*) echo x > x;;
      *"cat good"*"No such file"*) echo almost > good;;
      *"grep -q fine good"*) echo fine > good;;
      *) echo x > x;;
    esac
    """

  private func with(
    files: [String: String] = ["README.md": "#\n"],
    _ body: (Installation, BareRepository) async throws -> Void
  ) async throws {
    try await Installation.with(environment: ["AIPM_SANDBOX": "on"], starts: false) { server in
      let path = try await server.makeRepository(files: files)
      let repository = try await server.createRepository("acme/tools", from: path)
      let agent = try server.script("agent", Self.agent)
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try Self.workflow.write(
        toFile: "\(folder)/checked.yaml", atomically: true, encoding: .utf8)
      try await server.start([
        "--workers", "1", "--agent", "command", "--agent-command", agent, "--workflows", folder,
      ])
      try await body(server, repository)
    }
  }

  private func delegate(_ server: Installation, _ objective: String) async throws -> JSONValue {
    try await server.end(
      of: try await server.submit(
        Installation.request(
          "acme/tools",
          ["objective": .string(objective), "workflow": .string("checked")])))
  }

  @Test("what a verification says goes back to the agent, for as many rounds as there are")
  func rounds() async throws {
    try await with { server, repository in
      let pushed = try await delegate(server, "mend it")
      #expect(pushed["state"].stringValue == "Pushed", "\(pushed["failure"])")
      let id = pushed["id"].stringValue ?? ""
      let output = try await server.get("/api/delegations/\(id)/output").text
      #expect(output.split(separator: "\n").count { $0 == "round" } == 3, "\(output)")
      #expect(output.contains("ready") && output.contains("[aipm: verify: grep -q fine good]"))
      let branch = pushed["branchName"].stringValue ?? ""
      #expect(try await repository.file("good", at: branch) == "fine\n")
      try await Outcome(server: server, repository: repository, delegation: pushed).check()

      let failed = try await delegate(server, "never mind")
      #expect(failed["failure"]["code"].stringValue == "verify-failed")
      let message = failed["failure"]["message"].stringValue ?? ""
      #expect(message.contains("cat good") && message.contains("No such file"), "\(message)")
    }
  }

  @Test("a repository's own file sets what the workflow lets it, as the base branch has it")
  func repositoryFile() async throws {
    let files = [".aipm.yaml": "verify: [[test, -e, x]]\n", "README.md": "#\n"]
    try await with(files: files) { server, _ in
      let pushed = try await delegate(server, "never mind")
      #expect(pushed["state"].stringValue == "Pushed", "\(pushed["failure"])")
    }
    try await with(files: [".aipm.yaml": "setup: [[touch, /x]]\n"]) { server, _ in
      let failed = try await delegate(server, "mend it")
      #expect(failed["failure"]["code"].stringValue == "agent-failed")
      let message = failed["failure"]["message"].stringValue ?? ""
      #expect(message.contains(".aipm.yaml:1") && message.contains("setup"), "\(message)")
    }
  }

  @Test("a delegation stays with the definition that it was requested under")
  func edited() async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      func define(_ subject: String, verify: String) throws {
        try """
        name: changing
        agent-preference: [demo]
        attempts: 1
        commands: {verify: [["\(verify)"]], rounds: 0}
        templates:
          {task-file: "{{objective}}", prompt: "{{objective}}", pull-request-body: "{{objective}}",
           commit-message: "\(subject)"}

        """.write(toFile: "\(folder)/changing.yaml", atomically: true, encoding: .utf8)
      }
      func submit(_ branch: String) async throws -> String {
        try await server.submit(
          Installation.request("acme/tools", branch: branch, ["workflow": .string("changing")]))
      }
      let arguments = ["--workflows", folder, "--agent", "demo"]
      try define("before", verify: "true")
      try await server.start(arguments + ["--workers", "0"])
      let first = try await submit("first")
      try await server.event("delegation.pr-created", of: first)
      #expect(try await server.stop() == .exited(0))
      try define("after", verify: "false")
      try await server.start(arguments + ["--workers", "1"])
      let pushed = try await server.end(of: first)
      #expect(pushed["state"].stringValue == "Pushed", "\(pushed["failure"])")
      let commits = try await repository.commits(
        of: pushed["branchName"].stringValue ?? "", beyond: "main")
      #expect(commits.map { $0.message.hasPrefix("before\n") } == [true, true])
      let second = try await server.end(of: try await submit("second"))
      #expect(second["failure"]["code"].stringValue == "verify-failed")
      #expect(second["workflow"]["digest"] != pushed["workflow"]["digest"])
    }
  }

  @Test("definitions are checked with their faults, and described to editors")
  func definitions() async throws {
    try await with { server, _ in
      let folder = "\(server.folder)/workflows"
      let fine = try await server.aipm(["workflows", "check", "--workflows", folder, "--json"])
      let told = try JSONValue(json: fine.standardOutput)
      #expect(fine.succeeded && told["ok"] == .bool(true))
      #expect((told["workflows"].arrayValue ?? []).count == 2)
      try "name: x\nattempt: 2\n".write(
        toFile: "\(folder)/broken.yaml", atomically: true, encoding: .utf8)
      let broken = try await server.aipm(["workflows", "check", "\(folder)/broken.yaml"])
      #expect(broken.exit == .exited(1))
      #expect(
        broken.outputText.contains("broken.yaml:2") && broken.outputText.contains("\"attempts\""))
      let schema = try await server.aipm(["workflows", "schema"])
      #expect(try JSONValue(json: schema.standardOutput)["title"].stringValue == "AIPM workflow")
    }
  }
}
