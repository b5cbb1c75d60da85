import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing

extension EndToEndTests {
  @Suite("Real repositories") struct RealInputTests {}
}

extension EndToEndTests.RealInputTests {
  /// The folder of this package.
  private static let package = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    .dropLast(3).joined(separator: "/")

  @discardableResult
  private func delegate(
    _ server: Installation, _ repository: BareRepository, _ name: String,
    _ more: [String: JSONValue] = [:]
  ) async throws -> JSONValue {
    let id = try await server.submit(Installation.request(name, more))
    let delegation = try await server.end(of: id)
    try #require(
      delegation["state"].stringValue == "Pushed", "\(delegation["failure"].canonicalText)")
    try await Outcome(server: server, repository: repository, delegation: delegation).check()
    return delegation
  }

  @Test("a copy of this project's own repository")
  func thisProject() async throws {
    try await Installation.with { server in
      let repository = try await server.createRepository("aipm/aipm", from: Self.package)
      let delegation = try await delegate(server, repository, "aipm/aipm")
      let branch = delegation["branchName"].stringValue ?? ""
      let manifest = try await repository.file("Package.swift", at: branch)
      #expect(manifest.contains("name: \"aipm\""))
    }
  }

  @Test("thousands of files, a default branch that is not main, and a TASK.md that is there")
  func large() async throws {
    try await Installation.with { server in
      let path = try await server.makeRepository(
        branch: "trunk", files: ["TASK.md": "# An older task\n", "src/app.py": "print(1)\n"])
      let script = """
        set -e; cd "$0"; for d in $(seq 100); do mkdir -p "lib/$d"
        for f in $(seq 50); do echo "file $d $f" > "lib/$d/$f.txt"; done; done
        git add -A; git -c user.name=A -c user.email=a@b commit -q -m many
        """
      let made = try await Command("sh", ["-c", script, path], timeout: .seconds(60)).run()
      try #require(made.succeeded, "\(made.errorText)")
      let repository = try await server.createRepository("acme/large", from: path)
      let delegation = try await delegate(server, repository, "acme/large")
      #expect(delegation["baseBranch"].stringValue == "trunk")
      let branch = delegation["branchName"].stringValue ?? ""
      #expect(try await repository.file("TASK.md", at: branch).hasPrefix("# Add export button\n"))
      #expect(try await repository.file("lib/100/50.txt", at: branch) == "file 100 50\n")
    }
  }

  @Test("a base branch whose TASK.md is the same but for its id line")
  func sameTask() async throws {
    try await Installation.with { server in
      let repository = try await server.createRepository()
      let first = try await delegate(server, repository, "acme/tools")
      let branch = first["branchName"].stringValue ?? ""
      // The second starts from what the first has left: its TASK.md differs in one line.
      let second = try await delegate(
        server, repository, "acme/tools", ["baseBranch": .string(branch)])
      #expect(second["baseSHA"].stringValue == first["commitSHA"].stringValue)
      let other = second["branchName"].stringValue ?? ""
      let changed = try await repository.git(["diff", "--numstat", branch, other, "--", "TASK.md"])
      #expect(changed == "1\t1\tTASK.md\n")
    }
  }

  @Test("words of every kind stand in TASK.md and in the prompt as they were given")
  func words() async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let agent = try server.script(
        "agent", "#!/bin/sh\ncat > stdin.txt\nprintf '%s' \"$1\" > arg.txt\n")
      try await server.start(["--agent", "command", "--agent-command", agent])
      let objective =
        "Ünïcode ✓ \"quotes\" 'single' `ticks` $(touch /tmp/never) {{mustache}} <b>&amp;"
      let id = try await server.submit(
        Installation.request(
          "acme/tools",
          [
            "objective": .string(objective), "constraints": .array([]),
            "acceptanceCriteria": .string("first\nsecond"),
          ]))
      let delegation = try await server.end(of: id)
      try await Outcome(server: server, repository: repository, delegation: delegation).check()
      let branch = delegation["branchName"].stringValue ?? ""
      let prompt = """
        Implement: \(objective)

        Acceptance Criteria:
        - first
        - second
        """
      for name in ["stdin.txt", "arg.txt"] {
        let given = try await repository.file(name, at: branch)
        #expect(given.trimmed == prompt, "by \(name)")
      }
      #expect(
        try await repository.file("TASK.md", at: branch) == """
          # Add export button

          Objective: \(objective)
          Acceptance Criteria:
          - first
          - second

          <!-- aipm: \(id) -->

          """)
      #expect(!FileManager.default.fileExists(atPath: "/tmp/never"))
    }
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = self
    while text.last?.isNewline ?? false { text.removeLast() }
    return text
  }
}
