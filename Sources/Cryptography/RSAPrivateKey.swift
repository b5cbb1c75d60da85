import COpenSSL

/// An RSA key for signatures.
package final class RSAPrivateKey: Sendable {
  /// Why a text is not a key that can sign.
  package enum Fault: Error {
    /// A pass phrase is needed.
    case encrypted
    /// It is not an RSA private key in PEM.
    case unreadable
    /// It has fewer bits than are safe.
    case short(bits: Int)
  }

  /// The minimum of RS256 (RFC 7518, section 3.3).
  private static let bitsMin = 2048

  // The EVP_PKEY is read-only from here on, which OpenSSL allows from several threads
  // (https://docs.openssl.org/3.0/man7/openssl-threads/).
  nonisolated(unsafe) private let key: OpaquePointer

  /// - Parameter pem: `RSA PRIVATE KEY` (PKCS #1) or `PRIVATE KEY` (PKCS #8).
  /// - Throws: `Fault`, which contains nothing of the text.
  package init(pem: String) throws(Fault) {
    guard !pem.contains("ENCRYPTED") else { throw .encrypted }
    let bytes = Array(pem.utf8)
    // Without this callback libcrypto would ask for a pass phrase on the terminal.
    let read = bytes.withUnsafeBytes { buffer -> OpaquePointer? in
      guard let input = BIO_new_mem_buf(buffer.baseAddress, Int32(buffer.count)) else { return nil }
      defer { BIO_free(input) }
      return PEM_read_bio_PrivateKey(input, nil, { _, _, _, _ in -1 }, nil)
    }
    ERR_clear_error()
    guard let read else { throw .unreadable }
    let bits = Int(EVP_PKEY_get_bits(read))
    let isRSA = EVP_PKEY_is_a(read, "RSA") == 1
    guard isRSA, bits >= Self.bitsMin else {
      EVP_PKEY_free(read)
      throw isRSA ? .short(bits: bits) : .unreadable
    }
    key = read
  }

  deinit { EVP_PKEY_free(key) }

  /// RSASSA-PKCS1-v1_5 over the SHA-256 of the message (RFC 8017, section 8.2), which a JWT calls
  /// RS256; nil if libcrypto refuses the key.
  package func signature(of message: [UInt8]) -> [UInt8]? {
    guard let context = EVP_MD_CTX_new() else { return nil }
    defer { EVP_MD_CTX_free(context) }
    var size = Int(EVP_PKEY_get_size(key))
    var signature = [UInt8](repeating: 0, count: size)
    guard
      EVP_DigestSignInit(context, nil, HashFunction.sha256.pointer, nil, key) == 1,
      EVP_DigestSign(context, &signature, &size, message, message.count) == 1
    else {
      ERR_clear_error()
      return nil
    }
    return Array(signature.prefix(size))
  }
}
