import COpenSSL

/// A public key that checks signatures of JSON Web Tokens. A key has one algorithm, so a token can
/// not choose another one for it.
package final class SignatureKey: Sendable {
  /// The algorithms, by their names in RFC 7518, section 3.1.
  package enum Algorithm: String, CaseIterable, Sendable {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256 = "RS256"
    /// ECDSA with the curve P-256 and SHA-256.
    case es256 = "ES256"
  }

  package let algorithm: Algorithm
  // The EVP_PKEY is read-only from here on, which OpenSSL allows from several threads
  // (https://docs.openssl.org/3.0/man7/openssl-threads/).
  nonisolated(unsafe) private let key: OpaquePointer

  /// The bits of an RSA modulus: the minimum of RS256 (RFC 7518, section 3.3), and a maximum that
  /// bounds the time of a check.
  private static let rsaBits = 2048...8192
  /// A larger exponent only makes checks slow.
  private static let exponentBytesMax = 8
  /// The bytes of a coordinate of P-256, and of each half of its signature.
  private static let coordinateBytes = 32

  /// A key for RS256 (RFC 7518, section 6.3.1).
  /// - Parameters:
  ///   - modulus: big-endian.
  ///   - exponent: big-endian, odd, and at least 3.
  /// - Returns: nil if the values are not a key of 2048 to 8192 bits.
  package init?(modulus: [UInt8], exponent: [UInt8]) {
    guard let first = modulus.first, first != 0, modulus.count * 8 <= Self.rsaBits.upperBound,
      (1...Self.exponentBytesMax).contains(exponent.count), exponent.first != 0,
      let last = exponent.last, last % 2 == 1, exponent != [1]
    else { return nil }
    let numbers = DER.sequence([DER.integer(modulus), DER.integer(exponent)])
    guard let read = Self.read(DER.publicKey(DER.rsaAlgorithm, numbers)) else { return nil }
    guard Self.rsaBits.contains(Int(EVP_PKEY_get_bits(read))) else {
      EVP_PKEY_free(read)
      return nil
    }
    algorithm = .rs256
    key = read
  }

  /// A key for ES256 (RFC 7518, section 6.2.1).
  /// - Parameters:
  ///   - x: 32 bytes, big-endian.
  ///   - y: 32 bytes, big-endian.
  /// - Returns: nil if the coordinates are not a point of P-256.
  package init?(x: [UInt8], y: [UInt8]) {
    guard x.count == Self.coordinateBytes, y.count == Self.coordinateBytes else { return nil }
    // An uncompressed point (SEC 1, section 2.3.3). libcrypto checks that it is on the curve.
    guard let read = Self.read(DER.publicKey(DER.p256Algorithm, [0x04] + x + y)) else { return nil }
    algorithm = .es256
    key = read
  }

  deinit { EVP_PKEY_free(key) }

  /// Whether the signature is the key's for the message.
  /// - Parameter signature: in the form of RFC 7518: for ES256 the two numbers of 32 bytes, one
  ///   after the other, not DER.
  package func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
    let encoded: [UInt8]?
    switch algorithm {
    case .rs256: encoded = signature
    case .es256: encoded = Self.der(signature)
    }
    guard let encoded, let context = EVP_MD_CTX_new() else { return false }
    defer {
      EVP_MD_CTX_free(context)
      ERR_clear_error()
    }
    return EVP_DigestVerifyInit(context, nil, HashFunction.sha256.pointer, nil, key) == 1
      && EVP_DigestVerify(context, encoded, encoded.count, message, message.count) == 1
  }

  /// The DER form of an ECDSA signature (RFC 3279, section 2.2.3), which libcrypto reads.
  private static func der(_ raw: [UInt8]) -> [UInt8]? {
    guard raw.count == 2 * coordinateBytes else { return nil }
    return DER.sequence(
      [DER.integer(Array(raw[..<coordinateBytes])), DER.integer(Array(raw[coordinateBytes...]))])
  }

  /// Reads a `SubjectPublicKeyInfo` (RFC 5280, section 4.1).
  private static func read(_ der: [UInt8]) -> OpaquePointer? {
    defer { ERR_clear_error() }
    return der.withUnsafeBufferPointer { buffer in
      var next = buffer.baseAddress
      return d2i_PUBKEY(nil, &next, buffer.count)
    }
  }
}

/// The values of DER (ITU-T X.690) that public keys and signatures consist of.
private enum DER {
  /// `rsaEncryption` (RFC 3279, section 2.3.1).
  static let rsaAlgorithm: [UInt8] = [
    0x30, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0,
  ]
  /// `id-ecPublicKey` with the curve `secp256r1` (RFC 5480, section 2.1.1).
  static let p256Algorithm: [UInt8] = [
    0x30, 19, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 8, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
  ]

  static func publicKey(_ algorithm: [UInt8], _ key: [UInt8]) -> [UInt8] {
    // A bit string without unused bits.
    sequence([algorithm, value(0x03, [0] + key)])
  }

  static func sequence(_ values: [[UInt8]]) -> [UInt8] { value(0x30, Array(values.joined())) }

  /// A number that is not negative, big-endian.
  static func integer(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array(bytes.drop { $0 == 0 })
    let needsZero = digits.first.map { $0 >= 0x80 } ?? true
    return value(0x02, (needsZero ? [0] : []) + digits)
  }

  private static func value(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    guard content.count >= 0x80 else { return [tag, UInt8(content.count)] + content }
    let size = [UInt8(content.count >> 8), UInt8(content.count & 0xff)].drop { $0 == 0 }
    return [tag, 0x80 | UInt8(size.count)] + size + content
  }
}
