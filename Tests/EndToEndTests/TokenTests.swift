import EventLog
import FoundationEssentials
import HTTPClient
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// A server that requires tokens: who may do what, and from when on.
  @Suite("Tokens") struct TokenTests {}
}

extension EndToEndTests.TokenTests {
  static let arguments = [
    "--forge", "local", "--agent", "demo", "--access", "token",
  ]

  /// What each operation needs. A new one must be added here.
  private static let needs: [String: String?] = [
    "submit": "submit", "generateCode": "submit", "listChoices": "read",
    "listDelegations": "read", "getDelegation": "read", "listDelegationEvents": "read",
    "getOutput": "read", "searchOutput": "read", "listRecords": "read", "getDiff": "read",
    "getFile": "read", "getPatch": "read", "listTasks": "read", "listTasksByNeed": "read",
    "getTask": "read", "listQueue": "read", "listRepositories": "submit", "getIssue": "submit",
    "getTrace": "read", "getBundle": "log", "askForChanges": "submit", "getPullRequest": "read",
    "cancelDelegation": "own", "retryDelegation": "own",
    "listWorkers": "log", "drainWorker": "workers", "restartWorker": "workers",
    "listPullRequests": "read", "listEvents": "read", "streamEvents": "read",
    "redactEvent": "admin", "searchEvents": "log", "verifyLog": "log", "rebuildViews": "admin",
    "getHealth": "log", "getUsage": "read", "getMe": "token", "getSignInWays": nil, "signIn": nil,
    "signOut": nil,
    "getLiveness": nil, "getReadiness": nil,
    "getMetrics": "log", "getDescription": nil, "receiveWebhook": nil,
  ]

  private static let may: [String: Set<String>] = [
    "submit": ["token", "read", "submit", "own"],
    "support": ["token", "read", "log"],
    "operator": ["token", "read", "log", "own", "workers"],
    "admin": ["token", "read", "log", "own", "workers", "submit", "admin"],
    "worker": ["token"],
  ]
  /// What a token that is limited to some repositories has, of what its role has.
  private static let limited: Set<String> = ["token", "read", "submit", "own"]

  static func create(
    _ server: Installation, _ name: String, _ more: String...
  ) async throws -> String {
    let made = try await server.aipm(["token", "create", name] + more)
    guard made.succeeded else { throw KitFault("aipm token create: \(made.errorText)") }
    return made.outputText.filter { !$0.isNewline }
  }

  struct Operation {
    var id: String
    var method: String
    var path: String
    var takesBody: Bool
  }

  /// All operations, the harmless ones first.
  static func operations(
    _ server: Installation, ref: String
  ) async throws -> [Operation] {
    let paths = try await server.get("/openapi.json").json["paths"].objectValue ?? [:]
    var all: [Operation] = []
    for (path, methods) in paths {
      for (method, described) in methods.objectValue ?? [:] {
        all.append(
          Operation(
            id: try #require(described["operationId"].stringValue), method: method,
            path: path.replacing("{ref}", with: ref).replacing("{id}", with: "no-worker")
              .replacing("{position}", with: "1") + Self.query(described),
            takesBody: described["requestBody"].objectValue != nil))
      }
    }
    return all.sorted { ($0.method, $0.path) < ($1.method, $1.path) }
  }

  /// The parameters without which a request is refused.
  private static func query(_ described: JSONValue) -> String {
    let required = (described["parameters"].arrayValue ?? []).filter {
      $0["in"].stringValue == "query" && $0["required"].boolValue == true
    }
    return required.isEmpty
      ? "" : "?" + required.map { "\($0["name"].stringValue ?? "")=x" }.joined(separator: "&")
  }

  private static func status(
    _ server: Installation, _ operation: Operation, _ token: String?
  ) async throws -> APIAnswer {
    let headers = Installation.authorization(token)
    guard operation.method == "get" else {
      return try await server.send(
        operation.method.uppercased(), operation.path,
        operation.takesBody ? .object([:]) : nil, headers: headers)
    }
    guard operation.id == "streamEvents" else {
      return try await server.get(operation.path, headers: headers)
    }
    // The head of a stream that would not end; a position beyond the log is refused at once.
    return try await server.get(operation.path + "?after=9000000", headers: headers)
  }

  @Test("every operation, for every role and for patterns that match or not")
  func everyOperation() async throws {
    try await Installation.with(arguments: Self.arguments) { server in
      try await server.createRepository("acme/tools")
      let admin = try await Self.create(server, "root", "--role", "admin")
      server.token = admin
      let id = try await server.submit()
      _ = try await server.end(of: id)
      let code = try await server.delegation(id)["confirmationCode"].stringValue ?? "-"
      let operations = try await Self.operations(server, ref: id)
      #expect(Set(operations.map(\.id)) == Set(Self.needs.keys))
      server.token = nil

      for role in ["worker", "submit", "support", "operator", "admin"] {
        let patterns = ["worker", "admin"].contains(role) ? [nil] : [nil, "ACME/t*", "other/*"]
        for pattern in patterns {
          let name = "\(role)-\(pattern.map { String($0.prefix(5).dropLast()) } ?? "all")"
          let limit = pattern.map { ["--repo", $0] } ?? []
          let made = try await server.aipm(["token", "create", name, "--role", role] + limit)
          let token = made.outputText.filter { !$0.isNewline }
          let permitted = (Self.may[role] ?? []).filter {
            pattern == nil || Self.limited.contains($0)
          }
          for operation in operations {
            let need = try #require(Self.needs[operation.id])
            let answer = try await Self.status(server, operation, token)
            let what: Comment = "\(operation.id) as \(name): \(answer.text)"
            let isRefused = need.map { !permitted.contains($0) } ?? false
            if isRefused {
              #expect(answer.status == 403, what)
              #expect(answer.json["code"].stringValue == "not-permitted", what)
            } else if pattern == "other/*" {
              if operation.path.contains(id) { #expect(answer.status == 404, what) }
            } else if operation.id != "receiveWebhook", need != "own" {
              #expect(![401, 403].contains(answer.status), what)
            }
            if need != nil, isRefused || pattern == "other/*" {
              let sentBack = answer.text.replacing("delegation \(id)", with: "")
              for leak in [id, code, "acme", "Add export button"] {
                #expect(!sentBack.contains(leak), what)
              }
            }
          }
        }
      }
      for token in [nil, "aipm_", "nonsense", String(admin.dropLast()) + "x"] {
        let others = ["receiveWebhook", "signIn"]
        for operation in operations where !others.contains(operation.id) {
          let answer = try await Self.status(server, operation, token)
          let isOpen = try #require(Self.needs[operation.id]) == nil && token == nil
          #expect((answer.status == 401) == !isOpen, "\(operation.id)")
          if answer.status == 401 {
            #expect(answer.header("www-authenticate")?.hasPrefix("Bearer ") == true)
          }
        }
      }
    }
  }

  @Test("a token names the requester, and submits to its repositories only")
  func submitters() async throws {
    try await Installation.with(arguments: Self.arguments) { server in
      for name in ["acme/tools", "other/tools"] { try await server.createRepository(name) }
      let ann = try await Self.create(server, "ann", "--role", "submit", "--repo", "acme/*")
      let bob = try await Self.create(server, "bob", "--role", "submit")
      let operating = try await Self.create(server, "olga", "--role", "operator")

      server.token = ann
      let refused = try await server.post(
        "/api/personal-delegate", Installation.request("other/tools"))
      #expect(refused.status == 403 && refused.text.contains("other/tools"))
      let id = try await server.submit()
      #expect(try await server.end(of: id)["requester"].stringValue == "ann")
      let mine = try await server.get("/api/me").json
      #expect(mine["name"].stringValue == "ann" && mine["repositories"] == ["acme/*"])

      server.token = bob
      let hidden = try await server.submit(Installation.request("other/tools"))
      _ = try await server.end(of: hidden)
      // Only who requested it, or an operator, may change it.
      let path = "/api/delegations/\(id)/cancel"
      #expect(try await server.post(path).status == 403)
      #expect(try await server.post(path, headers: Installation.authorization(ann)).status == 409)
      #expect(
        try await server.post(path, headers: Installation.authorization(operating)).status == 409)

      server.token = ann
      for list in [
        "/api/delegations", "/api/pull-requests", "/api/events", "/api/choices", "/api/usage",
      ] {
        let text = try await server.get(list).text
        #expect(text.contains("acme/tools") || list == "/api/events", "\(list): \(text)")
        #expect(!text.contains("other/tools") && !text.contains(hidden), "\(list): \(text)")
      }
      let usage = try await server.get("/api/usage?by=requester").json
      #expect(usage["items"].arrayValue?.map { $0["key"] } == ["ann"])
      #expect(usage["total"]["attempts"] == .integer(1))
      let events = try await server.get("/api/events?limit=1000").json["items"].arrayValue ?? []
      #expect(Set(events.map { $0["stream"].stringValue ?? "" }) == ["delegation-\(id)"])
      // The stream has the same events; the last one of the hidden delegation came before this one.
      let last = try await server.submit(Installation.request(branch: "last"))
      let seen = try await Self.streams(server, until: "delegation-\(last)", ann)
      #expect(seen == ["delegation-\(id)", "delegation-\(last)"])

      // The command line says by its exit code that it was refused.
      #expect(try await server.aipm(["audit", "type:delegation.pushed"]).exit == .exited(5))
      #expect(try await server.aipm(["show", hidden]).exit == .exited(3))
      // A limit that cannot be read is not the absence of one.
      let folder = "\(server.data)/secrets/tokens"
      for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
        let path = "\(folder)/\(name)"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard text.contains("\"ann\"") else { continue }
        try text.replacing("acme\\/*", with: "[a-z]").write(
          toFile: path, atomically: true, encoding: .utf8)
      }
      #expect(try await server.get("/api/me").status == 401)

      server.token = "aipm_nonsense"
      #expect(try await server.aipm(["list"]).exit == .exited(5))
    }
  }

  /// The streams of the events from the first one on, until one of `last`.
  private static func streams(
    _ server: Installation, until last: String, _ token: String
  ) async throws -> Set<String> {
    let stream = try await server.http.stream(
      HTTPRequest(
        url: "\(server.url)/api/events/stream?after=0",
        headers: Installation.authorization(token), timeout: nil))
    var (text, seen) = ("", Set<String>())
    for try await chunk in stream {
      text += String(decoding: chunk, as: UTF8.self)
      while let end = text.firstRange(of: "\n\n") {
        for line in text[..<end.lowerBound].split(separator: "\n") where line.hasPrefix("data: ") {
          let event = try JSONValue(json: Array(line.dropFirst(6).utf8))
          seen.insert(event["stream"].stringValue ?? "")
        }
        text.removeSubrange(..<end.upperBound)
      }
      if seen.contains(last) { break }
    }
    return seen
  }

  /// Reads until the server cuts the stream off.
  private static func expectEnd(of stream: HTTPStream) async {
    do {
      for try await _ in stream {}
      Issue.record("the stream ended in good order")
    } catch {
      // The connection was closed in the middle of the response.
    }
  }

  @Test("what aipm token does applies within a second, and is in the log once")
  func changes() async throws {
    try await Installation.with(arguments: Self.arguments, starts: false) { server in
      // Without a server: recorded at the start.
      let admin = try await Self.create(server, "root", "--role", "admin")
      let early = try await Self.create(server, "early", "--role", "submit", "--repo", "acme/*")
      #expect(try await server.aipm(["token", "revoke", "early"]).succeeded)
      try await server.start()
      server.token = admin
      let me = "/api/me"
      #expect(
        try await server.get(me, headers: Installation.authorization(early)).status == 401)

      let support = try await Self.create(server, "sue", "--role", "support")
      let headers = Installation.authorization(support)
      #expect(try await server.get(me, headers: headers).status == 200)
      let stream = try await server.http.stream(
        HTTPRequest(url: "\(server.url)/api/events/stream", headers: headers, timeout: nil))
      let begun = ContinuousClock.now
      #expect(try await server.aipm(["token", "revoke", "sue"]).succeeded)
      #expect(try await server.get(me, headers: headers).status == 401)
      await Self.expectEnd(of: stream)
      #expect(ContinuousClock.now - begun < .seconds(5))

      let short = try await Self.create(server, "short", "--role", "support", "--expires", "2s")
      let brief = Installation.authorization(short)
      #expect(try await server.get(me, headers: brief).status == 200)
      let ended = try await server.http.stream(
        HTTPRequest(url: "\(server.url)/api/events/stream", headers: brief, timeout: nil))
      await Self.expectEnd(of: ended)
      #expect(try await server.get(me, headers: brief).status == 401)

      for _ in 0..<2 {
        let last = try await server.event(of: nil) {
          $0["type"].stringValue == "system.token-created"
            && $0["data"]["name"].stringValue == "short"
        }
        #expect(last["data"]["role"].stringValue == "support")
        let found = try await server.get("/api/events?limit=1000").json["items"].arrayValue ?? []
        let tokens = found.filter { $0["type"].stringValue?.hasPrefix("system.token") == true }
        let text = found.map(\.canonicalText).joined()
        for secret in [admin, early, support, short] { #expect(!text.contains(secret)) }
        let names = tokens.compactMap { event in
          event["data"]["name"].stringValue.map { "\(event["type"].stringValue ?? "") \($0)" }
        }.filter { !$0.hasSuffix(" default") }
        #expect(
          names.sorted() == [
            "system.token-created early", "system.token-created root", "system.token-created short",
            "system.token-created sue", "system.token-revoked early", "system.token-revoked sue",
          ])
        // After a crash nothing is recorded again.
        await server.kill()
        try await server.start()
      }
      let files = try FileManager.default.contentsOfDirectory(
        atPath: "\(server.data)/secrets/tokens")
      for file in files {
        let text = try String(
          contentsOfFile: "\(server.data)/secrets/tokens/\(file)", encoding: .utf8)
        for secret in [admin, early, support, short] { #expect(!text.contains(secret)) }
      }
      #expect(try await server.aipm(["verify"]).succeeded)
    }
  }

  @Test("the page's session: its cookie, other pages, and its end")
  func sessions() async throws {
    try await Installation.with(arguments: Self.arguments) { server in
      let token = try await Self.create(server, "ann", "--role", "support")
      let worker = try await Self.create(server, "w", "--role", "worker")
      func signIn(_ token: String) async throws -> APIAnswer {
        try await server.post("/api/session", ["token": .string(token)])
      }
      #expect(try await signIn("aipm_nonsense").status == 401)
      #expect(try await signIn(worker).status == 403)
      let chosen = String(repeating: "0", count: 64)
      let begun = try await server.post(
        "/api/session", ["token": .string(token)], headers: [("Cookie", "aipm_session=\(chosen)")])
      #expect(begun.status == 204)
      let set = try #require(begun.header("set-cookie"))
      #expect(set.contains("; HttpOnly; SameSite=Strict") && !set.contains(token))
      let cookie = try #require(set.split(separator: ";").first.map { String($0) })
      #expect(!cookie.contains(chosen))

      // Reading works by the cookie alone; a change must come from the page.
      let me = "/api/me"
      let stays = [("Cookie", cookie)]
      #expect(try await server.get(me, headers: stays).json["name"].stringValue == "ann")
      let own = stays + [("Origin", server.url)]
      let neighbor = stays + [("Origin", "http://127.0.0.1:1")]
      let verify = "/api/views/rebuild"
      #expect(try await server.post(verify, headers: stays).text.contains("Another page"))
      #expect(try await server.post(verify, headers: neighbor).status == 403)
      let refused = try await server.post(verify, headers: own)
      #expect(refused.json["code"].stringValue == "not-permitted")
      #expect(
        try await server.get(me, headers: [("Cookie", "aipm_session=\(chosen)")]).status == 401)

      // Its end: signing out, here and everywhere, and the token's.
      let second = try await signIn(token)
      let other = try #require(second.header("set-cookie")?.split(separator: ";").first)
      let stream = try await server.http.stream(
        HTTPRequest(
          url: "\(server.url)/api/events/stream", headers: [("Cookie", String(other))],
          timeout: nil))
      let out = try await server.send("DELETE", "/api/session?everywhere=1", headers: own)
      #expect(out.status == 204 && out.header("set-cookie")?.contains("Max-Age=0") == true)
      for gone in [cookie, String(other)] {
        #expect(try await server.get(me, headers: [("Cookie", gone)]).status == 401)
      }
      await Self.expectEnd(of: stream)
      let third = try await signIn(token).header("set-cookie")?.split(separator: ";").first
      let last = [("Cookie", String(try #require(third)))]
      #expect(try await server.get(me, headers: last).status == 200)
      #expect(try await server.aipm(["token", "revoke", "ann"]).succeeded)
      #expect(try await server.get(me, headers: last).status == 401)
    }
  }

  @Test("aipm token says what is wrong with its arguments")
  func arguments() async throws {
    try await Installation.with(starts: false) { server in
      for arguments in [
        ["x", "--role", "boss"], ["x", "--role", "submit", "--repo", "acme"],
        ["x", "--role", "worker", "--repo", "acme/*"], ["x", "--role", "submit", "--expires", "1"],
        ["x y", "--role", "submit"], ["local", "--role", "submit"], ["System", "--role", "submit"],
      ] {
        let said = try await server.aipm(["token", "create"] + arguments)
        #expect(said.exit == .exited(2), "\(arguments): \(said.errorText)")
      }
      #expect(try await server.aipm(["token", "create", "x", "--role", "submit"]).succeeded)
      #expect(
        try await server.aipm(["token", "create", "x", "--role", "admin"]).exit == .exited(1))
      let list = try await server.aipm(["token", "list"]).outputText
      #expect(list.contains(/\nx +submit +all repositories +\d{4}-.* +valid\n/), "\(list)")
    }
  }
}
