import EventLog
import FoundationEssentials
import HTTPClient
import RawSockets
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// More requests than the server takes.
  @Suite("Floods") struct FloodTests {}
}

extension EndToEndTests.FloodTests {
  /// The memory of a process, in KiB (proc(5)).
  private static func memory(_ process: Int32?) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(process ?? 0)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  }

  /// Sends requests over some connections at once.
  /// - Returns: how many responses there were of each status, and one of each.
  private static func flood(
    _ server: Installation, count: Int, _ send: @escaping @Sendable (Int) async throws -> APIAnswer
  ) async throws -> [Int: (count: Int, reply: APIAnswer)] {
    try await withThrowingTaskGroup(of: [APIAnswer].self) { group in
      let lanes = 32
      for lane in 0..<lanes {
        group.addTask {
          var replies: [APIAnswer] = []
          for n in 0..<(count / lanes) { replies.append(try await send(lane * count + n)) }
          return replies
        }
      }
      var found: [Int: (count: Int, reply: APIAnswer)] = [:]
      for try await replies in group {
        for reply in replies { found[reply.status, default: (0, reply)].count += 1 }
      }
      return found
    }
  }

  private static func expectProblem(_ reply: APIAnswer?) throws {
    let reply = try #require(reply)
    #expect(reply.header("content-type") == "application/problem+json")
    #expect((reply.header("retry-after").flatMap { Int($0) } ?? 0) >= 1)
    #expect(reply.json["status"].integerValue == Int64(reply.status))
  }

  @Test("requests beyond the rate are answered with 429, and memory stays flat")
  func requests() async throws {
    try await Installation.with(
      arguments: ["--forge", "local", "--agent", "demo", "--request-rate", "20"]
    ) { server in
      _ = try await Self.flood(server, count: 3200) { _ in try await server.get("/api/choices") }
      let before = try Self.memory(server.processID)
      let found = try await Self.flood(server, count: 12_800) { _ in
        try await server.get("/api/choices")
      }
      let after = try Self.memory(server.processID)
      print("flood: \(found.mapValues(\.count)), \(before) KiB before, \(after) KiB after")
      #expect(Set(found.keys).isSubset(of: [200, 429]))
      try Self.expectProblem(found[429]?.reply)
      #expect(after < before + 8 << 10)
      // Whoever waits as long as the response says is let in.
      let refused = try #require(found[429]?.reply)
      let seconds = try #require(refused.header("retry-after").flatMap { Int($0) })
      try await Task.sleep(for: .seconds(seconds))
      #expect(try await server.get("/healthz").status == 200)
    }
  }

  @Test("submissions have a rate of their own, and only so many wait")
  func submissions() async throws {
    try await Installation.with(
      arguments: [
        "--forge", "local", "--agent", "demo", "--submission-rate", "2", "--waiting-submissions",
        "2",
      ]
    ) { server in
      try await server.createRepository()
      let found = try await Self.flood(server, count: 320) { n in
        try await server.post(
          "/api/personal-delegate", Installation.request(branch: "flood-\(n)"))
      }
      print("flood: \(found.mapValues(\.count))")
      #expect(Set(found.keys).isSubset(of: [201, 202, 429, 503]))
      try Self.expectProblem(found[429]?.reply)
      try Self.expectProblem(found[503]?.reply)
      // What was refused left nothing behind, and reading goes on.
      let accepted = (found[201]?.count ?? 0) + (found[202]?.count ?? 0)
      #expect(accepted >= 1)
      #expect(try await server.delegationCount() == accepted)
    }
  }
}
