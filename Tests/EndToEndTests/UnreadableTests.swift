import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// What a server finds in its folder and cannot read.
  @Suite("Unreadable") struct UnreadableTests {}
}

extension EndToEndTests.UnreadableTests {
  /// Breaks the first event of a delegation that is under way by the views, and says which that is.
  /// It stands before the last 1000 events, which each start checks.
  private static let breakOne = #"""
    import sqlite3, sys
    log = sqlite3.connect(sys.argv[1])
    row = log.execute("""
      SELECT d.id, e.position FROM delegations d JOIN events e ON e.stream = d.stream
      WHERE d.state = 'Pushed' AND e.version = 1
        AND e.position < (SELECT max(position) FROM events) - 1500
      ORDER BY e.position LIMIT 1""").fetchone()
    log.execute("UPDATE delegations SET state = 'PRCreated' WHERE id = ?", (row[0],))
    log.execute("UPDATE events SET type = 9999 WHERE position = ?", (row[1],))
    log.commit()
    print(row[0], end="")
    """#

  private func run(_ program: String, _ arguments: [String]) async throws -> ProcessResult {
    try await Command(
      program, arguments, environment: Program.plainEnvironment, timeout: Installation.patience
    ).run()
  }

  @Test("a stream of the log: the server starts, names it, and does everything else")
  func stream() async throws {
    try await Installation.with(starts: false) { server in
      try FileManager.default.createDirectory(
        atPath: server.data, withIntermediateDirectories: true)
      let made = try await run(
        Program.bench, ["generate-log", "--events", "6000", "--data", server.data])
      #expect(made.exit == .exited(0), "\(made.errorText)")
      let broken = try await run("python3", ["-c", Self.breakOne, "\(server.data)/aipm.db"])
      let id = broken.outputText
      try #require(broken.exit == .exited(0) && !id.isEmpty, "\(broken.errorText)")
      _ = try await server.createRepository()
      try await server.start(["--workers", "1"])
      var ready = try await server.get("/readyz")
      #expect(ready.status == 200 && ready.text.hasPrefix("ready\n"))
      // Its stream is read after the start.
      let end = ContinuousClock.now + Installation.patience
      while !ready.text.contains("in quarantine: delegation-\(id): ") {
        try #require(ContinuousClock.now < end, "\(ready.text)")
        ready = try await server.get("/readyz")
      }
      #expect(try await server.get("/metrics").text.contains("\naipm_streams_quarantined 1\n"))
      let shown = try await server.get("/api/delegations/\(id)")
      #expect(shown.status == 200 && shown.json["quarantine"].stringValue != nil)
      let health = try await server.get("/api/health").json
      #expect(health["queue"]["quarantined"].integerValue == 1)
      #expect(server.errorText.contains("delegation-\(id) is in quarantine"))
      let refused = try await server.post("/api/delegations/\(id)/cancel")
      #expect(refused.status == 409 && refused.text.contains("quarantine"))
      let doctor = try await server.aipm(["doctor"])
      #expect(doctor.outputText.contains("log: delegation-\(id) is in quarantine"))
      try await readers(server, id)
      // Whatever else is asked of it is done.
      let list = try await server.get("/api/delegations?limit=500&q=PR")
      #expect(list.status == 200)
      let other = try await server.aipm(
        [
          "submit", "--repo", "acme/tools", "--branch", "b", "--title", "T", "--objective", "O",
          "--pr-title", "P",
        ])
      #expect(other.exit == .exited(0), "\(other.errorText)")
    }
  }

  /// Each reader of the log shows the event as unreadable, and the others as they are.
  private func readers(_ server: Installation, _ id: String) async throws {
    let own = try await server.get("/api/delegations/\(id)/events")
    let first = own.json["items"].arrayValue?.first ?? .null
    #expect(own.status == 200 && first["type"].stringValue == "unreadable")
    #expect(first["data"] == .null && first["stream"].stringValue == "delegation-\(id)")
    #expect(first["unreadable"]["reason"].stringValue?.contains("9999") == true)
    let position = first["position"].integerValue ?? 0
    let page = try await server.get("/api/events?after=\(position - 2)&limit=3")
    let types = (page.json["items"].arrayValue ?? []).map { $0["type"].stringValue ?? "" }
    #expect(page.status == 200 && types.count == 3 && types[1] == "unreadable")
    #expect(types.count { $0 == "unreadable" } == 1)
    let audit = try await server.get("/api/audit?q=position:\(position)")
    #expect(audit.json["items"].arrayValue == [first])
    let table = try await server.get("/api/audit?q=position:\(position)&format=csv")
    #expect(table.status == 200 && table.text.contains("type 9999 is not known"))
    let found = try await server.aipm(["audit", "position:\(position)"])
    #expect(found.exit == .exited(0) && found.outputText.contains("type 9999 is not known"))
    let why = try await server.aipm(["why", id])
    #expect(why.exit == .exited(0) && why.outputText.contains("This event is unreadable"))
    #expect(try await server.get("/api/delegations/\(id)/bundle").status == 200)
    let file = server.data + "/log.jsonl"
    let export = try await server.aipm(["export", "--output", file])
    #expect(export.exit == .exited(0), "\(export.errorText)")
    let verified = try await server.aipm(["verify", file])
    #expect(verified.exit == .exited(1) && verified.errorText.contains("type 9999 is not known"))
  }

  @Test("a secret that cannot be read is not replaced by another")
  func secret() async throws {
    try await Installation.with(starts: false) { server in
      try await server.start(["--workers", "0"])
      #expect(try await server.stop() == .exited(0))
      let file = URL(fileURLWithPath: "\(server.data)/secrets/worker-token")
      let bytes = Data([0xff, 0xfe, 0x00, 0x41])
      try bytes.write(to: file)
      let result = try await server.aipm(["serve", "--port", "0", "--workers", "0"])
      #expect(result.exit == .exited(1), "\(result.errorText)")
      #expect(result.errorText.contains("secrets/worker-token"))
      #expect(try Data(contentsOf: file) == bytes)
    }
  }

  @Test("commits have the author that the server was told")
  func author() async throws {
    try await Installation.with(
      arguments: [
        "--forge", "local", "--agent", "demo", "--commit-author", "Zoë Robot <bot@acme.example>",
      ]
    ) { server in
      _ = try await server.createRepository()
      let id = try await server.submit()
      let pushed = try await server.end(of: id)
      let branch = pushed["branchName"].stringValue ?? ""
      let log = try await Git.run(
        ["log", "-2", "--format=%an <%ae> %cn <%ce>", "refs/heads/\(branch)"],
        gitDirectory: "\(server.data)/forge/acme/tools.git")
      let robot = "Zoë Robot <bot@acme.example>"
      #expect(log.trimmedOutput == "\(robot) \(robot)\n\(robot) \(robot)")
    }
  }
}
