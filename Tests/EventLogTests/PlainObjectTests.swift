import Randomness
import Testing
import Text

@testable import EventLog

/// The quick parser of details against the parser for any JSON.
@Suite struct PlainObjectTests {
  private static func plain(_ text: [UInt8]) -> [String: JSONValue]? {
    text.withUnsafeBytes { DetailMembers.plainObject($0) }
  }

  @Test(arguments: [
    "{}", #"{"a":0}"#, #"{"a":999999999999999999,"b":"x y/z"}"#, #"{"":""}"#,
  ]) func plainObjectsAreRead(text: String) throws {
    let bytes = Array(text.utf8)
    #expect(try Self.plain(bytes) == JSONValue(json: bytes).objectValue)
    #expect(Self.plain(bytes) != nil)
  }

  @Test(arguments: [
    "", "{", "[]", "null", "{}x", #"{"a":-1}"#, #"{"a":01}"#, #"{"a":1.0}"#, #"{"a":true}"#,
    #"{"a":{}}"#, #"{"a":[1]}"#, #"{"a":1000000000000000000}"#, #"{"a":"\n"}"#, #"{"a":"é"}"#,
    #"{"b":1,"a":1}"#, #"{"a":1,"a":2}"#, #"{"a":1,}"#, #"{"a":}"#, #"{"a": 1}"#, #"{"a":""x"}"#,
    "{\"a\":\"\u{1}\"}", "{\"\u{1}\":1}", #"{"a":"x}"#,
  ]) func everyOtherFormIsLeftToTheOtherParser(text: String) {
    #expect(Self.plain(Array(text.utf8)) == nil)
  }

  /// Whatever it reads, the other parser reads the same.
  @Test func bothParsersAgreeOnChangedTexts() throws {
    var random = Seeded(11)
    let bytes = Array(#"{"attempt":12,"deletions":0,"digest":"ab/c","name":"x","zero":7}"#.utf8)
    let alphabet = Array(#"{}[]",:\0123456789-+.eEabcntruls "#.utf8) + [0, 31, 127, 128, 255]
    var read = 0
    for _ in 0..<20_000 {
      var text = bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let index = Int.random(in: text.indices, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: text.remove(at: index)
        case 1: text.insert(alphabet.randomElement(using: &random) ?? 0, at: index)
        case _: text[index] = alphabet.randomElement(using: &random) ?? 0
        }
      }
      guard let found = Self.plain(text) else { continue }
      read += 1
      let expected = try JSONValue(json: text).objectValue
      #expect(found == expected, "\(String(decoding: text, as: UTF8.self))")
    }
    #expect(read > 500)
  }
}
