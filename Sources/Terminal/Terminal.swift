// What programs say to people and to other programs: lines, tables, colours, and how far something
// long has come.
//
// What it is for: `aipm` and `aipm-replay` print in the same way. Standard output carries what was
// asked for, standard error the words about it, each line written whole and at once, because
// whoever waits for it may read a pipe.
//
// What it promises: colours and progress appear only where a person looks; `safe` takes from a text
// whatever a terminal would act on, so that what users, agents and forges wrote is shown and never
// obeyed. How it fails: if nobody reads any more there is nobody to tell; any other failure to
// write what was asked for is kept in `outputFailure`, so that a program can end with it.

import FoundationEssentials
import Glibc
import Synchronization

/// Standard output and standard error.
package enum Terminal {
  package static let isInteractive = isatty(STDOUT_FILENO) == 1
  /// Colour where a person looks, unless they asked for none (https://no-color.org).
  package static let hasColour: Bool = {
    let environment = ProcessInfo.processInfo.environment
    return isInteractive && (environment["NO_COLOR"] ?? "").isEmpty
      && environment["TERM"] != "dumb"
  }()

  /// A line of what was asked for.
  package static func say(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }
  /// A line to people about it.
  package static func complain(_ line: String) { write(line + "\n", to: STDERR_FILENO) }
  /// Text of what was asked for, as it is.
  package static func put(_ text: String) { write(text, to: STDOUT_FILENO) }

  /// Bytes of what was asked for, as they are.
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
        // Nobody reads any more, so there is nobody to tell.
        if descriptor == STDOUT_FILENO, count < 0, errno != EPIPE {
          failure.store(errno, ordering: .relaxed)
        }
        return
      }
      rest = rest.dropFirst(count)
    }
  }

  private static let failure = Atomic<Int32>(0)

  /// Why what was asked for could not be written, as an errno; nil if it was, or nobody reads it.
  package static var outputFailure: Int32? {
    let code = failure.load(ordering: .relaxed)
    return code == 0 ? nil : code
  }

  /// How many columns a line may have; 80 where that is not known.
  package static var width: Int { width(of: STDOUT_FILENO) }

  static func width(of descriptor: Int32) -> Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Columns under their titles, each as wide as its widest cell; the last one is cut at the
  /// terminal's edge.
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

/// How a piece of text looks, where colours are wanted.
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
  /// The text without anything that a terminal would act on: what users, agents and forges wrote
  /// is shown, never obeyed. Line ends and tabs stay where `keepsLines` is true, else they become
  /// blanks.
  package func safe(keepsLines: Bool = false) -> String {
    var out = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      switch scalar.value {
      case 0x09, 0x0a: out.append(keepsLines ? scalar : " ")
      case 0..<0x20, 0x7f..<0xa0: out.append("\u{fffd}")
      // Marks that turn the direction of what follows.
      case 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: out.append("\u{fffd}")
      default: out.append(scalar)
      }
    }
    return String(out)
  }
}

extension String {
  /// The same with its lines kept, each but the first behind so many blanks; blank lines at its end
  /// are left out.
  package func safeLines(indent: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    var lines = safe(keepsLines: true).split(separator: "\n", omittingEmptySubsequences: false)
    while let last = lines.last, last.allSatisfy({ $0 == " " || $0 == "\t" }) { lines.removeLast() }
    return lines.joined(separator: "\n" + margin)
  }

  /// The last line that holds something; for where there is room for one.
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
