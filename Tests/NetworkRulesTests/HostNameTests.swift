import Foundation
import Glibc
import NetworkRules
import Randomness
import Testing

/// Valid and invalid host names. No accepted name can be read as an address.
struct HostNameTests {
  @Test(arguments: [
    ("pypi.org", "pypi.org"), ("PyPI.ORG", "pypi.org"), ("a.b", "a.b"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"), ("1.2.3.4a", "1.2.3.4a"),
    ("127.0.0.1.nip.io", "127.0.0.1.nip.io"), ("0x7f.com", "0x7f.com"), ("1e100.net", "1e100.net"),
    ("a--b.c-d.org", "a--b.c-d.org"), ("local.org", "local.org"),
  ])
  func validNamesAreAccepted(text: String, name: String) throws {
    #expect(try HostName(text).text == name)
  }

  @Test(arguments: [
    "", ".", "..", "localhost", "com", "a..b", ".a.b", "a.b.", "-a.b", "a-.b", "a.-b", "a.b-",
    "a_b.org", "_dmarc.a.org", "a b.org", " a.org", "a.org ", "a.org\n", "a.org\r\n", "a.org\t",
    "a.org\0", "a.org\0.evil.com", "evil.com\0.a.org", "127.0.0.1", "127.1", "127.0x1", "0x7f.1",
    "0x7f000001", "2130706433", "017700000001", "0177.0.0.01", "1.2.3.4", "1.2.3.0x04", "1.0x",
    "1.0xg", "a.0x1f", "a.1", "foo.0X7F", "[::1]", "::1", "fe80::1%eth0", "a.org:443", "a.org/",
    "user@a.org", "a.org#b", "a.org?b", "a%2eorg", "bücher.example", "pypi\u{3002}org",
    "pypi．org", "ｐypi.org", "pyp\u{0131}.org", "pypi\u{200d}.org", "\u{212a}.org", "*.a.org", "*",
    "a.org,b.org", "a\\b.org", "a\u{7f}.org", "'a.org'",
  ])
  func invalidNamesAreRefused(text: String) {
    #expect(throws: NetworkFault.self) { try HostName(text) }
  }

  @Test func lengthsAreBounded() throws {
    let label = String(repeating: "a", count: 63)
    #expect(throws: NetworkFault.self) { try HostName(label + "a.org") }
    let longest = "\(label).\(label).\(label)." + String(repeating: "b", count: 61)
    #expect(try HostName(longest).text.utf8.count == 253)
    #expect(throws: NetworkFault.self) { try HostName(longest + "b") }
    // It reads no further than it must.
    #expect(throws: NetworkFault.self) {
      try HostName(sequence(first: UInt8(ascii: "a")) { $0 })
    }
  }

  @Test func faultsSayWhatToWrite() {
    #expect(
      throws: NetworkFault(
        "\"1.2.3.4\" is an address", "write the host's name instead")
    ) {
      try HostName("1.2.3.4")
    }
    #expect(throws: NetworkFault("\"a.org.\" ends with a dot", "remove the last dot")) {
      try HostName("a.org.")
    }
    #expect(
      throws: NetworkFault(
        "\"a??.org\" contains bytes that are not ASCII",
        "write an international name in its xn-- form"
      )
    ) { try HostName("aü.org") }
  }

  @Test func specialNamesAreKnown() throws {
    for text in [
      "a.localhost", "printer.local", "metadata.google.internal", "a.home.arpa", "1a.in-addr.arpa",
      "x.onion", "nas.lan", "a.test", "a.localdomain", "x.invalid", "x.example", "x.alt", "x.home",
      "x.corp", "x.mail", "x.intranet", "x.private",
    ] { #expect(try HostName(text).isSpecial, "\(text)") }
    for text in ["local.org", "internal.com", "a.arpa.net", "xlocal.example2", "pypi.org"] {
      #expect(try !HostName(text).isSpecial, "\(text)")
    }
  }

  @Test func belowMeansWholeLabels() throws {
    let name = try HostName("pypi.org")
    #expect(try HostName("a.pypi.org").isBelow(name))
    #expect(try HostName("a.b.pypi.org").isBelow(name))
    #expect(try !HostName("pypi.org").isBelow(name))
    #expect(try !HostName("xpypi.org").isBelow(name))
    #expect(try !HostName("x-pypi.org").isBelow(name))
    #expect(try !HostName("pypi.org.evil.com").isBelow(name))
    #expect(try !HostName("a.pypi.org.evil.com").isBelow(name))
  }

  /// A million texts made of what confuses parsers. Whatever is accepted satisfies a second
  /// description of the rules, written in another way, and inet_aton does not take it.
  @Test func aMillionNames() async {
    // On a separate thread, because other tests need the task pool.
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        Self.manyNames()
        continuation.resume()
      }
    }
  }

  private static func manyNames() {
    var chance = Seeded(13)
    let parts: [[UInt8]] = [
      "a", "b", "Z", "9", "0x", "0", "127", ".", ".", ".", ".", ".", ".", "-", "org", "com",
      "local", "xn--", "_",
      "\0", " ", ":", "@", "%", "/", "255", "localhost", "ü", "[", "*",
    ].map { Array($0.utf8) }
    var accepted = 0
    for _ in 0..<1_000_000 {
      var bytes: [UInt8] = []
      for _ in 0...chance.below(7) { bytes += chance.one(of: parts) }
      if chance.below(50) == 0 { bytes[chance.below(bytes.count)] = UInt8(chance.below(256)) }
      guard let name = try? HostName(bytes) else { continue }
      accepted += 1
      guard Self.isName(name.text, of: bytes) else {
        Issue.record("accepted \(bytes) as \(name)")
        return
      }
    }
    #expect(accepted > 10_000)
  }

  private static func isName(_ text: String, of bytes: [UInt8]) -> Bool {
    var address = in_addr()
    if inet_aton(text, &address) != 0 { return false }
    let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789-.".utf8)
    let lower = bytes.map { $0 >= 65 && $0 <= 90 ? $0 + 32 : $0 }
    guard lower == Array(text.utf8), allowed.isSuperset(of: lower), lower.count <= 253 else {
      return false
    }
    // A dot at each end turns every rule about labels into one about neighbours.
    let framed = [46] + lower + [46]
    let pairs = zip(framed, framed.dropFirst())
    if pairs.contains(where: {
      $0 == 46 && $1 == 46 || $0 == 46 && $1 == 45 || $0 == 45 && $1 == 46
    }) {
      return false
    }
    let labels = text.utf8.split(separator: 46)
    guard labels.count >= 2, labels.allSatisfy({ $0.count <= 63 }), let last = labels.last else {
      return false
    }
    return !last.allSatisfy { $0 >= 48 && $0 <= 57 } && !last.starts(with: [48, 120])
  }
}
