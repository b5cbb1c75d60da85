// Runs the simulation of Tests/Simulation over many seeds, or one seed again and again.
//
//   swift run -c release simulate                      seeds 1 to 1000
//   swift run -c release simulate --seeds 5000 --first 1001
//   swift run -c release simulate --seed 17 --verbose  one seed, with its log
//   swift run -c release simulate --servers 2          several servers on one PostgreSQL
//   swift run -c release simulate --choices 1000000    the dispatcher against its model
//
// It exits with 1 where a seed breaks a rule, and prints the seed.

import ArgumentParser
import FoundationEssentials
import Glibc
import Simulation
import Workflows

@main
struct Simulate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Runs the engine in made-up worlds, many seeds of them.")

  @Option(help: "How many seeds.")
  var seeds = 1000

  @Option(help: "The first of them.")
  var first = 1

  @Option(help: "This seed alone.")
  var seed: Int?

  @Option(help: "Delegations of each world.")
  var delegations = 50

  @Option(help: "Servers on one PostgreSQL; without it one server has a log of its own.")
  var servers: Int?

  @Option(
    help: ArgumentHelp(
      "With several servers: leave this guard out, to see that a check fails.",
      valueName: Cluster.Guard.allCases.map(\.rawValue).joined(separator: "|")))
  var without: String?

  @Option(help: "With several servers: mean seconds between faults that come together.")
  var badDays: Int64 = 50

  @Option(help: "Virtual seconds in which faults happen.")
  var seconds: Int64 = 240

  @Option(help: "Worlds at a time (one for each core).")
  var width = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "Compare so many choices of the dispatcher with its model's, and run no world.")
  var choices: Int?

  @Flag(help: "Stop at the first seed that breaks a rule.")
  var stop = false

  @Flag(help: "Print each seed's report.")
  var verbose = false

  @Flag(help: "Print each event of the log as it is written (with --seed).")
  var log = false

  mutating func run() async throws {
    if let choices { return try compare(choices) }
    let catalog = try WorkflowCatalog(directory: nil)
    guard let workflow = catalog["personal-delegate"] else {
      throw ValidationError("the built-in workflow is missing")
    }
    var settings = World.Settings()
    settings.delegations = delegations
    settings.troubleMs = seconds * 1000
    settings.isLogging = log
    settings.cluster = try cluster()
    let began = ContinuousClock.now
    var (violations, total) = ([Violation](), Report())
    let range = seed.map { $0..<($0 + 1) } ?? first..<(first + seeds)
    let (isVerbose, stops) = (verbose, stop)
    await Seeds(settings: settings, workflow: workflow).run(range, width: width) { seed, result in
      switch result {
      case .success(let report):
        total.add(report)
        if isVerbose {
          let head = report.head.prefix(8).map { String($0, radix: 16) }.joined(separator: ".")
          say("seed \(seed): head \(head), \(report.line)")
        }
      case .failure(let violation):
        violations.append(violation)
        say("\(violation)")
        if stops { Glibc.exit(1) }
      }
    }
    let lasted = Double((ContinuousClock.now - began) / .milliseconds(1)) / 1000
    print("\(range.count) seeds in \(lasted) s: \(total.line)")
    guard violations.isEmpty else {
      print("\(violations.count) seeds break a rule; the first again: --seed \(violations[0].seed)")
      throw ExitCode(1)
    }
  }

  /// Nil for one server with a log of its own.
  private func cluster() throws -> Cluster.Settings? {
    guard servers != nil || without != nil else { return nil }
    let missing = without.map { Cluster.Guard(rawValue: $0) }
    if let missing, missing == nil { throw ValidationError("there is no such guard") }
    var cluster = Cluster.Settings(servers: servers ?? 2, without: missing ?? nil)
    cluster.badDaysMs = badDays * 1000
    return cluster
  }

  private func compare(_ wanted: Int) throws {
    let result = DispatcherCases.compare(choices: wanted, first: first)
    if let difference = result.difference {
      print("the dispatcher differs from its model: seed \(difference)")
      throw ExitCode(1)
    }
    print("\(result.choices) choices are the model's, \(result.pairings) pairings in them")
  }

  /// What was found stands, even where the run is ended before its time.
  private func say(_ line: String) {
    print(line)
    fflush(nil)
  }
}
