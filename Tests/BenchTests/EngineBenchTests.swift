import Foundation
import Testing

/// That the measurements of the engine run and say what they should; what they measure here, in a
/// build for debugging and beside other tests, says nothing.
@Suite struct EngineBenchTests {
  struct Line: Decodable {
    var name: String
    var value: Double
    var unit: String
    var target: String
    var met: Bool
  }

  @Test(arguments: [
    ("growth", "delegations-queue-200"), ("growth", "step-retry-200"),
    ("delegations", "delegations-serial"),
  ]) func aSmallRunTellsEachFigure(command: String, name: String) async throws {
    let lines = try await run(command)
    #expect(lines.contains { $0.name == name })
    for line in lines {
      #expect(line.value > 0, "\(line.name) measured nothing")
      #expect(!line.unit.isEmpty && !line.target.isEmpty)
    }
  }

  private func run(_ command: String) async throws -> [Line] {
    let text = try await withCheckedThrowingContinuation { caller in
      DispatchQueue.global().async {
        caller.resume(with: Result { try Self.output(of: [command, "--quick"]) })
      }
    }
    return try text.split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
  }

  /// Runs the program to its end.
  private static func output(of arguments: [String]) throws -> String {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent()
      .appendingPathComponent("aipm-bench")
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
