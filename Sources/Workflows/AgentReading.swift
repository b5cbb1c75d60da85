// How success, failure and usage are read from an agent's output, as data of its profile, so that a
// new agent needs no new code.

import Glibc

/// How the result of an agent is read. Some agents exit with 0 although they did nothing, so an
/// exit code is not always enough.
package struct AgentReading: Codable, Equatable, Sendable {
  /// Exit codes of success.
  package var successCodes = [0]
  /// What other exit codes mean, for people.
  package var codeMeanings: [Int: String] = [:]
  /// Signs that must all occur for a success.
  package var success: [OutputSign] = []
  /// Signs that must not occur, unless the agent recovered (`OutputSign.recovery`).
  package var failure: [OutputSign] = []
  /// Signs with usage figures.
  package var usage: [OutputSign] = []

  /// Signs with the agent's last words: the last one counts. nil or empty: what it wrote last to
  /// standard output, unless that is JSON.
  package var words: [OutputSign]?
  /// Signs that the agent met its provider's limit; the first that matches a line counts. nil or
  /// empty: it has none.
  package var limit: [OutputSign]?

  /// Signs with what the agent calls the conversation: the last one counts. nil: it does not say.
  package var session: [OutputSign]?

  /// Only the exit code counts.
  package static let plain = AgentReading()

  /// Whether any line of the output is needed.
  package var looksAtLines: Bool {
    !success.isEmpty || !failure.isEmpty || !usage.isEmpty || !(words ?? []).isEmpty
      || !(limit ?? []).isEmpty || !(session ?? []).isEmpty
  }
}

/// What follows if an agent meets its provider's limit.
package enum WhenLimited: String, CaseIterable, Sendable {
  /// The delegation waits until the limit ends.
  case wait
  /// The next agent of the workflow's list goes on, if a worker has it.
  case nextAgent = "next-agent"
}

/// When a provider's limit ends, as an agent says it.
package enum LimitEnd: String, CaseIterable, Sendable {
  /// In seconds since 1970.
  case at = "reset-at"
  case days = "reset-days"
  case hours = "reset-hours"
  case minutes = "reset-minutes"
  case seconds = "reset-seconds"

  /// Its unit in seconds; nil for a point in time.
  package var seconds: Double? {
    switch self {
    case .at: nil
    case .days: 86_400
    case .hours: 3600
    case .minutes: 60
    case .seconds: 1
    }
  }
}

/// A line of output with a meaning.
package struct OutputSign: Codable, Equatable, Sendable {
  /// The stream with the line.
  package enum Stream: String, Codable, CaseIterable, Sendable {
    case output
    case error
    case either
  }

  package var stream = Stream.either
  /// A `LinePattern` that matches a part of the line, without colours; nil: see `members`. With
  /// members both must hold.
  package var text: String?
  /// The line is a JSON object with these members: a path with dots, and the value in JSON, without
  /// quotes for a string.
  package var members: [String: String] = [:]
  /// The values to read from that object: by name, the path of the member.
  package var values: [String: String] = [:]
  /// Whether the values of all such lines are summed; else the last one counts.
  package var adds = false
  /// Whether the values are totals of the whole conversation, with earlier rounds. nil: no.
  package var ofConversation: Bool?
  /// For a failure: signs of recovery, if one follows it.
  package var recovery: [OutputSign]?

  /// For people.
  package var displayText: String {
    if let text { return "“\(text)”" }
    let pairs = members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    return "{\(pairs.joined(separator: ", "))}"
  }
}

/// A text with `*` for anything and `{NAME}` for a number. It is matched from left to right without
/// backtracking, so the time is bounded by the length of the line.
package struct LinePattern: Equatable, Sendable {
  private enum Piece: Equatable, Sendable {
    case literal([UInt8])
    case anything
    case number(String)
  }

  private let pieces: [Piece]
  /// The names of the numbers.
  package var names: [String] {
    pieces.compactMap { piece in
      if case .number(let name) = piece { name } else { nil }
    }
  }

  /// nil if the pattern does not begin with text, or a brace is not closed.
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

  /// Matches the pattern anywhere in a line.
  /// - Returns: the numbers by name; nil if it does not match.
  package func match(_ line: some BidirectionalCollection<UInt8>) -> [String: Double]? {
    let bytes = Array(line)
    var index = 0
    var floats = true
    var numbers: [String: Double] = [:]
    for piece in pieces {
      switch piece {
      case .anything: floats = true
      case .literal(let wanted):
        guard let start = Self.find(wanted, in: bytes, from: index, floats: floats) else {
          return nil
        }
        index = start + wanted.count
        floats = false
      case .number(let name):
        if floats {
          while index < bytes.count, !Self.isDigit(bytes[index]) { index += 1 }
        }
        guard let (value, end) = Self.number(bytes, from: index) else { return nil }
        numbers[name] = value
        index = end
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
    return bytes.withUnsafeBytes { ByteSearch.index(of: wanted, in: $0, from: start) }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// A number with commas, a fraction, and `k` or `M` for thousands and millions, as agents print
  /// counts of tokens.
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

/// Finds bytes in bytes.
package enum ByteSearch {
  /// - Parameter wanted: at least one byte.
  /// - Returns: the first index at or after `start`; nil if absent.
  package static func index(
    of wanted: [UInt8], in all: UnsafeRawBufferPointer, from start: Int = 0
  ) -> Int? {
    guard let base = all.baseAddress, let first = wanted.first else { return nil }
    var index = start
    while index + wanted.count <= all.count {
      let room = all.count - wanted.count - index + 1
      guard let found = memchr(base + index, Int32(first), room) else { return nil }
      let at = UnsafeRawPointer(found) - base
      if memcmp(base + at, wanted, wanted.count) == 0 { return at }
      index = at + 1
    }
    return nil
  }
}
