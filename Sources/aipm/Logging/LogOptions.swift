import ArgumentParser
import Logging

/// How the log of a program is written.
struct LogOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The lines on standard error: text, json, or auto for text on a terminal and JSON elsewhere "
        + "(auto).", valueName: "format"))
  var logFormat: String?
  @Option(
    help: ArgumentHelp(
      "The least important lines that are written: debug, info, notice, warning, error (info).",
      valueName: "level"))
  var logLevel: String?

  func put(into flags: inout GivenFlags) {
    flags.put(.logFormat, logFormat)
    flags.put(.logLevel, logLevel)
  }

  /// The checked settings.
  struct Chosen {
    var format: LogFormat
    var level: Logger.Level

    /// Where lines are written.
    var lines: LogLines { LogLines(format) }
  }

  /// - Parameter standard: the level if none is set.
  /// - Throws: `Settings.Fault` with a remedy.
  static func read(_ settings: Settings, standard: Logger.Level = .info) throws -> Chosen {
    let levels = [Logger.Level.debug, .info, .notice, .warning, .error]
    let names = levels.map(\.rawValue).joined(separator: ", ")
    return Chosen(
      format: try settings.word(.logFormat, as: LogFormat.self) ?? .auto,
      level: try settings.value(.logLevel, form: "write one of \(names)") { text in
        levels.first { $0.rawValue == text }
      } ?? standard)
  }
}
