import ArgumentParser
import Domain
import Processes
import TestKit

/// What it costs a request that its sender has a token.
struct AccessCosts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "access", abstract: "The time to check a token.")

  @Flag(help: "Small numbers, to see that it runs; what it measures says nothing.")
  var quick = false

  private var rounds: Int { quick ? 4 : 60 }
  private var requests: Int { quick ? 50 : 1000 }
  /// Tokens that the server knows besides the one that is sent.
  private static let others = 100

  func run() async throws {
    let arguments = MemoryCosts.arguments + ["--access", "token", "--request-rate", "1000000"]
    try await Installation.with(arguments: arguments) { server in
      for n in 0..<(quick ? 2 : Self.others) { _ = try await server.createToken("other-\(n)") }
      let made = try await server.aipm(["token", "create", "bench", "--role", "support"])
      let token = made.outputText.filter { !$0.isNewline }
      let (url, rounds, requests) = (server.url, rounds, requests)
      let differences = try await onThreads(1) { _ in
        let plain = try PlainHTTP(url)
        let known = try PlainHTTP(url, headers: "Authorization: Bearer \(token)\r\n")
        // Without a token the route answers as well, so the difference is the check alone.
        return try (0..<rounds).map { _ in
          try Self.microseconds(known, requests) - Self.microseconds(plain, requests)
        }
      }
      let value = max(percentile(50, of: differences), 0.001)
      Figure(
        name: "token-check", value: value, unit: "us median", limit: nil, target: "<= 50 us",
        met: value <= 50
      ).tell()
    }
  }

  /// The mean time of a request.
  private static func microseconds(_ client: PlainHTTP, _ count: Int) throws -> Double {
    let began = ContinuousClock.now
    for _ in 0..<count {
      guard try client.call("GET", "/healthz").status == 200 else {
        throw BenchFault(description: "a request was refused")
      }
    }
    return (ContinuousClock.now - began) / .microseconds(1) / Double(count)
  }
}
