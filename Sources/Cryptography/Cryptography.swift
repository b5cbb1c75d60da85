// Hashes, message authentication and signatures: the system's libcrypto behind typed calls.
//
// Purpose: AIPM implements no cryptography and needs little: SHA-256 (the log's chain, digests of
// definitions and output), SHA-1 (names of git objects), HMAC-SHA256 (webhooks), RS256 (a GitHub
// App's tokens), and checks of RS256 and ES256 (the tokens of a sign-in). libcurl loads OpenSSL's
// libcrypto into the process anyway, and the system keeps it patched; a Swift package with a copy
// of such a library would take a third of the build time. It uses only functions that OpenSSL 3
// does not deprecate (https://docs.openssl.org/3.0/man7/crypto/).
//
// Failures: if memory runs out, or the library lacks SHA-256, the program ends, because no event
// can be recorded without a hash.

import COpenSSL
import Text

/// A hash function of libcrypto, looked up once: a look-up costs more than a short hash.
struct HashFunction: Sendable {
  // An EVP_MD never changes after it was fetched, and is never freed.
  nonisolated(unsafe) let pointer: OpaquePointer?
  let size: Int

  /// - Parameter builtIn: the fallback if the fetch fails.
  private init(_ name: String, builtIn: OpaquePointer?) {
    // By default libcrypto frees everything when the process exits, also while other threads end
    // and free their part: a double free. The kernel frees it anyway.
    // https://docs.openssl.org/3.0/man3/OPENSSL_init_crypto/
    OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
    pointer = EVP_MD_fetch(nil, name, nil) ?? builtIn
    size = Int(EVP_MD_get_size(pointer))
  }

  static let sha256 = HashFunction("SHA256", builtIn: EVP_sha256())
  static let sha1 = HashFunction("SHA1", builtIn: EVP_sha1())
}

/// A hash in progress. It is reused for further messages, which saves the set-up.
struct RunningHash: ~Copyable {
  private let context: OpaquePointer?
  private let function: HashFunction

  init(_ function: HashFunction) {
    context = EVP_MD_CTX_new()
    precondition(context != nil, "no memory for a hash")
    self.function = function
    begin(function.pointer)
  }

  deinit { EVP_MD_CTX_free(context) }

  /// - Parameter pointer: nil to reuse the function of the context, which saves libcrypto the
  ///   set-up.
  private func begin(_ pointer: OpaquePointer?) {
    precondition(EVP_DigestInit_ex2(context, pointer, nil) == 1, "EVP_DigestInit_ex2 failed")
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    precondition(
      EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "EVP_DigestUpdate failed")
  }

  /// The hash of the message; the next message may follow.
  mutating func finish() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: function.size) { buffer, count in
      finish(into: UnsafeMutableRawBufferPointer(buffer))
      count = function.size
    }
  }

  /// The same, written into a buffer.
  mutating func finish(into out: UnsafeMutableRawBufferPointer) {
    precondition(out.count >= function.size, "the buffer is too small for a hash")
    precondition(
      EVP_DigestFinal_ex(context, out.bindMemory(to: UInt8.self).baseAddress, nil) == 1,
      "EVP_DigestFinal_ex failed")
    begin(nil)
  }
}

/// SHA-256 (FIPS 180-4).
package struct SHA256: ~Copyable {
  private var running = RunningHash(.sha256)

  package init() {}

  /// Takes the next bytes of the message.
  package mutating func update(_ bytes: some Sequence<UInt8>) {
    withRawBytes(of: bytes) { running.update($0) }
  }

  /// Takes the next bytes of the message.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) { running.update(bytes) }

  /// The 32 bytes of the hash of all bytes since the start or the last call; the next message may
  /// follow.
  package mutating func finish() -> [UInt8] { running.finish() }

  /// The same, written into a buffer of 32 bytes or more.
  package mutating func finish(into out: UnsafeMutableRawBufferPointer) {
    running.finish(into: out)
  }

  /// The 32 bytes of the hash of one message.
  package static func hash(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }

  /// The hash of one message as 64 lower-case hexadecimal digits.
  package static func hex(_ bytes: some Sequence<UInt8>) -> String { Hex.encode(hash(bytes)) }
}

/// SHA-1, for the names of git objects only. It is not secure.
package enum SHA1 {
  /// The 20 bytes of the hash of the concatenated parts.
  package static func hash(_ parts: [UInt8]...) -> [UInt8] {
    var running = RunningHash(.sha1)
    for part in parts { part.withUnsafeBytes { running.update($0) } }
    return running.finish()
  }
}

/// HMAC with SHA-256 (RFC 2104).
package enum HMACSHA256 {
  /// The 32 bytes that authenticate the message.
  package static func code(for message: [UInt8], key: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: HashFunction.sha256.size) { buffer, count in
      let made = HMAC(
        HashFunction.sha256.pointer, key, Int32(key.count), message, message.count,
        buffer.baseAddress, nil)
      precondition(made != nil, "HMAC failed")
      count = HashFunction.sha256.size
    }
  }

  /// Whether the code belongs to the message. Compares in constant time.
  package static func isValid(_ code: [UInt8], for message: [UInt8], key: [UInt8]) -> Bool {
    constantTimeEqual(code, self.code(for: message, key: key))
  }
}

/// Random bytes of the system in hexadecimal.
package func randomHex(bytes count: Int) -> String {
  Hex.encode((0..<count).map { _ in UInt8.random(in: .min ... .max) })
}

/// Whether two secrets are equal. The time depends on their lengths alone.
package func constantTimeEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
  one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
}

/// Calls the body with the bytes in place if they are contiguous, else with a copy.
private func withRawBytes(
  of bytes: some Sequence<UInt8>, _ body: (UnsafeRawBufferPointer) -> Void
) {
  let isDone: Void? = bytes.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
  if isDone == nil { Array(bytes).withUnsafeBytes(body) }
}
