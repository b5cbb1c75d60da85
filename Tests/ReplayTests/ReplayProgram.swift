import Domain
import EventLog
import Foundation
import LogStories
import SQLite
import SQLiteEventStore
import Text

/// What a run of the built `aipm-replay` came to.
struct Run {
  var code: Int32
  var output: String
  var errors: String

  var lines: [String] { output.split(separator: "\n").map(String.init) }
  func json() throws -> JSONValue { try Lenient.json(output) }
}

enum ReplayProgram {
  static func run(
    _ arguments: String..., environment: [String: String] = [:]
  ) async throws -> Run {
    try await run(all: arguments, environment: environment)
  }

  /// Runs it to its end, waiting for it on no thread of the tests' own.
  static func run(
    all arguments: [String], environment: [String: String] = [:]
  ) async throws -> Run {
    try await withCheckedThrowingContinuation { caller in
      DispatchQueue.global().async {
        caller.resume(with: Result { try runBlocking(arguments, environment) })
      }
    }
  }

  private static func runBlocking(
    _ arguments: [String], _ environment: [String: String]
  ) throws -> Run {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent()
      .appendingPathComponent("aipm-replay")
    process.arguments = arguments
    process.environment = environment
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    // What it says of errors fits a pipe; its output may not, and is read to its end first.
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let words = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Run(
      code: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
      errors: String(decoding: words, as: UTF8.self))
  }
}

/// The program's output holds numbers that are not whole; the tests want none of those.
enum Lenient {
  static func json(_ text: String) throws -> JSONValue {
    let whole = text.replacing(/: (\d+)\.\d+(?:e-?\d+)?/) { ": \($0.output.1)" }
    return try JSONValue(json: Array(whole.replacing(/: \d+e-\d+/) { _ in ": 0" }.utf8))
  }
}

/// A data folder with a log: two delegations and a worker, then whatever a test adds.
final class DataFolder: Sendable {
  let path = NSTemporaryDirectory() + "aipm-replay-" + UUID().uuidString
  let events: [RecordedEvent]

  init(_ appends: [Append]? = nil) async throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let clock = HandClock()
    let store = try SQLiteEventStore.open(
      directory: path, clock: { clock.now }, onCommit: { _ in })
    var events: [RecordedEvent] = []
    for append in appends ?? Self.usual {
      clock.step(1000)
      events += try await store.append(append)
    }
    self.events = events
    await store.close()
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  static let usual: [Append] =
    [Story.append([Story.registered])]
    + Story.goodDay(1).enumerated().map { Story.append([$1], to: 1, after: Int64($0)) }
    + Story.goodDay(2, to: .dispatched).enumerated().map {
      Story.append([$1], to: 2, after: Int64($0))
    }

  /// Changes the database as another program would.
  func edit(_ sql: String) throws {
    try Database(path: path + "/aipm.db", mode: .readWriteCreate).execute(sql)
  }

  /// Writes the log as `aipm export` does.
  func export(to name: String, change: (inout [String]) -> Void = { _ in }) throws -> String {
    var lines = events.map(\.json.canonicalText)
    change(&lines)
    let file = path + "/" + name
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: file, atomically: false, encoding: .utf8)
    return file
  }
}
