import COpenSSL

/// An RSA key that was made for one test, and what of it checks a signature.
final class GeneratedKey: Sendable {
  // It is only read after it was made.
  nonisolated(unsafe) private let key: OpaquePointer
  /// PKCS #8 without a pass phrase.
  let pem: String

  init?(bits: Int32) {
    guard let context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil) else { return nil }
    defer { EVP_PKEY_CTX_free(context) }
    var made: OpaquePointer?
    guard EVP_PKEY_keygen_init(context) == 1,
      EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1,
      EVP_PKEY_generate(context, &made) == 1, let made
    else { return nil }
    key = made
    guard let output = BIO_new(BIO_s_mem()) else { return nil }
    defer { BIO_free(output) }
    guard PEM_write_bio_PrivateKey(output, made, nil, nil, 0, nil, nil) == 1 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 16384)
    let count = BIO_read(output, &bytes, Int32(bytes.count))
    pem = String(decoding: bytes.prefix(Int(max(count, 0))), as: UTF8.self)
  }

  deinit { EVP_PKEY_free(key) }

  /// Whether the signature is RS256's of the message, by the public half.
  func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
    guard let context = EVP_MD_CTX_new() else { return false }
    defer { EVP_MD_CTX_free(context) }
    return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1
      && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }
}
