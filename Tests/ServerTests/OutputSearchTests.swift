import Domain
import Foundation
import Randomness
import Testing
import Text

@testable import Server

@Suite struct OutputSearchTests {
  private func match(_ search: OutputSearch, _ line: String) -> Int? {
    matches(search, line).first?.at
  }

  private func matches(_ search: OutputSearch, _ text: String) -> [OutputSearch.Match] {
    var found: [OutputSearch.Match] = []
    _ = search.forEachLine(of: Array(text.utf8)) { match in
      found.append(match)
      return true
    }
    return found
  }

  @Test func eachLineIsFoundOnceWithItsNumber() {
    let text = "a\n\nERROR: b failed\n0 errors, 2 errors\nno error"
    #expect(matches(.errors, text).map(\.number) == [2, 3])
    #expect(matches(.errors, text).map(\.line) == [3..<18, 19..<37])
    #expect(matches(.errors, text).map(\.at) == [3, 31])
    #expect(matches(OutputSearch(text: "o"), text).map(\.number) == [2, 3, 4])
    #expect(matches(OutputSearch(text: "b\n"), "ab\nc").isEmpty)
    var calls = 0
    let isWhole = OutputSearch(text: "e").forEachLine(of: Array(text.utf8)) { _ in
      calls += 1
      return false
    }
    #expect(!isWhole && calls == 1)
  }

  /// It compares each line with a plain search, however the lines lie in what is read at once.
  @Test(arguments: 1...20) func anyOutput(seed: Int) async throws {
    var random = Seeded(seed)
    let words = ["error", " ", "0 ", "Errors", "x", "\u{1b}[31m", "fail", "ed", "ä", "\n", "\n"]
    var text = ""
    for _ in 0..<Int.random(in: 1...2000, using: &random) {
      text += words.randomElement(using: &random) ?? ""
      // Longer than what is read at once.
      if Int.random(in: 0..<800, using: &random) == 0 {
        text += String(repeating: "y", count: 300_000)
      }
    }
    for search in [OutputSearch.errors, OutputSearch(text: "xf"), OutputSearch(text: "ä")] {
      let plain = TerminalFilter.filtered(Array(text.utf8))
      let expected = plain.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated()
        .filter { match(search, String(decoding: $1, as: UTF8.self)) != nil }.map { $0.offset + 1 }
      #expect(try await found(search, in: text).lines == expected)
    }
  }

  @Test func whatNoLineHasIsNotFoundInAVeryLongLine() async throws {
    let line = String(repeating: "y", count: 600_000)
    for text in ["y\ny", "y\u{0}y", "\n"] {
      let found = try await found(OutputSearch(text: text), in: line)
      #expect(found.lines.isEmpty && found.isWhole)
    }
  }

  /// The numbers of the lines that match, as the route finds them.
  private func found(
    _ search: OutputSearch, in text: String, limit: Int = .max
  ) async throws -> (lines: [Int], isWhole: Bool) {
    let folder = "\(NSTemporaryDirectory())/aipm-search-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let files = OutputFiles(directory: folder)
    let bytes = Array(text.utf8)
    let id = DelegationID("d")
    _ = try await files.append(bytes, at: 0, of: id, attempt: 1, limit: .max)
    var lines: [Int] = []
    let isWhole = try await OutputLines(files: files, id: id, attempt: 1)
      .forEach(overlap: search.lengthMax - 1) { first, text in
        search.forEachLine(of: text) { match in
          if lines.last != first + match.number { lines.append(first + match.number) }
          return lines.count < limit
        }
      }
    return (lines, isWhole)
  }

  @Test("the first error of a long output is found in a moment, and the search ends there")
  func longOutput() async throws {
    let line = "\u{1b}[32mok\u{1b}[0m 12345 - it compiles the file of some module, 0 errors\n"
    let long = String(repeating: line, count: 120_000) + "error: it broke\n"
    let clock = ContinuousClock()
    let start = clock.now
    let last = try await found(.errors, in: long, limit: 1)
    let took = clock.now - start
    #expect(last.lines == [120_001] && !last.isWhole)
    #expect(took < .seconds(5), "\(took)")
    let first = try await found(.errors, in: "error\n" + long, limit: 1)
    #expect(first.lines == [1] && !first.isWhole)
  }

  @Test func textMatchesInBothCases() {
    let search = OutputSearch(text: "Needle")
    #expect(match(search, "a NEEDLE") == 2)
    #expect(match(search, "needl") == nil)
    #expect(match(search, "needneedle") == 4)
    #expect(match(OutputSearch(text: "ä"), "eä") == 1)
    #expect(match(OutputSearch(text: ""), "x") == nil)
  }

  @Test(arguments: [
    "Error: it is missing", "src/a.c:3:1: error: x", "FATAL", "2 failed", "panic: y",
    "Traceback (most recent call last):", "no such thing: error", "10 errors",
  ])
  func whatLooksLikeAnError(line: String) {
    #expect(match(.errors, line) != nil)
  }

  @Test(arguments: [
    "", "0 errors, no failures", "terror", "errors_total 3", "is_error", "{\"error\":null}",
    "without error", "fine",
  ])
  func whatDoesNot(line: String) {
    #expect(match(.errors, line) == nil)
  }

  /// A range of lines is the same, however the text is cut into pieces.
  @Test(arguments: 1...7) func ranges(size: Int) {
    let text = Array("one\ntwo\n\nfour\nfive".utf8)
    for (first, count, wanted) in [
      (1, 1, "one\n"), (2, 2, "two\n\n"), (3, 9, "\nfour\nfive"), (5, 1, "five"), (6, 1, ""),
    ] {
      var range = LineRange(first: first, count: count)
      var taken: [UInt8] = []
      var offset = 0
      while offset < text.count, !range.isOver {
        let piece = Array(text[offset..<min(offset + size, text.count)])
        let (bytes, skipped) = range.take(piece)
        #expect(Array(piece.dropFirst(skipped).prefix(bytes.count)) == Array(bytes))
        taken += bytes
        offset += piece.count
      }
      #expect(String(decoding: taken, as: UTF8.self) == wanted, "\(first), \(count)")
    }
  }

  @Test func aTimeThatIsNotKnownIsNotMadeUp() {
    var lines = TimedLines(isAtLine: true)
    let text = String(decoding: lines.timed(Array("a\nb".utf8), at: 0, now: nil), as: UTF8.self)
    let dashes = String(repeating: "-", count: 24)
    #expect(text == "\(dashes) a\n\(dashes) b")
  }
}
