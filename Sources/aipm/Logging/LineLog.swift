import Domain
import EventLog
import Logging
import Synchronization
import SystemCalls
import Terminal
import Text

/// How log lines are written.
enum LogFormat: String, CaseIterable {
  /// Text on a terminal, JSON elsewhere.
  case auto
  case text
  case json

  /// Whether lines are JSON.
  var isJSON: Bool {
    switch self {
    case .auto: !Terminal.hasTerminalForMessages
    case .text: false
    case .json: true
    }
  }
}

/// Writes a log to standard error, one line for each entry, whole and at once. Known secrets are
/// masked.
final class LogLines: Sendable {
  private let isJSON: Bool
  private let mask = Mutex<SecretMask?>(nil)

  init(_ format: LogFormat) { isJSON = format.isJSON }

  /// From now on, these secrets are masked.
  func use(_ mask: SecretMask) { self.mask.withLock { $0 = mask } }

  /// A logger that writes here.
  /// - Parameter label: the program's part.
  func logger(_ label: String, level: Logger.Level) -> Logger {
    var logger = Logger(label: label) { _ in LineLog(lines: self, label: label) }
    logger.logLevel = level
    return logger
  }

  /// Writes an entry.
  /// - Parameter fields: what belongs to it, in the order of a text line.
  func write(
    _ label: String, _ level: Logger.Level, _ message: String, _ fields: [(String, JSONValue)]
  ) {
    // Before the texts are encoded: a secret may have characters that JSON escapes.
    let mask = mask.withLock { $0 }
    let message = mask?.masked(message) ?? message
    let fields = fields.map { name, value in (name, mask.map { value.masked($0) } ?? value) }
    let line =
      isJSON
      ? Self.json(label, level, message, fields) : Self.text(label, level, message, fields)
    Terminal.complain(line)
  }

  private static func json(
    _ label: String, _ level: Logger.Level, _ message: String, _ fields: [(String, JSONValue)]
  ) -> String {
    var object = Dictionary(fields) { first, _ in first }
    object["time"] = .string(SystemClock.wall().iso8601)
    object["level"] = .string(level.rawValue)
    object["logger"] = .string(label)
    object["message"] = .string(message)
    return JSONValue.object(object).canonicalText
  }

  private static func text(
    _ label: String, _ level: Logger.Level, _ message: String, _ fields: [(String, JSONValue)]
  ) -> String {
    let pairs = fields.map { name, value in
      let text = value.stringValue ?? value.canonicalText
      let isPlain = text.utf8.allSatisfy {
        $0 > UInt8(ascii: " ") && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
      }
      return " \(name)=\(isPlain && !text.isEmpty ? text : JSONValue.string(text).canonicalText)"
    }
    let time = LocalTime.zoned(SystemClock.wall(), withFraction: true)
    return "\(time) \(label) \(level.rawValue): \(message)\(pairs.joined())".safe()
  }
}

extension JSONValue {
  /// The value with the secrets in its texts masked.
  fileprivate func masked(_ mask: SecretMask) -> JSONValue {
    switch self {
    case .string(let text): .string(mask.masked(text))
    case .array(let items): .array(items.map { $0.masked(mask) })
    case .object(let members): .object(members.mapValues { $0.masked(mask) })
    case _: self
    }
  }
}

/// The handler of one logger.
private struct LineLog: LogHandler {
  let lines: LogLines
  let label: String
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  var logLevel = Logger.Level.info

  subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let own = metadata.merging(event.metadata ?? [:]) { $1 }
    let fields = own.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string("\($0.value)")) }
    lines.write(label, event.level, event.message.description, fields)
  }
}
