import Randomness
import Testing
import Text

@Suite struct FormatTests {
  @Test func manyDigitsAtOnceAreThoseOfOneByOne() {
    var random = Seeded(1)
    for count in 0..<70 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      let text = bytes.map { String($0 + 0, radix: 16) }.map { $0.count == 1 ? "0\($0)" : $0 }
      #expect(Hex.encode(bytes) == text.joined())
      #expect(Hex.decode(Hex.encode(bytes).uppercased()) == bytes)
    }
  }

  @Test func uuids() {
    let text = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
    let bytes = UUIDText.decode(text) ?? []
    #expect(bytes.count == 16 && UUIDText.encode(bytes) == text)
    func halves(_ text: String) -> (UInt64, UInt64)? {
      Array(text.utf8).withUnsafeBytes { UUIDText.halves($0) }
    }
    #expect(halves(text).map { UUIDText.encode($0.0, $0.1) } == text)
    #expect(UUIDText.decode(text.uppercased()) == bytes)
    // What is read from the halves must be what was given.
    #expect(halves(text.uppercased()) == nil)
    for bad in [
      "", String(text.dropLast()), text.replacing("-", with: "0"), "g" + text.dropFirst(),
    ] {
      #expect(UUIDText.decode(bad) == nil && halves(bad) == nil, "\(bad)")
    }
    #expect(UUIDText.encode([1, 2]) == "0102")
  }

  @Test func webURLs() throws {
    let url = try #require(WebURL("https://Sign-In.example:8443/realms/a?b=c?d"))
    #expect(url.isSecure && url.host == "sign-in.example" && url.port == 8443)
    #expect(url.path == "/realms/a" && url.query == "b=c?d" && !url.isLoopback)
    for text in [
      "http://localhost", "http://127.0.0.1:1/", "http://[::1]:8080", "https://127.1.2.3",
    ] {
      #expect(WebURL(text)?.isLoopback == true, "\(text)")
    }
    for text in [
      "http://127.0.0.1.example", "http://localhost.example", "http://127.1", "http://[::2]",
      "http://127.0.0.0001", "http://127.0.0.1.",
    ] {
      #expect(WebURL(text)?.isLoopback == false, "\(text)")
    }
    for bad in [
      "", "https://", "https:///path", "ftp://a", "HTTPS://a", "https://a:", "https://a:0",
      "https://a:65536", "https://a:+1", "https://a@b", "https://a:b@c", "https://a/#b",
      "https://a\\b", "https://a b", "https://ä", "https://[::1", "https://[::1]x", "https://[]",
      "https://a/\n", "https://a%2eb", "//a", "a", "https://" + String(repeating: "a", count: 2000),
    ] {
      #expect(WebURL(bad) == nil, "\(bad)")
    }
  }

  @Test func percentEncoding() {
    #expect(Percent.encode("a b/ü~") == "a%20b%2F%C3%BC~")
    #expect(Percent.encode(path: "/a b//ü") == "/a%20b//%C3%BC")
    #expect(Percent.decode("a%20b%2f%C3%BC+") == "a b/ü+")
    #expect(Percent.decode("a+b%2B", plusIsSpace: true) == "a b+")
    for bad in ["%", "%2", "%zz", "%ff"] { #expect(Percent.decode(bad) == String?.none, "\(bad)") }
    #expect(Percent.decode("%ff".utf8) == [0xff])
  }

  @Test(arguments: [
    ("2026-11-23T12:00:00Z", 1_795_435_200, 0), ("2026-11-23T12:00:00.999Z", 1_795_435_200, 0),
    ("2026-11-23T14:30:00+02:30", 1_795_435_200, 150),
    ("2026-11-23T07:00:00.5-0500", 1_795_435_200, -300), ("1969-12-31T23:59:59Z", -1, 0),
  ])
  func timesWithOffsets(text: String, seconds: Int64, offset: Int) {
    let read = ISO8601.seconds(text)
    #expect(read?.seconds == seconds && read?.offset == offset)
  }

  @Test(arguments: [
    "", "2026-11-23", "2026-11-23T12:00:00", "2026-02-30T12:00:00Z", "2026-11-23T24:00:00Z",
    "2026-11-23T12:00:00+2", "yesterday",
  ])
  func noTimes(text: String) { #expect(ISO8601.seconds(text) == nil) }

  @Test func timesAreWritten() {
    #expect(ISO8601.text(1_795_435_200_123) == "2026-11-23T12:00:00.123Z")
    #expect(ISO8601.text(seconds: -1) == "1969-12-31T23:59:59Z")
    // A corrupt log may hold any number.
    for time in [Int64.min, .max] { #expect(ISO8601.text(time).utf8.count <= ISO8601.bytesMax) }
  }

  @Test(arguments: [
    ("\u{1b}[31mred\u{1b}[0m\ttab\n", "red\ttab\n"), ("a\u{7}\u{8}\r\u{0}b", "ab"),
    ("\u{1b}]0;title\u{7}shown", "shown"), ("\u{1b}]0;title\u{1b}\\shown", "shown"),
    ("\u{9b}1mü\u{1b}Pq", "ü"), ("\u{1b}]no end\nnext", "\nnext"), ("äé€", "äé€"),
  ])
  func whatATerminalActsOnIsRemoved(given: String, shown: String) {
    #expect(TerminalFilter.filtered(Array(given.utf8)) == Array(shown.utf8))
    var filter = TerminalFilter()
    let pieces = given.utf8.flatMap { filter.take([$0]) }
    #expect(pieces == Array(shown.utf8), "in pieces")
  }

  @Test func whiteSpaceIsTrimmed() {
    #expect(" \r\n a b \t\n".trimmed == "a b" && " \n".trimmed == "")
    #expect(" a \r\n".trimmedEnd == " a")
  }

  @Test func hash() {
    // From the reference implementation.
    #expect(FNV1a.hash("") == 0xcbf2_9ce4_8422_2325)
    #expect(FNV1a.hash("foobar") == 0x8594_4171_f739_67e8)
  }
}
