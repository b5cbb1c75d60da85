import Testing
import Text

@testable import Worker

/// The scan of a line against the decoder of the whole.
@Suite("Members of a long line") struct MemberScanTests {
  private static let paths = ["type", "a.b", "a.b.c", "usage.input_tokens", "é.\"x\\"]

  private func scan(_ bytes: [UInt8], pieces: [Int]) -> JSONValue? {
    var scan = MemberScan(paths: Self.paths)
    var rest = bytes[...]
    var sizes = pieces.makeIterator()
    while !rest.isEmpty {
      let size = sizes.next() ?? rest.count
      scan.take(rest.prefix(size))
      rest = rest.dropFirst(size)
    }
    return scan.object
  }

  /// Both read the same of these members.
  private func agree(_ line: String, _ random: inout SystemRandomNumberGenerator) {
    let bytes = Array(line.utf8)
    let whole = try? JSONValue(parsing: bytes)
    let pieces = (0..<bytes.count).map { _ in Int.random(in: 1...7, using: &random) }
    let scanned = scan(bytes, pieces: pieces)
    guard case .object? = whole else {
      #expect(scanned == nil, "\(line)")
      return
    }
    for path in Self.paths {
      #expect(
        scanned?.at(path: path)?.scalarText == whole?.at(path: path)?.scalarText,
        "\(path) of \(line)")
    }
  }

  @Test("it reads what the decoder reads, in whatever pieces it comes")
  func asTheDecoder() {
    var random = SystemRandomNumberGenerator()
    for line in [
      "{}", "{ }", " {\"type\" : \"x\"} ", #"{"type":"a\"b\\","a":{"b":1}}"#,
      #"{"a":{"b":{"c":true}},"type":null}"#, #"{"a":[{"b":2}],"type":-1.5e3}"#,
      #"{"list":[1,[2,{"type":"no"}],"}"],"type":"yes"}"#, #"{"é":{"\"x\\":"deep"}}"#,
      #"{"t\u0079pe":"\ud83d\ude00é"}"#, "{\"type\":\"x\"", "{\"type\":}", "[]", "1", "\"x\"", "",
      "{\"type\":\"x\"}}", "{\"type\":\"x\"} y", "{,}", "{\"a\":1,}", "{\"type\":nope}", "{]",
      "{\"a\" 1}",
      "{\"a\":[1 2]}", "{\"a\":[,]}",
    ] {
      agree(line, &random)
    }
    for _ in 0..<300 { agree(document(&random, depth: 0), &random) }
  }

  private func document(_ random: inout SystemRandomNumberGenerator, depth: Int) -> String {
    let names = ["type", "a", "b", "c", "usage", "input_tokens", "é", "\\\"x\\\\", "n\\n"]
    var used: Set<String> = []
    let members = (0..<Int.random(in: 0...4, using: &random)).compactMap { _ -> String? in
      guard let name = names.randomElement(using: &random), used.insert(name).inserted else {
        return nil
      }
      return "\"\(name)\": \(value(&random, depth: depth))"
    }
    return "{\(members.joined(separator: " , "))}"
  }

  private func value(_ random: inout SystemRandomNumberGenerator, depth: Int) -> String {
    switch Int.random(in: 0...(depth > 4 ? 3 : 6), using: &random) {
    case 0: "\(Int.random(in: -9...9, using: &random))"
    case 1: ["true", "false", "null"].randomElement(using: &random) ?? "null"
    case 2: "\"\\\\ \\\" } ] , : é\""
    case 3: "\"x\""
    case 4: "[\(value(&random, depth: depth + 1)), \(value(&random, depth: depth + 1))]"
    default: document(&random, depth: depth + 1)
    }
  }

  @Test("it keeps no more of a text than anybody reads, and ends at a depth")
  func bounds() {
    let long = "{\"type\":\"" + String(repeating: "é\\n", count: 100_000) + "\"}"
    let text = scan(Array(long.utf8), pieces: [])?["type"].stringValue
    #expect((text?.utf8.count ?? 0) <= 4096 && (text?.hasPrefix("é\né") ?? false))
    func nested(_ depth: Int) -> [UInt8] {
      Array(
        (String(repeating: "{\"a\":", count: depth) + "1" + String(repeating: "}", count: depth))
          .utf8)
    }
    #expect(scan(nested(500), pieces: []) != nil)
    #expect(scan(nested(600), pieces: []) == nil)
  }
}
