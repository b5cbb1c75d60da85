import FoundationEssentials
import Processes
import Testing

@Suite("Git") struct GitTests {
  private func temporaryFolder() throws -> String {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url.path
  }

  @Test("no hook of the repository runs, and no name is quoted")
  func hooks() async throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await Git.run(["init", "-q", "-b", "main"], workingDirectory: folder)
    let hook = "\(folder)/.git/hooks/pre-commit"
    try Data("#!/bin/sh\nexit 1\n".utf8).write(to: URL(filePath: hook))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: hook)
    try Data("x".utf8).write(to: URL(filePath: "\(folder)/ünïcode"))
    try await Git.run(["add", "."], workingDirectory: folder)
    let identity = [
      "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
      "GIT_COMMITTER_EMAIL": "a@b",
    ]
    try await Git.run(
      ["commit", "-q", "-m", "x"], workingDirectory: folder, extraEnvironment: identity)
    let files = try await Git.run(["ls-files"], gitDirectory: "\(folder)/.git")
    #expect(files.trimmedOutput == "ünïcode")
  }

  @Test("a setting reaches git without an argument")
  func config() async throws {
    let result = try await Git.run(
      ["config", "--get", "http.extraHeader"], config: [("http.extraHeader", "X: y")])
    #expect(result.trimmedOutput == "X: y")
  }

  @Test("a fault names the operation and the code and no credential")
  func fault() async throws {
    let token = "ghs_0123456789abcdefghijklmnop"
    await #expect {
      try await Git.run(
        ["ls-remote", "http://x-access-token:\(token)@127.0.0.1:1/o/r.git"],
        config: [("http.extraHeader", "Authorization: Bearer \(token)")], timeout: .seconds(20))
    } throws: { error in
      guard let fault = error as? GitFault else { return false }
      return fault.operation == "ls-remote" && fault.exitCode == 128
        && !fault.description.contains(token) && fault.description.contains("127.0.0.1")
    }
  }

  @Test("codes that are answers")
  func accepting() async throws {
    let answer = try await Git.run(["config", "--get", "no.such"], accepting: [0, 1])
    #expect(answer.exit == .exited(1))
  }

  @Test(
    "credentials are masked",
    arguments: [
      ("fatal: https://u:p4ss@host/x refused", "fatal: https://***@host/x refused"),
      ("> Authorization: Basic dTpwNHNz", "> Authorization: ***"),
      ("authorization: bearer abc.def", "authorization: ***"),
      ("token ghp_0123456789abcdef0123 seen", "token *** seen"),
      ("mail a@b.c and http://host/@x", "mail a@b.c and http://host/@x"),
    ])
  func masking(text: String, masked: String) {
    #expect(Credentials.masked(text) == masked)
  }
}
