import Foundation
import Glibc
import Logging
import Processes
import Synchronization
import SystemCalls
import Testing

@testable import EmbeddedForge

/// The state on disk, over restarts and crashes.
@Suite("Folder") struct FolderTests {
  @Test("everything is there again after a restart")
  func restart() async throws {
    try await withTemporaryFolder { folder in
      try await EmbeddedForge.createRepository("o/r", root: folder)
      let before = try await RunningForge.serving(folder) { forge in
        _ = try await forge.branch("b")
        _ = try await forge.open("b", title: "Title")
        _ = try await forge.call("POST", "/repos/o/r/issues/1/comments", #"{"body":"c"}"#)
        return try await forge.get("/repos/o/r/pulls/1")
      }
      try await RunningForge.serving(folder) { forge in
        let after = try await forge.get("/repos/o/r/pulls/1")
        #expect(after["id"] == before["id"] && after["node_id"] == before["node_id"])
        #expect(after["title"].text == "Title" && after["comments"].number == 1)
        #expect(try await forge.open("b").status == 422)
        _ = try await forge.branch("c", file: "c")
        #expect(try await forge.open("c")["number"].number == 2)
      }
    }
  }

  @Test("a repository that is made while the folder is served is there at once")
  func whileServing() async throws {
    try await RunningForge.fresh { forge in
      #expect(try await forge.get("/repos/p/new").status == 404)
      try await EmbeddedForge.createRepository("p/new", root: forge.root)
      #expect(try await forge.get("/repos/p/new")["default_branch"].text == "main")
      let commits = try await forge.get("/repos/p/new/commits")
      #expect(commits.items.count == 1)
      // Removed and created again, it is another repository.
      let id = try await forge.get("/repos/p/new")["id"]
      try FileManager.default.removeItem(atPath: "\(forge.root)/p/new.git")
      #expect(try await forge.get("/repos/p/new").status == 404)
      try await EmbeddedForge.createRepository("p/new", root: forge.root)
      #expect(try await forge.get("/repos/p/new")["id"] != id)
    }
  }

  @Test("a folder without its settings file is not a repository, and blocks no name")
  func withoutCard() async throws {
    try await withTemporaryFolder { folder in
      try FileManager.default.createDirectory(
        atPath: "\(folder)/o/r.git/refs", withIntermediateDirectories: true)
      try write("kept", to: "\(folder)/o/r.git/refs/x")
      try await EmbeddedForge.createRepository("o/r", root: folder)
      await #expect(throws: EmbeddedForgeError.self) {
        try await EmbeddedForge.createRepository("o/r", root: folder)
      }
      let entries = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/o")
      #expect(entries.count == 2 && entries.contains("r.git"))
      let aside = try #require(entries.first { $0.hasSuffix(".incomplete") })
      #expect(FileManager.default.fileExists(atPath: "\(folder)/o/\(aside)/refs/x"))
      try await RunningForge.serving(folder) { forge in
        let branch = try await forge.get("/repos/o/r")["default_branch"]
        #expect(branch.text == "main")
      }
    }
  }

  @Test("a lock of another server is refused, and closes no other file")
  func heldLock() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/forge.lock"
      let held = try FolderLock(path)
      let isOver = Mutex(false)
      // Files that are opened and closed all the while: one that somebody else closes is found.
      let watch = Thread {
        while !isOver.withLock({ $0 }) {
          let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
          for _ in 0..<20 where fcntl(file, F_GETFD) < 0 { Self.stolen.withLock { $0 += 1 } }
          if close(file) != 0 { Self.stolen.withLock { $0 += 1 } }
        }
      }
      watch.start()
      for _ in 0..<20_000 {
        #expect(throws: FolderLock.Held.self) {
          _ = try FolderLock(path)
        }
      }
      isOver.withLock { $0 = true }
      withExtendedLifetime(held) {}
      #expect(Self.stolen.withLock { $0 } == 0)
    }
  }

  private static let stolen = Mutex(0)

  @Test("from a repository whose default branch is not main, with its branches and tags")
  func fromExisting() async throws {
    try await withTemporaryFolder { folder in
      let source = "\(folder)/source"
      let person = [
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@b",
      ]
      func git(_ arguments: String...) async throws {
        try await Git.run(["-C", source] + arguments, extraEnvironment: person)
      }
      try await Git.run(["init", "-q", "-b", "trunk", source])
      try write("x", to: "\(source)/ü x.txt")
      try await git("add", ".")
      try await git("commit", "-qm", "first")
      try await git("branch", "other")
      try await git("tag", "-m", "t", "v1")
      try await EmbeddedForge.createRepository("o/r", from: source, root: "\(folder)/forge")
      await #expect(throws: EmbeddedForgeError.self) {
        try await EmbeddedForge.createRepository(
          "o/none", from: "\(folder)/none", root: "\(folder)/forge")
      }
      let empty = "\(folder)/empty"
      try await Git.run(["init", "-q", empty])
      await #expect(throws: EmbeddedForgeError.self) {
        try await EmbeddedForge.createRepository(
          "o/none", from: empty, root: "\(folder)/forge")
      }
      // A checkout of a commit without any branch.
      try await git("checkout", "-q", "--detach")
      try await git("branch", "-D", "trunk", "other")
      try await EmbeddedForge.createRepository("o/bare", from: source, root: "\(folder)/forge")
      try await RunningForge.serving("\(folder)/forge") { forge in
        #expect(try await forge.get("/repos/o/r")["default_branch"].text == "trunk")
        let branches = try await forge.get("/repos/o/r/branches")
        #expect(branches.items.map { $0["name"].text } == ["other", "trunk"])
        #expect(try await forge.get("/repos/o/r/git/ref/tags/v1")["object"]["type"].text == "tag")
        let file = try await forge.get("/repos/o/r/contents/%C3%BC%20x.txt")
        #expect(file["name"].text == "ü x.txt" && file["content"].text == "eA==\n")
        #expect(try await forge.get("/repos/o/bare")["default_branch"].text == "main")
        #expect(try await forge.get("/repos/o/none").status == 404)
      }
    }
  }

  @Test("one server to a folder")
  func lock() async throws {
    try await RunningForge.fresh { forge in
      #expect(throws: EmbeddedForgeError.self) {
        try EmbeddedForge(
          configuration: EmbeddedForgeConfiguration(root: forge.root, token: "t"),
          logger: Logger(label: "second"))
      }
    }
  }

  @Test("what a killed process leaves: locks, half-made repositories, refs without their row")
  func leftovers() async throws {
    try await withTemporaryFolder { folder in
      try await EmbeddedForge.createRepository("o/r", root: folder)
      let head = try await RunningForge.serving(folder) { forge in
        let head = try await forge.branch("b")
        _ = try await forge.open("b")
        return head
      }
      let git = "\(folder)/o/r.git"
      for path in ["\(git)/refs/heads/b.lock", "\(git)/packed-refs.lock"] {
        try write("", to: path)
      }
      try FileManager.default.createDirectory(
        atPath: "\(folder)/.incoming/999999999-half", withIntermediateDirectories: true)
      try FileManager.default.createDirectory(
        atPath: "\(folder)/o/half.git/objects", withIntermediateDirectories: true)
      // A push that was accepted before a crash.
      try await Git.run(["update-ref", "refs/heads/main", head], gitDirectory: git)
      try await RunningForge.serving(folder) { forge in
        #expect(try await forge.get("/repos/o/r/pulls/1")["merged"].isTrue)
        #expect(try await forge.get("/repos/o/half").status == 404)
        #expect(try await forge.put("x", "x", branch: "b").status == 201)
        let incoming = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/.incoming")
        #expect(incoming.isEmpty)
      }
    }
  }

  @Test("of many concurrent updates of a branch, one succeeds and the others get a conflict")
  func race() async throws {
    try await RunningForge.fresh { forge in
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<12 {
          group.addTask { try await forge.put("f\(number)", "x", branch: "main").status }
        }
        var statuses: [Int] = []
        for try await status in group { statuses.append(status) }
        return statuses
      }
      #expect(statuses.allSatisfy { $0 == 201 || $0 == 409 }, "\(statuses)")
      let commits = try await forge.get("/repos/o/r/commits?per_page=100").items.count
      #expect(commits == 1 + statuses.filter { $0 == 201 }.count)
    }
  }

  @Test("each call has the configured latency")
  func latency() async throws {
    try await RunningForge.fresh(
      RepositorySettings(), { $0.latency = .milliseconds(300) }
    ) { forge in
      let clock = ContinuousClock()
      let start = clock.now
      let answer = try await forge.get("/user")
      #expect(answer.status == 200)
      #expect(clock.now - start >= .milliseconds(300))
    }
  }
}
