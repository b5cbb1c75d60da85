import Glibc
import Processes
import SystemCalls
import Testing
import WorkerProtocol

@testable import Worker

/// What agents leave that is not fit for git: whose fault it is, and how soon that is known.
extension WorkspaceTests {
  static let clock = ContinuousClock()
  /// Long for a machine that others use too, and far below any limit of git's own time.
  static let seconds = Duration.seconds(20)

  /// A pick-up of what a script makes of a tree with `a` and `.gitignore`.
  private func outcome(
    _ script: String, limits: ChangeLimits? = nil, files: [String: String] = ["a": "1\n"]
  ) async throws -> (pickUp: PickUp, names: [String]) {
    let bench = try await Bench()
    let head = try await bench.repository.commit(files)
    return try await bench.with { workspace in
      var assignment = Assignment.sample(head: head)
      assignment.change = limits
      try await workspace.checkOut(assignment)
      try await Self.sh(script, in: bench.tree(workspace, assignment))
      let began = Self.clock.now
      let made = await workspace.pickUp(assignment)
      #expect(Self.clock.now - began < Self.seconds, "\(script)")
      var names: [String] = []
      if case .committed(let commit) = made { names = try await bench.names(workspace, commit) }
      // The next one is not affected.
      await workspace.drop(AttemptKey(assignment.lease), repository: "o/r")
      let next = try await bench.pickUp(
        workspace, head: head, delegation: "d2", script: "echo 2 > a")
      guard case .committed(let commit) = next else { throw TestFault("\(next)") }
      let names2 = try await bench.names(workspace, commit, delegation: "d2")
      #expect(names2 == files.keys.sorted())
      return (made, names)
    }
  }

  @Test(
    "what no commit can hold is removed, and the rest is committed",
    arguments: [
      "mkfifo .gitignore; echo b > b", "mkfifo .gitattributes; mkdir d; mkfifo d/p; echo b > b",
      "mkdir d; echo b > b; chmod 0 d; chmod 0 b; chmod 0 .",
      "mkdir d; mkfifo d/p; chmod 0 d; echo b > b",
      "ln -s b .gitignore; ln -s /dev/zero .gitattributes; rm .git*t*s .gitignore; echo b > b",
      "mkdir .gitignore .gitattributes; echo b > b",
    ])
  func leftOvers(script: String) async throws {
    let (made, names) = try await outcome(script)
    guard case .committed = made else { throw TestFault("\(made)") }
    #expect(names == ["a", "b"], "\(script)")
  }

  @Test("a change that .gitignore leaves out is told as such, by name")
  func ignoredAlone() async throws {
    let files = ["a": "1\n", ".gitignore": "build/\n*.log\n.tool*\n"]
    let made = try await outcome(
      "mkdir build; echo x > build/x; echo y > build/y; echo l > a.log", files: files)
    #expect(made.pickUp == .ignoredAlone("a.log, build/"))
    let many = try await outcome("for n in 1 2 3 4 5; do echo > $n.log; done", files: files)
    #expect(many.pickUp == .ignoredAlone("1.log, 2.log, 3.log and 2 more"))
    #expect(try await outcome("true", files: files).pickUp == .noChanges)
    let both = try await outcome("echo l > a.log; echo b > b", files: files)
    #expect(both.names == [".gitignore", "a", "b"])
  }

  @Test("what an agent keeps for itself is no part of its change, unless the repository has it")
  func ownFiles() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n", ".tool.conf": "1\n"])
    try await bench.with { workspace in
      func made(_ delegation: String, _ script: String) async throws -> PickUp {
        var assignment = Assignment.sample(delegation: delegation, head: head)
        assignment.agent.ownFiles = [".tool*"]
        try await workspace.checkOut(assignment)
        try await Self.sh(script, in: bench.tree(workspace, assignment))
        return await workspace.pickUp(assignment)
      }
      let own = "mkdir -p .tool.cache d; echo x > .tool.cache/x; echo x > d/.tool.history"
      #expect(try await made("d1", own) == .noChanges)
      // Also where the repository ignores them itself.
      guard case .committed(let commit) = try await made("d2", "\(own); echo b > b") else {
        throw TestFault("no commit")
      }
      #expect(
        try await bench.names(workspace, commit, delegation: "d2") == [".tool.conf", "a", "b"])
      guard case .committed = try await made("d3", "echo 2 > .tool.conf") else {
        throw TestFault("no commit")
      }
    }
  }

  @Test(
    "what the agent did wrong is its own fault, whatever its files are called",
    arguments: [
      ("mkdir -p 'No space left on device/.GIT'; touch 'No space left on device/.GIT/config'", ""),
      ("mkdir -p 'Out of memory/x/.git/refs'; touch 'Out of memory/x/.git/HEAD'", "repository in"),
      ("printf '[submodule \"Read-only file system\"]\\n' > .gitmodules; git init -q s", "in s"),
    ])
  func itsOwnFault(script: String, said: String) async throws {
    let (made, _) = try await outcome(script)
    guard case .unfit(let message) = made else { throw TestFault("\(made)") }
    #expect(message.contains(said), "\(message)")
  }

  @Test("paths beyond what any system call takes are told, and ignored where git ignores them")
  func depths() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit([".gitignore": "junk/\n", "a": "1\n"])
    try await bench.with { workspace in
      for (delegation, name) in [("d1", "junk"), ("d2", "mine"), ("d3", "junk")] {
        let assignment = Assignment.sample(delegation: delegation, head: head)
        try await workspace.checkOut(assignment)
        let tree = bench.tree(workspace, assignment)
        #expect(try DirectoryListing.names(tree).sorted() == [".git", ".gitignore", "a"])
        try Self.dig("\(tree)/\(name)", depth: 20_000)
        let began = Self.clock.now
        switch (await workspace.pickUp(assignment), name) {
        case (.ignoredAlone("junk/"), "junk"): break
        case (.unfit(let message), "mine"): #expect(message.contains("a path of over"))
        case (let made, _): throw TestFault("\(name): \(made)")
        }
        #expect(Self.clock.now - began < Self.seconds)
        await workspace.drop(AttemptKey(assignment.lease), repository: "o/r")
      }
    }
  }

  /// Folders within each other, deeper than a path can say.
  private static func dig(_ path: String, depth: Int) throws {
    try DurableFile.makeFolder(path)
    var folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    for _ in 0..<depth {
      try #require(folder >= 0 && mkdirat(folder, "d", 0o700) == 0)
      let next = openat(folder, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      close(folder)
      folder = next
    }
    close(folder)
  }

  @Test(
    "a change that is too large is refused before it is read",
    arguments: [
      ("truncate -s 1T sparse", "1099511627776 bytes"),
      ("for i in 1 2 3; do head -c 500000 /dev/zero > z$i; done", "1500000 bytes"),
      ("seq 101 | xargs touch", "101 files, more than 100"),
      (
        """
        n=$(printf '%0200d' 0); d=$n/$n/$n/$n/$n/$n/$n/$n/$n/$n; mkdir -p $d; cd $d
        seq 20000 | sed "s/$/$n/" | xargs touch
        """, "20000 files, more than 100"
      ),
    ])
  func tooLarge(script: String, said: String) async throws {
    let limits = ChangeLimits(filesMax: 100, bytesMax: 1_000_000)
    let (made, _) = try await outcome(script, limits: limits)
    guard case .refused(let message, let hint) = made else { throw TestFault("\(made)") }
    #expect(message.contains(said) && hint.contains("limits."), "\(message)")
  }

  @Test(
    "rules that keep git busy for minutes are the agent's fault, and known in seconds",
    arguments: [
      "for i in $(seq 300); do echo $p; done > .gitignore",
      "for i in $(seq 300); do echo \"$p text\"; done > .gitattributes",
      "for i in $(seq 300); do echo \"$p filter=lfs\"; done > f/.gitattributes",
      "seq 4000000 > .gitignore",
    ])
  func costlyRules(script: String) async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    try await bench.with { workspace in
      var hasty = workspace
      hasty.gitSecondsMin = 1
      let made = try await bench.pickUp(
        hasty, head: head,
        script: """
          p=$(printf '*a%.0s' $(seq 60))b; n=$(printf 'a%.0s' $(seq 200)); mkdir f
          seq 1500 | sed "s/^/f/; s/\\(f\\)/\\1\\/$n/" | xargs touch
          \(script)
          """)
      guard case .unfit(let message) = made else { throw TestFault("\(made)") }
      #expect(message.contains("s of CPU time"), "\(message)")
    }
  }

  @Test("what fails with the disk is the machine's fault, whatever its files are called")
  func fullDisk() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    let disk = "\(bench.folder.path)/worker"
    try DurableFile.makeFolder(disk)
    try await Self.sh("mount -t tmpfs -o size=24m tmpfs \(disk)", in: bench.folder.path)
    defer { umount2(disk, Int32(MNT_DETACH)) }
    try await bench.with { workspace in
      let assignment = Assignment.sample(head: head)
      try await workspace.checkOut(assignment)
      try await Self.sh(
        """
        head -c 2000000 /dev/urandom > innocent
        head -c 100000000 /dev/zero > \(disk)/ballast 2> /dev/null || true
        """, in: bench.tree(workspace, assignment))
      let made = await workspace.pickUp(assignment)
      guard case .fault(let message) = made else { throw TestFault("\(made)") }
      #expect(message.contains("disk of"), "\(message)")
      unlink("\(disk)/ballast")
      let again = await workspace.pickUp(assignment)
      guard case .committed = again else { throw TestFault("\(again)") }
    }
  }

  @Test("a pick-up that is called off ends at once, and no git goes on", arguments: [0, 30, 200])
  func calledOff(afterMs: Int) async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    try await bench.with { workspace in
      let assignment = Assignment.sample(head: head)
      try await workspace.checkOut(assignment)
      // Enough to keep git busy for seconds.
      try await Self.sh(
        "head -c 60000000 /dev/urandom | split -b 20000 - f", in: bench.tree(workspace, assignment))
      let picking = Task { await workspace.pickUp(assignment) }
      try await Task.sleep(for: .milliseconds(afterMs))
      let began = Self.clock.now
      picking.cancel()
      guard case .fault = await picking.value else { throw TestFault("it was not called off") }
      #expect(Self.clock.now - began < .seconds(5))
      #expect(try await Self.gits(of: bench.folder.path).isEmpty)
    }
  }

  /// Processes of git that work below a folder.
  private static func gits(of folder: String) async throws -> [String] {
    let script = """
      for p in /proc/[0-9]*; do
        case $(tr '\\0' ' ' < $p/environ 2> /dev/null) in *GIT_DIR=\(folder)*) echo $p;; esac
      done
      """
    let found = try await Command("sh", ["-c", script], timeout: .seconds(30)).run()
    return found.outputText.split(separator: "\n").map(String.init)
  }

  @Test("what was refused is read by nobody: the clone has nothing of an attempt")
  func objectsOfAnAttempt() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    try await bench.with { workspace in
      let made = try await bench.pickUp(
        workspace, head: head, script: "echo words > refused; git add refused")
      guard case .committed(let commit) = made else { throw TestFault("\(made)") }
      await workspace.drop(AttemptKey(delegation: "d1", number: 1), repository: "o/r")
      let next = Assignment.sample(delegation: "d2", head: head)
      try await workspace.checkOut(next)
      let seen = try await Git.run(
        ["cat-file", "--batch-check", "--batch-all-objects"],
        workingDirectory: bench.tree(workspace, next))
      #expect(seen.outputText.contains(head))
      #expect(!seen.outputText.contains(commit))
      let blob = try await Git.run(
        ["hash-object", "--stdin"], input: .bytes(Array("words\n".utf8))
      ).trimmedOutput
      #expect(!seen.outputText.contains(blob))
    }
  }
}
