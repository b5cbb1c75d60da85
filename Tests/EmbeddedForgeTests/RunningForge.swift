import EmbeddedForge
import FoundationEssentials
import Logging
import Processes
import Testing

/// A real forge on a free port, with curl and git as its clients.
final class RunningForge: Sendable {
  static let token = "t0ken-of-the-test-forge"

  let forge: EmbeddedForge
  let root: String
  let port: Int
  private let serving: Task<Void, any Error>

  var base: String { "http://127.0.0.1:\(port)" }
  var authenticated: String { "http://any:\(Self.token)@127.0.0.1:\(port)" }

  private init(forge: EmbeddedForge, root: String) async throws {
    self.forge = forge
    self.root = root
    let ports = AsyncStream<Int>.makeStream()
    serving = Task {
      defer { ports.continuation.finish() }
      try await forge.run(onListening: { ports.continuation.yield($0) })
    }
    var iterator = ports.stream.makeAsyncIterator()
    guard let port = await iterator.next() else {
      try await serving.value
      throw CancellationError()
    }
    self.port = port
  }

  /// Serves the folder while `body` runs.
  @discardableResult
  static func serving<Value>(
    _ root: String, _ change: (inout EmbeddedForgeConfiguration) -> Void = { _ in },
    _ body: (RunningForge) async throws -> Value
  ) async throws -> Value {
    var configuration = EmbeddedForgeConfiguration(root: root, token: token)
    change(&configuration)
    var logger = Logger(label: "forge")
    logger.logLevel = .error
    let forge = try EmbeddedForge(configuration: configuration, logger: logger)
    let running = try await RunningForge(forge: forge, root: root)
    do {
      let value = try await body(running)
      try await running.stop()
      return value
    } catch {
      try? await running.stop()
      throw error
    }
  }

  /// A forge in a folder of its own, with the repository `o/r`.
  @discardableResult
  static func fresh<Value>(
    _ settings: RepositorySettings = RepositorySettings(),
    _ change: (inout EmbeddedForgeConfiguration) -> Void = { _ in },
    _ body: (RunningForge) async throws -> Value
  ) async throws -> Value {
    try await withTemporaryFolder { folder in
      try await EmbeddedForge.createRepository("o/r", root: folder, settings: settings)
      return try await serving(folder, change, body)
    }
  }

  private func stop() async throws {
    serving.cancel()
    try await serving.value
  }

  // MARK: Calls

  /// Calls the API by curl.
  func call(
    _ method: String, _ path: String, _ body: String? = nil, headers: [String] = [],
    token: String? = RunningForge.token
  ) async throws -> Answer {
    var arguments = [
      "--silent", "--show-error", "--include", "--max-time", "30", "--request", method,
      "--path-as-is",
    ]
    if method == "HEAD" { arguments.append("--head") }
    if let token { arguments += ["--header", "Authorization: Bearer \(token)"] }
    for header in headers { arguments += ["--header", header] }
    if body != nil {
      let hasType = headers.contains { $0.lowercased().hasPrefix("content-type:") }
      if !hasType { arguments += ["--header", "Content-Type: application/json"] }
      arguments += ["--data-binary", "@-"]
    }
    var command = Command("curl", arguments + ["\(base)\(path)"], timeout: .seconds(40))
    if let body { command.input = .bytes(Array(body.utf8)) }
    let result = try await command.run()
    guard result.succeeded else { throw CurlFault(message: result.errorText) }
    return Answer(result.standardOutput)
  }

  func get(_ path: String, headers: [String] = []) async throws -> Answer {
    try await call("GET", path, headers: headers)
  }

  /// Runs git with the forge's token in the addresses.
  @discardableResult
  func git(_ arguments: [String], in folder: String, accepting: Set<Int32> = [0]) async throws
    -> ProcessResult
  {
    let person = [
      "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.com",
      "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com",
    ]
    return try await Git.run(
      arguments, workingDirectory: folder, extraEnvironment: person, accepting: accepting)
  }

  /// Makes a branch from the default branch with one file more, and gives its head.
  func branch(_ name: String, file: String = "a.txt", text: String = "a\n") async throws -> String {
    let main = try await get("/repos/o/r/git/ref/heads/main")
    let sha = main["object"]["sha"].text
    _ = try await call(
      "POST", "/repos/o/r/git/refs", #"{"ref":"refs/heads/\#(name)","sha":"\#(sha)"}"#)
    return try await put(file, text, branch: name)["commit"]["sha"].text
  }

  func put(_ path: String, _ text: String, branch: String, more: String = "") async throws
    -> Answer
  {
    let content = Data(text.utf8).base64EncodedString()
    return try await call(
      "PUT", "/repos/o/r/contents/\(path)",
      #"{"message":"add \#(path)","content":"\#(content)","branch":"\#(branch)"\#(more)}"#)
  }

  func open(_ head: String, title: String = "T") async throws -> Answer {
    try await call(
      "POST", "/repos/o/r/pulls", #"{"title":"\#(title)","head":"\#(head)","base":"main"}"#)
  }
}

struct CurlFault: Error { let message: String }

/// What curl printed with `--include`.
struct Answer: Sendable {
  let status: Int
  let headers: [String: String]
  let body: String
  private let parsed: Value

  init(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    var rest = text[...]
    var status = 0
    var headers: [String: String] = [:]
    // An interim response (100) precedes the real one.
    repeat {
      headers = [:]
      let end = rest.firstRange(of: "\r\n\r\n") ?? (rest.endIndex..<rest.endIndex)
      let lines = rest[..<end.lowerBound].split(separator: "\r\n")
      status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
      for line in lines.dropFirst() {
        let parts = line.split(separator: ":", maxSplits: 1)
        headers[parts[0].lowercased()] = String(parts.last?.drop { $0 == " " } ?? "")
      }
      rest = rest[end.upperBound...]
    } while (100..<200).contains(status)
    self.status = status
    self.headers = headers
    body = String(rest)
    parsed = (try? JSONDecoder().decode(Value.self, from: Data(rest.utf8))) ?? .null
  }

  subscript(name: String) -> Value { parsed[name] }
  subscript(index: Int) -> Value { parsed[index] }
  var items: [Value] { parsed.items }
}

/// JSON of any shape; what is not there is null.
enum Value: Decodable, Sendable, Equatable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([Value])
  case object([String: Value])

  init(from decoder: any Decoder) throws {
    let single = try decoder.singleValueContainer()
    if single.decodeNil() {
      self = .null
    } else if let flag = try? single.decode(Bool.self) {
      self = .bool(flag)
    } else if let number = try? single.decode(Double.self) {
      self = .number(number)
    } else if let text = try? single.decode(String.self) {
      self = .string(text)
    } else if let items = try? single.decode([Value].self) {
      self = .array(items)
    } else {
      self = .object(try single.decode([String: Value].self))
    }
  }

  subscript(name: String) -> Value {
    guard case .object(let members) = self else { return .null }
    return members[name] ?? .null
  }

  subscript(index: Int) -> Value {
    let items = items
    return items.indices.contains(index) ? items[index] : .null
  }

  var items: [Value] {
    guard case .array(let items) = self else { return [] }
    return items
  }

  var text: String {
    guard case .string(let text) = self else { return "" }
    return text
  }

  var number: Int? {
    guard case .number(let number) = self else { return nil }
    return Int(number)
  }

  var isTrue: Bool { self == .bool(true) }
}

func withTemporaryFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent(
    "forge-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  return try await body(url.path)
}

func write(_ text: String, to path: String) throws {
  try Data(text.utf8).write(to: URL(filePath: path))
}
