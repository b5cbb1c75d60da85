import Foundation
import Processes
import Testing

@testable import Worker

/// What a worker gave to its agent is not handed in.
struct SecretCheckTests {
  private static let variable = "AIPM_TEST_SECRET_CHECK_KEY"
  private static let value = "given-0f1e2d3c4b5a-key"

  /// A repository whose head holds `file`, and what happens to its tree then.
  private func held(
    _ file: String? = nil, _ change: (String) throws -> Void
  ) async throws -> [String] {
    setenv(Self.variable, Self.value, 1)
    let tree = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: tree) }
    let git = { (arguments: [String]) in
      try await Git.run(
        arguments, gitDirectory: "\(tree)/.git", workTree: tree, workingDirectory: tree,
        extraEnvironment: [
          "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
          "GIT_COMMITTER_EMAIL": "a@b",
        ])
    }
    try await Git.run(["init", "--quiet", tree])
    try (file ?? "a\n").write(toFile: "\(tree)/file", atomically: true, encoding: .utf8)
    _ = try await git(["add", "-A"])
    _ = try await git(["commit", "--quiet", "-m", "x"])
    try change(tree)
    _ = try await git(["add", "-A"])
    let raw = try await git([
      "diff-index", "--cached", "--raw", "--no-renames", "--abbrev=40", "-z", "HEAD",
    ])
    return try await SecretCheck(variables: [Self.variable, "PATH"]).holding(
      StagedChange.read(raw.standardOutput), in: "\(tree)/.git")
  }

  private func write(_ text: String, _ path: String) throws {
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  }

  @Test func aValueIsFoundInFilesAndNames() async throws {
    #expect(try await held { try write("KEY=\(Self.value)\r\n", "\($0)/.env") } == [".env"])
    #expect(
      try await held { tree in
        let text = Data("user:\(Self.value)".utf8).base64EncodedString()
        try write(text, "\(tree)/auth")
      } == ["auth"])
    #expect(try await held { try write("", "\($0)/\(Self.value)") } == [Self.value])
    #expect(
      try await held { tree in
        try FileManager.default.createSymbolicLink(
          atPath: "\(tree)/link", withDestinationPath: Self.value)
      } == ["link"])
  }

  @Test func whatStoodThereIsNoChange() async throws {
    let file = "KEY=\(Self.value)\n"
    #expect(try await held(file) { try write("\(file)b\n", "\($0)/file") } == [])
    #expect(
      try await held(file) { tree in
        try FileManager.default.moveItem(atPath: "\(tree)/file", toPath: "\(tree)/moved")
      } == [])
    #expect(try await held(file) { try write("b\n", "\($0)/file") } == [])
  }

  @Test func othersTokensAreTheServersConcern() async throws {
    #expect(
      try await held {
        try write("ghp_" + String(repeating: "a1", count: 18), "\($0)/token")
      } == [])
  }
}
