import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("What was reached is shown") struct NetworkShownTests {}
}

extension EndToEndTests.NetworkShownTests {
  /// Speaks the worker protocol by hand, so that a test says what an attempt reached.
  private struct HandMadeWorker {
    static let name = "by-hand"
    let raw: RawWorker
    let incarnation: Int64

    init(_ server: Installation) async throws {
      raw = RawWorker(server, name: Self.name, token: try await server.createToken(Self.name))
      let registered = try await raw.call(
        "register",
        .object([
          "worker": .string(Self.name), "host": .string("h"), "version": .string("1"),
          "agents": .array([.string("demo")]), "local": .bool(false), "processID": .integer(1),
          "journal": .array([]),
        ]))
      incarnation = try #require(registered.json["incarnation"].integerValue)
    }

    func post(_ route: String, _ more: [String: JSONValue]) async throws -> RawWorker.Answer {
      let own: [String: JSONValue] = [
        "worker": .string(Self.name), "incarnation": .integer(incarnation),
      ]
      return try await raw.call(route, .object(own.merging(more) { $1 }))
    }

    /// Takes the next attempt and begins it.
    /// - Returns: its lease.
    func begin(_ attempt: Int64) async throws -> JSONValue {
      var revision: Int64 = 0
      while true {
        let answer = try await post(
          "desired", ["revision": .integer(revision), "waitMs": .integer(5000)])
        revision = answer.json["revision"].integerValue ?? revision
        let assignment = answer.json["assignment"]
        let lease = assignment["lease"]
        guard lease["attempt"].integerValue == attempt else { continue }
        let begun = try await post(
          "generating",
          ["lease": lease, "agent": .string("demo"), "head": assignment["head"]])
        #expect(begun.status == 204)
        return lease
      }
    }

    /// Reports that the agent of an attempt failed.
    func fail(_ lease: JSONValue, network: JSONValue) async throws -> Int {
      try await post(
        "result",
        [
          "lease": lease, "outcome": .string("agentFailed"), "durationMs": .integer(5),
          "outputBytes": .integer(0), "outputDigest": .string(""), "message": .string("exit 1"),
          "network": network,
        ]
      ).status
    }
  }

  private static func host(
    _ name: String, _ refusal: String? = nil, port: Int64 = 443
  ) -> JSONValue {
    var host: [String: JSONValue] = [
      "host": .string(name), "port": .integer(port), "connections": .integer(2),
      "bytesUp": .integer(10), "bytesDown": .integer(20), "firstAt": .integer(1),
    ]
    if let refusal { host["refusal"] = .string(refusal) }
    return .object(host)
  }

  private static func record(_ hosts: [JSONValue]) -> JSONValue {
    .object([
      "hosts": .array(hosts), "connectionsBeyond": .integer(0), "bytesUp": .integer(4096),
      "bytesDown": .integer(1_000_000),
    ])
  }

  private static let line = "network: {allow: [pypi.org]}"

  @Test("refused hosts by the API, show, why and audit, with the line that would allow them")
  func shown() async throws {
    try await Installation.with(
      arguments: ["--forge", "local", "--agent", "demo", "--workers", "0"]
    ) { server in
      try await server.createRepository()
      let worker = try await HandMadeWorker(server)
      let id = try await server.submit()
      let first = try await worker.begin(1)
      // As many hosts as a record may hold, named as an enemy would.
      let ugly = String(repeating: "\"\\", count: 126)
      let many = (0..<495).map { Self.host("\(ugly)", "host-invalid", port: Int64($0 + 1)) }
      let hosts = [
        Self.host("api.example.com"), Self.host("pypi.org", "host-unlisted"),
        Self.host("gone.example.org", "name-unresolved", port: 8443),
      ]
      #expect(try await worker.fail(first, network: Self.record(hosts + many)) == 204)
      #expect(try await worker.fail(first, network: Self.record(hosts)) == 409)
      let second = try await worker.begin(2)
      #expect(try await worker.fail(second, network: Self.record([])) == 204)
      let ended = try await server.end(of: id)
      #expect(ended["failure"]["code"].stringValue == "agent-failed")

      try await events(server, id)
      try api(ended["attempts"].arrayValue ?? [])
      try await commandLine(server, id)
      #expect(try await server.replay(["--verify"]).succeeded)
    }
  }

  private func events(_ server: Installation, _ id: String) async throws {
    let types = try await server.eventTypes(of: id).map { $0.dropFirst("delegation.".count) }
    #expect(
      types.suffix(7) == [
        "dispatched", "generating", "network-used", "released", "dispatched", "generating",
        "failed",
      ])
  }

  private func api(_ attempts: [JSONValue]) throws {
    try #require(attempts.count == 2)
    let network = attempts[0]["network"]
    #expect(network["reached"].integerValue == 1 && network["refused"].integerValue == 3)
    #expect(network["connections"].integerValue == 996)
    #expect(network["bytesUp"].integerValue == 4096)
    #expect(network["bytesDown"].integerValue == 1_000_000)
    #expect(network["line"].stringValue == Self.line)
    #expect(
      network["refusedHosts"]
        == .array([
          .object([
            "host": .string("pypi.org"), "port": .integer(443), "code": .string("host-unlisted"),
          ]),
          .object([
            "host": .string("gone.example.org"), "port": .integer(8443),
            "code": .string("name-unresolved"),
          ]),
        ]))
    #expect(attempts[1]["network"] == .null)
  }

  private func commandLine(_ server: Installation, _ id: String) async throws {
    let show = try await server.aipm(["show", id]).outputText
    let lines = show.split(separator: "\n").map { String($0) }
    let attempt = try #require(lines.firstIndex { $0.hasPrefix("attempt 1") })
    #expect(
      lines[attempt...].prefix(4).map { $0.split(separator: " ").joined(separator: " ") } == [
        "attempt 1 by-hand demo agent-failed",
        "refused pypi.org:443, gone.example.org:8443, 1 more", "to allow \(Self.line)",
        "attempt 2 by-hand demo agent-failed",
      ], "\(show)")
    let why = try await server.aipm(["why", id]).outputText
    #expect(
      why.contains(
        "Attempt 1 reached 1 host (4096 bytes sent, 1000000 received) and was refused pypi.org, "
          + "gone.example.org:8443 and 1 more. To allow that, write in the workflow: "
          + Self.line), "\(why)")
    #expect(why.contains("which may be why."), "\(why)")
    let found = try await server.aipm(["audit", "refused:PyPI.org", "--format", "jsonl"])
    let events = found.outputText.split(separator: "\n")
    #expect(events.count == 1 && events[0].contains("delegation.network-used"))
    #expect(try await server.aipm(["audit", "refused:api.example.com"]).outputText.isEmpty)
    let wrong = try await server.aipm(["audit", "refused:pypi"])
    #expect(wrong.errorText.contains("write the full name"), "\(wrong.errorText)")
  }
}
