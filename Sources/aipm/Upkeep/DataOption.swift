import ArgumentParser
import EventLog
import FoundationEssentials
import Projections
import Stores
import Terminal
import Text

/// The data folder of a subcommand that works on its files.
struct DataOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The data folder (AIPM_DATA, else that of ./aipm.yaml, else ./.aipm).", valueName: "dir"),
    completion: .directory)
  var data: String?

  /// The folder that `aipm serve` would use.
  /// - Throws: `Failure` if the configuration file is invalid.
  var folder: String {
    get throws { try Self.folder(data) }
  }

  /// The store of that folder.
  var store: any StoreDriver {
    get throws { StoreAccess.driver(.folder(try folder)) }
  }

  /// - Parameter flag: the flag's value; if given, no file is read.
  static func folder(_ flag: String?) throws -> String {
    if let flag { return flag }
    let environment = ProcessInfo.processInfo.environment
    if let known = environment[Setting.data.variable], !known.isEmpty { return known }
    let settings = try ConfigurationOptions.parse([]).settingsOrFailure()
    return settings.text(.data) ?? Setting.data.standard
  }
}

extension Verification {
  /// For people: what was checked, and the errors.
  func say() {
    Terminal.say("events         \(Terminal.grouped(events)), each hash made again")
    Terminal.say("head           \(head.position) \(Hex.encode(head.hash))")
    for view in ViewName.allCases {
      Terminal.say(view.label + (digests[view]?.hex ?? ""))
    }
    for difference in comparison.differences {
      let last =
        difference.lastEvent.map { "last changed by event \($0)" } ?? "no event made it"
      Terminal.say("\(difference.key.view.rawValue) \(difference.key): \(last)".safe())
      Terminal.say("  by the log: \(difference.folded?.canonicalText.safe() ?? "no such row")")
      Terminal.say("  in view:    \(difference.live?.canonicalText.safe() ?? "no such row")")
    }
    for fault in faults { Terminal.complain("aipm: \(fault.safe())") }
  }

  var json: JSONValue {
    .object([
      "events": .integer(Int64(events)),
      "head": .object([
        "position": .integer(head.position), "hash": .string(Hex.encode(head.hash)),
      ]),
      "views": .object(
        Dictionary(uniqueKeysWithValues: digests.map { ($0.rawValue, .string($1.hex)) })),
      "identical": .bool(comparison.isIdentical), "sound": .bool(isSound),
      "differences": .array(comparison.differences.map(\.json)),
      "faults": .array(faults.map { .string($0) }),
    ])
  }
}
