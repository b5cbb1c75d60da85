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

  /// Whether the terminal has so few columns that less important ones are left out.
  package static var isNarrow: Bool { isInteractive && width < 100 }

  /// The number of columns of the terminal; 80 if it is not known.
  package static var width: Int { width(of: STDOUT_FILENO) }

  static func width(of descriptor: Int32) -> Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Prints aligned columns with titles. Lines are cut at the terminal's edge.
  /// - Parameters:
  ///   - numbers: the columns that are aligned at their right side.
  ///   - style: of the cell in this row and column; nil for none.
  ///   - above: lines above a row, such as the title of a group.
  ///   - below: lines below a row, such as its parts.
  package static func table(
    _ titles: [String], _ rows: [[String]], numbers: ClosedRange<Int>? = nil,
    style: (_ row: Int, _ column: Int) -> Style? = { _, _ in nil },
    above: (_ row: Int) -> [String] = { _ in [] },
    below: (_ row: Int) -> [String] = { _ in [] }
  ) {
    let all = [titles] + rows
    let widths = titles.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    let edge = isInteractive ? width : .max
    for (index, row) in all.enumerated() {
      if index > 0 { for line in above(index - 1) { say(line) } }
      var line = ""
      var columns = 0
      for (column, cell) in row.enumerated() where columns < edge {
        let isLast = column == row.count - 1
        let space = String(repeating: " ", count: widths[column] - cell.count)
        let isNumber = numbers?.contains(column) ?? false
        var text = isNumber ? space + cell : isLast ? cell : cell + space
        if column > 0 { text = "  " + text }
        let shown = cut(text, to: edge - columns)
        columns += text.count
        let own = index == 0 ? Style.dim : style(index - 1, column)
        line += own.map { $0.on(shown) } ?? shown
      }
      while line.last == " " { line.removeLast() }
      say(line)
      if index > 0 {
        for line in below(index - 1) { say(Style.dim.on(cut(line, to: edge))) }
      }
    }
  }

  /// The text, broken at spaces for a terminal of this width; elsewhere it stays as it is.
  /// - Parameter indent: the column at which it begins, and each further line too.
  package static func folded(_ text: String, indent: Int, width: Int? = nil) -> String {
    guard let width = width ?? (isInteractive ? Terminal.width : nil), width > indent + 20 else {
      return text
    }
    let margin = "\n" + String(repeating: " ", count: indent)
    return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
      .map { index, line in
        // Further lines of the text have their indent already.
        fold(line, first: index == 0 ? width - indent : width, rest: width - indent, margin)
      }.joined(separator: "\n")
  }

  private static func fold(
    _ line: Substring, first: Int, rest: Int, _ margin: String
  ) -> String {
    guard line.count > first else { return String(line) }
    var out = ""
    var room = first
    for word in line.split(separator: " ", omittingEmptySubsequences: false) {
      let needed = word.count + (out.isEmpty ? 0 : 1)
      if needed > room, !out.isEmpty {
        out += margin + word
        room = rest - word.count
      } else {
        out += (out.isEmpty ? "" : " ") + word
        room -= needed
      }
    }
    return out
  }

  /// The text, shortened if it has more columns.
  package static func cut(_ text: String, to columns: Int) -> String {
    text.count <= columns ? text : String(text.prefix(max(0, columns - 1))) + "…"
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
  case cyan = "36"

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

  /// The last line for people: one that is not blank, nor an object of JSON if there is another.
  package var lastLine: String {
    let lines = split(whereSeparator: \.isNewline).filter { !$0.allSatisfy(\.isWhitespace) }
    return String(lines.last { $0.first != "{" } ?? lines.last ?? "")
  }
}

extension Duration {
  package var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
