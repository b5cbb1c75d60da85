import Randomness
import Testing
import Text

/// RFC 8785, as far as it concerns values whose numbers are whole.
struct JSONValueTests {
  @Test func keysAreSortedByTheirUTF16() {
    // The RFC's own example (section 3.2.3): U+1F600 sorts before U+FB33, by its surrogates.
    let value = JSONValue.object([
      "\u{20ac}": .string("Euro Sign"), "\r": .string("Carriage Return"),
      "\u{fb33}": .string("Hebrew Letter Dalet With Dagesh"), "1": .string("One"),
      "\u{1f600}": .string("Emoji: Grinning Face"), "\u{80}": .string("Control"),
      "\u{f6}": .string("Latin Small Letter O With Diaeresis"),
    ])
    let text = value.canonicalText
    let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
    let starts = order.compactMap { word in text.firstRange(of: word)?.lowerBound }
    #expect(starts.count == order.count && starts == starts.sorted())
  }

  @Test func onlyWhatMustBeEscapedIs() {
    let text = JSONValue.string("\u{20ac}$\u{f}\nA'B\"\\\\\"/\u{7f}\u{2028}\u{8}\u{c}\r\t\u{0}")
    #expect(
      text.canonicalText
        == "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\u{2028}\\b\\f\\r\\t\\u0000\"")
  }

  @Test func allKindsOfValues() {
    let value = JSONValue.object([
      "a": .array([.null, .bool(true), .bool(false), .integer(-1), .integer(.max)]),
      "": .object([:]), "b": .array([]),
    ])
    #expect(
      value.canonicalText
        == "{\"\":{},\"a\":[null,true,false,-1,9223372036854775807],\"b\":[]}")
  }

  @Test func canonicalTextReadsBack() throws {
    var random = Seeded(1)
    for _ in 0..<500 {
      let value = Self.random(&random, depth: 3)
      #expect(try JSONValue(json: value.canonical) == value)
    }
  }

  @Test(arguments: ["", "{", "1.5", "[1,,2]", "{\"a\":1e400}", "nul"])
  func whatIsRefused(text: String) {
    #expect(throws: (any Error).self) { try JSONValue(json: Array(text.utf8)) }
  }

  @Test func hexadecimal() {
    #expect(Hex.encode([0, 15, 160, 255]) == "000fa0ff")
    #expect(Hex.decode("000fA0ff") == [0, 15, 160, 255])
    #expect(Hex.decode("0") == nil && Hex.decode("0g") == nil && Hex.decode("") == [])
  }

  private static func random(_ random: inout Seeded, depth: Int) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 6 : 4), using: &random) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &random))
    case 2: return .integer(Int64.random(in: .min ... .max, using: &random))
    case 3: return .string(word(&random))
    case 4:
      return .array((0..<3).map { _ in Self.random(&random, depth: depth - 1) })
    case _:
      var members: [String: JSONValue] = [:]
      for _ in 0..<3 { members[word(&random)] = Self.random(&random, depth: depth - 1) }
      return .object(members)
    }
  }

  private static func word(_ random: inout Seeded) -> String {
    let scalars = (0..<5).compactMap { _ in
      Unicode.Scalar(UInt32.random(in: 0...0x1_ffff, using: &random))
    }
    return scalars.reduce(into: "") { $0.unicodeScalars.append($1) }
  }
}

/// Any JSON, as other programs write it.
struct ForeignJSONTests {
  @Test func numbersMayHaveFractions() throws {
    let value = try JSONValue(parsing: Array(#"{"a":1.5,"b":2.0,"c":[1e3,-0.25]}"#.utf8))
    #expect(value["a"].doubleValue == 1.5 && value["a"].integerValue == nil)
    #expect(value["b"].integerValue == 2 && value["c"].arrayValue?.first?.integerValue == 1000)
    #expect(try JSONValue(parsing: value.canonical) == value)
    #expect(JSONValue.number(.nan).canonicalText == "null")
  }

  @Test func literalsAndMembers() {
    let value: JSONValue = ["a": nil, "b": ["x", 1, true], "c": "\(1)"]
    #expect(value.canonicalText == #"{"a":null,"b":["x",1,true],"c":"1"}"#)
    #expect(value.with(["a": 2]).canonicalText == #"{"a":2,"b":["x",1,true],"c":"1"}"#)
    #expect(value["z"] == .null && JSONValue(String?.none) == .null && value["c"]["d"] == .null)
  }

  @Test(arguments: ["", "{", "nul", "[1,,2]", "\u{1}", "{\"a\":1e400}"])
  func invalidIsRefused(text: String) {
    #expect(throws: (any Error).self) { try JSONValue(parsing: Array(text.utf8)) }
  }

  @Test func bytesThatAreNotUTF8AreRefused() {
    #expect(throws: (any Error).self) { try JSONValue(parsing: [0x22, 0xff, 0x22]) }
  }
}
