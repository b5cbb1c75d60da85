import Foundation
import TestKit
import Testing

/// That the benchmarks run and print what they should. What they measure here, in a debug build and
/// beside other tests, says nothing.
@Suite(.serialized) struct BenchTests {
  struct Line: Decodable {
    var name: String
    var value: Double
    var unit: String
    var target: String
    var met: Bool
  }

  @Test(arguments: [
    ("growth", ["delegations-queue-200", "step-retry-200"]),
    ("delegations", ["delegations-serial"]),
    ("store", ["store-64", "store-256-p99"]), ("submit", ["submit-0ms-2-p50"]),
    ("rounds", ["webhook-recorded-p99", "ask-dispatched-p99", "poll-20", "poll-20-free"]),
    ("memory", ["memory-at-rest", "ready-100-live"]),
    ("stream", ["stream-idle-reads", "stream-20", "stream-reads"]),
    ("access", ["token-check"]),
  ]) func aSmallRunPrintsEachFigure(command: String, names: [String]) async throws {
    let lines = try await run([command, "--quick"])
    #expect(Set(names).isSubset(of: lines.map(\.name)))
    for line in lines {
      #expect(line.value > 0, "\(line.name) measured nothing")
      #expect(!line.unit.isEmpty && !line.target.isEmpty)
    }
  }

  @Test func aSmallLogIsReplayedAndAsked() async throws {
    let data = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: data) }
    _ = try await output(of: ["generate-log", "--events", "2000", "--data", data])
    let replay = try await run([
      "replay", "--data", data, "--runs", "1", "--program", Program.aipmReplay,
    ])
    #expect(
      Set(replay.map(\.name)) == ["replay", "replay-checked", "replay-verify", "replay-memory"])
    #expect(replay.allSatisfy { $0.value > 0 })
    let audit = try await run(["audit", "--data", data, "--questions", "2"])
    #expect(audit.contains { $0.name == "audit-words" })
    #expect(audit.contains { $0.name == "audit-words-while-writing" })
  }

  private func run(_ arguments: [String]) async throws -> [Line] {
    let text = try await output(of: arguments)
    return try text.split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
  }

  private func output(of arguments: [String]) async throws -> String {
    try await withCheckedThrowingContinuation { caller in
      DispatchQueue.global().async {
        caller.resume(with: Result { try Self.output(of: arguments) })
      }
    }
  }

  /// Runs the program to its end.
  private static func output(of arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Program.bench)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return String(decoding: text, as: UTF8.self)
  }
}
