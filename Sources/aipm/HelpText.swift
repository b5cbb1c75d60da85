import FoundationEssentials
import Terminal

/// The help of subcommands. The parser of arguments breaks all lines at words but those of the
/// usage, which may be long.
enum HelpText {
  private static let usages = ["USAGE: ", "Usage: "]
  /// The options of `config show` are those of `serve`, so the parser takes both for subcommands.
  private static let wrongPath = "aipm config serve show"
  private static let columnsMin = 40

  /// The width of the help, as the parser of arguments has it.
  static var columns: Int {
    let set = ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) }
    return max(columnsMin, set ?? Terminal.width)
  }

  /// A message of the parser with the right name of the subcommand.
  static func corrected(_ message: String) -> String {
    message.replacing(wrongPath, with: "aipm config show")
  }

  /// Breaks the line of the usage between options.
  static func wrapped(_ help: String, columns: Int) -> String {
    help.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      usages.contains(where: line.hasPrefix) && line.count > columns
        ? broken(line, columns) : String(line)
    }.joined(separator: "\n")
  }

  private static func broken(_ line: Substring, _ columns: Int) -> String {
    let margin = String(repeating: " ", count: usages[0].count)
    var lines: [String] = []
    var current = ""
    for part in parts(line) {
      if !current.isEmpty, current.count + 1 + part.count > columns {
        lines.append(current)
        current = margin + part
      } else {
        current += (current.isEmpty ? "" : " ") + part
      }
    }
    return (lines + [current]).joined(separator: "\n")
  }

  /// The words; one in brackets stays together.
  private static func parts(_ line: Substring) -> [String] {
    var parts: [String] = []
    var depth = 0
    for word in line.split(separator: " ") {
      if depth > 0 {
        parts[parts.count - 1] += " " + word
      } else {
        parts.append(String(word))
      }
      depth += word.count { $0 == "[" } - word.count { $0 == "]" }
    }
    return parts
  }
}
