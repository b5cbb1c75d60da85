import Cryptography
import Domain
import Text

/// An ID token whose signature has not been checked (RFC 7515, section 7.1).
struct IDToken: Sendable {
  static let bytesMax = 128 << 10

  let algorithm: SignatureKey.Algorithm
  /// The id of the key; nil if the token names none.
  let keyID: String?
  private let payload: [UInt8]
  private let signature: [UInt8]
  /// What the signature is of.
  private let signed: [UInt8]

  init(_ text: String) throws(TokenFault) {
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.bytesMax else { throw .form }
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 3, let header = Base64URL.decode(parts[0]).flatMap(Self.object),
      let payload = Base64URL.decode(parts[1]), let signature = Base64URL.decode(parts[2]),
      // Extensions that must be understood (RFC 7515, section 4.1.11): none is.
      header["crit"] == nil
    else { throw .form }
    guard let algorithm = header["alg"]?.stringValue.flatMap(SignatureKey.Algorithm.init) else {
      throw .algorithm
    }
    switch header["kid"] {
    case nil: keyID = nil
    case .string(let id): keyID = id
    case _: throw .form
    }
    self.algorithm = algorithm
    self.payload = payload
    self.signature = signature
    signed = Array(bytes[..<parts[1].endIndex])
  }

  /// The claims, if one of these keys signed them.
  func claims(signedBy keys: KeySet) throws(TokenFault) -> [String: JSONValue] {
    guard let key = keys.key(keyID, for: algorithm) else { throw .key }
    guard key.isValid(signature, for: signed) else { throw .signature }
    guard let claims = Self.object(payload) else { throw .form }
    return claims
  }

  private static func object(_ bytes: [UInt8]) -> [String: JSONValue]? {
    (try? JSONValue(parsing: bytes))?.objectValue
  }
}

/// What the claims of an ID token must be (OpenID Connect Core 1.0, section 3.1.3.7).
struct ClaimRules {
  var issuer: String
  var clientID: String
  var nonce: String
  var now: Timestamp

  /// How far the clocks of provider and AIPM may differ, in seconds.
  static let skew = 60.0
  /// The largest `sub`, in bytes (section 2).
  static let subjectBytesMax = 255

  /// Checks the claims.
  /// - Returns: the subject.
  func check(_ claims: [String: JSONValue]) throws(TokenFault) -> String {
    guard claims["iss"]?.stringValue == issuer else { throw .claim("iss") }
    let audience = claims["aud"]?.stringValue.map { [.string($0)] } ?? claims["aud"]?.arrayValue
    guard let audience, audience.contains(.string(clientID)) else { throw .claim("aud") }
    // A token for several clients must have been issued to this one.
    if audience.count > 1 || claims["azp"] != nil {
      guard claims["azp"]?.stringValue == clientID else { throw .claim("azp") }
    }
    let now = Double(self.now.milliseconds) / 1000
    guard try time("exp", claims) > now - Self.skew else { throw .expired }
    guard try time("iat", claims) <= now + Self.skew else { throw .early }
    if claims["nbf"] != nil, try time("nbf", claims) > now + Self.skew { throw .early }
    guard let given = claims["nonce"]?.stringValue,
      constantTimeEqual(Array(given.utf8), Array(nonce.utf8))
    else { throw .claim("nonce") }
    guard let subject = claims["sub"]?.stringValue,
      (1...Self.subjectBytesMax).contains(subject.utf8.count)
    else { throw .claim("sub") }
    return subject
  }

  /// In seconds since 1970.
  private func time(
    _ name: String, _ claims: [String: JSONValue]
  ) throws(TokenFault) -> Double {
    guard let seconds = claims[name]?.doubleValue, seconds.isFinite else { throw .claim(name) }
    return seconds
  }
}
