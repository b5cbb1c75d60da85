import EventLog
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("Bad input") struct BadInputTests {}
}

extension EndToEndTests.BadInputTests {
  @Test("all faults of a submission are told at once, and nothing is left of it")
  func allFaultsAtOnce() async throws {
    try await Installation.with { server in
      let before = try await server.get("/api/events?limit=1000").json["items"].arrayValue?.count
      let answer = try await server.post(
        "/api/personal-delegate",
        .object([
          "owner": .string("-"), "repo": .string(".."), "branchName": .string("a..b"),
          "taskTitle": .string(String(repeating: "x", count: 257)),
          "objective": .string(String(repeating: "x", count: 20_001)),
          "prTitle": .string("a\u{7}b"),
          "priority": .string("high"), "agent": .string("nobody"),
          "acceptanceCriteria": .array((0...100).map { _ in .string("c") }),
        ]))
      #expect(answer.status == 422)
      #expect(answer.header("Content-Type") == "application/problem+json")
      let faults = answer.json["errors"].arrayValue ?? []
      let fields = Set(faults.compactMap { $0["field"].stringValue })
      let expected: Set = [
        "owner", "repo", "branchName", "taskTitle", "objective", "prTitle", "priority",
        "acceptanceCriteria",
      ]
      #expect(fields.isSuperset(of: expected), "only \(fields)")
      #expect(faults.allSatisfy { !($0["message"].stringValue ?? "").isEmpty })
      let after = try await server.get("/api/events?limit=1000").json["items"].arrayValue?.count
      #expect(before == after)
      #expect(try await server.get("/api/delegations").json["items"].arrayValue == [])
    }
  }

  @Test("a query parameter that no route knows is told in the answer, whatever its form")
  func queryParameters() async throws {
    try await Installation.with { server in
      try await server.createRepository()
      let id = try await server.submit()
      _ = try await server.end(of: id)
      func warnings(_ answer: APIAnswer) -> [String] {
        (answer.json["warnings"].arrayValue ?? []).compactMap(\.stringValue)
      }
      let list = try await server.get(
        "/api/delegations?stat=Pushed&limit=1&nonsense-in-it&stat=x&q=a&%22%0D%0AX-Evil:%20y%5C=1")
      #expect(
        warnings(list) == [
          "the query parameter \"stat\" is not known and was ignored; did you mean \"state\"?",
          "the query parameter \"nonsense-in-it\" is not known and was ignored",
          "the query parameter \"\"\r\nX-Evil: y\\\" is not known and was ignored",
        ])
      #expect(list.status == 200 && list.json["items"].arrayValue != nil)
      #expect(list.header("X-Evil") == nil)
      let header = list.header("Warning") ?? ""
      #expect(header.hasPrefix("299 aipm \"the query parameter \\\"stat\\\" is not known"))
      // Every route, also of those that take none, and those whose answer is no object.
      for path in [
        "/api/delegations/\(id)", "/api/delegations/\(id)/events", "/api/delegations/\(id)/output",
        "/api/delegations/\(id)/records", "/api/events", "/api/audit", "/api/audit?format=csv",
        "/api/pulls", "/api/workers", "/api/health", "/api/choices", "/healthz", "/readyz",
        "/metrics", "/api/delegations/\(id)/bundle",
      ] {
        let mark = path.contains("?") ? "&" : "?"
        let known = try await server.get(path)
        let unknown = try await server.get("\(path)\(mark)zzzzzzzz=1")
        #expect(known.status == unknown.status, "\(path)")
        #expect(known.header("Warning") == nil, "\(path)")
        if known.status >= 400 { continue }
        let told = unknown.header("Warning") ?? ""
        #expect(told.contains("zzzzzzzz"), "\(path)")
        if unknown.header("Content-Type") == "application/json" {
          #expect(warnings(unknown).count == 1, "\(path)")
          #expect(warnings(known).isEmpty, "\(path)")
        }
      }
      // Beside what is told of a body.
      var body = Installation.request("acme/tools", ["objectiv": .string("x")])
      if case .object(var members) = body {
        members["priority"] = .integer(1)
        body = .object(members)
      }
      let made = try await server.post("/api/personal-delegate?priority=9", body)
      #expect(made.status == 201 || made.status == 202)
      #expect(warnings(made).count == 2 && warnings(made).last?.contains("priority") == true)
      // Who asks for something wrong is told that alone.
      let wrong = try await server.get("/api/delegations?limit=x&stat=1")
      #expect(wrong.status == 422 && wrong.header("Warning") == nil)
    }
  }

  @Test("names that no branch may have are refused, and the rest of the API says what is wrong")
  func refusals() async throws {
    try await Installation.with { server in
      try await server.createRepository()
      for name in ["../x", "a..b", "-x", "x.lock", "@{", "refs/heads/x", "a b", "x~1", "", "a//b"] {
        let answer = try await server.post(
          "/api/personal-delegate", Installation.request(branch: name))
        #expect(answer.status == 422, "\(name) was answered \(answer.status)")
        let fields = (answer.json["errors"].arrayValue ?? []).map { $0["field"].stringValue }
        #expect(fields == ["branchName"])
      }
      let body = Installation.request()
      let route = "/api/personal-delegate"
      func status(_ text: String, _ headers: [(String, String)]) async throws -> Int {
        try await server.send("POST", route, Array(text.utf8), headers: headers).status
      }
      let json = ("Content-Type", "application/json")
      #expect(try await status("{", [json]) == 400)
      #expect(try await status("[]", [json]) == 400)
      #expect(try await status(body.canonicalText, [("Content-Type", "text/plain")]) == 415)
      let huge = String(repeating: " ", count: 257 * 1024)
      #expect(try await status(huge, [json]) == 413)
      #expect(try await server.get("/api/delegations/PR1").status == 404)
      #expect(try await server.get("/api/delegations/nonsense").status == 404)
      #expect(try await server.get("/api/nothing").status == 404)
      #expect(try await server.get("/api/delegations?state=Nowhere").status == 422)
      #expect(try await server.get("/api/events/stream?after=999999").status == 409)
    }
  }

  @Test("no web page can drive it, no other host is served, and workers need their token")
  func doors() async throws {
    try await Installation.with { server in
      try await server.createRepository()
      let route = "/api/personal-delegate"
      let body = Installation.request()
      func status(_ header: String, _ value: String) async throws -> Int {
        try await server.post(route, body, headers: [(header, value)]).status
      }
      #expect(try await status("Origin", "https://evil.example") == 403)
      #expect(try await status("Host", "evil.example:\(server.port)") == 403)
      for name in ["127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost", "[::2]"] {
        #expect(try await status("Host", "\(name):\(server.port)") == 403, "\(name)")
      }
      // Another server of this machine, and a page of a file.
      for origin in ["http://127.0.0.1:1", "https://127.0.0.1:\(server.port)", "null"] {
        #expect(try await status("Origin", origin) == 403, "\(origin)")
      }
      #expect(try await status("Sec-Fetch-Site", "cross-site") == 403)
      #expect(try await status("Origin", "http://127.0.0.1:\(server.port)") == 201)
      #expect(
        try await server.get("/healthz", headers: [("Host", "rebound.example")]).status == 403)
      for path in ["/worker", "/workers", "/api/worker/v1/agents"] {
        let answer = try await server.get(path, headers: [("Host", "rebound.example")])
        #expect(answer.status == 403, "\(path)")
      }
      // A worker may know the server by any name; it proves who it is.
      let named = try await server.post(
        "/worker/v1/agents", .object([:]), headers: [("Host", "aipm.example.com")])
      #expect(named.status == 401)
      for path in ["register", "desired", "heartbeat", "fetch", "result", "output"] {
        let answer = try await server.post("/worker/v1/\(path)", .object([:]))
        #expect(answer.status == 401, "\(path): \(answer.status)")
      }
      #expect(try await server.get("/worker/v1/git/acme/tools.git/info/refs").status == 404)
      let refused = try await server.aipm(["serve", "--host", "0.0.0.0", "--port", "0"])
      #expect(refused.exit == .exited(2))
      #expect(refused.errorText.contains("--access token"))
      let second = try await server.aipm(["serve", "--port", "0"])
      #expect(second.exit == .exited(1))
      #expect(second.errorText.contains("process \(server.processID ?? 0)"))
    }
  }

  @Test("a repository that cannot be worked on fails with a code and a hint")
  func repositories() async throws {
    try await Installation.with { server in
      _ = try await server.createRepository()
      let empty = try await Command(
        "git", ["init", "--quiet", "--bare", "\(server.data)/forge/acme/empty.git"],
        timeout: .seconds(20)
      ).run()
      #expect(empty.succeeded)
      for (repository, words) in [("acme/missing", "not found"), ("acme/empty", "empty")] {
        let answer = try await server.post(
          "/api/personal-delegate", Installation.request(repository))
        #expect(answer.status == 502, "\(repository): \(answer.status) \(answer.text)")
        let json = answer.json
        #expect(json["code"].stringValue == "forge-refused")
        #expect(json["detail"].stringValue?.contains(words) ?? false, "\(answer.text)")
        #expect(!(json["hint"].stringValue ?? "").isEmpty)
        let id = json["id"].stringValue ?? ""
        let delegation = try await server.delegation(id)
        #expect(delegation["state"].stringValue == "Failed")
        #expect(delegation["failure"]["hint"].stringValue == json["hint"].stringValue)
      }
      let base = try await server.post(
        "/api/personal-delegate",
        Installation.request("acme/tools", ["baseBranch": .string("nowhere")]))
      #expect(base.status == 502)
      #expect(base.json["detail"].stringValue?.contains("nowhere") ?? false)
    }
  }

  @Test("the same key and body never make a second delegation; another body is refused")
  func idempotency() async throws {
    try await Installation.with { server in
      try await server.createRepository()
      let key = [("Idempotency-Key", "a key")]
      let route = "/api/personal-delegate"
      let first = try await server.post(route, Installation.request(), headers: key)
      let again = try await server.post(route, Installation.request(), headers: key)
      #expect(first.status == 201 && again.status == 201)
      #expect(first.json["id"] == again.json["id"])
      let other = try await server.post(route, Installation.request(branch: "x"), headers: key)
      #expect(other.status == 422)
      #expect(try await server.get("/api/delegations").json["items"].arrayValue?.count == 1)
      // The key outlives the process.
      await server.kill()
      try await server.start()
      let later = try await server.post(route, Installation.request(), headers: key)
      #expect(later.status == 201)
      #expect(later.json["id"] == first.json["id"])
    }
  }
}
