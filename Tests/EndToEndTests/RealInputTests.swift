import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

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
      let task = try await repository.file("TASK.md", at: "\(branch)~1")
      #expect(task.hasPrefix("# Add export button\n"))
      #expect(try await repository.file("TASK.md", at: branch) == "# An older task\n")
      #expect(try await repository.file("lib/100/50.txt", at: branch) == "file 100 50\n")
    }
  }

  @Test("a base branch whose TASK.md is the same but for its id line")
  func sameTask() async throws {
    try await Installation.with { server in
      let repository = try await server.createRepository()
      let first = try await delegate(server, repository, "acme/tools")
      // The second starts from the first one's task: its TASK.md differs in one line.
      let task = first["taskCommitSHA"].stringValue ?? ""
      _ = try await repository.git(["branch", "kept", task])
      let second = try await delegate(
        server, repository, "acme/tools", ["baseBranch": .string("kept")])
      #expect(second["baseSHA"].stringValue == task)
      let other = second["branchName"].stringValue ?? ""
      let changed = try await repository.git(
        ["diff", "--numstat", task, "\(other)~1", "--", "TASK.md"])
      #expect(changed == "1\t1\tTASK.md\n")
      #expect(try await repository.git(["diff", task, other, "--", "TASK.md"]).isEmpty)
    }
  }

  /// An agent that makes one file that nobody else makes.
  private static let maker = "#!/bin/sh\ncat > /dev/null\necho x > \"f-$(date +%s%N)\"\n"

  @Test("delegations of one repository merge one after the other", arguments: [true, false])
  func merging(taskStandsThere: Bool) async throws {
    try await Installation.with(starts: false) { server in
      let files = ["README.md": "#\n"].merging(taskStandsThere ? ["TASK.md": "older\n"] : [:]) {
        $1
      }
      let repository = try await server.createRepository(
        from: try await server.makeRepository(files: files))
      let agent = try server.script("agent", Self.maker)
      try await server.start(["--agent", "command", "--agent-command", agent])
      var ids: [String] = []
      for _ in 0..<3 { ids.append(try await server.submit()) }
      var branches: [String] = []
      for id in ids {
        let delegation = try await server.end(of: id)
        try await Outcome(server: server, repository: repository, delegation: delegation).check()
        branches.append(delegation["branchName"].stringValue ?? "")
      }
      let script = """
        set -e; git clone -q "$0" "$1"; cd "$1"
        for b in \(branches.joined(separator: " ")); do
          git -c user.name=A -c user.email=a@b merge -q -m merge "origin/$b"
        done; git ls-files
        """
      let merged = try await Command(
        "sh", ["-c", script, repository.path, "\(server.folder)/merged"],
        environment: Program.plainEnvironment, timeout: .seconds(60)
      ).run()
      #expect(merged.succeeded, "\(merged.errorText)")
      let names = merged.outputText.split(separator: "\n")
      #expect(names.count { $0.hasPrefix("f-") } == 3)
      #expect(names.contains("TASK.md") == taskStandsThere)
      // What the agent is told stands in the first commit, and putting it back is no change.
      #expect(try await repository.file("TASK.md", at: "\(branches[0])~1").contains(ids[0]))
    }
  }

  @Test(
    "an agent that changes the task's file alone has changed nothing, whatever it makes of it",
    arguments: [
      "echo mine > TASK.md", "rm TASK.md", "rm TASK.md; mkdir -p TASK.md/a; echo x > TASK.md/a/b",
      "rm TASK.md; ln -s README.md TASK.md",
    ])
  func taskFileAlone(does: String) async throws {
    try await Installation.with(starts: false) { server in
      _ = try await server.createRepository()
      let agent = try server.script("agent", "#!/bin/sh\n\(does)\n")
      try await server.start([
        "--agent", "command", "--agent-command", agent, "--attempts", "1",
      ])
      let delegation = try await server.end(of: try await server.submit())
      #expect(delegation["failure"]["code"].stringValue == "no-changes")
    }
  }

  @Test(
    "what is no file in the task's place ends it before there is a branch",
    arguments: [
      ("ln -s README.md TASK.md", "a link"), ("ln -s nowhere TASK.md", "a link"),
      ("ln -s / TASK.md", "a link"), ("mkdir TASK.md; echo x > TASK.md/x", "a folder"),
      (
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),TASK.md; mkdir TASK.md",
        "a submodule"
      ),
      // As it is with a real one: its commit is in another repository.
      (
        "git update-index --add --cacheinfo 160000,\(String(repeating: "1", count: 40)),TASK.md; "
          + "mkdir TASK.md", "a submodule"
      ),
    ])
  func taskInTheWay(script: String, what: String) async throws {
    try await Installation.with { server in
      let path = try await server.makeRepository()
      let made = try await Command(
        "sh",
        [
          "-ec",
          "cd $0; \(script); git add -A; git -c user.name=A -c user.email=a@b commit -qm way", path,
        ], environment: Program.plainEnvironment, timeout: .seconds(60)
      ).run()
      try #require(made.succeeded, "\(made.errorText)")
      let repository = try await server.createRepository(from: path)
      let delegation = try await server.end(of: try await server.submit())
      let failure = delegation["failure"]
      #expect(failure["code"].stringValue == "forge-refused")
      #expect(failure["message"].stringValue?.contains(what) == true, "\(failure.canonicalText)")
      #expect(try await repository.branches() == ["main"])
    }
  }

  @Test("a task's file with a name of its own, below a folder")
  func namedTaskFile() async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository(
        from: try await server.makeRepository(files: ["docs/README.md": "#\n"]))
      let shipped = try await server.aipm(["workflows", "show", "personal-delegate"]).outputText
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try shipped.replacing(
        "path: TASK.md", with: "path: \"docs/TASK-{{confirmationCode}}.md\""
      ).write(toFile: "\(folder)/w.yaml", atomically: true, encoding: .utf8)
      let agent = try server.script("agent", Self.maker)
      try await server.start([
        "--agent", "command", "--agent-command", agent, "--workflows", folder,
      ])
      let delegation = try await server.end(of: try await server.submit())
      try #require(delegation["state"].stringValue == "Pushed", "\(delegation["failure"])")
      let branch = delegation["branchName"].stringValue ?? ""
      let commits = try await repository.commits(of: branch, beyond: "main")
      let name = "docs/TASK-\(delegation["confirmationCode"].stringValue ?? "").md"
      #expect(commits.first?.files == [name])
      #expect(commits.last?.files.first == name && commits.last?.files.count == 2)
      let names = try await repository.git(["ls-tree", "-r", "--name-only", branch])
      #expect(!names.contains("TASK"))
    }
  }

  @Test("the base branch is there for the agent")
  func namesForTheAgent() async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let agent = try server.script(
        "agent", "#!/bin/sh\ngit diff --stat main > differs\n")
      try await server.start(["--agent", "command", "--agent-command", agent])
      let delegation = try await server.end(of: try await server.submit())
      try await Outcome(server: server, repository: repository, delegation: delegation).check()
      let branch = delegation["branchName"].stringValue ?? ""
      #expect(try await repository.file("differs", at: branch).contains("TASK.md"))
    }
  }

  /// Says which names and tags it sees, and does its worst to them.
  private static let tagger = """
    #!/bin/sh
    {
      git describe; git describe --tags main; git diff --stat v1 -- second; git tag
      git for-each-ref --format='%(refname)' refs/heads refs/remotes
    } > seen 2>&1
    git -c user.name=x -c user.email=x@y tag -f -a -m mine v1 HEAD
    git tag -d light; git tag mine; git tag v1.1 main
    rm -f .git/packed-refs; echo x > "made-$(date +%s%N)"
    """

  @Test("tags are there for the agent, and what it makes of them stays with it")
  func tagsForTheAgent() async throws {
    try await Installation.with(starts: false) { server in
      let source = try await server.makeRepository()
      let script = """
        set -e; cd "$0"; git config user.name A; git config user.email a@b
        git tag -a -m one v1; echo 2 > second; git add -A; git commit -q -m second
        git tag light; git update-ref "refs/tags/$(printf 'n\\377')" HEAD
        git switch -q --orphan aside; git commit -q --allow-empty -m aside
        git tag -a -m far far; git switch -q main
        """
      let made = try await Command("sh", ["-c", script, source], timeout: .seconds(60)).run()
      try #require(made.succeeded, "\(made.errorText)")
      let repository = try await server.createRepository(from: source)
      let before = try await repository.git(["for-each-ref", "refs/tags"])
      let agent = try server.script("agent", Self.tagger)
      try await server.start(["--agent", "command", "--agent-command", agent])
      for _ in 0..<2 {
        let delegation = try await server.end(of: try await server.submit())
        try await Outcome(server: server, repository: repository, delegation: delegation).check()
        let branch = delegation["branchName"].stringValue ?? ""
        let seen = try await repository.git(["show", "\(branch):seen"]).split(separator: "\n")
        // Two commits after v1: the second one and the task's. Then the names, no delegation's but
        // its own.
        #expect(seen.first?.hasPrefix("v1-2-g") == true, "\(seen)")
        #expect(seen.dropFirst().first == "light")
        #expect(seen.contains { $0.contains("second |") })
        #expect(seen.contains("light") && seen.contains("v1") && !seen.contains("far"))
        #expect(
          Array(seen.suffix(3)) == [
            "refs/heads/\(branch)", "refs/heads/main", "refs/remotes/origin/main",
          ], "\(seen)")
      }
      #expect(try await repository.git(["for-each-ref", "refs/tags"]) == before)
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
        try await repository.file("TASK.md", at: "\(branch)~1") == """
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
