// aipm-replay makes the views again from the log alone. It links nothing that could reach a forge,
// an agent or a worker, so a replay has no effects: the build proves it.
//
// What it promises: it opens the log for reading and makes no server wait; what it says is the
// log's own, folded by the same projector as the server's, with every hash made again on the way.
// How it fails: exit 1 where the log or the views are not what they should be, 2 where it was
// called wrongly, 3 where there is no such log or delegation.

import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import Glibc
import Projections
import SQLiteEventStore

@main
struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aipm-replay",
    abstract: "Folds the event log of AIPM again, and says what comes of it.",
    discussion: """
      Reads only; safe beside a running server. Exit codes: 0 all is well, 1 the log is hurt or \
      the views differ, 2 wrong usage, 3 no such log or delegation.
      """)

  @Option(help: "The data folder (AIPM_DATA; default ./.aipm).")
  var data: String?

  @Option(help: ArgumentHelp("An export in place of a data folder.", valueName: "file.jsonl"))
  var log: String?

  @Flag(help: "Compare with the live views, also while a server runs.")
  var verify = false

  @Flag(inversion: .prefixedNo, help: "Check the hashes, versions and positions on the way.")
  var check = true

  @Option(help: ArgumentHelp("The state as of then.", valueName: "position|time"))
  var until: Until?

  @Option(
    help: ArgumentHelp("One delegation, event by event.", valueName: "ref"),
    transform: { text in
      guard let reference = DelegationReference(text) else {
        throw ValidationError("\(text) is no id, confirmation code or OWNER/REPO#NUMBER")
      }
      return reference
    })
  var delegation: DelegationReference?

  @Option(help: "Print this view as folded: delegations, pull-requests or workers.")
  var view: ViewName?

  @Flag(help: "The result as one JSON object.")
  var json = false

  func validate() throws {
    if log != nil, data != nil { throw ValidationError("--log takes the place of --data") }
    if verify, log != nil {
      throw ValidationError("an export has no live views: --verify needs a data folder")
    }
    if verify, until != nil {
      throw ValidationError("the live views stand at the head: --verify goes without --until")
    }
    if delegation != nil, view != nil || verify {
      throw ValidationError("--delegation goes with neither --view nor --verify")
    }
  }

  func run() throws {
    let source = try openSource()
    if let delegation {
      return try History(reference: delegation, source: source, until: until).print(json: json)
    }
    let started = ContinuousClock.now
    var fold = LogFold(isChecking: check)
    var progress = Progress(total: try source.length(), started: started)
    try source.scan { event in
      if let until, !until.includes(event) { return false }
      fold.take(event)
      progress.show(fold.events)
      return true
    }
    var comparison: Comparison?
    if verify, case .folder(let file) = source { comparison = try file.compare(with: &fold) }
    progress.end()
    let report = Report(
      fold: fold, isChecked: check, isWhole: until == nil, comparison: comparison,
      duration: ContinuousClock.now - started)
    try report.print(view: view, json: json)
    if !report.isSound { throw ExitCode(1) }
  }

  private func openSource() throws -> Source {
    if let log { return .export(try Export(path: log)) }
    let environment = ProcessInfo.processInfo.environment["AIPM_DATA"]
    let directory = data ?? environment.flatMap { $0.isEmpty ? nil : $0 } ?? ".aipm"
    guard let file = try LogFile.find(directory: directory) else {
      throw NotFound(what: "there is no log in \(directory): no file aipm.db")
    }
    return .folder(file)
  }

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let missing as NotFound {
      end("aipm-replay: \(missing.what)", 3)
    } catch let fault as StoreFault {
      end("aipm-replay: \(fault)", 1)
    } catch let fault as CodecFault {
      end("aipm-replay: \(fault)", 1)
    } catch let code as ExitCode {
      Glibc.exit(code.rawValue)
    } catch {
      // Help and version are no faults; everything else that parsing throws is wrong usage.
      if exitCode(for: error) == .success { exit(withError: error) }
      end(fullMessage(for: error), 2)
    }
  }

  private static func end(_ message: String, _ code: Int32) -> Never {
    Output.error(message)
    Glibc.exit(code)
  }
}

/// There is no such thing.
struct NotFound: Error {
  var what: String
}

/// Where a replay ends.
enum Until: ExpressibleByArgument {
  case position(Int64)
  case time(Timestamp)

  init?(argument: String) {
    if let position = Int64(argument), position >= 0 {
      self = .position(position)
    } else if let time = Timestamp(iso8601: argument) {
      self = .time(time)
    } else {
      return nil
    }
  }

  func includes(_ event: StoredEvent) -> Bool {
    switch self {
    case .position(let last): event.position <= last
    case .time(let last): event.time <= last
    }
  }
}

extension ViewName: ExpressibleByArgument {}
