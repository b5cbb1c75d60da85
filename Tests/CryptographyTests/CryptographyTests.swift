// Against what the standards themselves give as examples, not against libcrypto once more.

import Cryptography
import Testing
import Text

@Suite struct CryptographyTests {
  /// FIPS 180-4's examples
  /// (https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values).
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func sha256(message: String, digest: String) {
    #expect(SHA256.hex(message.utf8) == digest)
    // A sequence that lies in pieces, and one hash for several messages in pieces.
    #expect(SHA256.hex(message.utf8.lazy.map { $0 }) == digest)
    var hash = SHA256()
    for _ in 0..<3 {
      for byte in message.utf8 { hash.update(CollectionOfOne(byte)) }
      #expect(Hex.encode(hash.finish()) == digest)
    }
  }

  @Test func sha1() {
    #expect(
      Hex.encode(SHA1.hash(Array("a".utf8), Array("bc".utf8)))
        == "a9993e364706816aba3e25717850c26c9cd0d89d")
    #expect(Hex.encode(SHA1.hash()) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
  }

  /// RFC 4231, test cases 1, 2 and 6.
  @Test(arguments: [
    (
      [UInt8](repeating: 0x0b, count: 20), "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array("Jefe".utf8), "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (
      [UInt8](repeating: 0xaa, count: 131),
      "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
  ])
  func hmac(key: [UInt8], message: String, code: String) throws {
    let bytes = Array(message.utf8)
    #expect(Hex.encode(HMACSHA256.code(for: bytes, key: key)) == code)
    var given = try #require(Hex.decode(code))
    #expect(HMACSHA256.isValid(given, for: bytes, key: key))
    #expect(!HMACSHA256.isValid(given, for: bytes + [0], key: key))
    #expect(!HMACSHA256.isValid(Array(given.dropLast()), for: bytes, key: key))
    given[31] ^= 1
    #expect(!HMACSHA256.isValid(given, for: bytes, key: key))
  }

  @Test func invalidKeysAreRefusedWithoutATerminal() {
    #expect(fault(of: "") == "unreadable")
    #expect(
      fault(of: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") == "unreadable")
    #expect(fault(of: "-----BEGIN ENCRYPTED PRIVATE KEY-----\n") == "encrypted")
    #expect(fault(of: "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n") == "encrypted")
  }

  private func fault(of pem: String) -> String? {
    do {
      _ = try RSAPrivateKey(pem: pem)
      return nil
    } catch {
      return switch error {
      case .encrypted: "encrypted"
      case .unreadable: "unreadable"
      case .short: "short"
      }
    }
  }
}
