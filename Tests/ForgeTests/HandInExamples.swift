import Foundation
import Testing

extension HandInTests {
  /// Changes to the working tree that a rule forbids, and what the refusal says.
  struct Example: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let says: String
    let change: @Sendable (String) async throws -> Void

    init(
      _ name: String, says: String, _ change: @escaping @Sendable (String) async throws -> Void
    ) {
      testDescription = name
      self.says = says
      self.change = change
    }
  }

  static let examples = [
    Example("nothing", says: "changes nothing") { _ in },
    Example("a refused folder", says: ".github/workflows/ci.yml") {
      try write("on: push\n", to: "\($0)/.github/workflows/ci.yml")
    },
    Example("a refused file", says: "SECRET") { try write("x\n", to: "\($0)/SECRET") },
    Example("too many files", says: "more than 10 files") { tree in
      for number in 0..<11 { try write("\(number)\n", to: "\(tree)/many/\(number)") }
    },
    Example("too large a file", says: "larger than 100000 bytes: large") {
      try write(String(repeating: "x", count: 100_001), to: "\($0)/large")
    },
    Example("a token", says: "credential: config/t o k e n") { tree in
      let token = "ghp_" + String(repeating: "a1", count: 18)
      try write("first\ntoken = \"\(token)\"\n", to: "\(tree)/config/t o k e n")
    },
    Example("a private key", says: "credential: key.pem") {
      try write(pem, to: "\($0)/key.pem")
    },
    Example("a file name that joins the slash before it", says: "touches what it may not") {
      try write("on: push\n", to: "\($0)/.github/workflows/\u{301}evil.yml")
    },
    Example("an invisible character", says: "touches what it may not") {
      try write("on: push\n", to: "\($0)/.github/workflows/\u{200D}evil.yml")
    },
    Example("a folder in other letters", says: "touches what it may not: .GitHub") {
      try write("on: push\n", to: "\($0)/.GitHub/WORKFLOWS/evil.yml")
    },
    Example("a folder with an invisible character", says: "touches what it may not") {
      try write("on: push\n", to: "\($0)/.git\u{200C}hub/workflows/evil.yml")
    },
    Example("a link in place of a folder", says: "touches what it may not: .github") { tree in
      try FileManager.default.createSymbolicLink(
        atPath: "\(tree)/.github", withDestinationPath: "ci")
    },
    Example("a token before a combining mark", says: "credential: mark") {
      try write("ghp_" + String(repeating: "a1", count: 18) + "\u{301}\n", to: "\($0)/mark")
    },
    Example("a token in a file's name", says: "credential: ghp_") {
      try write("x\n", to: "\($0)/ghp_" + String(repeating: "a1", count: 18))
    },
    Example("a token as a link's target", says: "credential: link") { tree in
      try FileManager.default.createSymbolicLink(
        atPath: "\(tree)/link",
        withDestinationPath: "ghp_" + String(repeating: "a1", count: 18))
    },
    Example("a credential of the server's", says: "credential of AIPM's own: x/.env") {
      try write("SECRET=\(Scene.own)\n", to: "\($0)/x/.env")
    },
    Example("a credential of the server's in base64", says: "AIPM's own: data") { tree in
      let text = Data("user:\(Scene.own)\n".utf8).base64EncodedString()
      try write("auth: \(text)\r\n", to: "\(tree)/data")
    },
    Example("the forge's token", says: "AIPM's own: data") {
      try write(GitHost.token + "\n", to: "\($0)/data")
    },
    Example("too much in sum", says: "120000 bytes, more than 100000") { tree in
      for name in ["a", "b"] {
        try write(String(repeating: name, count: 60_000), to: "\(tree)/\(name)")
      }
    },
    Example("a submodule with a name as of a full disk", says: "git's own checks") { tree in
      try write(
        "[submodule \"No space left on device/../x\"]\npath = x\nurl = https://x/x\n",
        to: "\(tree)/.gitmodules")
    },
    Example("a token in a line like a patch's head", says: "credential: TASK.md") {
      try write("# Task\n++ ghp_" + String(repeating: "a1", count: 18) + "\n", to: "\($0)/TASK.md")
    },
    Example("a token in what attributes call binary", says: "credential: data") { tree in
      try write("* -diff\n", to: "\(tree)/.gitattributes")
      try write("\0\nglpat-" + String(repeating: "a1", count: 10) + "\n", to: "\(tree)/data")
    },
    Example("settings that git takes from nobody", says: "git's own checks") { tree in
      try write(
        "[submodule \"x\"]\npath = -x\nurl = --upload-pack=x\n", to: "\(tree)/.gitmodules")
    },
    Example("a submodule", says: "submodules: inner") { tree in
      try await git(["init", "--quiet", "\(tree)/inner"])
      try await commit("inner", in: "\(tree)/inner")
    },
  ]

  /// A key that was made for this test.
  static let pem =
    "-----BEGIN RSA " + "PRIVATE KEY-----\n" + String(repeating: "aB3/", count: 16)
    + "\n-----END RSA " + "PRIVATE KEY-----\n"

  /// What looks like a credential and is none, or is not the change's.
  static let harmless = [
    Example("code that names a key's first line", says: "") {
      try write("if s.startswith(\"-----BEGIN RSA " + "PRIVATE KEY-----\"):\n", to: "\($0)/a.py")
    },
    Example("AWS's documented key", says: "") {
      try write("key = AKIA" + "IOSFODNN7EXAMPLE\n", to: "\($0)/example.ini")
    },
    Example("a key that moves", says: "") { tree in
      try FileManager.default.moveItem(atPath: "\(tree)/keys", toPath: "\(tree)/fixtures")
    },
    Example("a key that is copied", says: "") { tree in
      try FileManager.default.copyItem(atPath: "\(tree)/keys", toPath: "\(tree)/fixtures")
    },
    Example("a token's file with other ends of lines", says: "") { tree in
      try write("a\r\n\(known)\r\nb\r\n", to: "\(tree)/config")
    },
    Example("a token that the base holds elsewhere", says: "") { tree in
      try write("see \(known)\n", to: "\(tree)/other")
    },
    Example("a token in an exempt folder", says: "") { tree in
      try write("ghp_" + String(repeating: "b2", count: 18), to: "\(tree)/Tests/keys/a")
    },
    Example("an exempt token", says: "") { tree in
      try write("ghp_made" + String(repeating: "b2", count: 18), to: "\(tree)/a")
    },
  ]
  static let known = "ghp_" + String(repeating: "c3", count: 18)
}
