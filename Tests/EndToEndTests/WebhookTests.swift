import Cryptography
import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("Webhooks") struct WebhookTests {}
}

extension EndToEndTests.WebhookTests {
  static let secret = "It's a Secret to Everybody"

  private static func sign(_ body: [UInt8], _ secret: String = secret) -> String {
    let code = HMACSHA256.code(for: body, key: Array(secret.utf8))
    return "sha256=" + Hex.encode(code)
  }

  /// Sends a message as the forge does.
  static func deliver(
    _ event: String, _ body: JSONValue, to server: Installation, id: String = UUID().uuidString,
    signature: String? = nil, host: String? = nil
  ) async throws -> APIAnswer {
    let bytes = body.canonical
    var headers = [
      ("Content-Type", "application/json"), ("X-GitHub-Event", event), ("X-GitHub-Delivery", id),
      ("X-Hub-Signature-256", signature ?? sign(bytes)),
    ]
    if let host { headers.append(("Host", host)) }
    return try await server.send("POST", "/webhooks/github", bytes, headers: headers)
  }

  private static func pullRequest(
    _ action: String, number: Int64 = 1, merged: Bool = false, at time: String, body: String = "",
    repository: String = "acme/tools"
  ) -> JSONValue {
    .object([
      "action": .string(action),
      "pull_request": .object([
        "number": .integer(number), "state": .string(action == "reopened" ? "open" : "closed"),
        "merged": .bool(merged), "updated_at": .string(time), "body": .string(body),
      ]),
      "repository": .object(["full_name": .string(repository)]),
      "sender": .object(["login": .string("octocat")]),
    ])
  }

  private func state(_ server: Installation) async throws -> String? {
    try await server.get("/api/pull-requests").json["items"].arrayValue?.first?["state"].stringValue
  }

  @Test("closed, opened again and merged reach the view, whatever their order")
  func pullRequests() async throws {
    try await Installation.with(environment: ["AIPM_WEBHOOK_SECRET": Self.secret]) { server in
      try await server.createRepository()
      let id = try await server.submit()
      #expect(try await server.end(of: id)["state"].stringValue == "Pushed")
      #expect(try await state(server) == "open")

      let closed = Self.pullRequest("closed", at: "2026-11-23T12:00:10Z")
      #expect(try await Self.deliver("pull_request", closed, to: server, id: "1").status == 200)
      #expect(try await state(server) == "closed")
      let reopened = Self.pullRequest("reopened", at: "2026-11-23T12:00:20Z")
      #expect(try await Self.deliver("pull_request", reopened, to: server, id: "2").status == 200)
      #expect(try await state(server) == "open")
      // The same delivery again; the same message under another name; and one that comes late.
      let types = try await server.eventTypes(of: id)
      for delivery in ["2", "3"] {
        let again = try await Self.deliver("pull_request", reopened, to: server, id: delivery)
        #expect(again.status == 200)
      }
      #expect(try await Self.deliver("pull_request", closed, to: server, id: "4").status == 200)
      #expect(try await state(server) == "open")
      #expect(try await server.eventTypes(of: id) == types)

      // A repository that has another name by now: the mark in the body tells whose it is.
      let merged = Self.pullRequest(
        "closed", merged: true, at: "2026-11-23T12:00:30Z", body: "x\n\n<!-- aipm: \(id) -->\n",
        repository: "acme/renamed")
      #expect(try await Self.deliver("pull_request", merged, to: server).status == 200)
      #expect(try await state(server) == "merged")
      let event = try await server.events(of: id).last
      #expect(event?["type"].stringValue == "delegation.pull-request-updated")
      #expect(event?["actor"]["kind"].stringValue == "forge")
      #expect(event?["actor"]["name"].stringValue == "octocat")
      #expect(try await server.delegation(id)["pullRequest"]["state"].stringValue == "merged")
      #expect(try await server.replay(["--verify"]).succeeded)
    }
  }

  @Test("what is not signed, not JSON or not of interest changes nothing, and is told as such")
  func refusals() async throws {
    try await Installation.with(environment: ["AIPM_WEBHOOK_SECRET": Self.secret]) { server in
      try await server.createRepository()
      let ping = JSONValue.object(["zen": .string("x")])
      #expect(try await Self.deliver("ping", ping, to: server).status == 200)
      // By whatever host it comes: it is the signature that counts.
      #expect(try await Self.deliver("ping", ping, to: server, host: "aipm.example").status == 200)
      let wrong = Self.sign(ping.canonical, "another secret")
      for signature in [wrong, "sha256=", "sha1=00", "sha256=zz", ""] {
        let answer = try await Self.deliver("ping", ping, to: server, signature: signature)
        #expect(answer.status == 401, "\(signature) was answered \(answer.status)")
        #expect(answer.header("Content-Type") == "application/problem+json")
      }
      // GitHub's own example.
      let hello = Array("Hello, World!".utf8)
      let vector = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
      #expect(Self.sign(hello) == vector)
      func send(_ event: String, _ media: String) async throws -> Int {
        try await server.send(
          "POST", "/webhooks/github", hello,
          headers: [
            ("Content-Type", media), ("X-GitHub-Event", event), ("X-Hub-Signature-256", vector),
          ]
        ).status
      }
      #expect(try await send("ping", "application/json") == 400)
      #expect(try await send("ping", "application/x-www-form-urlencoded") == 415)
      #expect(try await send("pull_request", "application/json") == 400)
      let unknown = Self.pullRequest("closed", number: 99, at: "2026-11-23T12:00:00Z")
      let answer = try await Self.deliver("pull_request", unknown, to: server)
      #expect(answer.status == 200)
      #expect(answer.json["outcome"].stringValue?.hasPrefix("ignored") == true)
    }
  }

  @Test("a push to a branch that waits for its worker has its head read again")
  func pushes() async throws {
    try await Installation.with(
      arguments: ["--forge", "local", "--agent", "demo", "--workers", "0"],
      environment: ["AIPM_WEBHOOK_SECRET": Self.secret]
    ) { server in
      try await server.createRepository()
      let id = try await server.submit()
      try await server.event("delegation.pr-created", of: id)
      let branch = try await server.delegation(id)["branchName"].stringValue ?? ""
      func push(_ ref: String) async throws -> String? {
        let body = JSONValue.object([
          "ref": .string(ref), "repository": .object(["full_name": .string("Acme/Tools")]),
        ])
        return try await Self.deliver("push", body, to: server).json["outcome"].stringValue
      }
      #expect(try await push("refs/heads/\(branch)") == "taken note of")
      #expect(try await push("refs/heads/main")?.hasPrefix("ignored") == true)
      #expect(try await push("refs/tags/v1")?.hasPrefix("ignored") == true)
    }
  }

  @Test("without a secret webhooks are refused")
  func withoutASecret() async throws {
    try await Installation.with { server in
      let answer = try await Self.deliver("ping", .object([:]), to: server)
      #expect(answer.status == 403)
      #expect(answer.json["hint"].stringValue?.contains("AIPM_WEBHOOK_SECRET") == true)
    }
  }
}
