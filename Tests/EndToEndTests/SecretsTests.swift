import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("Secrets in words") struct SecretsTests {}
}

extension EndToEndTests.SecretsTests {
  private static let token = "ghp_" + String(repeating: "x7", count: 18)

  @Test("credentials are masked before anything is stored; what got through is redacted")
  func maskedAndRedacted() async throws {
    try await Installation.with(starts: false) { server in
      _ = try await server.createRepository()
      let agent = try server.script(
        "agent", "#!/bin/sh\necho \"token \(Self.token) and hunter22\"\necho done > done.txt\n")
      try await server.start(["--agent", "command", "--agent-command", agent])
      let body = Installation.request(
        "acme/tools", branch: "feature/secret",
        ["objective": .string("Use \(Self.token) and the password hunter22")])
      let id = try await server.submit(body)
      let ended = try await server.end(of: id)
      #expect(ended["state"] == .string("Pushed"))
      #expect(ended["objective"] == .string("Use *** and the password hunter22"))
      let output = try await server.get("/api/delegations/\(id)/output")
      #expect(output.text.contains("hunter22") && output.text.contains("***"))
      #expect(try !files(server, hold: Self.token))

      try await redact(server, id)
    }
  }

  private func redact(_ server: Installation, _ id: String) async throws {
    let found = try await server.aipm(["audit", "hunter22", "--json"])
    let items = try JSONValue(json: Array(found.outputText.utf8))["items"].arrayValue ?? []
    #expect(items.count == 1)
    let position = items.first?["position"].integerValue ?? 0
    let run = try await server.aipm(["redact", String(position), "--reason", "a password", "--yes"])
    #expect(run.succeeded && run.outputText.contains("Not removed"), "\(run.errorText)")
    #expect(run.outputText.contains("output removed: 1"))
    // Views, output and bundles follow, and everything else can still be checked.
    #expect(try await server.delegation(id)["objective"] == .null)
    #expect(try await server.get("/api/delegations/\(id)/output").text.isEmpty)
    let bundle = "\(server.folder)/bundle.jsonl"
    #expect(try await server.aipm(["export", "--bundle", id, "--output", bundle]).succeeded)
    let checked = try await server.aipm(["verify", bundle])
    #expect(checked.succeeded && checked.outputText.contains("redacted: \(position)"))
    #expect(try await server.aipm(["verify"]).succeeded)
    let again = try await server.aipm(["redact", String(position), "--reason", "x", "--yes"])
    #expect(again.exit == .exited(1) && again.errorText.contains("before"))
    #expect(
      try await server.aipm(["redact", "99999", "--reason", "x", "--yes"]).exit == .exited(3))
    #expect(try await server.aipm(["redact", "0", "--reason", "x", "--yes"]).exit == .exited(2))
    try await until("no file of the log holds it") {
      try !["aipm.db", "aipm.db-wal"].contains {
        try Data(contentsOf: URL(filePath: "\(server.data)/\($0)")).contains("hunter22")
      }
    }
  }

  /// Whether a file that AIPM itself writes holds a text.
  private func files(_ server: Installation, hold text: String) throws -> Bool {
    let names = ["aipm.db", "aipm.db-wal"].map { "\(server.data)/\($0)" }
    let output = try FileManager.default.subpathsOfDirectory(atPath: "\(server.data)/output")
    return try (names + output.map { "\(server.data)/output/\($0)" }).contains { path in
      var isFolder = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder else {
        return false
      }
      return try Data(contentsOf: URL(filePath: path)).contains(text)
    }
  }

  @Test("a redaction takes the output of later attempts too where the first said nothing")
  func silentFirstAttempt() async throws {
    try await Installation.with(starts: false) { server in
      _ = try await server.createRepository()
      let agent = try server.script(
        "agent", "#!/bin/sh\nmkdir \"$1/first\" 2>/dev/null && exit 1\necho hunter22; exit 1\n")
      try await server.start([
        "--agent", "command", "--agent-command", "\(agent) \(server.folder)",
      ])
      let id = try await server.submit()
      let failed = try await server.end(of: id)
      #expect(failed["failure"]["code"].stringValue == "agent-failed")
      let output = try await server.get("/api/delegations/\(id)/output?attempt=2")
      #expect(output.text == "hunter22\n")
      let position = try await server.events(of: id).first?["position"].integerValue ?? 0
      let run = try await server.aipm([
        "redact", String(position), "--reason", "a password", "--yes",
      ])
      #expect(run.succeeded && run.outputText.contains("output removed: 1"), "\(run.outputText)")
      #expect(try await server.get("/api/delegations/\(id)/output?attempt=2").text.isEmpty)
    }
  }

  @Test("words and outputs age out by policy, and the log says so")
  func retention() async throws {
    try await Installation.with { server in
      _ = try await server.createRepository("acme/tools", from: try await server.makeRepository())
      let id = try await server.submit()
      _ = try await server.end(of: id)
      #expect(try await server.stop() == .exited(0))
      try await server.start(["--keep-words", "1ms", "--keep-output", "1ms"])
      let told = try await server.event("system.redacted", of: nil)
      #expect(told["data"]["text"]["reason"] == .string("kept for 1ms, as configured"))
      #expect(told["actor"]["name"] == .string("retention"))
      let words = try await server.events(of: id).filter { $0["data"]["text"] != .null }
      #expect(words.isEmpty)
      #expect(try await server.delegation(id)["state"] == .string("Pushed"))
      #expect(try await server.aipm(["verify"]).succeeded)
      try await until("no output is left") {
        try FileManager.default.contentsOfDirectory(atPath: "\(server.data)/output").isEmpty
      }
    }
  }
}

/// Looks at files until they are as they should be.
private func until(_ what: String, _ holds: @escaping @Sendable () throws -> Bool) async throws {
  try await within(Installation.patience, what) {
    while try !holds() { try await Task.sleep(for: .milliseconds(20)) }
  }
}

extension Data {
  fileprivate func contains(_ text: String) -> Bool {
    Array(self).firstRange(of: Array(text.utf8)) != nil
  }
}
