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

  /// - Parameter flag: the flag's value; if given, no file is read.
  static func folder(_ flag: String?) throws -> String {
    if let flag { return flag }
    let environment = ProcessInfo.processInfo.environment
    if let known = environment[Setting.data.variable], !known.isEmpty { return known }
    let settings = try ConfigurationOptions.parse([]).settingsOrFailure()
    return settings.text(.data) ?? Setting.data.standard
  }
}

/// The store of a subcommand: that of the data folder, or a database that is named.
struct StoreOption: ParsableArguments {
  @OptionGroup var place: DataOption
  @Option(
    help: ArgumentHelp(
      "Where the log is, as for `aipm serve` (AIPM_STORE, else the data folder).", valueName: "url")
  )
  var store: String?

  /// The flag's value.
  var data: String? { place.data }
  /// The folder that `aipm serve` would use.
  var folder: String {
    get throws { try place.folder }
  }

  /// The store that `aipm serve` would use.
  /// - Throws: `ValidationError` if the configuration file or the address is invalid.
  var driver: any StoreDriver {
    get throws {
      var flags = GivenFlags()
      flags.put(.store, store)
      let settings = try ConfigurationOptions.parse([]).settingsOrFailure(flags: flags)
      do {
        return StoreAccess.driver(try settings.storeLocation(in: try folder))
      } catch let fault as Settings.Fault {
        throw ValidationError(fault.description)
      }
    }
  }
}

extension Settings {
  /// The address of the database server with the log; nil if the log is in the data folder.
  /// - Throws: `Fault` if it is no address, or others could see its password.
  func storeAddress() throws -> StoreAddress? {
    guard let found = find(.store) else { return nil }
    guard let address = StoreAddress(found.value) else {
      throw Fault(
        description: "\(found.name) is not an address of a database: write "
          + "postgresql://USER@HOST[:PORT][,HOST[:PORT]…]/DATABASE")
    }
    switch found.origin {
    case .variable, .credential: return address
    case .flag, .file:
      guard address.passwords.isEmpty else {
        throw Fault(
          description: "\(found.name) contains a password, which others could read there: leave it "
            + "out, and use PGPASSFILE (or ~/.pgpass), or set \(Setting.store.variable)")
      }
      return address
    }
  }

  /// The store with this data folder.
  func storeLocation(in folder: String) throws -> StoreLocation {
    try storeAddress().map { .postgreSQL(address: $0.text, folder: folder) } ?? .folder(folder)
  }
}

extension ServeOptions {
  /// The store with this data folder.
  func location(in folder: String) -> StoreLocation {
    store.map { .postgreSQL(address: $0.text, folder: folder) } ?? .folder(folder)
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
