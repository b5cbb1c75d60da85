import Cryptography
import Domain
import Text

/// A sign-in that has begun. Keep it for the browser in which it began, and forget it when that
/// browser comes back, whatever the result is.
package struct PendingSignIn: Sendable {
  /// Unguessable, and part of the callback's query.
  package let state: String
  /// Part of the ID token.
  let nonce: String
  /// Proves at the token endpoint that the code is this sign-in's (RFC 7636).
  let verifier: String
  /// From then on it is refused.
  package let expires: Timestamp

  /// How long people have at the provider.
  package static let lifetime = Milliseconds.seconds(600)

  init(at now: Timestamp) {
    state = Self.random()
    nonce = Self.random()
    verifier = Self.random()
    expires = now + Self.lifetime
  }

  /// The S256 challenge of the verifier (RFC 7636, section 4.2).
  var challenge: String { Base64URL.encode(SHA256.hash(verifier.utf8)) }

  /// Whether a callback with this state belongs to it.
  package func isNamed(by state: String) -> Bool {
    constantTimeEqual(Array(state.utf8), Array(self.state.utf8))
  }

  /// 256 bits from the system, as 43 characters.
  private static func random() -> String {
    var generator = SystemRandomNumberGenerator()
    return Base64URL.encode((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }
}

/// The query of a callback (RFC 6749, sections 4.1.2 and 4.1.2.1).
struct CallbackQuery {
  private let values: [String: String]

  static let bytesMax = 16 << 10
  private static let names: Set = ["state", "code", "error", "error_description", "iss"]

  /// - Returns: nil if the encoding is invalid, or a parameter is repeated.
  init?(_ query: String) {
    guard query.utf8.count <= Self.bytesMax else { return nil }
    var values: [String: String] = [:]
    for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
      let parts = pair.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      func text(_ bytes: Substring.UTF8View) -> String? {
        Percent.decode(bytes, plusIsSpace: true).flatMap { String(validating: $0, as: UTF8.self) }
      }
      guard let name = text(parts[0]), let value = parts.count == 2 ? text(parts[1]) : "" else {
        return nil
      }
      guard Self.names.contains(name) else { continue }
      guard values.updateValue(value, forKey: name) == nil else { return nil }
    }
    self.values = values
  }

  subscript(_ name: String) -> String? { values[name] }
}
