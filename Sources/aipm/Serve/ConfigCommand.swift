import ArgumentParser
import EventLog
import OpenID
import Projections
import Telemetry
import Terminal
import Text

struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Shows the settings and the source of each value.",
    subcommands: [Show.self])

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints every setting that `aipm serve` would run with, and its source.",
      discussion: """
        It takes the flags of `aipm serve` and reads the same environment and configuration file. \
        The source is a flag, a variable, a location in the file, a credential of the service \
        manager, or the default. Secrets are masked. Exit code 2 if a value is invalid.

        Examples:
          aipm config show
          aipm config show --env production --json
        """)

    @OptionGroup var serve: Serve
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let settings = try serve.settings()
      let values = try EffectiveSettings(settings)
      if output.json {
        values.json.printLine()
      } else {
        values.say()
      }
      _ = try serve.options(settings)
    }
  }
}

/// The effective value of each setting, for display.
struct EffectiveSettings {
  private struct Row {
    var name: String
    var value: String
    /// `flag`, `variable`, `file`, `credential` or `default`.
    var source: String
    /// The flag, the variable, the location or the credential; nil for a default.
    var location: String?
  }

  /// The variables of secrets, which are never in the configuration file.
  static let secretVariables =
    ForgeSettings.secretVariables + ["AIPM_WEBHOOK_SECRET", OpenIDSettings.secretVariable]
    + NotificationSettings.secretVariables

  private var rows: [Row]
  private let file: ConfigurationFile?

  init(_ settings: Settings) throws {
    file = settings.file
    // A command may contain a token, too.
    let secrets = Self.secretVariables.compactMap { settings.secret($0) }
    let mask = try SecretMask(secrets: secrets, patterns: [])
    let forge = try? ForgeSettings(settings)
    rows = Setting.allCases.map { setting in
      guard let found = settings.find(setting) else {
        let system = "SSL_CERT_FILE"
        if setting == .caFile, let value = settings.secret(system) {
          return Row(name: setting.rawValue, value: value, source: "variable", location: system)
        }
        let value = forge.flatMap { Self.derived(setting, $0) } ?? setting.standard
        return Row(name: setting.rawValue, value: value, source: "default", location: nil)
      }
      let shown = setting == .store ? StoreAddress(found.value)?.shown : nil
      var row = Row(
        name: setting.rawValue, value: shown ?? mask.masked(found.value), source: "flag",
        location: found.name)
      switch found.origin {
      case .flag: break
      case .variable: row.source = "variable"
      case .file(let location): (row.source, row.location) = ("file", location)
      case .credential(let name): (row.source, row.location) = ("credential", name)
      }
      return row
    }
    for variable in Self.secretVariables {
      let name = ServiceCredentials.name(of: variable)
      var row = Row(name: name, value: "none", source: "default", location: nil)
      if let found = settings.findSecret(variable) {
        row.value = "***"
        switch found.origin {
        case .credential(let name): (row.source, row.location) = ("credential", name)
        case _: (row.source, row.location) = ("variable", variable)
        }
      }
      rows.append(row)
    }
    // Those of OpenTelemetry are shown if they are set: most are not for this program alone.
    for variable in TelemetrySettings.plainVariables {
      guard let value = settings.secret(variable) else { continue }
      rows.append(Self.row(of: variable, mask.masked(value)))
    }
    for variable in TelemetrySettings.secretVariables {
      guard settings.secret(variable) != nil else { continue }
      rows.append(Self.row(of: variable, "***"))
    }
  }

  /// The row of a variable of OpenTelemetry that is set.
  private static func row(of variable: String, _ shown: String) -> Row {
    Row(
      name: variable.lowercased().replacing("_", with: "-"), value: shown, source: "variable",
      location: variable)
  }

  /// A default that depends on other settings.
  private static func derived(_ setting: Setting, _ forge: ForgeSettings) -> String? {
    switch setting {
    case .forge: return forge.kind.rawValue
    case .forgePace: return forge.pace.rawValue
    case _: return nil
    }
  }

  /// The settings that are no defaults, secrets masked.
  var chosen: [(name: String, value: String)] {
    rows.filter { $0.source != "default" }.map { ($0.name, $0.value) }
  }

  func say() {
    let section = file.map { ", section \($0.section)" } ?? ""
    Terminal.complain("configuration file: \(file?.path ?? "none")\(section)".safe())
    Terminal.table(
      ["SETTING", "VALUE", "FROM"],
      rows.map { row in
        let location = row.location.map { row.source == "file" ? "\($0)\(section)" : $0 }
        return [row.name, row.value.safe(), (location ?? row.source).safe()]
      })
  }

  var json: JSONValue {
    .object([
      "file": file.map { .string($0.path) } ?? .null,
      "section": file.map { .string($0.section) } ?? .null,
      "settings": .array(
        rows.map { row in
          .object([
            "name": .string(row.name), "value": .string(row.value),
            "source": .string(row.source), "from": row.location.map { .string($0) } ?? .null,
          ])
        }),
    ])
  }
}
