import ArgumentParser
import CStoreReference
import EventLog
import FoundationEssentials
import Glibc

struct Replay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "How fast `aipm-replay` folds a log, beside a raw scan by libsqlite3.")

  @Option(help: "A data folder.")
  var data: String
  @Option(help: "The aipm-replay to measure.")
  var program: String
  @Option(help: "The best of how many runs.")
  var runs = 3

  func run() async throws {
    let unchecked = try best(["--no-check"])
    tell("replay", unchecked.rate, beside: try scan(hashes: false))
    let checked = try best([])
    tell("replay-checked", checked.rate, beside: try scan(hashes: true))
    let verified = try best(["--verify"])
    Figure(
      name: "replay-verify", value: verified.rate, unit: "events/s", limit: nil,
      target: ">= 500000 events/s", met: verified.rate >= 500_000
    ).tell()
    let memory = max(unchecked.megabytes, checked.megabytes, verified.megabytes)
    Figure(
      name: "replay-memory", value: memory, unit: "MB", limit: nil, target: "< 200 MB",
      met: memory < 200
    ).tell()
  }

  private func tell(_ name: String, _ rate: Double, beside limit: Double) {
    Figure(
      name: name, value: rate, unit: "events/s", limit: limit,
      target: ">= 1.2 of a scan by one thread", met: rate >= limit * 1.2
    ).tell()
  }

  private func best(_ options: [String]) throws -> (rate: Double, megabytes: Double) {
    let all = try (0..<runs).map { _ in try measure(options) }
    return (all.map(\.rate).max() ?? 0, all.map(\.megabytes).max() ?? 0)
  }

  /// Runs the program to its end.
  /// - Returns: what it says of its speed, and the most memory that it had.
  private func measure(_ options: [String]) throws -> (rate: Double, megabytes: Double) {
    let output = data + "/bench-output.json"
    defer { unlink(output) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(
      &actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var arguments = ([program, "--data", data, "--json"] + options).map { strdup($0) }
    defer { for argument in arguments { free(argument) } }
    arguments.append(nil)
    var pid: pid_t = 0
    guard posix_spawn(&pid, program, &actions, nil, arguments, environ) == 0 else {
      throw BenchFault(description: "\(program) could not be started")
    }
    var state: Int32 = 0
    var usage = rusage()
    guard wait4(pid, &state, 0, &usage) == pid, state == 0 else {
      throw BenchFault(description: "\(program) \(options) ended with \(state)")
    }
    let text = try String(contentsOfFile: output, encoding: .utf8)
    struct Answer: Decodable { var eventsPerSecond: Double }
    let answer = try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
    return (answer.eventsPerSecond, Double(usage.ru_maxrss) / 1024)
  }

  /// Reads every column, and does nothing with it.
  /// - Parameter hashes: whether it makes the two hashes of each event that a check needs.
  /// - Returns: events a second, of the fastest run.
  private func scan(hashes: Bool) throws -> Double {
    try (0..<runs).map { _ in
      var result = store_reference_result()
      let code = store_reference_scan(data + "/aipm.db", hashes ? 1 : 0, &result)
      guard code == 0, result.appends > 0 else {
        throw BenchFault(description: "the log cannot be scanned: \(result.reason)")
      }
      return Double(result.appends) / result.seconds
    }.max() ?? 0
  }
}
