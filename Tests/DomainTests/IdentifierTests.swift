import Testing

@testable import Domain

/// Names come back as they were given, however they are kept.
struct IdentifierTests {
  private static let uuid = "019b76da-a800-7fcd-b465-b9a16a9e786e"
  private static let sha = "0123456789abcdef00ff7f8090a0b0c0d0e0f123"

  /// Texts that are nearly a UUID or a SHA-1: each position in turn has a character next to the
  /// digits and letters in ASCII, or one outside ASCII.
  private static func variants(of text: String) -> [String] {
    let bytes = Array(text.utf8)
    let strange: [UInt8] = [0x00, 0x20, 0x2d, 0x2f, 0x3a, 0x40, 0x41, 0x46, 0x47, 0x60, 0x67, 0x7f]
    let changed = bytes.indices.flatMap { index in
      strange.map { other in
        var copy = bytes
        copy[index] = other
        return String(decoding: copy, as: UTF8.self)
      }
    }
    return changed + [
      "", text + "0", String(text.dropLast()), text.uppercased(), " " + text.dropFirst(),
      "é" + text.dropFirst(2),
    ]
  }

  @Test func delegations() {
    for text in Self.variants(of: Self.uuid) + [Self.uuid, "x", Self.sha] {
      #expect(DelegationID(text).rawValue == text)
      var copy = text
      let decoded = copy.withUTF8 { DelegationID(decoding: UnsafeRawBufferPointer($0)) }
      #expect(decoded == DelegationID(text))
      #expect((DelegationID(text) == DelegationID(Self.uuid)) == (text == Self.uuid))
    }
  }

  @Test func objects() {
    let sha256 = Self.sha + String(repeating: "5", count: 24)
    for text in Self.variants(of: Self.sha) + [Self.sha, sha256, "HEAD"] {
      #expect(ObjectID(text).rawValue == text)
      var copy = text
      let decoded = copy.withUTF8 { ObjectID(decoding: UnsafeRawBufferPointer($0)) }
      #expect(decoded == ObjectID(text))
      #expect((ObjectID(text) == ObjectID(Self.sha)) == (text == Self.sha))
    }
  }

  @Test func everyDigitInEveryPlace() {
    for digit in "0123456789abcdef" {
      for place in 0..<40 {
        var text = Array(Self.sha)
        text[place] = digit
        #expect(ObjectID(String(text)).rawValue == String(text))
      }
      for place in 0..<36 where Array(Self.uuid)[place] != "-" {
        var text = Array(Self.uuid)
        text[place] = digit
        #expect(DelegationID(String(text)).rawValue == String(text))
      }
    }
  }

  /// Ids of UUIDs sort as their texts do, and so do others among them.
  @Test func order() {
    let texts = [
      Self.uuid, "019b76da-a800-7fcd-b465-b9a16a9e786f", "119b76da-a800-7fcd-b465-b9a16a9e786e",
      "019b76da-a800-7fcd-f465-b9a16a9e786e", "ffffffff-ffff-ffff-ffff-ffffffffffff", "", "0", "z",
      "019B76DA-a800-7fcd-b465-b9a16a9e786e",
    ]
    for a in texts {
      for b in texts { #expect((DelegationID(a) < DelegationID(b)) == (a < b), "\(a) \(b)") }
    }
  }
}
