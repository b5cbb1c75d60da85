import ArgumentParser
import CSQLite
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
    let raw = try (0..<runs).map { _ in try rawScan() }.max() ?? 0
    let unchecked = try best(["--no-check"])
    Figure(
      name: "replay", value: unchecked.rate, unit: "events/s", limit: raw,
      target: ">= 1000000 events/s and >= 0.5 of a raw scan",
      met: unchecked.rate >= 1_000_000 && unchecked.rate >= raw / 2
    ).tell()
    let checked = try best([])
    Figure(
      name: "replay-checked", value: checked.rate, unit: "events/s", limit: raw,
      target: ">= 400000 events/s", met: checked.rate >= 400_000
    ).tell()
    let memory = max(unchecked.megabytes, checked.megabytes)
    Figure(
      name: "replay-memory", value: memory, unit: "MB", limit: nil, target: "< 200 MB",
      met: memory < 200
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

  /// Reads every column that a fold reads, and does nothing with it.
  /// - Returns: events a second.
  private func rawScan() throws -> Double {
    var handle: OpaquePointer?
    let path = data + "/aipm.db"
    guard sqlite3_open_v2(path, &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nil) == 0
    else { throw BenchFault(description: "\(path) cannot be opened") }
    defer { sqlite3_close_v2(handle) }
    var statement: OpaquePointer?
    guard
      sqlite3_prepare_v2(handle, "SELECT * FROM events ORDER BY position", -1, &statement, nil) == 0
    else { throw BenchFault(description: "\(path) holds no log") }
    defer { sqlite3_finalize(statement) }
    let started = ContinuousClock.now
    var events = 0
    var bytes = 0
    let columns = sqlite3_column_count(statement)
    while sqlite3_step(statement) == SQLITE_ROW {
      events += 1
      for column in 0..<columns {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_INTEGER: bytes &+= Int(sqlite3_column_int64(statement, column) & 7)
        case SQLITE_NULL: break
        default:
          _ = sqlite3_column_blob(statement, column)
          bytes &+= Int(sqlite3_column_bytes(statement, column))
        }
      }
    }
    let span = ContinuousClock.now - started
    guard bytes > 0 else { throw BenchFault(description: "\(path) holds no events") }
    return Double(events)
      / (Double(span.components.seconds) + Double(span.components.attoseconds) / 1e18)
  }
}
