import Randomness
import Testing
import Text

@Suite struct Base64URLTests {
  /// RFC 4648, section 10, without padding, and RFC 7515, appendix C.
  @Test(arguments: [
    ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
    ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
  ])
  func examples(plain: String, encoded: String) {
    #expect(Base64URL.encode(plain.utf8) == encoded)
    #expect(Base64URL.decode(encoded.utf8) == Array(plain.utf8))
  }

  @Test func alphabet() {
    #expect(Base64URL.encode([3, 236, 255, 224, 193]) == "A-z_4ME")
    #expect(Base64URL.decode("A-z_4ME".utf8) == [3, 236, 255, 224, 193])
  }

  /// Each value has one text.
  @Test func whatIsRefused() {
    for bad in ["Zg==", "Zh", "Zm9", "Z", "Zm9vY", "A+z/4ME", "Zm 8", "Zm8\n", "Zmé"] {
      #expect(Base64URL.decode(bad.utf8) == nil, "\(bad)")
    }
    var random = Seeded(6)
    for count in 0..<200 {
      let bytes = (0..<count).map { _ in UInt8(random.below(256)) }
      #expect(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes)
    }
  }
}
