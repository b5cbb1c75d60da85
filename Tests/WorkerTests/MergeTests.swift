import Processes
import Testing
import WorkerProtocol

@testable import Worker

/// Attempts that complete a merge: the tree starts with its conflicts, the commit has two parents.
extension WorkspaceTests {
  /// A repository with two heads that conflict in `a`, and the merge that the server made of them.
  private func merging(
    _ body: @escaping @Sendable (Bench, Workspace, Assignment) async throws -> Void
  ) async throws {
    let bench = try await Bench()
    let first = try await bench.repository.commit(["a": "1\n", "b": "1\n"])
    try await bench.repository.git(["update-ref", "refs/heads/side", first])
    let base = try await bench.repository.commit(["a": "theirs\n", "c": "1\n"])
    let head = try await bench.repository.commit(["a": "ours\n"], on: "side")
    let merged = try await Git.run(
      ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", head, base],
      gitDirectory: bench.repository.path, accepting: [1])
    let tree = String(decoding: merged.standardOutput.prefix { $0 != 0 }, as: UTF8.self)
    let start = try await bench.repository.git(
      ["commit-tree", tree, "-p", head, "-p", base, "-m", "start"])
    try await bench.with { workspace in
      var assignment = Assignment.sample(head: start)
      assignment.parents = [head, base]
      try await workspace.checkOut(assignment)
      try await body(bench, workspace, assignment)
    }
  }

  @Test("a merge that the agent resolved has two parents, and its pack needs only the start")
  func merge() async throws {
    try await merging { bench, workspace, assignment in
      let tree = bench.tree(workspace, assignment)
      let parents = try #require(assignment.parents)
      // What an agent sees: both sides, the file of the base, and the history of both.
      let script = """
        grep -q '^<<<<<<< \(parents[0])$' a
        grep -q '^>>>>>>> \(parents[1])$' a
        test -f c
        test "$(git rev-parse HEAD^2)" = \(parents[1])
        test -z "$(git status --porcelain)"
        printf 'ours and theirs\\n' > a
        """
      try await Self.sh(script, in: tree)
      guard case .committed(let commit) = await workspace.pickUp(assignment) else {
        throw TestFault("no commit")
      }
      let made = try bench.made(workspace)
      let known = try await Git.run(["log", "-1", "--format=%P", commit], gitDirectory: made)
      #expect(known.trimmedOutput == parents.joined(separator: " "))
      #expect(try await bench.names(workspace, commit) == ["a", "b", "c"])
      let file = try #require(workspace.files.attempt(AttemptKey(assignment.lease))).pack
      try await Git.run(
        ["index-pack", "--stdin", "--fix-thin", "--strict"], gitDirectory: bench.repository.path,
        input: .file(file))
    }
  }

  @Test("a conflict that is left is the agent's fault, and named")
  func conflictLeft() async throws {
    for script in ["true", "sed -i '/^<<<<<<< /d' a", "echo more > d"] {
      try await merging { bench, workspace, assignment in
        try await Self.sh(script, in: bench.tree(workspace, assignment))
        #expect(
          await workspace.pickUp(assignment) == .unfit("the agent left conflicts in a"),
          "\(script)")
      }
    }
  }

  @Test("marks that are no conflict of this merge are text")
  func otherMarks() async throws {
    try await merging { bench, workspace, assignment in
      let script = "printf '<<<<<<< HEAD\\n=======\\n>>>>>>> main\\n' > a"
      try await Self.sh(script, in: bench.tree(workspace, assignment))
      guard case .committed = await workspace.pickUp(assignment) else {
        throw TestFault("no commit")
      }
    }
  }
}
