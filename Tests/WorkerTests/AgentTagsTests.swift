import Foundation
import Processes
import Synchronization
import Testing
import WorkerProtocol

@testable import Worker

@Suite("Tags in an agent's repository") struct AgentTagsTests {
  private typealias Bench = WorkspaceTests.Bench

  /// Checks a head out and returns what git says in the tree.
  private func said(
    _ bench: Bench, _ workspace: Workspace, _ head: String, _ delegation: String, _ script: String
  ) async throws -> String {
    let assignment = Assignment.sample(delegation: delegation, head: head)
    try await workspace.checkOut(assignment)
    let result = try await Command(
      "sh", ["-c", "\(script) 2>&1"], workingDirectory: bench.tree(workspace, assignment),
      timeout: .seconds(60)
    ).run()
    await workspace.drop(AttemptKey(assignment.lease), repository: "o/r")
    return result.trimmedOutput
  }

  @Test("they are those of the head's history, and a list is sent once")
  func once() async throws {
    let bench = try await Bench()
    let base = try await bench.repository.commit(["a": "1\n"])
    let head = try await bench.repository.commit(["a": "2\n"])
    let other = try await bench.repository.commit(["b": "1\n"], on: "other")
    try await bench.repository.git(["tag", "-a", "-m", "one", "v1", base])
    try await bench.repository.git(["tag", "light", head])
    try await bench.with { workspace in
      #expect(
        try await said(bench, workspace, head, "d1", "git describe; git tag") == """
          v1-1-g\(head.prefix(7))
          light
          v1
          """)
      // The agent's tags are gone with its tree, and the list is not sent again.
      _ = try await said(bench, workspace, head, "d2", "git tag -d v1; git tag mine")
      #expect(try await said(bench, workspace, head, "d3", "git tag") == "light\nv1")
      #expect(bench.server.state.withLock { $0.tagLists } == [true, false, false])
      // One that stands for what the clone lacks is left out until that comes.
      try await bench.repository.git(["tag", "-a", "-m", "far", "far", other])
      #expect(try await said(bench, workspace, head, "d4", "git tag") == "light\nv1")
      #expect(try await said(bench, workspace, other, "d5", "git describe") == "far")
      #expect(try await said(bench, workspace, head, "d6", "git tag") == "far\nlight\nv1")
      #expect(
        bench.server.state.withLock { $0.tagLists } == [true, false, false, true, true, false])
      let asked = bench.server.state.withLock { $0.fetches.compactMap(\.tags) }
      #expect(asked.map(\.count) == [1, 1])
      // A tag that is gone is gone.
      try await bench.repository.git(["tag", "-d", "v1"])
      #expect(try await said(bench, workspace, head, "d7", "git describe --tags") == "light")
    }
  }

  @Test("an attempt goes on where the server tells none")
  func untold() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    try await bench.repository.git(["tag", "v1", head])
    bench.server.state.withLock { $0.refusals = ["tags": [503, 404, 409]] }
    try await bench.with { workspace in
      for delegation in ["d1", "d2", "d3"] {
        let script = "git tag; git log -1 --format=%H"
        let words = try await said(bench, workspace, head, delegation, script)
        #expect(words == head)
      }
      let words = try await said(bench, workspace, head, "d4", "git tag")
      #expect(words == "v1")
    }
  }

  @Test("many tags come in parts, and once")
  func many() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    let count = FetchRequest.tagsMax + 100
    var stream = ""
    for number in 0..<count {
      stream += "tag v\(number)\nfrom \(head)\ntagger a <a@b> 1700000000 +0000\ndata 1\nx\n"
    }
    try await Git.run(
      ["fast-import", "--quiet"], gitDirectory: bench.repository.path,
      input: .bytes(Array(stream.utf8)), timeout: .seconds(300))
    try await bench.with { workspace in
      for delegation in ["d1", "d2"] {
        let script = "git tag | wc -l; git describe --exact-match | cut -c 1"
        let words = try await said(bench, workspace, head, delegation, script)
        #expect(words == "\(count)\nv")
      }
      let (lists, asked) = bench.server.state.withLock {
        ($0.tagLists, $0.fetches.compactMap(\.tags).map(\.count))
      }
      #expect(lists == [true, false] && asked == [FetchRequest.tagsMax, 100])
    }
  }
}
