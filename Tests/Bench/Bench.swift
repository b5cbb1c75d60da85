// Measures the log and the engine in a release build, and makes the logs that are measured:
// `tools/bench` is its door. What is fast is told beside what the machine can do at best, as a
// ratio from one run, so that a slow machine does not look like a slow program.

import ArgumentParser
import EventLog
import FoundationEssentials
import Glibc
import Processes

@main
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aipm-bench", abstract: "Benchmarks of the log, the engine and agents' way out.",
    subcommands: onPostgreSQL + [
      GenerateLog.self, StoreCosts.self, Replay.self, Audits.self, Delegations.self, Growth.self,
      Masking.self,
      EgressFigures.self, SubmitCosts.self, RoundCosts.self, MemoryCosts.self, StreamCosts.self,
      AccessCosts.self,
    ])

  private static let onPostgreSQL: [any ParsableCommand.Type] = {
    #if PostgreSQL
    [PostgreSQLStoreCosts.self, PostgreSQLDelegations.self]
    #else
    []
    #endif
  }()

  /// Measures with the same allocator as a server.
  static func main() async {
    Memory.configure()
    await main(nil)
  }
}

/// One figure, as `tools/bench` tells it.
struct Figure {
  var name: String
  var value: Double
  var unit: String
  /// What it is measured against, in the same unit; nil where that is the target alone.
  var limit: Double?
  var target: String
  var met: Bool

  func tell() {
    func text(_ number: Double) -> String {
      let thousandths = Int((number * 1000).rounded())
      let rest = String(abs(thousandths) % 1000)
      let zeros = String(repeating: "0", count: 3 - rest.count)
      return "\(thousandths / 1000).\(zeros)\(rest)"
    }
    let ratio = limit.map { text(value / max($0, 1e-9)) } ?? "null"
    print(
      """
      {"name":"\(name)","value":\(text(value)),"unit":"\(unit)",\
      "limit":\(limit.map(text) ?? "null"),"ratio":\(ratio),"target":"\(target)","met":\(met)}
      """)
    fflush(nil)
  }
}

struct BenchFault: Error, CustomStringConvertible {
  var description: String
}
