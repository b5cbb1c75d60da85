import EventLog
import FoundationEssentials
import HTTPClient
import Processes
import TestKit
import Testing
import Text

/// A server whose agent answers what it is asked, and the forge as people use it.
struct Conversing: Sendable {
  let server: Installation
  let repository: BareRepository
  let token: String
  let forge: String

  private static let workflow = """
    name: personal-delegate
    agent-preference: [demo]
    attempts: 2
    rounds:
      on: [ask, review, mention, checks, conflict, behind]
      gather: 1s
      bots: [reviewer]
    templates:
      task-file: "{{objective}}"
      prompt: "{{objective}}"
      commit-message: "{{prTitle}}"
      pull-request-body: "{{objective}}"

    """

  /// It keeps what it was asked, and says what it did about each number.
  static let agent = """
    #!/bin/sh
    prompt=$(cat)
    newline=$(printf '\\nx'); newline=${newline%x}
    case $prompt in
      *'only later'*'[1]'*) echo later > later.txt;;
      *'only later'*) echo 'Not now.';;
      *'touch nothing'*) echo '[1] It is right as it is, @everybody.';;
      *'These files have conflicts:'*)
        for file in $(git diff --name-only HEAD^1 HEAD); do
          sed -i '/^<<<<<<< /d; /^=======$/d; /^>>>>>>> /d' "$file"
        done
        echo 'Kept both.';;
      *"$newline"hold*) while :; do sleep 1; done;;
      *) printf '%s' "$prompt" > "asked-$(ls | wc -l).txt"
         printf 'Thinking.\\n[1] Renamed it.\\n[2] Tested it.\\n[3] Documented it.\\n';;
    esac
    """

  /// Writes the workflow, and gives the options that name it.
  /// - Parameter gather: more keys of `rounds` may follow it.
  static func workflows(_ server: Installation, gather: String = "1s") throws -> [String] {
    let folder = "\(server.folder)/workflows"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try workflow.replacing("gather: 1s", with: "gather: \(gather)").write(
      toFile: "\(folder)/personal-delegate.yaml", atomically: true, encoding: .utf8)
    return ["--workflows", folder]
  }

  static func with(
    gather: String = "1s", options: [String] = [], _ body: (Conversing) async throws -> Void
  ) async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let agent = try server.script("agent", Self.agent)
      try await server.start(
        ["--workers", "1", "--agent", "command", "--agent-command", agent]
          + Self.workflows(server, gather: gather) + options)
      let token = try String(
        contentsOfFile: "\(server.data)/secrets/forge-token", encoding: .utf8
      ).filter { !$0.isNewline }
      let port = try String(contentsOfFile: "\(server.data)/forge/port", encoding: .utf8)
      try await body(
        Conversing(
          server: server, repository: repository, token: token,
          forge: "http://127.0.0.1:\(port.filter { !$0.isNewline })"))
    }
  }

  /// A pushed delegation with pull request 1.
  func pushed() async throws -> String {
    let id = try await server.submit()
    #expect(try await server.end(of: id)["state"].stringValue == "Pushed")
    return id
  }

  func ask(
    _ reference: String, _ body: [String: JSONValue], key: String? = nil
  ) async throws -> APIAnswer {
    try await server.post(
      "/api/delegations/\(reference)/follow-ups", .object(body),
      headers: key.map { [("Idempotency-Key", $0)] } ?? [])
  }

  /// A call of the forge's API, by the account that AIPM uses.
  /// - Parameter other: the token of another account.
  @discardableResult
  func call(
    _ method: String, _ path: String, _ body: JSONValue? = nil, as other: String? = nil
  ) async throws -> JSONValue {
    var request = HTTPRequest(
      method: method, url: "\(forge)/repos/acme/tools\(path)",
      headers: [
        ("Authorization", "Bearer \(other ?? token)"),
        ("Accept", "application/vnd.github+json"),
      ])
    if let body {
      request.headers.append(("Content-Type", "application/json"))
      request.body = .bytes(body.canonical)
    }
    let response = try await server.http.send(request)
    guard (200..<300).contains(response.status) else {
      throw KitFault(
        "\(method) \(path): \(response.status) \(String(decoding: response.body, as: UTF8.self))")
    }
    return response.body.isEmpty ? .null : try JSONValue(json: response.body)
  }

  func pullRequest() async throws -> JSONValue {
    try await server.get("/api/pull-requests/acme%2Ftools%231").json
  }

  /// A review with a comment for each of these, on the first line of a changed file.
  /// - Parameters:
  ///   - isSubmitted: false for a draft.
  ///   - other: the token of another account.
  func review(
    _ comments: [String], isSubmitted: Bool = true, as other: String? = nil
  ) async throws {
    let files = try await call("GET", "/pulls/1/files").arrayValue ?? []
    let path = try #require(files.first?["filename"])
    let said = comments.map { words in
      JSONValue.object([
        "path": path, "line": .integer(1), "side": .string("RIGHT"), "body": .string(words),
      ])
    }
    var body: [String: JSONValue] = ["comments": .array(said)]
    if isSubmitted { body["event"] = .string("COMMENT") }
    try await call("POST", "/pulls/1/reviews", .object(body), as: other)
  }

  /// The options with which a killed server is started again.
  var restart: [String] {
    [
      "--workers", "1", "--agent", "command", "--agent-command", "\(server.folder)/agent",
      "--workflows", "\(server.folder)/workflows",
    ]
  }

  /// The bodies of the comments of a list.
  func bodies(_ path: String) async throws -> [String] {
    try await call("GET", path).arrayValue?.compactMap { $0["body"].stringValue } ?? []
  }

  /// Waits until the delegation has told of itself what it owes.
  func answered(_ id: String, _ marker: String = "summary") async throws {
    _ = try await server.event(of: id) {
      $0["type"].stringValue == "delegation.action-done"
        && $0["data"]["marker"].stringValue == marker
    }
  }
}
