import Cryptography
import Text

/// A cookie whose value names what the server keeps (RFC 6265): 32 random bytes in hexadecimal, of
/// which the server keeps the hash alone. Scripts cannot read it.
struct SecretCookie: Sendable {
  /// Which requests from other sites carry it.
  enum SameSite: String {
    /// None.
    case strict = "Strict"
    /// The visits that another site leads to.
    case lax = "Lax"
  }

  /// The name without its prefix.
  let base: String
  /// Only requests for this path and below it carry it.
  let path: String
  let sameSite: SameSite
  /// Whether browsers send it over TLS only.
  let isSecure: Bool
  /// How long browsers keep it.
  let seconds: Int64

  /// The name, with a prefix that browsers accept from this host over TLS only (RFC 6265bis,
  /// section 4.1.3): no neighbour on another port or under a sibling name can set it.
  var name: String {
    guard isSecure else { return base }
    return (path == "/" ? "__Host-" : "__Secure-") + base
  }

  /// A new value.
  static func freshValue() -> String { randomHex(bytes: 32) }

  /// The hash of a value.
  static func id(_ value: String) -> String { SHA256.hex(value.utf8) }

  /// Its value in a `Cookie` field; nil without one. Of several, the first is that of the
  /// longest path (RFC 6265, section 5.4).
  func value(in header: String?) -> String? {
    values(in: header).first.flatMap { Self.isValue($0) ? $0 : nil }
  }

  /// Its values in a `Cookie` field, in order. Cookies of other paths and of other servers on the
  /// same host can have the same name.
  func values(in header: String?) -> [String] {
    let prefix = Array("\(name)=".utf8)
    return (header ?? "").utf8.split(separator: UInt8(ascii: ";")).compactMap { pair in
      let text = pair.drop { $0 == UInt8(ascii: " ") }
      guard text.starts(with: prefix) else { return nil }
      return String(decoding: text.dropFirst(prefix.count), as: UTF8.self)
    }
  }

  /// Whether a text has the form of a value.
  static func isValue(_ text: String) -> Bool { text.utf8.count == 64 }

  /// The field that sets it; nil ends it.
  func field(_ value: String?) -> String {
    "\(name)=\(value ?? ""); Path=\(path); Max-Age=\(value == nil ? 0 : seconds); HttpOnly;"
      + " SameSite=\(sameSite.rawValue)" + (isSecure ? "; Secure" : "")
  }
}
