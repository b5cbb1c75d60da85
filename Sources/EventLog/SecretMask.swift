import Screening
import Text

/// Takes credentials out of words before they are stored: tokens of known shapes, what the operator
/// has configured, and every credential that AIPM itself holds. Any number of texts can be masked
/// at once; the time is linear in each but for patterns that the operator wrote.
package struct SecretMask: Sendable {
  /// What stands in the place of a credential in words.
  package static let replacement = "***"
  /// No credential that is looked for across two pieces of an output is longer, in bytes.
  package static let lengthMax = SecretSearch.reach

  private let search: SecretSearch
  /// Read anew for each text: a `Regex` cannot be used by two at once, and nobody is to wait.
  private let patterns: [String]

  /// A pattern that is invalid.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  /// - Parameters:
  ///   - secrets: credentials that are masked wherever they stand, also in base64, in hex and in
  ///     URLs; shorter ones than eight bytes are passed over.
  ///   - patterns: regular expressions of what else is masked.
  /// - Throws: `Fault` for a pattern that is invalid, or that fits an empty text.
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

  /// Bytes of an output with each credential struck out, none longer or shorter than before.
  /// - Returns: nil where there was none.
  package func struckOut(_ bytes: [UInt8]) -> [UInt8]? {
    var rest: SecretSearch.Rest?
    return struckOut(bytes, from: 0, &rest)
  }

  /// The same for an output that comes in pieces.
  /// - Parameters:
  ///   - start: where the new piece begins; what stands before was masked, and may be the beginning
  ///     of a credential that ends in this piece.
  ///   - rest: of a credential that reached to `start`; then of one that reaches to the end.
  package func struckOut(
    _ bytes: [UInt8], from start: Int, _ rest: inout SecretSearch.Rest?
  ) -> [UInt8]? {
    // Each byte one character, so that places in the text are places in the bytes.
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

  /// Where credentials stand, with what fits the patterns that are configured: in order, and none
  /// over another.
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

/// An append whose events are encoded, without the credentials that a mask finds in their texts.
package struct EncodedAppend: Sendable {
  /// Its events are those that were encoded: masked.
  package private(set) var append: Append
  package private(set) var encoded: [EncodedEvent]

  /// Each event is encoded once. An event is read back from its encoding only if something was
  /// masked in it. A workflow's definition is never masked: its digest names it.
  package init(_ append: Append, mask: SecretMask? = nil) {
    self.append = append
    encoded = append.events.map { EventCodec.encode($0) }
    guard let mask else { return }
    for (index, event) in encoded.enumerated() where event.type != .workflowDefined {
      let text = event.text.mapValues { $0.masked(by: mask) }
      // The facts are the event's own, so it can be read with another text.
      guard text != event.text,
        let masked = try? EventCodec.decode(event.type, facts: event.facts, text: text)
      else { continue }
      encoded[index].text = text
      self.append.events[index] = masked
    }
  }
}

extension JSONValue {
  /// The same with credentials taken out of its texts.
  fileprivate func masked(by mask: SecretMask) -> JSONValue {
    switch self {
    case .null, .bool, .integer, .number: self
    case .string(let text): .string(mask.masked(text))
    case .array(let items): .array(items.map { $0.masked(by: mask) })
    case .object(let members): .object(members.mapValues { $0.masked(by: mask) })
    }
  }
}
