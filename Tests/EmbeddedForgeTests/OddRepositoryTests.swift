import EmbeddedForge
import FoundationEssentials
import Processes
import Testing

/// Repositories of old and foreign tools: objects are bytes, with any content.
@Suite("Odd repositories") struct OddRepositoryTests {
  /// A repository that is made object by object.
  private struct Source {
    let path: String

    init(_ path: String) async throws {
      self.path = path
      try await Git.run(["init", "-q", "-b", "main", path])
    }

    func write(_ kind: String, _ content: [UInt8]) async throws -> String {
      try await Git.run(
        ["hash-object", "-t", kind, "-w", "--stdin", "--literally"],
        gitDirectory: "\(path)/.git", input: .bytes(content)
      ).trimmedOutput
    }

    /// - Parameter entries: mode, name and object, in order.
    func tree(_ entries: [(mode: String, name: [UInt8], id: String)]) async throws -> String {
      var content: [UInt8] = []
      for entry in entries {
        content += "\(entry.mode) ".utf8
        content += entry.name + [0]
        var digits = entry.id[...]
        while let byte = UInt8(digits.prefix(2), radix: 16), !digits.isEmpty {
          content.append(byte)
          digits = digits.dropFirst(2)
        }
      }
      return try await write("tree", content)
    }

    func commit(_ head: [UInt8], _ message: [UInt8]) async throws {
      let id = try await write("commit", head + [0x0a] + message)
      try await Git.run(["update-ref", "refs/heads/main", id], gitDirectory: "\(path)/.git")
    }
  }

  /// Makes a repository, has the forge take it over, and serves it.
  private func serving(
    _ make: (Source) async throws -> Void, _ body: (RunningForge) async throws -> Void
  ) async throws {
    try await withTemporaryFolder { folder in
      let source = try await Source("\(folder)/source")
      try await make(source)
      try await EmbeddedForge.createRepository("o/r", from: source.path, root: "\(folder)/forge")
      try await RunningForge.serving("\(folder)/forge", { _ in }, body)
    }
  }

  private static let person = "A <a@b> 1700000000 +0000"

  private static func head(_ tree: String, author: [UInt8], more: String = "") -> [UInt8] {
    Array("tree \(tree)\nauthor ".utf8) + author + Array("\ncommitter \(person)\n\(more)".utf8)
  }

  /// Latin-1: `Grüße`.
  private static let latin: [UInt8] = [0x47, 0x72, 0xfc, 0xdf, 0x65]

  @Test("names that are no UTF-8 are replaced in JSON, and stay as they are in the tree")
  func names() async throws {
    try await serving { source in
      let blob = try await source.write("blob", Array("x".utf8))
      let inner = try await source.tree([("100644", Self.latin, blob)])
      let tree = try await source.tree([
        ("100644", Self.latin, blob), ("40000", Array("e\u{301}".utf8), inner),
        ("100644", Array("\u{e9}".utf8), blob),
      ])
      try await source.commit(Self.head(tree, author: Array(Self.person.utf8)), Array("m\n".utf8))
    } _: { forge in
      let listed = try await forge.get("/repos/o/r/git/trees/main?recursive=1")
      #expect(listed.status == 200)
      #expect(listed["tree"].items.count == 4)
      #expect(listed["tree"][0]["path"].text == "Gr\u{fffd}\u{fffd}e")
      let contents = try await forge.get("/repos/o/r/contents/")
      #expect(contents.items.count == 3)
      // A write beside them, and a write to one of two names that look the same.
      #expect(try await forge.put("TASK.md", "task", branch: "main").status == 201)
      let sha = contents.items.first { $0["type"].text == "file" && $0["name"].text == "\u{e9}" }
      let more = #","sha":"\#(sha?["sha"].text ?? "")""#
      #expect(try await forge.put("%C3%A9", "y", branch: "main", more: more).status == 200)
      let git = "\(forge.root)/o/r.git"
      let names = try await Git.run(
        ["ls-tree", "-z", "--name-only", "main"], gitDirectory: git
      ).standardOutput.split(separator: 0)
      let wanted: Set<[UInt8]> = [
        Self.latin, Array("e\u{301}".utf8), Array("\u{e9}".utf8), Array("TASK.md".utf8),
      ]
      #expect(Set(names.map { Array($0) }) == wanted)
      let diff = try await forge.get("/repos/o/r/compare/main~1...main")
      #expect(diff["files"].items.count <= 1)
    }
  }

  @Test("modes of old tools are read as in git, and rewritten")
  func modes() async throws {
    try await serving { source in
      let blob = try await source.write("blob", Array("x".utf8))
      let inner = try await source.tree([("100664", Array("f".utf8), blob)])
      let tree = try await source.tree([
        ("100664", Array("a".utf8), blob), ("100775", Array("b".utf8), blob),
        ("040000", Array("c".utf8), inner),
      ])
      try await source.commit(Self.head(tree, author: Array(Self.person.utf8)), Array("m\n".utf8))
    } _: { forge in
      let listed = try await forge.get("/repos/o/r/git/trees/main")
      #expect(listed["tree"].items.map { $0["mode"].text } == ["100644", "100755", "040000"])
      #expect(listed["tree"][2]["type"].text == "tree")
      #expect(try await forge.put("c/g", "y", branch: "main").status == 201)
      #expect(try await forge.put("TASK.md", "task", branch: "main").status == 201)
      let git = "\(forge.root)/o/r.git"
      let raw = try await Git.run(["cat-file", "tree", "main^{tree}"], gitDirectory: git)
      #expect(raw.standardOutput.firstRange(of: Array("100644 a\0".utf8)) != nil)
      #expect(raw.standardOutput.firstRange(of: Array("100755 b\0".utf8)) != nil)
      #expect(raw.standardOutput.firstRange(of: Array("\u{0}040000 c".utf8)) == nil)
      let all = try await Git.run(
        ["ls-tree", "-r", "--name-only", "main"], gitDirectory: git)
      #expect(all.outputText == "TASK.md\na\nb\nc/f\nc/g\n")
      try await Git.run(["fsck", "--connectivity-only"], gitDirectory: git)
    }
  }

  @Test(
    "authors as somebody wrote them",
    arguments: [
      ("A <a@b> 1700000000 +0100", "A", "a@b", "2023-11-14T22:13:20Z"),
      ("A a@b 1700000000 +0000", "A a@b", "", "2023-11-14T22:13:20Z"),
      ("A <a@b", "A", "a@b", "1970-01-01T00:00:00Z"),
      ("A <a@b>", "A", "a@b", "1970-01-01T00:00:00Z"),
      ("A <a@b 1700000000 +0000", "A", "a@b", "2023-11-14T22:13:20Z"),
      ("<> 1700000000 +0000", "", "", "2023-11-14T22:13:20Z"),
      ("A <x <a@b>> 1700000000 +0000", "A", "x <a@b>", "2023-11-14T22:13:20Z"),
      ("A <a@b> 99999999999999999999 +9999", "A", "a@b", "1970-01-01T00:00:00Z"),
      ("A <a@b> soon", "A", "a@b", "1970-01-01T00:00:00Z"),
      ("", "", "", "1970-01-01T00:00:00Z"),
    ])
  func authors(line: String, name: String, email: String, date: String) async throws {
    try await serving { source in
      let blob = try await source.write("blob", Array("x".utf8))
      let tree = try await source.tree([("100644", Array("a".utf8), blob)])
      try await source.commit(Self.head(tree, author: Array(line.utf8)), Array("m\n".utf8))
    } _: { forge in
      for path in ["/repos/o/r/commits/main", "/repos/o/r/commits"] {
        let answer = try await forge.get(path)
        #expect(answer.status == 200)
        let commit = answer.items.isEmpty ? answer["commit"] : answer[0]["commit"]
        #expect(commit["author"]["name"].text == name)
        #expect(commit["author"]["email"].text == email)
        #expect(commit["author"]["date"].text == date)
        #expect(commit["message"].text == "m\n")
      }
      #expect(try await forge.put("TASK.md", "task", branch: "main").status == 201)
      #expect(try await forge.get("/repos/o/r/commits").items.count == 2)
    }
  }

  @Test("commits in another encoding, with line ends of another system, and with a signature")
  func encodings() async throws {
    try await serving { source in
      let blob = try await source.write("blob", Array("x".utf8))
      let tree = try await source.tree([("100644", Array("a".utf8), blob)])
      let more = "encoding ISO-8859-1\ngpgsig -----BEGIN\n author B <b@b> 1 +0000\n -----END\n"
      try await source.commit(
        Self.head(tree, author: Self.latin + Array(" <a@b> 1700000000 +0000".utf8), more: more),
        Self.latin + Array("\r\n\r\nbody\r\n".utf8))
    } _: { forge in
      let commit = try await forge.get("/repos/o/r/git/commits/main")
      #expect(commit.status == 404)
      let shown = try await forge.get("/repos/o/r/commits/main")
      #expect(shown["commit"]["author"]["name"].text == "Gr\u{fffd}\u{fffd}e")
      #expect(shown["commit"]["committer"]["name"].text == "A")
      #expect(shown["commit"]["message"].text == "Gr\u{fffd}\u{fffd}e\r\n\r\nbody\r\n")
    }
  }

  @Test("patches of files with line ends of another system")
  func patches() async throws {
    try await RunningForge.fresh { forge in
      _ = try await forge.branch("b", file: "a.txt", text: "one\r\ntwo\r\n")
      _ = try await forge.put("b.txt", "three\r\n", branch: "b")
      let files = try await forge.get("/repos/o/r/compare/main...b")["files"]
      #expect(files.items.count == 2)
      #expect(files[0]["patch"].text == "@@ -0,0 +1,2 @@\n+one\r\n+two\r")
      #expect(files[1]["patch"].text == "@@ -0,0 +1 @@\n+three\r")
    }
  }

  @Test("a shallow clone is refused, and nothing is created")
  func shallow() async throws {
    try await RunningForge.fresh { forge in
      _ = try await forge.put("a", "x", branch: "main")
      try await withTemporaryFolder { folder in
        let clone = "\(folder)/clone"
        try await Git.run(
          ["clone", "-q", "--depth=1", "file://\(forge.root)/o/r.git", clone],
          config: [("protocol.file.allow", "always"), ("safe.directory", "*")])
        do {
          try await EmbeddedForge.createRepository("o/shallow", from: clone, root: forge.root)
          Issue.record("it was taken")
        } catch let error as EmbeddedForgeError {
          #expect("\(error)".contains("fetch --unshallow"))
        }
        #expect(try await forge.get("/repos/o/shallow").status == 404)
        try await Git.run(
          ["-C", clone, "fetch", "-q", "--unshallow"],
          config: [("protocol.file.allow", "always"), ("safe.directory", "*")])
        try await EmbeddedForge.createRepository("o/shallow", from: clone, root: forge.root)
        #expect(try await forge.get("/repos/o/shallow/commits").items.count == 2)
      }
    }
  }
}
