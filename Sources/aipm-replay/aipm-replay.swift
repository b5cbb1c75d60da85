// aipm-replay rebuilds the views from the log alone. It links nothing that could reach a forge, an
// agent or a worker, so a replay has no effects: the build proves it.
//
// Guarantees: it opens the log for reading and blocks no server. Its output comes from the log,
// folded by the server's own projector, and every hash is computed again. Only `--rebuild` writes,
// and only views: under the folder's lock if no server runs, else by a request to the server.
//
// Failures: exit 1 if the log or the views are incorrect, 2 for wrong usage, 3 if the log or
// delegation does not exist.

import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import Glibc
import Projections
import Stores
import Terminal

@main
struct Replay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aipm-replay",
    abstract: "Folds the event log of AIPM again, and reports the result.",
    discussion: """
      Reads only, but for --rebuild; safe beside a running server. Exit codes: 0 all is well, 1 \
      the log is corrupt or the views differ, 2 wrong usage, 3 no such log \
      or delegation.
      """)

  @Option(help: "The data folder (AIPM_DATA; default ./.aipm).")
  var data: String?

  @Option(
    help: ArgumentHelp(
      "The database with the log, as for `aipm serve` (AIPM_STORE; default: in the data folder).",
      valueName: "url"))
  var store: String?

  @Option(help: ArgumentHelp("An export instead of a data folder.", valueName: "file.jsonl"))
  var log: String?

  @Flag(help: "Compare with the live views, also while a server runs.")
  var verify = false

  @Flag(
    help: """
      Rebuild the views and swap them in: by itself if no server runs, else by the server.
      """)
  var rebuild = false

  @Flag(inversion: .prefixedNo, help: "Check the hashes, versions and positions on the way.")
  var check = true

  @Option(help: ArgumentHelp("The state as of then.", valueName: "position|time"))
  var until: LogBound?

  @Option(
    help: ArgumentHelp("One delegation, event by event.", valueName: "ref"),
    transform: { text in
      guard let reference = DelegationReference(text) else {
        throw ValidationError("\(text) is not an id, confirmation code or OWNER/REPO#NUMBER")
      }
      return reference
    })
  var delegation: DelegationReference?

  @Option(
    help: ArgumentHelp(
      "Print this view as folded: \(ViewName.allCases.map(\.rawValue).joined(separator: ", "))."))
  var view: ViewName?

  @Flag(help: "The result as one JSON object.")
  var json = false

  func validate() throws {
    if log != nil, data != nil || store != nil {
      throw ValidationError("--log takes the place of --data and --store")
    }
    if let store {
      guard let address = StoreAddress(store) else {
        throw ValidationError("--store is no address: write postgresql://USER@HOST/DATABASE")
      }
      guard address.passwords.isEmpty else {
        throw ValidationError(
          "--store contains a password, which others could read: use PGPASSFILE or AIPM_STORE")
      }
    }
    if verify, log != nil {
      throw ValidationError("an export has no live views: --verify needs a data folder")
    }
    if verify, until != nil {
      throw ValidationError("the live views are at the head: --verify goes without --until")
    }
    if rebuild, log != nil || until != nil || delegation != nil || view != nil || verify || !check {
      throw ValidationError("--rebuild goes with nothing but --data and --json")
    }
    if delegation != nil, view != nil || verify {
      throw ValidationError("--delegation goes with neither --view nor --verify")
    }
  }

  func run() async throws {
    if rebuild { return try await runRebuild() }
    let source = try openSource()
    if let delegation {
      let history = try await History(reference: delegation, source: source, until: until)
      return try history.print(json: json)
    }
    let started = ContinuousClock.now
    let progress = ProgressBar("events", total: try await source.length(), started: started)
    let plan = ReplayPlan(isChecking: check, end: until, comparesViews: verify)
    let replayed = try await source.replay(plan) { progress.show($0) }
    progress.end()
    let report = Report(
      fold: replayed.fold, isChecked: check, isWhole: until == nil,
      comparison: replayed.comparison, duration: ContinuousClock.now - started)
    try report.print(view: view, json: json)
    if !report.isSound { throw ExitCode(1) }
  }

  private func runRebuild() async throws {
    let progress = ProgressBar("events", total: try await driver.reader().head().position)
    let rebuilt = try await Rebuilt.make(in: folder, of: driver) { progress.show($0) }
    progress.end()
    try rebuilt.print(json: json)
  }

  private var folder: String {
    let environment = ProcessInfo.processInfo.environment["AIPM_DATA"]
    return data ?? environment.flatMap { $0.isEmpty ? nil : $0 } ?? ".aipm"
  }

  private func openSource() throws -> Source {
    if let log {
      guard access(log, R_OK) == 0 else { throw NotFound(what: "cannot read \(log)") }
      return .export(try ExportFile(path: log))
    }
    return .store(try driver.reader())
  }

  private var driver: any StoreDriver {
    let environment = ProcessInfo.processInfo.environment["AIPM_STORE"] ?? ""
    let address = store ?? (environment.isEmpty ? nil : environment)
    return StoreAccess.driver(
      address.map { .postgreSQL(address: $0, folder: folder) } ?? .folder(folder))
  }

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var replay = command as? any AsyncParsableCommand {
        try await replay.run()
      } else {
        try command.run()
      }
      if Terminal.outputFailure != nil { end("aipm-replay: the output could not be written", 1) }
    } catch let missing as NotFound {
      end("aipm-replay: \(missing.what)", 3)
    } catch let missing as NoLog {
      end("aipm-replay: \(missing)", 3)
    } catch  where error is StoreFault || error is CodecFault {
      end("aipm-replay: \(error)", 1)
    } catch let code as ExitCode {
      Glibc.exit(code.rawValue)
    } catch {
      // Help and version are not errors. All other parse errors are wrong usage.
      if exitCode(for: error) == .success { exit(withError: error) }
      let message = fullMessage(for: error)
      let start = message.hasPrefix("Error: ") ? "Error: ".count : 0
      end("aipm-replay: \(message.dropFirst(start))", 2)
    }
  }

  private static func end(_ message: String, _ code: Int32) -> Never {
    Terminal.complain(message)
    Glibc.exit(code)
  }
}

/// A log or delegation that does not exist.
struct NotFound: Error {
  var what: String
}

extension LogBound: ExpressibleByArgument {
  /// Reads a position or a time.
  package init?(argument: String) {
    if let position = Int64(argument), position >= 0 {
      self = .position(position)
    } else if let time = Timestamp(iso8601: argument) {
      self = .time(time)
    } else {
      return nil
    }
  }
}

extension ViewName: ExpressibleByArgument {}
