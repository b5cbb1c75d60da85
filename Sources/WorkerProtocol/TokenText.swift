import Cryptography
import Text

/// The text of a token: `aipm_`, 48 hexadecimal digits at random, and 8 that check those, so that
/// a token is known for one wherever it is found, and one that is cut off is noticed before use.
package enum TokenText {
  package static let prefix = "aipm_"

  /// A new one.
  package static func fresh() -> String {
    let random = prefix + Hex.encode((0..<24).map { _ in UInt8.random(in: .min ... .max) })
    return random + checksum(random)
  }

  /// Whether a text begins as a token does and is none: it was cut off or mistyped.
  package static func isDamaged(_ text: String) -> Bool {
    guard text.hasPrefix(prefix) else { return false }
    return text.utf8.count != prefix.utf8.count + 56
      || checksum(String(text.dropLast(8))) != String(text.suffix(8))
  }

  private static func checksum(_ text: String) -> String { String(SHA256.hex(text.utf8).prefix(8)) }
}
