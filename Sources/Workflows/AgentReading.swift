// What an agent's output says of how it went and of what it cost: data of its profile, so that
// the next agent with words of its own needs no new code.

import Glibc

/// How the end of an agent is read. An exit code alone is not enough where an agent ends with 0
/// although it did nothing.
package struct AgentReading: Codable, Equatable, Sendable {
  /// Exit codes of an agent that went well.
  package var successCodes: [Int]
  /// What other exit codes mean, for people.
  package var codeMeanings: [Int: String]
  /// Each of these must be found for the agent to have gone well.
  package var success: [OutputSign]
  /// None of these may be found, unless the agent got over it (`OutputSign.recovery`).
  package var failure: [OutputSign]
  /// Where the agent tells what it used.
  package var usage: [OutputSign]

  package init(
    successCodes: [Int] = [0], codeMeanings: [Int: String] = [:], success: [OutputSign] = [],
    failure: [OutputSign] = [], usage: [OutputSign] = []
  ) {
    self.successCodes = successCodes
    self.codeMeanings = codeMeanings
    self.success = success
    self.failure = failure
    self.usage = usage
  }

  /// An exit code of 0 is all that is asked for.
  package static let plain = AgentReading()

  /// Whether any line has to be looked at.
  package var looksAtLines: Bool { !success.isEmpty || !failure.isEmpty || !usage.isEmpty }
}

/// A line of output that says something.
package struct OutputSign: Codable, Equatable, Sendable {
  /// Which stream it is looked for in.
  package enum Stream: String, Codable, CaseIterable, Sendable {
    case output
    case error
    case either
  }

  package var stream: Stream
  /// A `LinePattern` that stands somewhere in the line, colours left out; nil: see `members`.
  package var text: String?
  /// The line is a JSON object with these members: a path with dots, and the value as JSON writes
  /// it, without the quotes of a string.
  package var members: [String: String]
  /// What is read out of that object: by the name of the value, the path of the member.
  package var values: [String: String]
  /// Whether the values of all such lines are added up; else the last one counts.
  package var adds: Bool
  /// Of a failure: signs that the agent got over it, if one of them comes after it.
  package var recovery: [OutputSign]?

  package init(
    stream: Stream = .either, text: String? = nil, members: [String: String] = [:],
    values: [String: String] = [:], adds: Bool = false, recovery: [OutputSign]? = nil
  ) {
    self.recovery = recovery
    self.stream = stream
    self.text = text
    self.members = members
    self.values = values
    self.adds = adds
  }

  /// As people write and read it.
  package var words: String {
    if let text { return "“\(text)”" }
    let pairs = members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    return "{\(pairs.joined(separator: ", "))}"
  }
}

/// The figures that an agent may tell, by the names that profiles use.
package enum UsageFigure: String, CaseIterable, Sendable {
  case inputTokens = "input-tokens"
  case outputTokens = "output-tokens"
  case cachedTokens = "cached-tokens"
  /// In US dollars.
  case cost
  case credits
}

/// A text with `*`, which stands for anything, and with `{NAME}`, which stands for a number. It is
/// looked for from left to right and never tried a second way, so the time that it takes is bounded
/// by the line, whatever an agent writes.
package struct LinePattern: Equatable, Sendable {
  private enum Piece: Equatable, Sendable {
    case literal([UInt8])
    case anything
    case number(String)
  }

  private let pieces: [Piece]
  /// The names of its numbers.
  package var names: [String] {
    pieces.compactMap { piece in
      if case .number(let name) = piece { name } else { nil }
    }
  }

  /// nil where there is nothing in it to look for, or where a brace is not closed.
  package init?(_ text: String) {
    var pieces: [Piece] = []
    var literal: [UInt8] = []
    var rest = Array(text.utf8)[...]
    func close() {
      if !literal.isEmpty { pieces.append(.literal(literal)) }
      literal = []
    }
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "*"):
        close()
        pieces.append(.anything)
      case UInt8(ascii: "{"):
        guard let end = rest.firstIndex(of: UInt8(ascii: "}")), end > rest.startIndex else {
          return nil
        }
        close()
        pieces.append(.number(String(decoding: rest[..<end], as: UTF8.self)))
        rest = rest[(end + 1)...]
      default: literal.append(byte)
      }
    }
    close()
    guard case .literal? = pieces.first else { return nil }
    self.pieces = pieces
  }

  /// Looks for it in a line.
  /// - Returns: its numbers by name; nil where it does not stand there.
  package func match(_ line: some BidirectionalCollection<UInt8>) -> [String: Double]? {
    let bytes = Array(line)
    var place = 0
    var floats = true
    var numbers: [String: Double] = [:]
    for piece in pieces {
      switch piece {
      case .anything: floats = true
      case .literal(let wanted):
        guard let start = Self.find(wanted, in: bytes, from: place, floats: floats) else {
          return nil
        }
        place = start + wanted.count
        floats = false
      case .number(let name):
        if floats {
          while place < bytes.count, !Self.isDigit(bytes[place]) { place += 1 }
        }
        guard let (value, end) = Self.number(bytes, from: place) else { return nil }
        numbers[name] = value
        place = end
        floats = false
      }
    }
    return numbers
  }

  private static func find(
    _ wanted: [UInt8], in bytes: [UInt8], from start: Int, floats: Bool
  ) -> Int? {
    guard start + wanted.count <= bytes.count else { return nil }
    guard floats else {
      return bytes[start..<(start + wanted.count)].elementsEqual(wanted) ? start : nil
    }
    return bytes.withUnsafeBytes { ByteSearch.place(of: wanted, in: $0, from: start) }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// Digits with commas between them and a fraction behind them, and with `k` or `M` for thousands
  /// and millions: how agents write how many tokens.
  private static func number(_ bytes: [UInt8], from start: Int) -> (Double, Int)? {
    guard start < bytes.count, isDigit(bytes[start]) else { return nil }
    var end = start
    var digits = ""
    while end < bytes.count, digits.utf8.count < 32 {
      let byte = bytes[end]
      let isFollowed = end + 1 < bytes.count && isDigit(bytes[end + 1])
      if isDigit(byte) || (byte == UInt8(ascii: ".") && isFollowed) {
        digits.unicodeScalars.append(Unicode.Scalar(byte))
      } else if !(byte == UInt8(ascii: ",") && isFollowed) {
        break
      }
      end += 1
    }
    guard let value = Double(digits) else { return nil }
    guard end < bytes.count else { return (value, end) }
    switch bytes[end] {
    case UInt8(ascii: "k"), UInt8(ascii: "K"): return (value * 1000, end + 1)
    case UInt8(ascii: "M"): return (value * 1_000_000, end + 1)
    default: return (value, end)
    }
  }
}

/// Looks for bytes in bytes.
package enum ByteSearch {
  /// - Parameter wanted: at least one byte.
  /// - Returns: the first place at or after `start`; nil where there is none.
  package static func place(
    of wanted: [UInt8], in all: UnsafeRawBufferPointer, from start: Int = 0
  ) -> Int? {
    guard let base = all.baseAddress, let first = wanted.first else { return nil }
    var place = start
    while place + wanted.count <= all.count {
      let room = all.count - wanted.count - place + 1
      guard let found = memchr(base + place, Int32(first), room) else { return nil }
      let at = UnsafeRawPointer(found) - base
      if memcmp(base + at, wanted, wanted.count) == 0 { return at }
      place = at + 1
    }
    return nil
  }
}
