import Synchronization

/// Takes credentials out of words before they are stored: tokens of known shapes, what the operator
/// has configured, and every credential that AIPM itself holds.
package final class SecretMask: Sendable {
  /// What stands in the place of a credential in words.
  package static let replacement = "***"
  /// No credential that is looked for across two pieces of an output is longer, in bytes.
  package static let lengthMax = 4096
  /// A secret that is shorter would mask what is none.
  private static let secretMin = 8

  /// A shape that nothing else has.
  fileprivate struct Shape {
    /// What every one begins with; only where that stands is the rest looked at.
    let mark: String
    /// From the mark on.
    let regex: Regex<AnyRegexOutput>
    /// Whether no letter and no digit may stand before it.
    let isWord: Bool
    /// How many characters at its beginning and at its end are no part of the credential.
    let keeps: (first: Int, last: Int)
  }

  private static func shapes() throws(Fault) -> [Shape] {
    func shape(
      _ mark: String, _ rest: String, isWord: Bool = false, keeps: (Int, Int) = (0, 0)
    ) throws(Fault) -> Shape {
      Shape(mark: mark, regex: try regex(mark + rest), isWord: isWord, keeps: keeps)
    }
    var all: [Shape] = []
    for kind in ["o", "p", "s", "u", "r"] {
      all.append(try shape("gh\(kind)_", "[A-Za-z0-9]{20,255}"))
    }
    for kind in ["AKIA", "ASIA"] { all.append(try shape(kind, "[A-Z0-9]{16}", isWord: true)) }
    return all + [
      try shape("github_pat_", "[A-Za-z0-9_]{20,255}"),
      // A token of AIPM's own.
      try shape("aipm_", "[0-9a-f]{56}"),
      try shape("glpat-", "[A-Za-z0-9_-]{20,255}"),
      try shape("sk-", "[A-Za-z0-9_-]{20,255}", isWord: true),
      try shape("xox", "[abeprs]-[A-Za-z0-9-]{10,255}"),
      try shape("AIza", "[A-Za-z0-9_-]{35}"),
      try shape("npm_", "[A-Za-z0-9]{36}", isWord: true),
      try shape("pypi-", "[A-Za-z0-9_-]{16,255}", isWord: true),
      try shape("hf_", "[A-Za-z0-9]{30,255}", isWord: true),
      try shape(
        "eyJ", "[A-Za-z0-9_-]{10,1000}\\.[A-Za-z0-9_-]{10,2000}\\.[A-Za-z0-9_-]{10,1000}",
        isWord: true),
      try shape("-----BEGIN ", "[A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\\s]{0,4000}"),
      // The user and the password of an address.
      try shape("://", "[^\\s/@:'\"]{1,255}:[^\\s/@'\"]{3,255}@", keeps: (3, 1)),
    ]
  }

  private let secrets: [String]
  /// The secrets, and after them the marks of the shapes.
  private let needles: Needles
  private let known: Mutex<[Shape]>
  private let configured: Mutex<[Regex<AnyRegexOutput>]>

  /// A pattern that is none.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  /// - Parameters:
  ///   - secrets: credentials that are masked wherever they stand; shorter ones than eight
  ///     characters are passed over.
  ///   - patterns: regular expressions of what else is masked.
  /// - Throws: `Fault` for a pattern that is none, or that fits an empty text.
  package init(secrets: [String], patterns: [String] = []) throws(Fault) {
    let words = secrets.flatMap { $0.split(whereSeparator: \.isNewline).map(String.init) }
    self.secrets = Set(words.filter { $0.utf8.count >= Self.secretMin }).sorted {
      $0.utf8.count > $1.utf8.count
    }
    var configured: [Regex<AnyRegexOutput>] = []
    for pattern in patterns { configured.append(try Self.regex(pattern)) }
    let shapes = try Self.shapes()
    needles = Needles(self.secrets + shapes.map(\.mark))
    known = Mutex(shapes)
    self.configured = Mutex(configured)
  }

  private static func regex(_ pattern: String) throws(Fault) -> Regex<AnyRegexOutput> {
    let regex: Regex<AnyRegexOutput>
    do {
      regex = try Regex(pattern)
    } catch {
      throw Fault(description: "\(pattern) is no regular expression: \(error)")
    }
    if "".wholeMatch(of: regex) != nil {
      throw Fault(description: "\(pattern) fits an empty text: write what a secret looks like")
    }
    return regex
  }

  /// The text with each credential replaced.
  package func masked(_ text: String) -> String {
    let ranges = ranges(in: text)
    guard !ranges.isEmpty else { return text }
    var out = ""
    var rest = text.startIndex
    for range in ranges {
      out += text[rest..<range.lowerBound] + Self.replacement
      rest = range.upperBound
    }
    return out + text[rest...]
  }

  /// Bytes of an output with each credential struck out, none longer or shorter than before.
  /// - Returns: nil where there was none.
  package func struckOut(_ bytes: [UInt8]) -> [UInt8]? {
    // Each byte one character, so that places in the text are places in the bytes.
    let text = String(decoding: bytes.map { $0 < 0x80 ? $0 : 1 }, as: UTF8.self)
    let ranges = ranges(in: text)
    guard !ranges.isEmpty else { return nil }
    var bytes = bytes
    for range in ranges {
      let start = text.utf8.distance(from: text.startIndex, to: range.lowerBound)
      let end = text.utf8.distance(from: text.startIndex, to: range.upperBound)
      for index in start..<end where bytes[index] != UInt8(ascii: "\n") {
        bytes[index] = UInt8(ascii: "*")
      }
    }
    return bytes
  }

  /// Where credentials stand: in order, and none over another.
  private func ranges(in text: String) -> [Range<String.Index>] {
    var found: [Range<String.Index>] = []
    let places = needles.places(in: Array(text.utf8))
    func index(_ offset: Int) -> String.Index {
      text.utf8.index(text.startIndex, offsetBy: offset)
    }
    known.withLock { shapes in
      for (needle, offset) in places {
        if needle < secrets.count {
          found.append(index(offset)..<index(offset + secrets[needle].utf8.count))
        } else if let range = shapes[needle - secrets.count].range(in: text, at: index(offset)) {
          found.append(range)
        }
      }
    }
    configured.withLock { patterns in
      for pattern in patterns { found += text.matches(of: pattern).map(\.range) }
    }
    var merged: [Range<String.Index>] = []
    for range in found.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = merged.last, range.lowerBound <= last.upperBound {
        merged[merged.count - 1] =
          last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    return merged
  }
}

extension SecretMask.Shape {
  /// The credential whose mark stands at `place`; nil where it is none.
  fileprivate func range(in text: String, at place: String.Index) -> Range<String.Index>? {
    if isWord, place > text.startIndex {
      let before = text.utf8[text.utf8.index(before: place)]
      if (48...57).contains(before) || (97...122).contains(before | 0x20) { return nil }
    }
    guard let match = text[place...].prefixMatch(of: regex) else { return nil }
    let start = text.index(match.range.lowerBound, offsetBy: keeps.first)
    return start..<text.index(match.range.upperBound, offsetBy: -keeps.last)
  }
}

/// Texts that are looked for all at once, in one pass: outputs are long, and all but none of them
/// holds a credential.
private struct Needles: Sendable {
  private let needles: [[UInt8]]
  /// Which ones begin with a byte.
  private let byFirst: [[Int]]

  /// - Parameter texts: none is empty.
  init(_ texts: [String]) {
    needles = texts.map { Array($0.utf8) }
    var byFirst = [[Int]](repeating: [], count: 256)
    for (index, needle) in needles.enumerated() { byFirst[Int(needle[0])].append(index) }
    self.byFirst = byFirst
  }

  func places(in bytes: [UInt8]) -> [(needle: Int, offset: Int)] {
    let isFirst = byFirst.map { !$0.isEmpty }
    var places: [(needle: Int, offset: Int)] = []
    for offset in bytes.indices where isFirst[Int(bytes[offset])] {
      for index in byFirst[Int(bytes[offset])] where bytes[offset...].starts(with: needles[index]) {
        places.append((index, offset))
      }
    }
    return places
  }
}

extension Append {
  /// The same without credentials in the words of its events. A workflow's definition stays as it
  /// is: its digest names it.
  package func masked(by mask: SecretMask) -> Append {
    var append = self
    append.events = events.map { event in
      let encoded = EventCodec.encode(event)
      guard encoded.type != .workflowDefined, !encoded.text.isEmpty else { return event }
      let text = encoded.text.mapValues { $0.masked(by: mask) }
      guard text != encoded.text else { return event }
      // The facts are the event's own, so it can be read with other words as well.
      return (try? EventCodec.decode(encoded.type, facts: encoded.facts, text: text)) ?? event
    }
    return append
  }
}

extension JSONValue {
  /// The same with credentials taken out of its texts.
  fileprivate func masked(by mask: SecretMask) -> JSONValue {
    switch self {
    case .null, .bool, .integer: self
    case .string(let text): .string(mask.masked(text))
    case .array(let items): .array(items.map { $0.masked(by: mask) })
    case .object(let members): .object(members.mapValues { $0.masked(by: mask) })
    }
  }
}
