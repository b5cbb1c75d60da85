import Glibc
import Processes
import SystemCalls
import Testing
import WorkerProtocol

@testable import Worker

/// Trees that are used again, and repositories that are not to be checked out.
extension WorkspaceTests {
  /// What the second delegation finds where the first ran a script.
  private func reused(
    _ script: String, files: [String: String], picksUp: Bool = true,
    _ look: @Sendable (Bench, Workspace, Assignment) async throws -> Void
  ) async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(files)
    try await bench.with { workspace in
      let first = Assignment.sample(head: head)
      try await workspace.checkOut(first)
      let inode = try inode(bench.tree(workspace, first))
      try await Self.sh(script, in: bench.tree(workspace, first))
      if picksUp { _ = await workspace.pickUp(first) }
      await workspace.drop(AttemptKey(first.lease), repository: "o/r")
      let next = Assignment.sample(delegation: "d2", head: head)
      try await workspace.checkOut(next)
      #expect(try self.inode(bench.tree(workspace, next)) == inode, "the tree was made anew")
      try await look(bench, workspace, next)
    }
  }

  private func inode(_ path: String) throws -> UInt {
    var facts = stat()
    try #require(lstat(path, &facts) == 0)
    return UInt(facts.st_ino)
  }

  @Test("files that an agent made one are two again", arguments: [true, false])
  func hardLinks(picksUp: Bool) async throws {
    try await reused(
      "ln -f a b; ln a outside; ln -sf x l; ln l m", files: ["a": "1\n", "b": "1\n", "c": "1\n"],
      picksUp: picksUp
    ) { bench, workspace, next in
      try await Self.sh("printf 'x\\n' >> a", in: bench.tree(workspace, next))
      guard case .committed(let commit) = await workspace.pickUp(next) else {
        throw TestFault("no commit")
      }
      let changed = try await Git.run(
        ["diff-tree", "-r", "--name-only", next.head, commit],
        gitDirectory: try bench.made(workspace, "d2"))
      #expect(changed.outputText == "a\n")
    }
  }

  @Test("modes that an agent took are given back", arguments: [true, false])
  func modes(picksUp: Bool) async throws {
    try await reused(
      "chmod 4755 a; chmod 0 d/e; chmod 0 d; mkdir x; chmod 0 x; chmod 0 .",
      files: ["a": "1\n", "d/e": "1\n"], picksUp: picksUp
    ) { bench, workspace, next in
      let tree = bench.tree(workspace, next)
      for (path, mode) in [("a", 0o600), ("d", 0o700), ("d/e", 0o600), ("", 0o700)] {
        var facts = stat()
        #expect(lstat("\(tree)/\(path)", &facts) == 0)
        #expect(facts.st_mode & 0o7700 == mode_t(mode), "\(path)")
      }
      #expect(!DurableFile.exists("\(tree)/x"))
      #expect(await workspace.pickUp(next) == .noChanges)
    }
  }

  /// A repository with a submodule at `vendor/lib`.
  private func withSubmodule(_ bench: Bench, at commit: String) async throws -> String {
    _ = try await bench.repository.commit(["a": "1\n", "vendor/f": "1\n"])
    let stream = """
      commit refs/heads/main
      committer a <a@b> 1700000001 +0000
      data 1
      y
      from refs/heads/main^0
      M 160000 \(commit) vendor/lib

      """
    try await bench.repository.git(
      ["fast-import", "--quiet"], input: .bytes(Array(stream.utf8)))
    return try await bench.repository.git(["rev-parse", "main"])
  }

  @Test("nothing that was left in a submodule's folder is seen by the next")
  func submoduleLeftOvers() async throws {
    let bench = try await Bench()
    let head = try await withSubmodule(bench, at: String(repeating: "12345", count: 8))
    try await bench.with { workspace in
      for delegation in ["d1", "d2"] {
        let assignment = Assignment.sample(delegation: delegation, head: head)
        try await workspace.checkOut(assignment)
        let lib = "\(bench.tree(workspace, assignment))/vendor/lib"
        #expect(DurableFile.isFolder(lib))
        #expect(try DirectoryListing.names(lib).isEmpty)
        try await Self.sh("echo x > left; mkdir -p d/e; chmod 0 d; git init -q d2", in: lib)
        #expect(await workspace.pickUp(assignment) == .noChanges)
        await workspace.drop(AttemptKey(assignment.lease), repository: "o/r")
      }
    }
  }

  /// A submodule's own repository, as `git submodule update` places it.
  private static let inModules = "git init -q s; mv s/.git ../../.git/modules/l; rmdir s"

  @Test(
    "a submodule that is checked out is no change; one that was moved is told",
    arguments: [
      // As `git submodule update` does it, and as a clone of one's own.
      (
        """
        git init -q s; mv s/.git ../../.git/modules/l; rmdir s
        echo 'gitdir: ../../.git/modules/l' > .git
        """, 0
      ),
      ("git init -q .", 0), ("git init -q .", 1),
      ("mkdir .git; mkfifo .git/HEAD", 2), ("echo 'gitdir: ../../../../x' > .git", 2),
      ("ln -s / .git", 2),
      // By its whole path; and one that would lead there if the way out of the tree were not seen.
      ("\(Self.inModules); echo \"gitdir: $root/.git/modules/l\" > .git", 0),
      ("\(Self.inModules); echo \"gitdir: ${root%?}~/.git/modules/l\" > .git", 3),
      ("\(Self.inModules); echo 'gitdir: ../../../.git/modules/l' > .git", 3),
      ("\(Self.inModules); echo 'gitdir: ../../../../../.git/modules/l' > .git", 3),
    ])
  func checkedOutSubmodule(script: String, state: Int) async throws {
    let bench = try await Bench()
    let commit = String(repeating: "12345", count: 8)
    let head = try await withSubmodule(bench, at: commit)
    try await bench.with { workspace in
      let assignment = Assignment.sample(head: head)
      try await workspace.checkOut(assignment)
      let tree = bench.tree(workspace, assignment)
      let at = state == 1 ? String(repeating: "54321", count: 8) : commit
      let setHead =
        state == 2
        ? "" : "h=.git/HEAD; test -d .git || h=../../.git/modules/l/HEAD; echo \(at) > $h"
      try await Self.sh(
        "root=$(pwd -P); mkdir -p .git/modules; echo 2 > a; cd vendor/lib; \(script); \(setHead)",
        in: tree)
      let made = await workspace.pickUp(assignment)
      switch (made, state) {
      case (.committed(let commit), 0):
        let changed = try await Git.run(
          ["diff-tree", "-r", "--name-only", head, commit], gitDirectory: try bench.made(workspace))
        #expect(changed.outputText == "a\n")
      case (.unfit(let message), 1...3):
        #expect(message.contains("submodule vendor/lib"), "\(message)")
      case _: throw TestFault("\(script): \(made)")
      }
    }
  }

  @Test("a repository that stands for more files than any disk holds is not checked out")
  func treeBomb() async throws {
    let bench = try await Bench()
    let blob = try await bench.repository.git(["hash-object", "-w", "--stdin"])
    var entry = "100644 blob \(blob)"
    for _ in 0..<12 {
      let lines = (0..<10).map { "\(entry)\tn\($0)\n" }.joined()
      let tree = try await bench.repository.git(["mktree"], input: .bytes(Array(lines.utf8)))
      entry = "040000 tree \(tree)"
    }
    let head = try await bench.repository.git(
      ["commit-tree", "-m", "x", String(entry.suffix(40))])
    try await bench.repository.git(["update-ref", "refs/heads/main", head])
    try await bench.with { workspace in
      let began = Self.clock.now
      await #expect {
        try await workspace.checkOut(.sample(head: head))
      } throws: { ($0 as? CheckoutFault)?.isTooLarge == true }
      #expect(Self.clock.now - began < Self.seconds)
    }
  }

  @Test("a checkout that takes more of the disk than there is for it is given up")
  func checkoutOnDisk() async throws {
    let bench = try await Bench()
    // git leaves holes for zeros, which take no disk.
    try await Self.sh(
      """
      yes | head -c 30000000 > z
      for i in 1 2 3 4 5 6 7 8; do
        echo "100644 blob $(git hash-object -w z)	z$i"; printf x >> z
      done | git mktree > tree
      git update-ref refs/heads/main \
        $(git -c user.name=a -c user.email=a@b commit-tree -m x $(cat tree))
      """, in: bench.repository.path)
    let head = try await bench.repository.git(["rev-parse", "main"])
    try await bench.with { workspace in
      var assignment = Assignment.sample(head: head)
      assignment.agent.diskBytesMax = 20 << 20
      let given = assignment
      await #expect { try await workspace.checkOut(given) } throws: { error in
        let fault = error as? CheckoutFault
        return fault?.isTooLarge == true && fault?.message.contains("MiB of disk") == true
      }
    }
  }
}
