import Screening
import Text

/// Masks credentials in texts before they are stored: tokens of known shapes, the operator's
/// configured secrets, and every credential of AIPM itself. It can be used by several threads at
/// once. The time is linear in the text, except for the operator's patterns.
package struct SecretMask: Sendable {
  /// The replacement of a credential in texts.
  package static let replacement = "***"
  /// The longest credential that is found across two pieces of an output, in bytes.
  package static let lengthMax = SecretSearch.reach

  private let search: SecretSearch
  /// Compiled again for each text: a `Regex` cannot be used by two threads at once, and none should
  /// wait.
  private let patterns: [String]

  /// A pattern that is invalid.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  /// - Parameters:
  ///   - secrets: credentials that are masked everywhere, also in base64, in hex and in URLs; those
  ///     shorter than eight bytes are ignored.
  ///   - patterns: regular expressions of other texts to mask.
  /// - Throws: `Fault` for a pattern that is invalid or matches an empty text.
  package init(secrets: [String], patterns: [String] = []) throws(Fault) {
    search = SecretSearch(values: secrets, purpose: .masking)
    self.patterns = patterns
    for pattern in patterns { _ = try Self.regex(pattern) }
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
    let bytes = Array(text.utf8)
    let ranges = merged(search.ranges(in: bytes), with: text)
    guard !ranges.isEmpty else { return text }
    var out: [UInt8] = []
    var rest = 0
    for range in ranges {
      out += bytes[rest..<range.lowerBound] + Array(Self.replacement.utf8)
      rest = range.upperBound
    }
    return String(decoding: out + bytes[rest...], as: UTF8.self)
  }

  /// The bytes of an output with credentials overwritten; the length stays the same.
  /// - Returns: nil if there was no credential.
  package func struckOut(_ bytes: [UInt8]) -> [UInt8]? {
    var rest: SecretSearch.Rest?
    return struckOut(bytes, from: 0, &rest)
  }

  /// The same for an output that comes in pieces.
  /// - Parameters:
  ///   - start: the start of the new piece. The bytes before it were masked, and may be the
  ///     beginning of a credential that ends in this piece.
  ///   - rest: the rest of a credential that reached to `start`; then of one that reaches to the
  ///     end.
  package func struckOut(
    _ bytes: [UInt8], from start: Int, _ rest: inout SecretSearch.Rest?
  ) -> [UInt8]? {
    // Each byte becomes one character, so that offsets in the text are offsets in the bytes.
    let text =
      patterns.isEmpty ? "" : String(decoding: bytes.map { $0 < 0x80 ? $0 : 1 }, as: UTF8.self)
    let ranges = merged(search.ranges(in: bytes, from: start, &rest), with: text)
    guard !ranges.isEmpty else { return nil }
    var bytes = bytes
    for range in ranges {
      for index in range where bytes[index] != UInt8(ascii: "\n") {
        bytes[index] = UInt8(ascii: "*")
      }
    }
    return bytes
  }

  /// The ranges of credentials, with those of the configured patterns, in order and without
  /// overlaps.
  private func merged(_ found: [Range<Int>], with text: String) -> [Range<Int>] {
    if patterns.isEmpty { return found }
    var all = found
    for pattern in patterns {
      guard let regex = try? Self.regex(pattern) else { continue }
      all += text.matches(of: regex).map { match in
        let start = text.utf8.distance(from: text.startIndex, to: match.range.lowerBound)
        return start..<start
          + text.utf8.distance(
            from: match.range.lowerBound, to: match.range.upperBound)
      }
    }
    return SecretSearch.disjoint(all)
  }
}
