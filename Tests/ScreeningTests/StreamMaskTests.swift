import Randomness
import Testing

@testable import Screening

/// However a text is cut, what comes out is the text with stars over the value.
struct StreamMaskTests {
  private static func search(_ value: String) -> SecretSearch {
    SecretSearch(values: [value], shapes: false, purpose: .masking)
  }

  /// What comes out, and whether the value was found.
  private static func masked(
    _ text: [UInt8], by search: SecretSearch, _ chance: inout Seeded, longest: Int
  ) -> (out: [UInt8], isFound: Bool) {
    var mask = StreamMask(search)
    var out: [UInt8] = []
    var rest = text[...]
    while !rest.isEmpty {
      let count = min(rest.count, 1 + chance.below(longest))
      out += mask.pass(rest.prefix(count))
      rest = rest.dropFirst(count)
    }
    out += mask.finish()
    return (out, mask.isFound)
  }

  /// Three letters and a value that overlaps itself: most texts contain a part of it.
  @Test func aValueIsMaskedWhereverThePiecesEnd() {
    var chance = Seeded(5)
    let key = "aabaabaac"
    let search = Self.search(key)
    for _ in 0..<20_000 {
      let text = (0..<(5 + chance.below(40))).map { _ in UInt8(97 + chance.below(3)) }
      let (out, isFound) = Self.masked(text, by: search, &chance, longest: 6)
      let isWhole = String(decoding: text, as: UTF8.self).contains(key)
      guard out.count == text.count, isFound == isWhole,
        !String(decoding: out, as: UTF8.self).contains(key),
        zip(out, text).allSatisfy({ $0 == $1 || $0 == UInt8(ascii: "*") })
      else {
        Issue.record("\(text) became \(out)")
        return
      }
    }
  }

  /// Also those whose lines are broken.
  @Test func everyEncodingIsMaskedWhereverThePiecesEnd() throws {
    var chance = Seeded(6)
    let value = "0f1e2d3c-4b\"5a69/78+796~5?>"
    let search = Self.search(value)
    for form in try #require(KnownValue.lines(of: value).first).forms {
      for _ in 0..<50 {
        var written = form.bytes
        if form.isWrapped {
          for _ in 0...chance.below(3) {
            written.insert(contentsOf: [13, 10], at: 1 + chance.below(written.count - 1))
          }
        }
        let text = Array("before ".utf8) + written + Array(" after".utf8)
        let (out, isFound) = Self.masked(text, by: search, &chance, longest: 9)
        let stars = Array(repeating: UInt8(ascii: "*"), count: written.count)
        #expect(isFound)
        #expect(out == Array("before ".utf8) + stars + Array(" after".utf8))
      }
    }
  }

  @Test func otherBytesPassAtOnce() {
    var mask = StreamMask(Self.search("0f1e2d3c-4b5a"))
    #expect(mask.pass("data: {\"text\": \"hello\"}\n\n".utf8).count == 25)
    #expect(mask.pass("data: 0f1e2d".utf8) == Array("data: ".utf8))
    #expect(mask.pass("\n\n".utf8) == Array("0f1e2d\n\n".utf8))
  }

  /// Line ends within base64 are passed over, so that a value's beginning could be kept for ever.
  @Test func keptBytesAreBounded() {
    let value = "0f1e2d3c-4b5a"
    var mask = StreamMask(Self.search(value))
    var kept = Array("MGYx".utf8).count + mask.pass([]).count
    kept -= mask.pass("MGYx".utf8).count
    for _ in 0..<100 {
      kept += 1_000 - mask.pass(Array(repeating: 10, count: 1_000)).count
    }
    #expect(kept <= SecretSearch.reach)
    #expect(mask.finish().count == kept)
  }

  @Test func withoutAValueNothingIsMasked() {
    var mask = StreamMask(SecretSearch(shapes: false, purpose: .masking))
    #expect(mask.pass("0f1e2d3c".utf8) == Array("0f1e2d3c".utf8))
    #expect(!mask.isFound)
  }
}
