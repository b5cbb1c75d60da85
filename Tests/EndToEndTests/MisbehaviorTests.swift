import EventLog
import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// One installation for all of them, so that each also shows that the worker is fit for the next.
  @Suite("Agents that mean harm") struct MisbehaviorTests {}
}

extension EndToEndTests.MisbehaviorTests {
  private static let cases = Misbehavior.all + Misbehavior.handIns + Misbehavior.limits

  private static func workflow(_ name: String, limit: String) -> String {
    """
    name: \(name)
    agent-preference: [demo]
    attempts: 1
    time-limits: {agent: \(limit)}
    limits: {output: 1MiB, disk: 200MiB, memory: 500MiB, processes: 100, changed-files: 2000}
    templates:
      task-file: "{{objective}}"
      prompt: "{{objective}}"
      commit-message: "{{prTitle}}"
      pull-request-body: "{{objective}}"

    """
  }

  @Test(
    "each ends in its state, within its limit, and leaves nothing behind",
    arguments: ["on", "off"])
  func all(sandbox: String) async throws {
    let secret = "planted-\(UInt64.random(in: 0...(.max)))-secret"
    let environment = [
      "AIPM_WEBHOOK_SECRET": secret, "AIPM_SANDBOX": sandbox,
      Misbehavior.keyVariable: "given-\(UInt64.random(in: 0...(.max)))-key",
    ]
    try await Installation.with(environment: environment, starts: false) { server in
      let repository = try await server.createRepository()
      let cases = Self.cases.filter { sandbox == "on" || !$0.needsSandbox }
      let text = cases.map { "  \($0.name))\n\($0.script)\n;;\n" }.joined()
      let agent = try server.script(
        "agent", "#!/bin/sh\nprompt=$(cat)\ncase $prompt in\n\(text)*) echo fine > fine;;\nesac\n")
      try FileManager.default.createDirectory(
        atPath: "\(server.folder)/workflows", withIntermediateDirectories: false)
      for (name, limit) in [("short", "2s"), ("long", "1m")] {
        try Self.workflow(name, limit: limit).write(
          toFile: "\(server.folder)/workflows/\(name).yaml", atomically: true, encoding: .utf8)
      }
      try await server.start([
        "--workers", "3", "--agent", "command", "--workflows", "\(server.folder)/workflows",
        "--agent-command", "\(agent) \(server.folder)", "--agent-env", Misbehavior.keyVariable,
      ])
      let secrets =
        try [secret]
        + ["worker-token", "forge-token"].map {
          try String(contentsOfFile: "\(server.data)/secrets/\($0)", encoding: .utf8)
            .filter { !$0.isNewline }
        }
      try await run(cases, server, repository, unseen: sandbox == "on" ? secrets : [secret])
    }
  }

  private static let large = """
    name: large
    agent-preference: [demo]
    limits: {change: 1GiB, changed-files: 100000}
    templates:
      task-file: "{{objective}}"
      prompt: "{{objective}}"
      commit-message: "{{prTitle}}"
      pull-request-body: "{{objective}}"

    """

  @Test("a change that takes long to take in: cancel ends it, and so does its worker's death")
  func whileItIsPickedUp() async throws {
    try await Installation.with(starts: false) { server in
      _ = try await server.createRepository()
      let agent = try server.script(
        "agent", "#!/bin/sh\nhead -c 120000000 /dev/urandom | split -a 4 -b 20000 - f\n")
      try FileManager.default.createDirectory(
        atPath: "\(server.folder)/workflows", withIntermediateDirectories: false)
      try Self.large.write(
        toFile: "\(server.folder)/workflows/large.yaml", atomically: true, encoding: .utf8)
      try await server.start([
        "--workers", "1", "--agent", "command", "--workflows", "\(server.folder)/workflows",
        "--agent-command", agent,
      ])
      func beginsToPickUp() async throws -> String {
        let id = try await server.submit(
          Installation.request("acme/tools", ["workflow": .string("large")]))
        try await until("git takes the change in") { try !gits(of: server).isEmpty }
        return id
      }
      let cancelled = try await beginsToPickUp()
      let began = ContinuousClock.now
      #expect(try await server.post("/api/delegations/\(cancelled)/cancel").status == 202)
      let ended = try await server.end(of: cancelled)
      #expect(ended["failure"]["code"].stringValue == "cancelled")
      #expect(ContinuousClock.now - began < .seconds(10))
      #expect(try gits(of: server).isEmpty)
      let orphaned = try await beginsToPickUp()
      // It does not just come to its end: it stands still when its worker dies.
      for git in try gits(of: server).compactMap({ Int32($0) }) { kill(git, SIGSTOP) }
      defer {
        for git in ((try? gits(of: server)) ?? []).compactMap({ Int32($0) }) { kill(git, SIGKILL) }
      }
      for process in server.workerProcesses.values { kill(process, SIGKILL) }
      try await until("git is gone with its worker", within: .seconds(5)) {
        try gits(of: server).isEmpty
      }
      _ = try await server.post("/api/delegations/\(orphaned)/cancel")
      _ = try await server.end(of: orphaned)
    }
  }

  private func until(
    _ what: String, within limit: Duration = Installation.patience, _ isSo: () throws -> Bool
  ) async throws {
    let clock = ContinuousClock()
    let end = clock.now + limit
    // No program tells of its start or its end but to its parent.
    while try !isSo() {
      guard clock.now < end else { throw KitFault("not within \(limit): \(what)") }
      try await clock.sleep(for: .milliseconds(5))
    }
  }

  /// Processes of git that work on an attempt's change.
  private func gits(of server: Installation) throws -> [String] {
    let mark = Array("GIT_INDEX_FILE=\(server.data)/workers".utf8)
    return try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { number in
      guard number.allSatisfy(\.isNumber),
        let bytes = FileManager.default.contents(atPath: "/proc/\(number)/environ")
      else { return false }
      return Array(bytes).firstRange(of: mark) != nil
    }
  }

  private func run(
    _ cases: [Misbehavior], _ server: Installation, _ repository: BareRepository, unseen: [String]
  ) async throws {
    var ids: [String] = []
    for one in cases {
      ids.append(try await server.submit(request(one.name, isShort: one.isShort)))
    }
    for (id, one) in zip(ids, cases) {
      let ended: JSONValue
      do { ended = try await server.end(of: id) } catch {
        throw KitFault("\(one.name): \(error); \(try await server.events(of: id).last ?? .null)")
      }
      try await check(one, ended, server, repository, unseen: unseen)
    }
    // Every worker takes the next.
    for _ in 0..<3 {
      let next = try await server.end(of: try await server.submit(request("fine", isShort: false)))
      try await Outcome(server: server, repository: repository, delegation: next).check(
        verifies: false)
    }
    #expect(access("\(server.folder)/stolen", F_OK) != 0, "something of the agent was run")
    #expect(try processes(of: server).isEmpty, "processes of agents are left")
    for worker in try FileManager.default.contentsOfDirectory(atPath: "\(server.data)/workers") {
      let left = try FileManager.default.contentsOfDirectory(
        atPath: "\(server.data)/workers/\(worker)/attempts")
      #expect(left.isEmpty, "\(worker) keeps \(left)")
    }
    #expect(try await server.replay(["--verify"]).succeeded)
  }

  private func request(_ objective: String, isShort: Bool) -> JSONValue {
    Installation.request(
      "acme/tools", branch: "feature/\(objective)",
      [
        "objective": .string(objective), "constraints": .string(""),
        "acceptanceCriteria": .array([]), "workflow": .string(isShort ? "short" : "long"),
      ])
  }

  private func check(
    _ one: Misbehavior, _ ended: JSONValue, _ server: Installation,
    _ repository: BareRepository, unseen: [String]
  ) async throws {
    let failure = ended["failure"]
    #expect(ended["state"].stringValue == (one.code == nil ? "Pushed" : "Failed"), "\(one.name)")
    #expect(failure["code"].stringValue == one.code, "\(one.name): \(failure.canonicalText)")
    let message = failure["message"].stringValue ?? ""
    #expect(message.contains(one.says) || one.says.isEmpty, "\(one.name): \(message)")
    let id = ended["id"].stringValue ?? ""
    let output = try await server.get("/api/delegations/\(id)/output").text
    #expect(output.utf8.count < 1_100_000, "\(one.name): \(output.utf8.count) bytes")
    for secret in unseen {
      #expect(!output.contains(secret), "\(one.name) has seen a credential")
    }
    if one.isShort {
      let took = try await seconds(of: id, server)
      #expect(took < 15, "\(one.name) took \(took) s")
    }
    if one.code == nil {
      try await Outcome(server: server, repository: repository, delegation: ended).check(
        verifies: false)
      guard !one.files.isEmpty else { return }
      let branch = ended["branchName"].stringValue ?? ""
      let listed = try await repository.git(["ls-tree", "-r", "--name-only", branch])
      let known = one.files + (one.files == ["a"] ? ["README.md"] : [])
      #expect(Set(listed.split(separator: "\n").map(String.init)) == Set(known), "\(one.name)")
    }
  }

  /// From the agent's start to the end.
  private func seconds(of id: String, _ server: Installation) async throws -> Double {
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    let times = try await server.events(of: id).filter {
      ["delegation.generating", "delegation.failed"].contains($0["type"].stringValue)
    }.compactMap { $0["time"].stringValue }.map { try format.parse($0).timeIntervalSince1970 }
    return (times.last ?? 0) - (times.first ?? 0)
  }

  /// What still runs of agents of this installation.
  private func processes(of server: Installation) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { number in
      guard number.allSatisfy(\.isNumber),
        let bytes = FileManager.default.contents(atPath: "/proc/\(number)/environ")
      else { return false }
      return Array(bytes).firstRange(of: Array("AIPM_ATTEMPT=\(server.data)".utf8)) != nil
    }
  }
}
