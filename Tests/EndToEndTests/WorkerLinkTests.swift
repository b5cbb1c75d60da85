import Cryptography
import EventLog
import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing
import Text
import WorkerProtocol

extension EndToEndTests {
  /// Worker and server know each other, and nobody else.
  @Suite("Between worker and server") struct WorkerLinkTests {}
}

extension EndToEndTests.WorkerLinkTests {
  private static func agents(_ worker: RawWorker) -> JSONValue {
    .object(["worker": .string(worker.name)])
  }

  @Test("a request that is not proven is answered to nobody")
  func proofs() async throws {
    let before = Int64(Date().timeIntervalSince1970 * 1000)
    try await Installation.with { server in
      let token = try await server.createToken("builder")
      let worker = RawWorker(server, name: "builder-1", token: token)
      let body = Self.agents(worker)
      let good = try await worker.call("agents", body)
      #expect(good.status == 200 && good.isProven, "\(good)")
      let wrong: [RawWorker.Fault] = [
        .wrongKey, .method("PUT"), .target("/worker/v1/heartbeat"), .target("/worker/v1/agents?a"),
      ]
      for fault in wrong {
        let answer = try await worker.call("agents", body, fault)
        #expect(answer.status == 401 && !answer.isProven, "\(fault): \(answer)")
      }
      for header in ["", "Bearer \(token)", "AIPM-HMAC-SHA256 worker=builder-1"] {
        #expect(try await worker.call("agents", body, authorization: header).status == 401)
      }
      let altered = try await worker.call("agents", body, .body("{}"))
      #expect(altered.status == 401 && altered.isProven, "\(altered)")
      // Too old, too new, and from before this server could know its nonce.
      let age = Int64(Date().timeIntervalSince1970 * 1000) - before + 1_000
      for ahead in [-130_000, 20_000, -age] {
        let stale = try await worker.call("agents", body, .time(ahead))
        #expect(stale.status == 401 && stale.code == "stale" && stale.isProven, "\(stale)")
      }
      let nonce = String(repeating: "0123456789abcdef", count: 2)
      #expect(try await worker.call("agents", body, nonce: nonce).status == 200)
      let again = try await worker.call("agents", body, nonce: nonce)
      #expect(again.status == 401 && again.code == "replayed", "\(again)")
    }
  }

  @Test("a token speaks for one worker, and the tokens of local workers for nobody on the network")
  func owners() async throws {
    try await Installation.with { server in
      try await server.event("worker.registered", of: nil)
      let mine = RawWorker(server, name: "mine", token: try await server.createToken("a"))
      try await mine.register()
      var other = mine
      other.name = "other"
      let refused = try await other.call("agents", Self.agents(other))
      #expect(refused.status == 403 && refused.isProven, "\(refused)")
      // Nor does a token that is new, or the one that is shared, take over another's worker.
      let shared = try String(
        contentsOfFile: "\(server.data)/secrets/worker-token", encoding: .utf8
      ).filter { !$0.isNewline }
      for token in [try await server.createToken("b"), shared] {
        for name in ["mine", "worker-1"] {
          let thief = RawWorker(server, name: name, token: token)
          #expect(try await thief.call("agents", Self.agents(thief)).status == 403, "\(name)")
        }
      }
      let free = RawWorker(server, name: "free", token: shared)
      #expect(try await free.call("agents", Self.agents(free)).status == 200)
      // A body that speaks for somebody else than the proof.
      #expect(try await mine.call("agents", Self.agents(other)).status == 403)
      // The key of a local worker, read off the disk, is worth nothing on the network.
      var local = RawWorker(server, name: "worker-1", token: "")
      local.key = try #require(try Self.localKey(server))
      #expect(try await local.call("agents", Self.agents(local)).status == 401)
      let listed = try await server.get("/api/workers").json["items"].arrayValue ?? []
      #expect(listed.first { $0["id"].stringValue == "mine" }?["local"].boolValue == false)
    }
  }

  /// The key of the first local worker, as it is kept.
  private static func localKey(_ server: Installation) throws -> WorkerKey? {
    let folder = "\(server.data)/secrets/tokens"
    for name in try FileManager.default.contentsOfDirectory(atPath: folder)
    where name.hasSuffix(".json") {
      let record = try JSONValue(
        json: Array(FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data("{}".utf8)))
      guard record["worker"].stringValue == "worker-1", let id = record["id"].stringValue,
        let secret = record["key"].stringValue.flatMap({ Hex.decode($0) })
      else { continue }
      return WorkerKey(id: id, secret: secret)
    }
    return nil
  }

  @Test("a worker has nothing of another's lease: no objects, no word, no output")
  func leases() async throws {
    try await Installation.with(starts: false) { server in
      try await server.createRepository()
      let agent = try server.script("agent", Agents.waiting(for: "go"))
      try await server.start([
        "--agent", "command", "--agent-command", "\(agent) \(server.folder)",
      ])
      let thief = RawWorker(server, name: "thief", token: try await server.createToken("thief"))
      let id = try await server.submit()
      try await server.event("delegation.generating", of: id)
      let incarnation = try await thief.register()
      let dispatched = try await server.event("delegation.dispatched", of: id)["data"]
      let head = try await server.delegation(id)["taskCommitSHA"].stringValue ?? ""
      let lease = JSONValue.object([
        "delegation": .string(id), "attempt": dispatched["attempt"], "token": dispatched["token"],
      ])
      let query =
        "delegation=\(id)&attempt=\(dispatched["attempt"].integerValue ?? 0)"
        + "&token=\(dispatched["token"].integerValue ?? 0)"
      let fetch = try await thief.call(
        "fetch",
        .object([
          "worker": .string("thief"), "lease": lease, "head": .string(head), "have": .array([]),
        ]))
      #expect(fetch.status == 409 && fetch.isProven, "\(fetch)")
      let result = try await thief.call(
        "result",
        .object([
          "worker": .string("thief"), "incarnation": .integer(incarnation), "lease": lease,
          "outcome": .string("agentFailed"), "durationMs": .integer(1),
          "outputBytes": .integer(0), "outputDigest": .string(""),
        ]))
      #expect(result.status == 409, "\(result)")
      for route in ["output?\(query)&offset=0", "records?\(query)&offset=0"] {
        #expect(try await thief.call(route, .object([:])).status == 409, "\(route)")
      }
      let handIns = ["pack?\(query)&commit=\(head)", "patch?\(query)"]
      for route in handIns {
        let answer = try await thief.call(route, .object([:]), by: "PUT")
        #expect(answer.status == 409 && answer.isProven, "\(route): \(answer)")
        // Nor is the body of such a request another one than was proven.
        let altered = try await thief.call(route, .object([:]), .body("x"), by: "PUT")
        #expect(altered.status == 409 || altered.status == 401, "\(route): \(altered)")
      }
      try server.touch("go")
      #expect(try await server.end(of: id)["state"].stringValue == "Pushed")
      // A lease that is over is nobody's.
      for route in handIns {
        let answer = try await thief.call(route, .object([:]), by: "PUT")
        #expect(answer.status == 409, "\(route): \(answer)")
      }
      #expect(try await thief.call("output?\(query)&offset=0", .object([:])).status == 409)
    }
  }

  @Test("a token that is revoked ends its worker at once, with exit code 5; others go on")
  func revoked() async throws {
    try await Installation.with { server in
      let token = try await server.createToken("remote")
      var environment = Program.plainEnvironment
      environment["AIPM_TOKEN"] = token
      let words = ["worker", "--server", server.url, "--id", "remote", "--data"]
      let worker = try await Program.start(
        Program.aipm, words + ["\(server.folder)/remote"], environment: environment,
        workingDirectory: server.folder)
      _ = try await server.event(of: nil) {
        $0["stream"].stringValue == "worker-remote"
          && $0["type"].stringValue == "worker.registered"
      }
      #expect(try await server.aipm(["token", "revoke", "nobody"]).exit == .exited(3))
      let revoked = try await server.aipm(["token", "revoke", "remote"])
      #expect(revoked.succeeded, "\(revoked.errorText)")
      let raw = RawWorker(server, name: "remote", token: token)
      let refused = try await raw.call("agents", Self.agents(raw))
      #expect(refused.status == 401 && refused.code == "revoked" && refused.isProven)
      #expect(await worker.ends(within: .seconds(10)))
      #expect(worker.errorText.contains("revoked"), "\(worker.errorText)")
      let started = try await Command(
        Program.aipm, words + ["\(server.folder)/again"], environment: environment,
        timeout: .seconds(30)
      ).run()
      #expect(started.exit == .exited(5), "\(started.errorText)")
      environment["AIPM_TOKEN"] = "never-known"
      let unknown = try await Command(
        Program.aipm, words + ["\(server.folder)/again"], environment: environment,
        timeout: .seconds(30)
      ).run()
      #expect(unknown.exit == .exited(5), "\(unknown.errorText)")
      #expect(try await server.get("/healthz").status == 200)
      let list = try await server.aipm(["token", "list", "--json"])
      #expect(!list.outputText.contains(token))
      let items = try JSONValue(json: list.standardOutput)["items"].arrayValue ?? []
      #expect(
        Set(items.compactMap { $0["name"].stringValue }) == ["default", "remote"], "\(items)")
    }
  }

  @Test("a worker that is ended is told as stopped")
  func leaves() async throws {
    try await Installation.with { server in
      var environment = Program.plainEnvironment
      environment["AIPM_TOKEN"] = try await server.createToken("remote")
      let worker = try await Program.start(
        Program.aipm,
        [
          "worker", "--server", server.url, "--id", "remote", "--data", "\(server.folder)/remote",
        ],
        environment: environment, workingDirectory: server.folder)
      for type in ["worker.registered", "worker.stopped"] {
        _ = try await server.event(of: nil) {
          $0["stream"].stringValue == "worker-remote" && $0["type"].stringValue == type
        }
        if type == "worker.registered" { #expect(try await worker.terminate() == .exited(0)) }
      }
    }
  }

  @Test("who takes the port while the server restarts 50 times gets nothing, and nobody obeys it")
  func portTaken() async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let agent = try server.script("agent", Agents.waiting(for: "go"))
      let arguments = [
        "--agent", "command", "--agent-command", "\(agent) \(server.folder)", "--workers", "2",
      ]
      try await server.start(arguments)
      let token = try await server.createToken("remote")
      var environment = Program.plainEnvironment
      environment["AIPM_TOKEN"] = token
      let remote = try await Program.start(
        Program.aipm,
        [
          "worker", "--server", server.url, "--id", "remote", "--data", "\(server.folder)/remote",
          "--sandbox", "off", "--allow-env", "AIPM_TOKEN", "PATH", "--allow-path", "/",
        ],
        environment: environment, workingDirectory: server.folder)
      _ = try await server.event(of: nil) {
        $0["stream"].stringValue == "worker-remote"
          && $0["type"].stringValue == "worker.registered"
      }
      // All three workers are busy while it happens.
      var ids: [String] = []
      for number in 0..<3 {
        ids.append(try await server.submit(Installation.request(branch: "b\(number)")))
      }
      for id in ids { try await server.event("delegation.generating", of: id) }
      let taker = PortTaker(script: "env > \(server.folder)/stolen")
      let port = Int(server.port) ?? 0
      for _ in 0..<50 {
        async let taking: Void = taker.take(port, atMost: .milliseconds(400))
        await server.kill()
        try await taking
        try await server.start(arguments)
      }
      try server.touch("go")
      for id in ids {
        let pushed = try await server.end(of: id)
        #expect(pushed["attempt"].integerValue == 1)
        try await Outcome(server: server, repository: repository, delegation: pushed).check(
          verifies: false)
      }
      let heard = taker.heard
      #expect(!heard.isEmpty, "nobody called")
      #expect(heard.allSatisfy { $0.contains("worker=remote,") }, "a local worker called")
      for text in heard {
        #expect(!text.contains(token) && !text.contains("Bearer"), "\(text)")
        #expect(!text.contains("PACK"), "\(text)")
      }
      #expect(access("\(server.folder)/stolen", F_OK) != 0, "an order was obeyed")
      // And it is still there, in the life that it had.
      _ = try await remote.terminate()
      let lives = try await server.events(ofWorker: "remote").filter {
        $0["type"].stringValue == "worker.registered"
      }
      #expect(lives.count == 1, "\(lives)")
    }
  }
}

extension Installation {
  fileprivate func events(ofWorker name: String) async throws -> [JSONValue] {
    let items = try await get("/api/events?after=0&limit=1000").json["items"].arrayValue ?? []
    return items.filter { $0["stream"].stringValue == "worker-\(name)" }
  }
}
