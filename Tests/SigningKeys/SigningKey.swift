import COpenSSL
import Text

/// A private key that signs JSON Web Tokens, for tests.
package final class SigningKey: Sendable {
  nonisolated(unsafe) private let key: OpaquePointer
  private let isRSA: Bool

  package struct Fault: Error {}

  private init(_ type: String, _ configure: (OpaquePointer) -> Bool) throws {
    let context = EVP_PKEY_CTX_new_from_name(nil, type, nil)
    defer { EVP_PKEY_CTX_free(context) }
    var made: OpaquePointer?
    guard let context, EVP_PKEY_keygen_init(context) == 1, configure(context),
      EVP_PKEY_generate(context, &made) == 1, let made
    else { throw Fault() }
    key = made
    isRSA = type == "RSA"
  }

  package static func rsa(bits: Int32) throws -> SigningKey {
    try SigningKey("RSA") { EVP_PKEY_CTX_set_rsa_keygen_bits($0, bits) == 1 }
  }

  package static func p256() throws -> SigningKey {
    try SigningKey("EC") { EVP_PKEY_CTX_set_group_name($0, "prime256v1") == 1 }
  }

  deinit { EVP_PKEY_free(key) }

  package var algorithm: String { isRSA ? "RS256" : "ES256" }

  /// A number of the public key: `n`, `e`, `qx` or `qy`.
  package func number(_ name: String) -> [UInt8] {
    var number: OpaquePointer?
    guard EVP_PKEY_get_bn_param(key, name, &number) == 1 else { return [] }
    defer { BN_free(number) }
    return bytes(number, size: isRSA ? (Int(BN_num_bits(number)) + 7) / 8 : 32)
  }

  /// The public key (RFC 7517).
  package func jwk(_ id: String?) -> JSONValue {
    let numbers = isRSA ? [("n", "n"), ("e", "e")] : [("x", "qx"), ("y", "qy")]
    var members: [String: JSONValue] = ["kty": isRSA ? "RSA" : "EC", "use": "sig"]
    if !isRSA { members["crv"] = "P-256" }
    if let id { members["kid"] = .string(id) }
    for (name, parameter) in numbers {
      members[name] = .string(Base64URL.encode(number(parameter)))
    }
    return .object(members)
  }

  /// A signature as RFC 7518 requires.
  /// - Parameter isDER: an ECDSA signature stays as libcrypto makes it, which is wrong.
  package func signature(of message: [UInt8], isDER: Bool = false) throws -> [UInt8] {
    guard let context = EVP_MD_CTX_new() else { throw Fault() }
    defer { EVP_MD_CTX_free(context) }
    var size = Int(EVP_PKEY_get_size(key))
    var der = [UInt8](repeating: 0, count: size)
    guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
      EVP_DigestSign(context, &der, &size, message, message.count) == 1
    else { throw Fault() }
    der = Array(der.prefix(size))
    guard !isRSA, !isDER else { return der }
    let parsed = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
      var next = buffer.baseAddress
      return d2i_ECDSA_SIG(nil, &next, buffer.count)
    }
    defer { ECDSA_SIG_free(parsed) }
    return bytes(ECDSA_SIG_get0_r(parsed), size: 32) + bytes(ECDSA_SIG_get0_s(parsed), size: 32)
  }

  /// A token in the form of RFC 7515.
  package func token(
    _ claims: JSONValue, id: String? = nil, header more: JSONValue = .object([:])
  ) throws -> String {
    var header: JSONValue = ["alg": .string(algorithm), "typ": "JWT"]
    if let id { header = header.with(["kid": .string(id)]) }
    let signed =
      Base64URL.encode(header.with(more).canonical) + "." + Base64URL.encode(claims.canonical)
    return signed + "." + Base64URL.encode(try signature(of: Array(signed.utf8)))
  }

  private func bytes(_ number: OpaquePointer?, size: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: size)
    guard BN_bn2binpad(number, &bytes, Int32(size)) == Int32(size) else { return [] }
    return bytes
  }
}
