// The output of the command line: lines, tables, colours and progress.
//
// Purpose: `aipm` and `aipm-replay` print in the same way. Results go to standard output, messages
// to standard error. Each line is written whole and at once, because the reader may wait for it at
// a pipe.
//
// Guarantees: colours and progress appear only on a terminal. `safe` removes everything from a text
// that a terminal would interpret, so texts of users, agents and forges cannot control it.
//
// Failures: a closed pipe is ignored. Any other failure to write results is kept in
// `outputFailure`, so that a program can exit with an error.

import FoundationEssentials
import Glibc
import Synchronization

/// Standard output and standard error.
package enum Terminal {
  package static let isInteractive = isatty(STDOUT_FILENO) == 1
  /// Whether messages go to a terminal.
  package static let hasTerminalForMessages = isatty(STDERR_FILENO) == 1
  /// Whether to use colours: on a terminal, unless NO_COLOR is set (https://no-color.org).
  package static let hasColour: Bool = {
    let environment = ProcessInfo.processInfo.environment
    return isInteractive && (environment["NO_COLOR"] ?? "").isEmpty
      && environment["TERM"] != "dumb"
  }()

  /// Prints a line of the result.
  package static func say(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }
  /// Prints a message to standard error.
  package static func complain(_ line: String) { write(line + "\n", to: STDERR_FILENO) }
  /// Prints a part of the result.
  package static func put(_ text: String) { write(text, to: STDOUT_FILENO) }

  /// Prints bytes of the result.
  package static func put(bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }

  static func write(_ text: String, to descriptor: Int32) {
    write(Array(text.utf8), to: descriptor)
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        // A closed pipe means that the reader needs no more.
        if descriptor == STDOUT_FILENO, count < 0, errno != EPIPE {
          failure.store(errno, ordering: .relaxed)
        }
        return
      }
      rest = rest.dropFirst(count)
    }
  }

  private static let failure = Atomic<Int32>(0)

  /// The errno of the first failed write of results, except a closed pipe; nil if absent.
  package static var outputFailure: Int32? {
    let code = failure.load(ordering: .relaxed)
    return code == 0 ? nil : code
  }

  /// The number of columns of the terminal; 80 if it is not known.
  package static var width: Int { width(of: STDOUT_FILENO) }

  static func width(of descriptor: Int32) -> Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Prints aligned columns with titles. Lines are cut at the terminal's edge.
  package static func table(_ titles: [String], _ rows: [[String]]) {
    let all = [titles] + rows
    let widths = titles.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    for row in all {
      var line = zip(row, widths).map { cell, width in
        cell + String(repeating: " ", count: width - cell.count)
      }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      say(isInteractive && line.count > width ? String(line.prefix(width - 1)) + "…" : line)
    }
  }

  /// `1,234,567`
  package static func grouped(_ n: Int) -> String {
    let digits = String(abs(n))
    var out = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { out.append(",") }
      out.append(digit)
    }
    return n < 0 ? "-" + out : out
  }

  /// `12.3`
  package static func tenths(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(abs(tenths) % 10)"
  }
}

/// A text style, applied if colours are in use.
package enum Style: String {
  case bold = "1"
  case dim = "2"
  case red = "31"
  case green = "32"
  case yellow = "33"
  case blue = "34"

  /// The text in this style.
  package func on(_ text: String, if hasColour: Bool = Terminal.hasColour) -> String {
    hasColour ? "\u{1b}[\(rawValue)m\(text)\u{1b}[0m" : text
  }
}

extension String {
  /// The text without anything that a terminal would interpret. If `keepsLines` is true, line ends
  /// and tabs are kept; else they become spaces.
  package func safe(keepsLines: Bool = false) -> String {
    var out = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      switch scalar.value {
      case 0x09, 0x0a: out.append(keepsLines ? scalar : " ")
      case 0..<0x20, 0x7f..<0xa0: out.append("\u{fffd}")
      // Marks that change the direction of the text.
      case 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: out.append("\u{fffd}")
      default: out.append(scalar)
      }
    }
    return String(out)
  }
}

extension String {
  /// The safe text with its lines kept, each except the first indented. Blank lines at the end are
  /// left out.
  package func safeLines(indent: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    var lines = safe(keepsLines: true).split(separator: "\n", omittingEmptySubsequences: false)
    while let last = lines.last, last.allSatisfy({ $0 == " " || $0 == "\t" }) { lines.removeLast() }
    return lines.joined(separator: "\n" + margin)
  }

  /// The last line that is not blank.
  package var lastLine: String {
    let lines = split(whereSeparator: \.isNewline)
    return String(lines.last { !$0.allSatisfy(\.isWhitespace) } ?? "")
  }
}

extension Duration {
  package var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
