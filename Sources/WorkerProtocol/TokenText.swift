import Cryptography
import Text

/// The text of a token: `aipm_`, 48 random hexadecimal digits, and 8 digits of a checksum. So a
/// token is recognized wherever it is found, and a truncated one is noticed before use.
package enum TokenText {
  package static let prefix = "aipm_"

  /// Makes a new token.
  package static func fresh() -> String {
    let random = prefix + randomHex(bytes: 24)
    return random + checksum(random)
  }

  /// Whether the text begins like a token and is invalid: truncated or mistyped.
  package static func isDamaged(_ text: String) -> Bool {
    guard text.hasPrefix(prefix) else { return false }
    return text.utf8.count != prefix.utf8.count + 56
      || checksum(String(text.dropLast(8))) != String(text.suffix(8))
  }

  private static func checksum(_ text: String) -> String { String(SHA256.hex(text.utf8).prefix(8)) }
}
