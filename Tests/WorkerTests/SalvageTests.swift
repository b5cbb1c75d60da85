import FoundationEssentials
import Glibc
import SystemCalls
import Testing
import WorkerProtocol

@testable import Worker

/// What is kept of an attempt without a commit.
extension WorkspaceTests {
  private static let variable = "AIPM_TEST_SALVAGE_KEY"
  private static let value = "given-9c8b7a6f5e4d-key"

  /// The patch that is kept of what a script makes of a tree; nil for none.
  private static func salvaged(_ script: String) async throws -> [UInt8]? {
    setenv(variable, value, 1)
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n", "b": "2\n"])
    return try await bench.with { workspace in
      var assignment = Assignment.sample(head: head)
      assignment.agent.environment.append(variable)
      try await workspace.checkOut(assignment)
      try await sh(script, in: bench.tree(workspace, assignment))
      guard try await workspace.salvage(assignment) else { return nil }
      let path = workspace.files.attempt(AttemptKey(assignment.lease))?.patch ?? ""
      return Array(try Data(contentsOf: URL(filePath: path)))
    }
  }

  @Test("a patch is kept of what there is, and none of nothing")
  func salvagedPatch() async throws {
    let patch = try #require(try await Self.salvaged("echo 2 >> a; rm b; printf '\\0\\1' > c"))
    let text = String(decoding: patch, as: UTF8.self)
    #expect(text.contains("+2\n") && text.contains("deleted file") && text.contains("GIT binary"))
    #expect(try await Self.salvaged("touch a") == nil)
  }

  @Test(
    "a patch with a credential that the agent was given is not kept, however it is written",
    arguments: [
      "echo \"key=$KEY\" > c", "printf '\\0%s' \"$KEY\" > c", "printf %s \"$KEY\" | base64 -w0 > c",
      ": > \"$KEY\"", "ln -s \"$KEY\" c",
    ])
  func salvagedCredential(script: String) async throws {
    #expect(try await Self.salvaged("KEY=\(Self.value); \(script)") == nil)
  }

  @Test("what looks like a credential is sent as it is, so that the server can mask it")
  func salvagedLookalike() async throws {
    let token = "ghp_" + String(repeating: "a1", count: 18)
    let patch = try #require(try await Self.salvaged("printf '\\0%s' \(token) > c"))
    #expect(patch.firstRange(of: Array(token.utf8)) != nil)
  }
}
