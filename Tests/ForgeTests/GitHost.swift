import Foundation
import GitBackend
import HTTPServing
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Processes

/// A host of bare repositories under a temporary folder: git over HTTP with a token, and of the API
/// the one call that says where git stands.
struct GitHost {
  static let token = "a-token-that-is-secret"

  let root: String
  let port: Int
  var url: String { "http://127.0.0.1:\(port)" }

  /// The bare repository's path.
  func path(_ name: String = "octo/hello") -> String { "\(root)/\(name).git" }

  /// Runs the host while `body` runs, and removes its folder.
  static func run(_ body: @escaping @Sendable (GitHost) async throws -> Void) async throws {
    let root = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    let (ports, port) = AsyncStream<Int>.makeStream()
    var logger = Logger(label: "git-host")
    logger.logLevel = .critical
    let host = GitResponder(root: root, backend: GitBackend(logger: logger))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [logger] in
        try await serveHTTP(
          host, host: "127.0.0.1", port: 0, grace: .milliseconds(100), logger: logger
        ) { port.yield($0) }
      }
      group.addTask {
        for await number in ports {
          try await body(GitHost(root: root, port: number))
          return
        }
      }
      try await group.next()
      group.cancelAll()
    }
  }

  /// Makes a repository with one commit on `main`.
  @discardableResult
  func create(_ name: String = "octo/hello") async throws -> String {
    let seed = "\(root)/seed-\(UUID().uuidString)"
    try await git(["init", "--quiet", "--initial-branch=main", seed])
    try write("hello\n", to: "\(seed)/README.md")
    let sha = try await commit("first", in: seed)
    try FileManager.default.createDirectory(
      atPath: "\(root)/\(name.split(separator: "/")[0])", withIntermediateDirectories: true)
    try await git(["clone", "--quiet", "--bare", seed, path(name)])
    return sha
  }
}

private struct GitResponder: HTTPResponder {
  typealias Context = BasicRequestContext
  let root: String
  let backend: GitBackend

  func respond(to request: Request, context: Context) async throws -> Response {
    let words = request.uri.path.split(separator: "/", maxSplits: 2).map(String.init)
    if words.first == "repos", words.count == 3 {
      let authority = request.head.authority ?? ""
      let url = "http://\(authority)/\(words[1])/\(words[2]).git"
      let body = #"{"default_branch":"main","clone_url":"\#(url)"}"#
      return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
    }
    let basic = Data("x-access-token:\(GitHost.token)".utf8).base64EncodedString()
    guard request.headers[.authorization] == "Basic \(basic)" else {
      return Response(
        status: .unauthorized, headers: [.wwwAuthenticate: #"Basic realm="git""#])
    }
    guard words.count == 3,
      let operation = GitBackend.Operation(
        method: request.method, suffix: words[2], query: request.uri.query)
    else { return Response(status: .notFound) }
    let path = "\(root)/\(words[0])/\(words[1])"
    guard FileManager.default.fileExists(atPath: path) else {
      return Response(status: .notFound)
    }
    var options = GitBackend.Options()
    options.allowReceivePack = true
    // The hooks that a test has put there.
    options.hooksPath = "\(path)/hooks"
    return await backend.respond(
      to: request, operation: operation, repository: path, options: options)
  }
}

// MARK: - git for tests

@discardableResult
func git(
  _ arguments: [String], in folder: String? = nil, input: Command.Input = .none
) async throws -> ProcessResult {
  let person = [
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
  ]
  return try await Git.run(
    arguments, workingDirectory: folder, extraEnvironment: person,
    config: [("protocol.file.allow", "always")], input: input)
}

func write(_ text: String, to path: String) throws {
  let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  try Data(text.utf8).write(to: URL(fileURLWithPath: path))
}

/// Commits everything in a working tree and returns the commit's name.
@discardableResult
func commit(_ message: String, in folder: String) async throws -> String {
  try await git(["add", "--all"], in: folder)
  try await git(
    ["commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "-m", message], in: folder)
  return try await git(["rev-parse", "HEAD"], in: folder).trimmedOutput
}
