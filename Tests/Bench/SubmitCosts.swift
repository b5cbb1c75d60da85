import ArgumentParser
import Foundation
import RawSockets
import TestKit

/// How long a submission takes until its pull request is there, beside a client that makes the same
/// calls to the forge by itself.
struct SubmitCosts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit",
    abstract: "What AIPM adds to the calls that a submission makes to the forge.")

  @Flag(help: "Small numbers, to see that it runs; what it measures says nothing.")
  var quick = false

  private struct Case {
    var latencyMs: Int
    var clients: Int
    /// Of each client.
    var submissions: Int
  }

  private var cases: [Case] {
    if quick { return [Case(latencyMs: 0, clients: 2, submissions: 2)] }
    return [
      Case(latencyMs: 0, clients: 1, submissions: 150),
      Case(latencyMs: 0, clients: 50, submissions: 8),
      Case(latencyMs: 300, clients: 1, submissions: 12),
      Case(latencyMs: 300, clients: 50, submissions: 4),
    ]
  }

  func run() async throws {
    for one in cases { try await measure(one) }
  }

  private func measure(_ one: Case) async throws {
    let (clients, submissions) = (one.clients, one.submissions)
    try await Installation.withForge(["--latency", "\(one.latencyMs)ms"]) { root, forge in
      let environment = [
        "AIPM_GITHUB_API_URL": forge, "AIPM_GITHUB_TOKEN": GatedInstallation.token,
        "AIPM_FORGE": "github",
      ]
      try await Installation.with(
        arguments: ["--agent", "demo", "--workers", "0"], environment: environment, starts: false
      ) { server in
        for name in ["acme/direct", "acme/through"] {
          _ = try await server.createRepository(name, root: root)
        }
        try await server.start()
        let address = server.url
        // The first of each is not counted: it opens connections.
        let direct = try await onThreads(clients) { n in
          let client = try DirectClient(forge)
          return try (0...submissions).map { try client.submit("direct-\(n)-\($0)") }.dropFirst()
            .map { $0 }
        }
        let through = try await onThreads(clients) { n in
          let client = try PlainHTTP(address)
          return try (0...submissions).map { try Self.submit("through-\(n)-\($0)", to: client) }
            .dropFirst().map { $0 }
        }
        report(one, through: through, direct: direct)
      }
    }
  }

  private func report(_ one: Case, through: [Double], direct: [Double]) {
    for (percent, most) in [(50, 3.0), (99, 20.0)] {
      let (value, limit) = (percentile(percent, of: through), percentile(percent, of: direct))
      Figure(
        name: "submit-\(one.latencyMs)ms-\(one.clients)-p\(percent)", value: value, unit: "ms",
        limit: limit, target: "<= \(Int(most)) ms more", met: value - limit <= most
      ).tell()
    }
  }

  /// - Returns: milliseconds.
  private static func submit(_ branch: String, to server: PlainHTTP) throws -> Double {
    let began = ContinuousClock.now
    let response = try server.call(
      "POST", "/api/personal-delegate",
      """
      {"owner":"acme","repo":"through","branchName":"\(branch)","taskTitle":"Add an export",\
      "objective":"User can export data","prTitle":"feat: export \(branch)"}
      """)
    guard response.status == 201 else {
      let text = String(decoding: response.body, as: UTF8.self)
      throw BenchFault(description: "a submission was answered \(response.status): \(text)")
    }
    return (ContinuousClock.now - began) / .milliseconds(1)
  }
}

/// Does with the forge what a submission needs, in the fewest rounds: what the pull request is made
/// from at once, then the branch, the commit and the pull request.
private struct DirectClient {
  private let connections: [PlainHTTP]

  init(_ url: String) throws {
    let headers = "Authorization: Bearer \(GatedInstallation.token)\r\nUser-Agent: bench\r\n"
    connections = try (0..<3).map { _ in try PlainHTTP(url, headers: headers) }
  }

  /// - Returns: milliseconds.
  func submit(_ branch: String) throws -> Double {
    let began = ContinuousClock.now
    let repository = "/repos/acme/direct"
    let reads = ["", "/git/ref/heads/main", "/contents/TASK.md?ref=main"]
    for (connection, target) in zip(connections, reads) {
      connection.send("GET", repository + target)
    }
    let answers = try connections.map { try $0.response() }
    guard let sha = Self.sha(in: answers[1].body) else {
      throw BenchFault(description: "the forge names no head of main")
    }
    try write("POST", "\(repository)/git/refs", #"{"ref":"refs/heads/\#(branch)","sha":"\#(sha)"}"#)
    // Different for each, as AIPM's is: the forge has the objects of an equal commit already.
    let task = Data("# Add an export\n\nUser can export data: \(branch).\n".utf8)
    try write(
      "PUT", "\(repository)/contents/TASK.md",
      #"{"message":"feat: export \#(branch)","content":"\#(task.base64EncodedString())","#
        + #""branch":"\#(branch)"}"#)
    try write(
      "POST", "\(repository)/pulls",
      #"{"title":"feat: export","head":"\#(branch)","base":"main","body":"","draft":false}"#)
    return (ContinuousClock.now - began) / .milliseconds(1)
  }

  private func write(_ method: String, _ target: String, _ body: String) throws {
    let response = try connections[0].call(method, target, body)
    guard response.status == 201 || response.status == 200 else {
      let text = String(decoding: response.body, as: UTF8.self)
      throw BenchFault(description: "\(method) \(target) was answered \(response.status): \(text)")
    }
  }

  private static func sha(in body: [UInt8]) -> String? {
    guard let key = body.firstRange(of: Array(#""sha":"#.utf8)) else { return nil }
    let value = body[key.upperBound...].drop { $0 != UInt8(ascii: "\"") }.dropFirst().prefix(40)
    return String(decoding: value, as: UTF8.self)
  }
}
