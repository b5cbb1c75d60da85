// Writes a log and tells of each event once its append was answered: "POSITION HASH", a line each.
// It goes on until somebody kills it, which is what it is for.
//
//   log-writer FOLDER FIRST: delegations are numbered from FIRST on.

import Domain
import EventLog
import Glibc
import LogStories
import SQLiteEventStore
import Text

@main
struct LogWriter {
  private static let streams = 8

  static func main() async throws {
    guard CommandLine.arguments.count == 3, let first = Int(CommandLine.arguments[2]) else {
      exit(2)
    }
    let store = try SQLiteEventStore.open(
      directory: CommandLine.arguments[1],
      clock: { now() }, onCommit: { _ in })
    guard store.damage == nil else {
      tell("damaged: \(store.damage ?? "")\n")
      exit(1)
    }
    await withTaskGroup(of: Void.self) { group in
      for stream in 0..<streams {
        group.addTask {
          var n = first + stream
          while await live(n, in: store) { n += streams }
        }
      }
    }
    exit(1)
  }

  /// A good day of the `n`th delegation; false where the store took something else than all of it.
  private static func live(_ n: Int, in store: SQLiteEventStore) async -> Bool {
    for (index, event) in Story.goodDay(n).enumerated() {
      do throws(AppendFault) {
        for one in try await store.append(Story.append([event], to: n, after: Int64(index))) {
          tell("\(one.position) \(Hex.encode(one.hash))\n")
        }
      } catch {
        tell("refused: \(error)\n")
        return false
      }
    }
    return true
  }

  private static func tell(_ line: String) {
    let bytes = Array(line.utf8)
    // A line is shorter than what a pipe takes whole. Nobody reads any more: nothing to go on for.
    if write(STDOUT_FILENO, bytes, bytes.count) != bytes.count { exit(1) }
  }

  private static func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }
}
