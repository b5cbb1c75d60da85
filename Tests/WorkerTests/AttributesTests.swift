import Processes
import Testing
import WorkerProtocol

@testable import Worker

/// Line ends, Git LFS, the task's file, and what the agent's repository knows.
extension WorkspaceTests {
  /// Reads a file of the commit.
  private typealias Blob = @Sendable (_ name: String) async throws -> String

  /// What of `files` a script changed is in the commit; nil: no commit.
  private func committed(
    _ files: [String: String], _ script: String, taskFile: RestoredFile? = nil,
    _ look: @Sendable (_ blob: Blob, [String]) async throws -> Void = { _, _ in }
  ) async throws -> PickUp {
    let bench = try await Bench()
    let base = try await bench.repository.commit(files)
    let head =
      taskFile == nil
      ? base : try await bench.repository.commit(["TASK.md": "the task\n"])
    return try await bench.with { workspace in
      var assignment = Assignment.sample(head: head)
      assignment.taskFile = taskFile.map { RestoredFile(path: $0.path, base: base) }
      try await workspace.checkOut(assignment)
      try await Self.sh(script, in: bench.tree(workspace, assignment))
      let made = await workspace.pickUp(assignment)
      guard case .committed(let commit) = made else { return made }
      let folder = try bench.made(workspace)
      let changed = try await Git.run(
        ["diff-tree", "-r", "-z", "--name-only", head, commit], gitDirectory: folder)
      let names = changed.outputText.split(separator: "\0").map(String.init)
      try await look(
        { name in
          try await Git.run(["cat-file", "blob", "\(commit):\(name)"], gitDirectory: folder)
            .outputText
        }, names)
      return made
    }
  }

  private static let attributes = """
    *.txt text
    *.auto text=auto
    *.win eol=crlf
    *.raw -text
    *.old crlf
    *.f filter=evil ident text
    *.u working-tree-encoding=UTF-16 text

    """

  @Test("line ends of changed files are turned as git turns them, and of no other file")
  func lineEnds() async throws {
    let crlf = "a\r\nb\r\n"
    let names = ["x.txt", "x.auto", "x.win", "x.raw", "x.old", "x.none"]
    var files = [".gitattributes": Self.attributes]
    for name in names + ["untouched.txt", "untouched.auto"] { files[name] = crlf }
    files["lf.auto"] = "a\n"
    let made = try await committed(
      files,
      """
      for f in x.*; do printf 'c\\r\\n' >> $f; done; touch untouched.*
      printf 'a\\r\\n' | tee new.txt new.auto new.win new.raw new.old new.none > lf.auto
      """
    ) { (blob: Blob, changed: [String]) async throws -> Void in
      for name in ["x.txt", "x.win", "x.old"] {
        #expect(try await blob(name) == "a\nb\nc\n", "\(name)")
      }
      // What was committed with CRLF keeps it where git is to find out for itself.
      for name in ["x.auto", "x.raw", "x.none"] {
        #expect(try await blob(name) == "a\r\nb\r\nc\r\n", "\(name)")
      }
      for name in ["new.txt", "new.auto", "new.win", "new.old"] {
        #expect(try await blob(name) == "a\n", "\(name)")
      }
      for name in ["new.raw", "new.none"] {
        #expect(try await blob(name) == "a\r\n", "\(name)")
      }
      #expect(!changed.contains { $0.hasPrefix("untouched") || $0 == "lf.auto" }, "\(changed)")
    }
    guard case .committed = made else { throw TestFault("\(made)") }
  }

  @Test("a commit is what git diff showed in the tree")
  func asShown() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit([
      ".gitattributes": "* text=auto\n*.sh eol=lf\n", "a.sh": "a\n", "b.c": "b\n", "d.c": "d\r\n",
    ])
    try await bench.with { workspace in
      let assignment = Assignment.sample(head: head)
      try await workspace.checkOut(assignment)
      let tree = bench.tree(workspace, assignment)
      try await Self.sh(
        "printf 'a\\r\\nx\\r\\n' > a.sh; printf 'b\\r\\n' > b.c; printf 'e\\r\\n' >> d.c", in: tree)
      let shown = try await Git.run(["diff", "--no-color"], workingDirectory: tree).standardOutput
      guard case .committed(let commit) = await workspace.pickUp(assignment) else {
        throw TestFault("no commit")
      }
      let made = try await Git.run(
        ["diff", "--no-color", head, commit], gitDirectory: try bench.made(workspace))
      #expect(made.standardOutput == shown)
      #expect(made.outputText.contains("+x\n") && made.outputText.contains("+e\r\n"))
    }
  }

  @Test("nothing but line ends is turned, and no filter runs")
  func noFilters() async throws {
    let made = try await committed(
      [".gitattributes": Self.attributes],
      """
      git config filter.evil.clean 'touch ran'; git config filter.evil.required true
      printf '$Id$\\r\\n' > x.f; printf 'u\\r\\n' > x.u; rm .gitattributes
      """
    ) { (blob: Blob, changed: [String]) async throws -> Void in
      // The base's attributes hold where the agent took the file away.
      #expect(try await blob("x.f") == "$Id$\n")
      #expect(try await blob("x.u") == "u\n")
      #expect(changed == [".gitattributes", "x.f", "x.u"])
    }
    guard case .committed = made else { throw TestFault("\(made)") }
  }

  private static let pointer = """
    version https://git-lfs.github.com/spec/v1
    oid sha256:\(String(repeating: "0a", count: 32))
    size 12

    """

  @Test(
    "a file that belongs to Git LFS is a pointer, or is refused",
    arguments: [
      ("head -c 3000 /dev/urandom > new.bin", "new.bin"),
      ("echo raw > known.bin", "known.bin"), ("echo '*' filter=lfs > d/.gitattributes", "d/x"),
      ("cp known.bin new.bin; echo 1 > a; : > empty.bin", nil),
      ("echo more >> raw.bin; touch known.bin", nil), ("rm known.bin", nil),
    ])
  func largeFiles(script: String, refused: String?) async throws {
    let made = try await committed(
      [
        ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "a": "0\n",
        "known.bin": Self.pointer, "raw.bin": "raw\n",
      ], "mkdir -p d; \(script); test ! -e d/.gitattributes || echo 1 > d/x")
    switch (made, refused) {
    case (.committed, nil): break
    case (.refused(let message, let hint), .some(let name)):
      #expect(message.contains(name) && hint.contains("git lfs"), "\(message)")
    case _: throw TestFault("\(script): \(made)")
    }
  }

  @Test("what a pointer is")
  func pointers() {
    let bytes = Array(Self.pointer.utf8)
    #expect(LargeFilePointer.isWhole(bytes) && LargeFilePointer.isWhole([]))
    for wrong in [
      "raw\n", String(Self.pointer.dropLast()), "x" + Self.pointer,
      Self.pointer.replacing("0a", with: "0A"), Self.pointer.replacing("size 12", with: "size x"),
      Self.pointer.replacing("sha256", with: "sha1"),
      Self.pointer + String(repeating: "x", count: 1024) + "\n",
    ] {
      #expect(!LargeFilePointer.isWhole(Array(wrong.utf8)), "\(wrong)")
    }
  }

  @Test(
    "the task's file is put back as the base has it, whatever the agent made of it",
    arguments: [
      "true", "echo x > TASK.md", "rm TASK.md", "rm TASK.md; ln -s a TASK.md",
      "rm TASK.md; mkdir TASK.md; echo x > TASK.md/x", "chmod +x TASK.md",
    ], [true, false])
  func taskFile(script: String, standsThere: Bool) async throws {
    let files = standsThere ? ["a": "1\n", "TASK.md": "older\n"] : ["a": "1\n"]
    let rule = RestoredFile(path: "TASK.md", base: "")
    let made = try await committed(
      files, "\(script); echo 2 > a", taskFile: rule
    ) { (blob: Blob, changed: [String]) async throws -> Void in
      let others = changed.filter { $0 != "TASK.md/x" }
      #expect(others == ["TASK.md", "a"], "\(changed)")
      if standsThere {
        #expect(try await blob("TASK.md") == "older\n")
      } else {
        await #expect(throws: (any Error).self) { _ = try await blob("TASK.md") }
      }
    }
    guard case .committed = made else { throw TestFault("\(made)") }
    // Put back alone it is no change.
    if !script.contains("mkdir") {
      #expect(try await committed(files, script, taskFile: rule) == .noChanges)
    }
  }

  @Test("the base branch is there for the agent, and names are bytes")
  func references() async throws {
    let bench = try await Bench()
    let base = try await bench.repository.commit(["a": "1\n"])
    let head = try await bench.repository.commit(["a": "2\n"])
    try await bench.with { workspace in
      for delegation in ["d1", "d2"] {
        var assignment = Assignment.sample(delegation: delegation, head: head)
        assignment.base = BaseBranch(name: "main", commit: base)
        try await workspace.checkOut(assignment)
        try await Self.sh(
          """
          test "$(git rev-parse main)" = \(base); test "$(git rev-parse origin/main)" = \(base)
          git diff --quiet main && exit 1
          echo x > "$(printf 'n\\377')"
          """, in: bench.tree(workspace, assignment))
        guard case .committed(let commit) = await workspace.pickUp(assignment) else {
          throw TestFault("no commit")
        }
        let listed = try await Git.run(
          ["ls-tree", "-z", "--name-only", commit],
          gitDirectory: try bench.made(workspace, delegation))
        #expect(listed.standardOutput.split(separator: 0).contains([0x6e, 0xff]))
        await workspace.drop(AttemptKey(assignment.lease), repository: "o/r")
      }
    }
  }
}
