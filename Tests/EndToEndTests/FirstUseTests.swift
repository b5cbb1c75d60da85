import EventLog
import FoundationEssentials
import HTTPClient
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// What a person is told who does something for the first time, or does it wrong.
  @Suite("First use") struct FirstUseTests {}
}

extension EndToEndTests.FirstUseTests {
  private func aipm(
    _ arguments: [String], _ server: Installation, _ more: [String: String] = [:]
  ) async throws -> ProcessResult {
    let there = ["AIPM_SERVER": server.url, "AIPM_DATA": server.data]
    return try await Command(
      Program.aipm, arguments,
      environment: Program.plainEnvironment.merging(there) { $1 }.merging(more) { $1 },
      workingDirectory: server.folder, timeout: Installation.patience
    ).run()
  }

  /// Each must end with this code, and say this on standard error.
  private func expect(
    _ cases: [(arguments: [String], code: Int32, says: [String])], _ server: Installation
  ) async throws {
    for one in cases {
      let result = try await aipm(one.arguments, server)
      #expect(result.exit == .exited(one.code), "\(one.arguments): \(result.errorText)")
      for words in one.says {
        #expect(result.errorText.contains(words), "\(one.arguments): \(result.errorText)")
      }
      // What no person can do anything with.
      for raw in ["NSCocoa", "NSError", "Error Domain", "errno", "SQLite", "VACUUM", "Error:"] {
        #expect(!result.errorText.contains(raw), "\(one.arguments): \(result.errorText)")
      }
      #expect(result.errorText.hasPrefix("aipm: "), "\(one.arguments): \(result.errorText)")
      let lines = result.errorText.split(separator: "\n")
      #expect(Set(lines).count == lines.count, "\(one.arguments): \(result.errorText)")
    }
  }

  @Test("what cannot be done is told in plain words, with the usage of that very subcommand")
  func words() async throws {
    try await Installation.with { server in
      try await server.createRepository()
      let id = try await server.submit()
      _ = try await server.end(of: id)
      try "x".write(toFile: "\(server.folder)/there", atomically: true, encoding: .utf8)
      let submit = [
        "submit", "--repo", "acme/tools", "--branch", "b", "--title", "T", "--objective", "O",
        "--pr-title", "P",
      ]
      let state = ["list", "--state"]
      try await expect(
        [
          (
            ["serve", "--port", "\(server.port)", "--data", "other"], 1,
            ["port \(server.port)", "--port 0"]
          ),
          (["forge", "serve", "--root", "f", "--port", server.port], 1, ["in use", "--port 0"]),
          (
            ["serve", "--port", "99999"], 2,
            ["0 to 65535", "Usage: aipm serve", "aipm serve --help"]
          ),
          (["workers", "drain", "nobody"], 3, ["nobody"]),
          (["workflows", "check", "nofile.yaml"], 3, ["nofile.yaml does not exist"]),
          (["workflows", "check", "."], 1, [". is a folder"]),
          (["verify", "nofile"], 3, ["nofile"]),
          (["verify", "there"], 1, []),
          (["backup", "no/such/folder/x.db"], 1, ["there is no folder no/such/folder"]),
          (["backup", "there"], 1, ["there already"]),
          (["lst"], 2, ["lst is not a subcommand", "'aipm list'?"]),
          (["statsu"], 2, ["statsu is not a subcommand", "did you mean 'aipm list --needs-you'?"]),
          (["workers", "drian", "worker-1"], 2, ["'aipm workers drain'?"]),
          (["forge", "crate", "a/b"], 2, ["'aipm forge create'?"]),
          (["list", "--stat", "Failed"], 2, ["--stat", "Usage: aipm list"]),
          (["list", "--repo", "bogus"], 2, ["OWNER/REPO", "Usage: aipm list"]),
          (state + ["Pusched"], 2, ["\"Pushed\"?"]), (state + ["nowhere"], 2, ["known are"]),
          (["logs", id, "--attempt", "9"], 3, ["attempt 9", "attempt 1"]),
          (["audit", "stat:Failed"], 2, ["\"state\"?"]),
          (["audit", "state:Fialed"], 2, ["\"Failed\"?"]),
          (submit + ["--agent", "deemo"], 2, ["\"demo\"?"]),
          (submit + ["--workflow", "personal-delegat"], 2, ["\"personal-delegate\"?"]),
          (submit + ["--priority", "12"], 2, ["0 to 9"]),
          (["retry", id], 1, ["Only a delegation that is Failed"]),
          (["export", "-o", "there"], 2, ["there exists already", "--force"]),
          (["export", "-o", "no/such/folder/x"], 1, ["no/such/folder/x cannot be written"]),
          (["redact", "1", "--reason", "r"], 2, ["cannot be restored", "--yes"]),
          (["doctor", "--repo", "bogus"], 2, ["OWNER/REPO", "Usage: aipm doctor"]),
        ], server)
      #expect(
        try String(contentsOfFile: "\(server.folder)/there", encoding: .utf8) == "x")
      #expect(try await aipm(["export", "-o", "there", "--force"], server).succeeded)
    }
  }

  @Test("states in any case, several of them, and lists that are empty say why")
  func lists() async throws {
    try await Installation.with { server in
      try await server.createRepository()
      let pushed = try await server.submit()
      _ = try await server.end(of: pushed)
      let failed = try await server.submit(Installation.request("acme/missing"))
      _ = try await server.end(of: failed)
      func codes(_ arguments: [String]) async throws -> Int {
        let result = try await aipm(["list", "--quiet"] + arguments, server)
        #expect(result.succeeded, "\(result.errorText)")
        return result.outputText.split(separator: "\n").count
      }
      #expect(try await codes(["--state", "PUSHED"]) == 1)
      #expect(try await codes(["--state", "failed", "--state", "pushed"]) == 2)
      #expect(try await codes(["--state", "failed,requested"]) == 1)
      #expect(try await server.get("/api/delegations?state=Failed&state=pushed").status == 200)
      let none = try await aipm(["list", "--state", "Requested"], server)
      #expect(none.succeeded && none.errorText.contains("no delegation fits"))
      // Nothing of a definition, a digest or a key is for people.
      let audit = try await aipm(["audit", "cost"], server)
      #expect(audit.outputText.contains("system.workflow-defined"))
      #expect(!audit.outputText.contains("agent-preference"))
      let requested = try await aipm(["audit", "type:delegation.requested"], server)
      #expect(requested.outputText.utf8.count < 4000 && !requested.outputText.contains("digest="))
      #expect(!requested.outputText.contains("requestBody"))
      // On a terminal every attempt has a line; none is of a failure that did not happen.
      let watch = "'\(Program.aipm)' watch \(pushed) --server \(server.url)"
      let watched = try await Command(
        "script", ["-qec", watch, "/dev/null"],
        environment: Program.plainEnvironment.merging(["TERM": "xterm"]) { $1 },
        workingDirectory: server.folder, timeout: Installation.patience
      ).run().outputText
      #expect(watched.contains("✓ Attempt 1") && !watched.contains("Failed"), "\(watched)")
    }
  }

  @Test("a repository that the forge lacks is answered with the command that makes it")
  func missingRepository() async throws {
    try await Installation.with { server in
      let submit = try await aipm(
        [
          "submit", "--repo", "acme/tools", "--branch", "b", "--title", "T", "--objective", "O",
          "--pr-title", "P",
        ], server)
      #expect(submit.exit == .exited(1))
      let command = "aipm forge create --root \(server.data)/forge acme/tools"
      #expect(submit.errorText.contains(command), "\(submit.errorText)")
      let doctor = try await aipm(["doctor", "--repo", "acme/tools"], server)
      #expect(doctor.exit == .exited(1))
      #expect(
        doctor.outputText.contains("✗ acme/tools") && doctor.outputText.contains("forge create"))
      #expect(doctor.outputText.contains("✓ clock"))
      #expect(!doctor.outputText.contains("✓ agent aider: aider is not installed"))
      let words = command.split(separator: " ").dropFirst().map { String($0) }
      #expect(try await aipm(words, server).succeeded)
      #expect(try await aipm(["doctor", "--repo", "acme/tools"], server).succeeded)
    }
  }

  @Test("serve says where everything is, which agents are ready, and what has failed")
  func serving() async throws {
    try await Installation.with(starts: false) { server in
      let program = try await Program.start(
        Program.aipm,
        ["serve", "--data", server.data, "--port", "0", "--forge", "local", "--workers", "1"],
        environment: Program.plainEnvironment.merging(["AIPM_SANDBOX": "off"]) { $1 },
        workingDirectory: server.folder)
      let ready = "aipm: listening on "
      let url = try await program.line { $0.hasPrefix(ready) }.dropFirst(ready.count)
      for words in ["page is at \(url)/", "kept in \(server.data)", "embedded forge, http://"] {
        _ = try await program.line { $0.contains(words) }
      }
      let agents = try await program.line { $0.hasPrefix("aipm: agents ready: ") }
      #expect(agents.contains("demo"))
      let answer = try await server.http.send(
        HTTPRequest(
          method: "POST", url: "\(url)/api/personal-delegate",
          headers: [("Content-Type", "application/json")],
          body: .bytes(Installation.request("acme/missing").canonical)))
      let code = try JSONValue(json: answer.body)["confirmationCode"].stringValue ?? "?"
      _ = try await program.terminate()
      // The log: a line of JSON for the start, the submission and the failure.
      let entries = try program.errorText.split(separator: "\n").map {
        try JSONValue(json: Array($0.utf8))
      }
      let first = try #require(entries.first)
      #expect(first["message"] == "started" && first["environment"] == "development")
      #expect(first["settings"]["workers"] == "1" && first["settings"]["forge"] == "local")
      let own = entries.filter { $0["code"].stringValue == code }
      #expect(own.first?["message"] == "submitted" && own.first?["level"] == "info")
      #expect(own.first?["requester"] == "local" && own.first?["repository"] == "acme/missing")
      #expect(
        own.last?["message"].stringValue?.hasPrefix("failed at resolve-base") == true
          && own.last?["level"] == "error")
      #expect(
        Set(own.map { $0["delegation"].stringValue }).count == 1 && own.last?["delegation"] != .null
      )
      #expect(entries.contains { $0["message"] == "stopping" })
    }
  }

  @Test("fields that nobody knows are named in a warning, and words may be pasted")
  func submissions() async throws {
    try await Installation.with { server in
      try await server.createRepository()
      let body = Installation.request(
        "acme/tools",
        [
          "agentt": .string("demo"), "colour": .integer(1),
          "objective": .string("\u{1B}[31mFirst\u{1B}[0m line\r\nSecond line"),
        ])
      let answer = try await server.post("/api/personal-delegate", body)
      #expect(answer.status == 201, "\(answer.text)")
      let warnings = (answer.json["warnings"].arrayValue ?? []).compactMap(\.stringValue)
      #expect(warnings.count == 2)
      #expect(warnings.first?.contains("\"agentt\"") == true, "\(warnings)")
      #expect(warnings.first?.contains("did you mean \"agent\"?") == true, "\(warnings)")
      let id = answer.json["id"].stringValue ?? ""
      #expect(try await server.delegation(id)["objective"].stringValue == "First line\nSecond line")
      let plain = try await server.post("/api/personal-delegate", Installation.request())
      #expect(plain.json["warnings"] == .null)
      let refused = try await server.post(
        "/api/personal-delegate",
        Installation.request("acme/tools", ["objektive": .string("x"), "objective": .string("")]))
      #expect(refused.status == 422)
      #expect(refused.text.contains("did you mean \\\"objective\\\"?"), "\(refused.text)")
    }
  }

  @Test("an agent of another workflow is told with the workflow that has it")
  func otherWorkflow() async throws {
    try await Installation.with(
      arguments: ["--forge", "local", "--workflows", "flows"],
      prepare: { server in
        try FileManager.default.createDirectory(
          atPath: "\(server.folder)/flows", withIntermediateDirectories: true)
        try """
        name: team-review
        extends: personal-delegate
        agents: {mine: {command: ["true"], prompt: standard-input}}
        """.write(toFile: "\(server.folder)/flows/t.yaml", atomically: true, encoding: .utf8)
      }
    ) { server in
      let answer = try await server.post(
        "/api/personal-delegate", Installation.request("acme/tools", ["agent": .string("mine")]))
      #expect(answer.status == 422)
      #expect(answer.text.contains("--workflow team-review"), "\(answer.text)")
    }
  }

  @Test("what failed is told once, in the lines that the agent wrote; work goes by its code")
  func failures() async throws {
    try await Installation.with(arguments: ["--forge", "local"], starts: false) { server in
      let agent = try server.script(
        "agent",
        """
        #!/bin/sh
        until [ -e "$1/go" ]; do sleep 0.1; done
        echo one; echo two; exit 3
        """)
      try await server.start([
        "--agent", "command", "--agent-command", "\(agent) \(server.folder)", "--attempts", "2",
      ])
      try await server.createRepository()
      let id = try await server.submit()
      try await server.event("delegation.generating", of: id)
      let code = try await server.delegation(id)["confirmationCode"].stringValue ?? "?"
      let workers = try await aipm(["workers"], server)
      #expect(workers.outputText.contains(code) && !workers.outputText.contains(id))
      try server.touch("go")
      let ended = try await server.end(of: id)
      let message = ended["failure"]["message"].stringValue ?? ""
      #expect(message.contains("one\ntwo") && !message.contains(" | "), "\(message)")
      let shown = try await aipm(["show", id], server)
      let told = shown.outputText.split(separator: "\n").count { $0.contains("exit code 3") }
      #expect(told == 1, "\(shown.outputText)")
    }
  }

  @Test("a question is asked on a terminal, and no is no")
  func questions() async throws {
    try await Installation.with { server in
      try "x".write(toFile: "\(server.folder)/there", atomically: true, encoding: .utf8)
      func answer(_ word: String) async throws -> String {
        try await Command(
          "script",
          ["-qec", "'\(Program.aipm)' export -o there --server \(server.url)", "/dev/null"],
          environment: Program.plainEnvironment, workingDirectory: server.folder,
          input: .bytes(Array("\(word)\n".utf8)), timeout: Installation.patience
        ).run().outputText
      }
      func content() throws -> String {
        try String(contentsOfFile: "\(server.folder)/there", encoding: .utf8)
      }
      #expect(try await answer("no").contains("nothing was changed"))
      #expect(try content() == "x")
      #expect(try await answer("yes").contains("Overwrite"))
      #expect(try content().contains("system.started"))
    }
  }

  @Test("help breaks no sentence, and names the subcommands in words")
  func help() async throws {
    try await Installation.with(starts: false) { server in
      for command in ["serve", "logs", "doctor", "worker", "export", "redact", "list"] {
        let help = try await aipm([command, "--help"], server).outputText
        let lines = help.split(separator: "\n", omittingEmptySubsequences: false)
        let short = zip(lines, lines.dropFirst()).filter { line, next in
          guard let first = next.first, let last = line.last else { return false }
          let fits = line.count + (next.split(separator: " ").first?.count ?? 0) < 78
          return first.isLowercase && last.isLetter && fits
        }
        #expect(short.isEmpty, "\(command): \(short)")
      }
      let root = try await aipm(["--help"], server).outputText
      #expect(!root.contains("KEEP IT"))
    }
  }
}
