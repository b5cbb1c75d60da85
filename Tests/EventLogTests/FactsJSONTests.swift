import Domain
import LogStories
import Randomness
import Testing
import Text

@testable import EventLog

/// Facts written without an object against the object itself.
@Suite struct FactsJSONTests {
  private static let words = [
    "", "a", "main", "ebaejun/tools", "with \"quotes\" and \\", "line\nbreak\u{1}", "日本語 é 🙂",
    "a,b}c]d:{", String(repeating: "x", count: 300),
  ]

  private static func facts(_ random: inout Seeded) -> Facts {
    func text() -> String? {
      Bool.random(using: &random) ? words.randomElement(using: &random) : nil
    }
    func number() -> Int64? {
      Bool.random(using: &random)
        ? [0, 7, -1, Int64.max, Int64.min, 1_795_435_200_123].randomElement(using: &random) : nil
    }
    func flag() -> Bool? { [nil, true, false].randomElement(using: &random) ?? nil }
    var facts = Facts()
    for fact in EventColumn.facts {
      switch fact.kind {
      case .envelope: break
      case .name, .text: facts.put(fact.column, text())
      case .integer: facts.put(fact.column, number())
      case .flag: facts.put(fact.column, flag())
      }
    }
    return facts
  }

  private static func value(_ random: inout Seeded, depth: Int = 0) -> JSONValue {
    switch Int.random(in: 0..<(depth < 3 ? 6 : 4), using: &random) {
    case 0: .null
    case 1: .bool(Bool.random(using: &random))
    case 2: .integer(Int64.random(in: -1000...1000, using: &random))
    case 3: .string(words.randomElement(using: &random) ?? "")
    case 4: .array((0..<2).map { _ in value(&random, depth: depth + 1) })
    default:
      .object(["k": value(&random, depth: depth + 1), "z\"": value(&random, depth: depth + 1)])
    }
  }

  /// Writes facts as a check of the log does, from a row.
  private static func write(_ facts: Facts, detail: String?) -> (isWritten: Bool, bytes: [UInt8]) {
    let row = StoredRow(
      StoredEvent(
        position: 1, id: [], stream: .init("system"), version: 1, type: 1, schema: 1,
        time: Timestamp(milliseconds: 0), actorKind: "system", actor: "aipm", correlation: nil,
        causation: nil, facts: facts, detail: detail, payloadHash: [], hash: [], salt: [],
        body: []))
    var out = ByteWriter()
    let isWritten = out.appendFacts(of: row)
    return (isWritten, out.array)
  }

  @Test func whatIsWrittenIsTheObject() {
    var random = Seeded(7)
    // Before, between, after and among the columns, and three that are columns' own names.
    let keys = ["Zeta", "a", "durationMs", "filesChanged", "sha", "tokens", "zz", "agent", "tries"]
    for _ in 0..<3000 {
      var facts = Self.facts(&random)
      for key in keys where Bool.random(using: &random) { facts.detail[key] = Self.value(&random) }
      let text = facts.detail.isEmpty ? nil : JSONValue.object(facts.detail).canonicalText
      let (isWritten, written) = Self.write(facts, detail: text)
      let expected = JSONValue.object(facts.object).canonical
      #expect(isWritten)
      #expect(String(decoding: written, as: UTF8.self) == String(decoding: expected, as: UTF8.self))
      // Appends write them from memory.
      var out = ByteWriter()
      out.append(facts)
      #expect(out.array == expected)
    }
  }

  /// Keys that are not ASCII have another order by UTF-16 than by bytes.
  @Test func otherKeysHaveTheOrderOfTheObject() {
    var facts = Facts()
    facts.put(.agent, "demo")
    facts.detail = ["\u{1F600}": .integer(1), "\u{FB33}": .null, "n": .bool(true)]
    var out = ByteWriter()
    out.append(facts)
    #expect(out.array == JSONValue.object(facts.object).canonical)
  }

  @Test(arguments: [
    "", "{", "[]", "null", "{}x", " {}", "{\"a\":1", "{\"a\":}", "{\"a\" :1}", "{\"a\":1,}",
    "{\"b\":1,\"a\":2}", "{\"a\":1,\"a\":2}", "{\"é\":1}", "{\"a\\n\":1}", "{\"a\":\"x}", "{a:1}",
    "{\"a\":[1,2}", "{\"a\":1}}", "{\"a\":{\"b\":1}",
  ])
  func whatIsNotCanonicalIsRefused(text: String) {
    var facts = Facts()
    facts.put(.agent, "demo")
    let (isWritten, written) = Self.write(facts, detail: text)
    let isJSON = (try? JSONValue(json: written)) != nil
    // What slips through is at least no valid text, which no hash of the log is made of.
    #expect(!isWritten || !isJSON, "\(String(decoding: written, as: UTF8.self))")
  }
}
