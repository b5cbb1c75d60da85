import EventLog
import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("The log as evidence") struct EvidenceTests {}
}

extension EndToEndTests.EvidenceTests {
  @Test("rebuild and verify beside a running server, export, bundle and backup")
  func files() async throws {
    try await Installation.with { server in
      _ = try await server.createRepository("acme/tools", from: try await server.makeRepository())
      let id = try await server.submit()
      let other = try await server.submit(Installation.request(branch: "feature/other"))
      for id in [id, other] { #expect(try await server.end(of: id)["state"] == .string("Pushed")) }
      try await rebuild(server)
      try await verify(server)
      try await export(server)
      try await bundle(server, id, other)
      try await backup(server)
      #expect(try await server.stop() == .exited(0))
      try await rebuild(server)
      try await verify(server)
      try await olderDatabase(server)
    }
  }

  /// A database from before a view was declared: the server builds it when it starts.
  private func olderDatabase(_ server: Installation) async throws {
    let before = try await server.replay(["--view", "repository-usage", "--json"]).outputText
    let program = """
      import sqlite3, sys
      log = sqlite3.connect(sys.argv[1])
      log.execute("DROP TABLE repository_usage")
      log.execute("DELETE FROM view_digests WHERE view = 'repository-usage'")
      log.commit()
      """
    let edit = try await Command(
      "/usr/bin/env", ["python3", "-c", program, "\(server.data)/aipm.db"],
      environment: Program.plainEnvironment, timeout: Installation.patience
    ).run()
    #expect(edit.succeeded, "\(edit.errorText)")
    let old = try await server.replay(["--verify"])
    #expect(old.exit == .exited(1) && old.errorText.contains("repository-usage is missing"))
    try await server.start()
    #expect(server.errorText.contains("aipm: building views from "))
    #expect(server.errorText.contains(" events: repository-usage\n"))
    try await verify(server)
    let after = try await server.replay(["--view", "repository-usage", "--json"]).outputText
    let usage = try JSONValue(json: Array(after.utf8))["items"].arrayValue ?? []
    #expect(usage.first?["repository"] == .string("acme/tools"))
    #expect(usage.first?["pushed"] == .integer(2) && usage.first?["attempts"] == .integer(2))
    #expect((usage.first?["duration"].integerValue ?? 0) > 0)
    #expect((usage.first?["linesAdded"].integerValue ?? 0) > 0)
    #expect(try usage == JSONValue(json: Array(before.utf8))["items"].arrayValue)
  }

  private func rebuild(_ server: Installation) async throws {
    let isRunning = server.processID != nil
    let run = try await server.replay(["--rebuild", "--json"])
    #expect(run.succeeded, "\(run.errorText)")
    let json = try JSONValue(json: Array(run.outputText.utf8))
    #expect(json["identical"] == .bool(true))
    #expect(json["byServer"] == .bool(isRunning))
    #expect(json["views"] == json["replaced"])
    #expect(json["events"].integerValue ?? 0 > 20)
    let verified = try await server.replay(["--verify", "--json"])
    #expect(verified.succeeded && verified.outputText.contains("\"identical\" : true"))
    let words = try await server.replay(["--rebuild"])
    #expect(words.outputText.contains("identical to the views that were there"))
    #expect(words.outputText.contains(isRunning ? "by the running server" : "no server runs"))
  }

  private func verify(_ server: Installation) async throws {
    let run = try await server.aipm(["verify", "--json"])
    #expect(run.succeeded, "\(run.errorText)")
    let json = try JSONValue(json: Array(run.outputText.utf8))
    #expect(json["sound"] == .bool(true) && json["faults"] == .array([]))
    let words = try await server.aipm(["verify"])
    #expect(words.outputText.hasSuffix("sound\n") && !words.outputText.contains("NOT"))
    let absent = try await server.aipm(["verify", "--data", server.folder + "/absent"])
    #expect(absent.exit == .exited(3))
  }

  private func export(_ server: Installation) async throws {
    let file = "\(server.folder)/log.jsonl"
    let run = try await server.aipm(["export", "--output", file])
    #expect(run.succeeded, "\(run.errorText)")
    let found = try await server.aipm(["verify", file])
    #expect(found.succeeded && found.outputText.contains("an export of"))
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let piped = try await server.aipm(["export"])
    #expect(piped.outputText == text)
    let forged = "\(server.folder)/forged.jsonl"
    try text.replacing("\"main\"", with: "\"evil\"").write(
      toFile: forged, atomically: true, encoding: .utf8)
    let refused = try await server.aipm(["verify", forged])
    #expect(refused.exit == .exited(1) && refused.errorText.contains("was changed"))
  }

  private func bundle(_ server: Installation, _ id: String, _ other: String) async throws {
    let file = "\(server.folder)/evidence.jsonl"
    let run = try await server.aipm(["export", "--bundle", id, "--output", file])
    #expect(run.succeeded, "\(run.errorText)")
    let text = try String(contentsOfFile: file, encoding: .utf8)
    #expect(text.contains(id) && !text.contains(other))
    let found = try await server.aipm(["verify", file, "--json"])
    let json = try JSONValue(json: Array(found.outputText.utf8))
    #expect(found.succeeded && json["kind"] == .string("bundle") && json["sound"] == .bool(true))
    #expect(json["delegation"] == .string(id) && json["events"] == .integer(9))
    let program = #filePath.replacing(
      "EndToEndTests/EvidenceTests.swift", with: "Evidence/check_bundle.py")
    let python = try await Command(
      "/usr/bin/env", ["python3", program, file], environment: Program.plainEnvironment,
      workingDirectory: server.folder, timeout: Installation.patience
    ).run()
    #expect(python.succeeded && python.outputText.hasPrefix("9 events, head "))
    let absent = try await server.aipm(["export", "--bundle", "PR1"])
    #expect(absent.exit == .exited(3) && absent.outputText.isEmpty)
    let forged = "\(server.folder)/forged-bundle.jsonl"
    try text.replacing("User can export", with: "User may export").write(
      toFile: forged, atomically: true, encoding: .utf8)
    #expect(try await server.aipm(["verify", forged]).exit == .exited(1))
  }

  private func backup(_ server: Installation) async throws {
    let file = "\(server.folder)/backup.db"
    let run = try await server.aipm(["backup", file])
    #expect(run.succeeded && run.outputText.contains("checked"), "\(run.errorText)")
    #expect(try await server.aipm(["verify", file]).succeeded)
    #expect(try await server.aipm(["backup", file]).exit == .exited(1), "it is there already")
    let refused = try await server.aipm(["restore", file])
    #expect(refused.exit == .exited(1) && refused.errorText.contains("is in use by process"))
  }

  /// What is under way when the backup is made, and over when it is restored.
  enum Moment: String, CaseIterable {
    case openingPullRequest, generating, pushing

    func holds(_ call: GateCall) -> Bool {
      switch self {
      case .openingPullRequest: call.method == "POST" && call.path.hasSuffix("/pulls")
      case .generating: call.isGit("git-upload-pack")
      case .pushing: call.isGit("git-receive-pack")
      }
    }
  }

  @Test("a backup from before a push is restored: nothing is doubled", arguments: Moment.allCases)
  func restore(moment: Moment) async throws {
    try await GatedInstallation.with { world in
      let server = world.server
      let latch = Latch()
      world.gate.set { call in
        if moment.holds(call) { await latch.wait() }
        return .pass
      }
      let id = try await server.submit()
      try await latch.reached()
      let file = "\(server.folder)/backup.db"
      let backup = try await server.aipm(["backup", file])
      #expect(backup.succeeded, "\(backup.errorText)")
      latch.open()
      world.gate.set { _ in .pass }
      #expect(try await server.end(of: id)["state"] == .string("Pushed"))
      #expect(try await server.stop() == .exited(0))

      let restored = try await server.aipm(["restore", file])
      #expect(restored.succeeded, "\(restored.errorText)")
      let seen = try await server.aipm(["verify"])
      #expect(seen.exit == .exited(1) && seen.errorText.contains("it once reached"))
      let refused = try await server.aipm(["serve", "--port", "0", "--forge", "local"])
      #expect(refused.exit == .exited(1))
      #expect(refused.errorText.contains("aipm serve --accept-restore"))

      try await server.start(["--agent", "demo", "--accept-restore"])
      _ = try await server.end(of: id)
      try await world.checkPushed(id)
      let epochs = try await server.get("/api/events?limit=1000").json["items"].arrayValue ?? []
      let starts = epochs.filter { $0["type"] == .string("system.started") }
      #expect((starts.last?["data"]["epoch"].integerValue ?? 0) > 100_000)
      #expect(epochs.contains { $0["type"] == .string("system.restored") })
      // It is a log like any other now.
      #expect(try await server.stop() == .exited(0))
      try await server.start(["--agent", "demo"])
      #expect(try await server.aipm(["verify"]).succeeded)
    }
  }
}
