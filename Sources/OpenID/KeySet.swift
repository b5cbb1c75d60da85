import Cryptography
import Text

/// The keys that a provider publishes (RFC 7517).
struct KeySet: Sendable {
  private struct Entry {
    var id: String?
    var key: SignatureKey
  }

  private let entries: [Entry]

  static let bytesMax = 256 << 10
  static let keysMax = 100

  /// Reads a JWK set. Keys that cannot check ID tokens are left out, as RFC 7517, section 5,
  /// requires.
  /// - Throws: `OpenIDFault.provider` if it is invalid, too large, or without a usable key.
  init(_ document: JSONValue) throws(OpenIDFault) {
    guard let keys = document["keys"].arrayValue, keys.count <= Self.keysMax else {
      throw .provider(
        "The provider's jwks_uri is not a set of \(Self.keysMax) keys at most. Check openid-issuer."
      )
    }
    entries = keys.compactMap { jwk in
      Self.key(jwk).map { Entry(id: jwk["kid"].stringValue, key: $0) }
    }
    guard !entries.isEmpty else {
      throw .provider("The provider publishes no key for RS256 or ES256. Check its settings.")
    }
  }

  var count: Int { entries.count }

  /// The key of an ID token; nil if it is absent, or if several could be meant.
  /// - Parameter id: the token's `kid`; nil: the only key for the algorithm.
  func key(_ id: String?, for algorithm: SignatureKey.Algorithm) -> SignatureKey? {
    let fitting = entries.filter {
      $0.key.algorithm == algorithm && (id == nil || $0.id == id)
    }
    return fitting.count == 1 ? fitting[0].key : nil
  }

  private static func key(_ jwk: JSONValue) -> SignatureKey? {
    guard ["sig", nil].contains(jwk["use"].stringValue),
      jwk["key_ops"].arrayValue?.contains("verify") ?? true
    else { return nil }
    let key: SignatureKey?
    switch jwk["kty"].stringValue {
    case "RSA":
      guard let n = bytes(jwk["n"]), let e = bytes(jwk["e"]) else { return nil }
      key = SignatureKey(modulus: n, exponent: e)
    case "EC" where jwk["crv"].stringValue == "P-256":
      guard let x = bytes(jwk["x"]), let y = bytes(jwk["y"]) else { return nil }
      key = SignatureKey(x: x, y: y)
    case _: return nil
    }
    guard let key, [key.algorithm.rawValue, nil].contains(jwk["alg"].stringValue) else {
      return nil
    }
    return key
  }

  private static func bytes(_ value: JSONValue) -> [UInt8]? {
    value.stringValue.flatMap { Base64URL.decode($0.utf8) }
  }
}
