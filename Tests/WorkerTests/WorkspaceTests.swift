import FoundationEssentials
import Glibc
import Processes
import SystemCalls
import Testing
import WorkerProtocol

@testable import Worker

/// Real git against a real server: what reaches the tree, and what of the tree reaches the commit.
@Suite("Workspace") struct WorkspaceTests {
  struct Bench: Sendable {
    let folder: TemporaryFolder
    let repository: SampleRepository
    let server: ProtocolServer

    init() async throws {
      folder = try TemporaryFolder()
      try DurableFile.makeFolder("\(folder.path)/forge/o")
      repository = try await SampleRepository("\(folder.path)/forge/o/r.git")
      server = ProtocolServer(repositories: "\(folder.path)/forge")
    }

    func with<Value: Sendable>(
      _ body: @Sendable (Workspace) async throws -> Value
    ) async throws -> Value {
      try await server.serve { url in
        let files = WorkerFiles(root: "\(folder.path)/worker")
        try DurableFile.makeFolder(files.attempts)
        let workspace = Workspace(files: files, link: try server.link(url))
        let value = try await body(workspace)
        await workspace.trash.emptied()
        return value
      }
    }

    /// What `script` makes of a tree at `head`, in the tree.
    func pickUp(
      _ workspace: Workspace, head: String, delegation: String = "d1", script: String
    ) async throws -> PickUp {
      let assignment = Assignment.sample(delegation: delegation, head: head)
      try await workspace.checkOut(assignment)
      try await WorkspaceTests.sh(script, in: tree(workspace, assignment))
      return await workspace.pickUp(assignment)
    }

    func tree(_ workspace: Workspace, _ assignment: Assignment) -> String {
      workspace.files.attempt(AttemptKey(assignment.lease))?.tree ?? ""
    }

    /// Lists a commit's files.
    func names(
      _ workspace: Workspace, _ commit: String, delegation: String = "d1"
    ) async throws -> [String] {
      let listed = try await Git.run(
        ["ls-tree", "-r", "-z", "--name-only", commit],
        gitDirectory: try made(workspace, delegation))
      return listed.outputText.split(separator: "\0").map(String.init)
    }

    /// The repository with what a pick-up made.
    func made(_ workspace: Workspace, _ delegation: String = "d1") throws -> String {
      try #require(workspace.files.attempt(AttemptKey(delegation: delegation, number: 1)))
        .repository
    }
  }

  static func sh(_ script: String, in folder: String) async throws {
    let result = try await Command(
      "sh", ["-ec", script], workingDirectory: folder, timeout: .seconds(60)
    ).run()
    try #require(result.succeeded, "\(result.errorText)")
  }

  @Test("the tree has the commit's files, and a repository of its own on the branch")
  func checkout() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n", "d/e": "2\n"])
    try await bench.with { workspace in
      let assignment = Assignment.sample(head: head)
      try await workspace.checkOut(assignment)
      let tree = bench.tree(workspace, assignment)
      #expect(try text("\(tree)/d/e") == "2\n")
      let status = try await Git.run(
        ["status", "--porcelain=v2", "--branch"], workingDirectory: tree)
      #expect(status.outputText.contains("# branch.oid \(head)"))
      #expect(status.outputText.contains("# branch.head feature/x-1"))
      #expect(!status.outputText.contains("\n1 "))
      #expect(
        try await Git.run(["log", "--format=%H"], workingDirectory: tree).trimmedOutput == head)
    }
  }

  @Test("bytes reach the tree as they are, whatever attributes say, and what was touched stays so")
  func attributes() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit([
      ".gitattributes": """
      [attr]odd filter=evil text eol=crlf
      * text=auto eol=crlf
      *.odd odd
      *.utf16 working-tree-encoding=UTF-16
      *.id ident

      """,
      "unix": "a\nb\n", "dos": "a\r\nb\r\n", "x.odd": "a\n", "x.utf16": "a\n",
      "x.id": "$Id: 1$ $Id$\n",
    ])
    try await bench.with { workspace in
      let assignment = Assignment.sample(head: head)
      try await workspace.checkOut(assignment)
      let tree = bench.tree(workspace, assignment)
      #expect(try text("\(tree)/unix") == "a\nb\n")
      #expect(try text("\(tree)/dos") == "a\r\nb\r\n")
      #expect(try text("\(tree)/x.odd") == "a\n")
      #expect(try text("\(tree)/x.utf16") == "a\n")
      #expect(try text("\(tree)/x.id") == "$Id: 1$ $Id$\n")
      #expect(await workspace.pickUp(assignment) == .noChanges)
      try await Self.sh("touch unix dos x.*; printf 'c\\r\\n' >> unix; cp dos dos2", in: tree)
      guard case .committed(let commit) = await workspace.pickUp(assignment) else {
        throw TestFault("no commit")
      }
      let made = try bench.made(workspace)
      func blob(_ name: String) async throws -> String {
        try await Git.run(["cat-file", "blob", "\(commit):\(name)"], gitDirectory: made).outputText
      }
      #expect(try await blob("unix") == "a\nb\nc\n")
      #expect(try await blob("dos2") == "a\nb\n")
      #expect(try await blob("dos") == "a\r\nb\r\n")
    }
  }

  @Test("odd names, modes and links are committed as they are")
  func oddNames() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    try await bench.with { workspace in
      let made = try await bench.pickUp(
        workspace, head: head,
        script: """
          touch -- '-dash' ' space' 'new
          line' 'quo"te' ':(top)x' "$(printf 'not-\\377-utf8')"
          printf x > run; chmod +x run; ln -s /etc/passwd link; mkdir -p deep/er; touch deep/er/f
          """)
      guard case .committed(let commit) = made else { throw TestFault("\(made)") }
      let listed = try await Git.run(
        ["ls-tree", "-r", "-z", commit], gitDirectory: try bench.made(workspace))
      let modes = listed.outputText.split(separator: "\0").map {
        $0.prefix(6) + $0.drop { $0 != "\t" }
      }
      for wanted in [
        "100644\t-dash", "100644\t space", "100644\tnew\nline", "100644\tquo\"te",
        "100644\t:(top)x", "100755\trun", "120000\tlink", "100644\tdeep/er/f",
      ] {
        #expect(modes.contains { $0 == wanted }, "\(wanted)")
      }
      #expect(modes.count == 10)
    }
  }

  @Test("commits that the agent made are folded into one")
  func ownCommits() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    try await bench.with { workspace in
      let made = try await bench.pickUp(
        workspace, head: head,
        script: """
          git switch -q -c mine; echo 2 > b; git add .; git commit -q -m one
          echo 3 > c; git add .; git commit -q -m two; git rm -q a; git commit -q -m three
          """)
      guard case .committed(let commit) = made else { throw TestFault("\(made)") }
      #expect(try await bench.names(workspace, commit) == ["b", "c"])
      let parents = try await Git.run(
        ["rev-parse", "\(commit)^@"], gitDirectory: try bench.made(workspace))
      #expect(parents.trimmedOutput == head)
    }
  }

  @Test("nothing that the agent wrote is run")
  func hostileRepository() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    try await bench.with { workspace in
      let proof = "\(bench.folder.path)/proof"
      let made = try await bench.pickUp(
        workspace, head: head,
        script: """
          printf '#!/bin/sh\\ntouch \(proof)\\n' > evil; chmod +x evil
          git config core.fsmonitor "$PWD/evil"; git config filter.evil.clean "$PWD/evil"
          git config filter.evil.required true; git config core.hooksPath "$PWD"
          git config core.excludesFile "$PWD/evil"; cp evil pre-commit; cp evil post-index-change
          mkdir -p .git/hooks; cp evil .git/hooks/pre-commit; echo '* filter=evil' > .gitattributes
          echo '* filter=evil' > .git/info/attributes; echo '*' > .git/info/exclude; echo b > b
          """)
      guard case .committed(let commit) = made else { throw TestFault("\(made)") }
      #expect(
        try await bench.names(workspace, commit)
          == [".gitattributes", "a", "b", "evil", "post-index-change", "pre-commit"])
      #expect(!DurableFile.exists(proof))
      // The same tree is used for the next attempt: nothing of it is run there either.
      await workspace.drop(AttemptKey(delegation: "d1", number: 1), repository: "o/r")
      let next = Assignment.sample(delegation: "d2", head: head)
      try await workspace.checkOut(next)
      #expect(await workspace.pickUp(next) == .noChanges)
      #expect(!DurableFile.exists(proof))
    }
  }

  @Test(
    "a tree that cannot be committed is the agent's fault, and is told",
    arguments: [
      ("git init -q sub && touch sub/f", "git repository in sub"),
      ("mkdir d && echo 'gitdir: /x' > d/.git && touch d/f", "git repository in d"),
      ("rm a; mkfifo a", "a device of a, which"), ("rm -rf a .git d", "every file"),
      ("rm -rf \"$PWD\"", "removed its working tree"),
      ("cd ..; mv tree t; ln -s t tree", "removed its working tree"),
    ])
  func unfit(script: String, said: String) async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    try await bench.with { workspace in
      let made = try await bench.pickUp(workspace, head: head, script: script)
      guard case .unfit(let message) = made else { throw TestFault("\(made)") }
      #expect(message.contains(said), "\(message)")
      // The next attempt is not affected.
      await workspace.drop(AttemptKey(delegation: "d1", number: 1), repository: "o/r")
      let next = try await bench.pickUp(
        workspace, head: head, delegation: "d2", script: "echo 2 > a")
      guard case .committed(let commit) = next else { throw TestFault("\(next)") }
      #expect(try await bench.names(workspace, commit, delegation: "d2") == ["a"])
    }
  }

  @Test("a repository in an ignored folder is nobody's business; a submodule's is left out")
  func harmlessRepositories() async throws {
    let bench = try await Bench()
    _ = try await bench.repository.commit(["a": "1\n", ".gitignore": "node_modules/\n"])
    let link = "1234567890123456789012345678901234567890"
    try await bench.repository.git(
      ["fast-import", "--quiet"],
      input: .bytes(
        Array(
          """
          commit refs/heads/main
          committer a <a@b> 1700000001 +0000
          data 1
          y
          from refs/heads/main^0
          M 160000 \(link) sub

          """.utf8)))
    let head = try await bench.repository.git(["rev-parse", "main"])
    try await bench.with { workspace in
      let made = try await bench.pickUp(
        workspace, head: head,
        script: "mkdir node_modules; git init -q node_modules/x; echo 2 > a; test -d sub")
      guard case .committed(let commit) = made else { throw TestFault("\(made)") }
      #expect(try await bench.names(workspace, commit) == [".gitignore", "a", "sub"])
    }
  }

  @Test("a tree that is used again holds the commit's files and nothing else")
  func reuse() async throws {
    let bench = try await Bench()
    let first = try await bench.repository.commit([
      ".gitignore": "ignored\n", "a": "1\n", "b/c": "2\n", "same": "s\n",
    ])
    let second = try await bench.repository.commit(["a": "changed\n", "new": "n\n"], on: "other")
    try await bench.with { workspace in
      let assignment = Assignment.sample(head: first)
      try await workspace.checkOut(assignment)
      let tree = bench.tree(workspace, assignment)
      try await Self.sh(
        """
        touch -r same stamp; printf 'S\\n' > same; touch -r stamp same; rm stamp
        echo x > ignored; mkdir -p b/x; git init -q b/x; git init -q b; rm a; ln -s /etc a
        mkdir empty; mkfifo pipe; chmod +x b/c
        """, in: tree)
      await workspace.drop(AttemptKey(assignment.lease), repository: "o/r")
      for (delegation, head) in [("d2", first), ("d3", second)] {
        let next = Assignment.sample(delegation: delegation, head: head)
        try await workspace.checkOut(next)
        let tree = bench.tree(workspace, next)
        let listed = try await Command(
          "find", [".", "-path", "./.git", "-prune", "-o", "-printf", "%P %y %m\\n"],
          workingDirectory: tree, timeout: .seconds(20)
        ).run().outputText
        let names = listed.split(separator: "\n").sorted().dropFirst()
        if head == first {
          #expect(names.count == 5, "\(listed)")
          #expect(names.contains("b/c f 644") || names.contains("b/c f 600"), "\(listed)")
          #expect(try text("\(tree)/same") == "s\n")
          #expect(try text("\(tree)/a") == "1\n")
        } else {
          #expect(names.count == 2, "\(listed)")
          #expect(try text("\(tree)/a") == "changed\n")
        }
        await workspace.drop(AttemptKey(next.lease), repository: "o/r")
      }
    }
  }

  @Test("a clone that is damaged is made anew; a server that is away is told apart")
  func faults() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    let files = try await bench.with { workspace in
      try await workspace.checkOut(.sample(head: head))
      return workspace.files
    }
    let away = Workspace(files: files, link: try bench.server.link("http://127.0.0.1:9"))
    let next = try await bench.repository.commit(["a": "2\n"])
    await #expect {
      try await away.checkOut(.sample(delegation: "d2", head: next))
    } throws: { ($0 as? CheckoutFault)?.isUnreachable == true }
    let clone = try #require(files.repository("o/r")).clone
    try await Self.sh("rm -rf objects; mkdir objects", in: clone)
    try await bench.with { workspace in
      let assignment = Assignment.sample(delegation: "d3", head: next)
      do { try await workspace.checkOut(assignment) } catch {
        try await workspace.checkOut(assignment)
      }
      #expect(try text("\(bench.tree(workspace, assignment))/a") == "2\n")
    }
  }

  @Test("a branch of a repository that is known is there in under 300 ms")
  func speed() async throws {
    let bench = try await Bench()
    var files: [String: String] = [:]
    for number in 0..<3000 { files["d\(number % 60)/f\(number)"] = "content \(number)\n" }
    let first = try await bench.repository.commit(files)
    let second = try await bench.repository.commit(["TASK.md": "t\n", "d1/f1": "x\n"])
    let third = try await bench.repository.commit(["TASK.md": "u\n", "d2/f2": "x\n"])
    try await bench.with { workspace in
      let clock = ContinuousClock()
      func checkOut(_ delegation: String, _ head: String) async throws -> Duration {
        let assignment = Assignment.sample(delegation: delegation, head: head)
        let took = try await clock.measure { try await workspace.checkOut(assignment) }
        await workspace.drop(AttemptKey(assignment.lease), repository: "o/r")
        return took
      }
      let cold = try await checkOut("d1", first)
      let warm = try await [checkOut("d2", second), checkOut("d3", third)]
      print("checkout: cold \(cold), warm \(warm)")
      // Three times the figure of a machine that does nothing else.
      #expect(warm.min() ?? .zero < .milliseconds(900))
    }
  }
}

struct TestFault: Error {
  let message: String
  init(_ message: String) { self.message = message }
}
