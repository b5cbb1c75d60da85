import Domain
import Foundation
import Testing
import Workflows

struct ShellWordsTests {
  @Test(arguments: [
    ("a b  c", ["a", "b", "c"]),
    ("  a\t'b c' \n", ["a", "b c"]),
    (#"a "b 'c'" 'd "e"'"#, ["a", "b 'c'", #"d "e""#]),
    (#"a\ b \'c "\"d\\" "\n""#, ["a b", "'c", #""d\"#, #"\n"#]),
    ("a '' \"\"", ["a", "", ""]),
    ("x'y'\"z\"w", ["xyzw"]),
    (#"sh -c 'echo "$1" | cat; exit 3' --"#, ["sh", "-c", #"echo "$1" | cat; exit 3"#, "--"]),
    ("$HOME * | > ~ #x", ["$HOME", "*", "|", ">", "~", "#x"]),
    ("a\\\nb", ["ab"]),
    ("naïve 'e\u{301}\u{200D}'", ["naïve", "e\u{301}\u{200D}"]),
  ])
  func splits(line: String, words: [String]) throws {
    #expect(try ShellWords.split(line) == words)
  }

  @Test(arguments: [
    ("", ShellWords.Fault.empty), (" \n\t", .empty), ("a 'b", .unbalanced(quote: "'", at: 3)),
    (#"a "b\""#, .unbalanced(quote: "\"", at: 3)), ("a\\", .danglingBackslash),
    ("a \0", .containsNUL),
  ])
  func refuses(line: String, fault: ShellWords.Fault) {
    #expect(throws: fault) { try ShellWords.split(line) }
    #expect(fault.description.contains(";"))
  }

  /// Compared with the shell, without the characters that it would expand.
  @Test func agreesWithTheShell() throws {
    var state: UInt64 = 42
    func draw(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    let alphabet = Array("ab  \t'\"\\é-=")
    var lines: [String] = []
    var expected: [[String]] = []
    while lines.count < 600 {
      let line = String((0...draw(12)).map { _ in alphabet[draw(alphabet.count)] })
      guard let words = try? ShellWords.split(line) else { continue }
      lines.append(line)
      expected.append(words)
    }
    // Each line becomes a function call that prints its words, NUL after each, and a bell.
    let script =
      "w() { for x; do printf '%s\\0' \"$x\"; done; printf '\\a'; }\n"
      + lines.map { "w \($0)\n" }.joined()
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    let (stdin, stdout) = (Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = stdout
    try process.run()
    try stdin.fileHandleForWriting.write(contentsOf: Data(script.utf8))
    try stdin.fileHandleForWriting.close()
    let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let results = output.split(separator: 7, omittingEmptySubsequences: false).dropLast().map {
      record in
      record.split(separator: 0, omittingEmptySubsequences: false).dropLast()
        .map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(results.count == lines.count)
    for (line, (ours, theirs)) in zip(lines, zip(expected, results)) {
      #expect(ours == theirs, "\(line)")
    }
  }

  @Test func quantities() {
    #expect(Quantity.duration("10m") == .seconds(600))
    #expect(Quantity.duration("500ms") == Milliseconds(500))
    #expect(Quantity.duration("1d") == .seconds(86_400))
    for text in ["", "m", "10", "-1s", "1.5s", "1 s", "9999999999999999d", "+1s", "١s"] {
      #expect(Quantity.duration(text) == nil, "\(text)")
    }
    #expect(Quantity.size("16MiB") == 16 << 20)
    #expect(Quantity.size("7B") == 7)
    for text in ["", "16", "MiB", "16MB", "-1B"] { #expect(Quantity.size(text) == nil, "\(text)") }
    #expect(Quantity.text(.seconds(600)) == "10m")
    #expect(Quantity.text(Milliseconds(1500)) == "1500ms")
    #expect(Quantity.text(Milliseconds(0)) == "0ms")
  }
}
