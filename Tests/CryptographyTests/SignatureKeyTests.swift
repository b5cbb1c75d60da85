// Signatures of JSON Web Tokens: the examples of the standards, and what must not be accepted.

import Cryptography
import SigningKeys
import Testing
import Text

@Suite struct SignatureKeyTests {
  private static let message = Array("a message".utf8)

  /// RFC 7515, appendix A.3: ES256.
  @Test func exampleOfES256() throws {
    func bytes(_ text: String) throws -> [UInt8] { try #require(Base64URL.decode(text.utf8)) }
    let x = try bytes("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")
    let y = try bytes("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
    let signed =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
      + "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    let signature = try bytes(
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
    let key = try #require(SignatureKey(x: x, y: y))
    #expect(key.algorithm == .es256)
    #expect(key.isValid(signature, for: Array(signed.utf8)))
    #expect(!key.isValid(signature, for: Array((signed + "A").utf8)))
  }

  @Test func signaturesOfES256() throws {
    let private1 = try SigningKey.p256()
    let private2 = try SigningKey.p256()
    let key = try #require(SignatureKey(x: private1.number("qx"), y: private1.number("qy")))
    let signature = try private1.signature(of: Self.message)
    #expect(key.isValid(signature, for: Self.message))
    expectRefused(by: key, signature, try private2.signature(of: Self.message))
    // DER instead of two numbers, the numbers swapped, zero, the order of the curve, and longer.
    let order = try #require(
      Hex.decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"))
    let zero = [UInt8](repeating: 0, count: 32)
    let (r, s) = (Array(signature[..<32]), Array(signature[32...]))
    for wrong in [
      try private1.signature(of: Self.message, isDER: true), s + r, zero + zero, r + zero, zero + s,
      order + s, r + order, order + order, [0] + r + [0] + s, r + [0] + s, r, r + s + [0],
    ] {
      #expect(!key.isValid(wrong, for: Self.message), "\(Hex.encode(wrong))")
    }
  }

  @Test func signaturesOfRS256() throws {
    let private1 = try SigningKey.rsa(bits: 2048)
    let private2 = try SigningKey.rsa(bits: 2048)
    let key = try #require(
      SignatureKey(modulus: private1.number("n"), exponent: private1.number("e")))
    #expect(key.algorithm == .rs256)
    let signature = try private1.signature(of: Self.message)
    #expect(key.isValid(signature, for: Self.message))
    expectRefused(by: key, signature, try private2.signature(of: Self.message))
    // The signature must have the length of the modulus.
    for wrong in [[0] + signature, signature + [0], [UInt8](repeating: 0, count: 256)] {
      #expect(!key.isValid(wrong, for: Self.message))
    }
  }

  private func expectRefused(by key: SignatureKey, _ signature: [UInt8], _ foreign: [UInt8]) {
    #expect(!key.isValid(foreign, for: Self.message))
    #expect(!key.isValid([], for: Self.message))
    #expect(!key.isValid(Array(signature.dropLast()), for: Self.message))
    for index in Self.message.indices {
      var altered = Self.message
      altered[index] ^= 1
      #expect(!key.isValid(signature, for: altered))
    }
    for index in signature.indices {
      var altered = signature
      altered[index] ^= 0x80
      #expect(!key.isValid(altered, for: Self.message))
    }
  }

  @Test func pointsThatAreNotOnTheCurve() throws {
    let key = try SigningKey.p256()
    let (x, y) = (key.number("qx"), key.number("qy"))
    #expect(SignatureKey(x: x, y: y) != nil)
    var other = y
    other[31] ^= 1
    let zero = [UInt8](repeating: 0, count: 32)
    let large = [UInt8](repeating: 0xff, count: 32)
    for (x, y) in [
      (x, other), (y, x), (zero, zero), (large, large), ([], []), ([0] + x, [0] + y),
      (Array(x.dropLast()), y),
    ] {
      #expect(SignatureKey(x: x, y: y) == nil)
    }
  }

  @Test func numbersThatAreNoRSAKey() throws {
    let key = try SigningKey.rsa(bits: 2048)
    let short = try SigningKey.rsa(bits: 1024)
    let (n, e) = (key.number("n"), key.number("e"))
    #expect(SignatureKey(modulus: n, exponent: e) != nil)
    for (n, e) in [
      (short.number("n"), e), ([], e), (n, []), (n, [1]), (n, [2]), (n, [0, 1, 0, 1]), ([0] + n, e),
      (n, [UInt8](repeating: 0xff, count: 9)), ([UInt8](repeating: 0xff, count: 1025), e),
    ] {
      #expect(SignatureKey(modulus: n, exponent: e) == nil)
    }
  }
}
