import Testing

@testable import Screening

/// What is found in a change, and what only looks like it.
struct SecretSearchTests {
  private static let letters = String(repeating: "aB3x", count: 10)
  private static let token = "ghp_\(letters.prefix(36))"
  private static let own = "0f1e2d3c-4b5a69/78+796a5"

  private func isFound(_ bytes: some Sequence<UInt8>, values: [String] = []) -> Bool {
    let search = SecretSearch(values: values, purpose: .refusing)
    return !SecretScan.found(in: Array(bytes), by: search).isEmpty
  }

  private static func pem(_ lines: String, _ label: String = "RSA PRIVATE KEY") -> String {
    "-----BEGIN \(label)-----\(lines)-----END \(label)-----\n"
  }

  private static let line = String(repeating: "aB3/", count: 16)

  @Test(arguments: [
    token, "a\r\n\(token)\r\n", "\(token)\u{301}", "x\u{0}\(token)\u{0}", "\u{301}\(token)",
    "AKIAQ3EGTOVPVHDBWXJ5", "AIza\(letters.prefix(35))", "npm_\(letters.prefix(36))",
    "sk-ant-api03-\(letters)", "sk_live_\(letters)", "xoxb-\(letters.prefix(20))",
    pem("\n\(line)\n\(line)\n"), pem("\r\n\(line)\r\n"), pem("\\n\(line)\\n"),
    pem("\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\n\(line)\n"),
    pem("\n\n\(line)\n", "PGP PRIVATE KEY BLOCK"), pem("\n\(line)\n", "PRIVATE KEY"),
  ])
  func credentialsAreRefused(text: String) {
    #expect(isFound(text.utf8))
    #expect(isFound(Array(repeating: 0x20, count: 300_000) + Array(text.utf8)))
  }

  @Test func invalidUTF8HidesNothing() {
    #expect(isFound([0xff, 0xfe] + Array(Self.token.utf8) + [0xcc]))
  }

  @Test(arguments: [
    "", "ghp_", "ghp_short", "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "text.startswith(\"-----BEGIN RSA PRIVATE KEY-----\")\n",
    "-----BEGIN RSA PRIVATE KEY-----\nMII\n",
    pem("\n...\n"), "-----BEGIN CERTIFICATE-----\n\(line)\n",
    "-----BEGIN PRIVATE KEY----- is how com/example/keys/PemReaderFromPrivateKeyBytes begins",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "postgres://user:password@localhost/x", "aAKIAQ3EGTOVPVHDBWXJ5",
    "sk-learn-is-a-name-0000000000",
  ])
  func othersAreNot(text: String) {
    #expect(!isFound(text.utf8))
  }

  // MARK: Values that are known

  /// In base64, with `shift` bytes before it.
  private static func base64(_ shift: Int) -> [UInt8] {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    let bytes = Array("xyz".utf8.prefix(shift)) + Array(own.utf8) + Array("tail".utf8)
    let bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } }
    return stride(from: 0, to: bits.count - 5, by: 6).map { start in
      digits[bits[start..<start + 6].reduce(0) { $0 << 1 | Int($1) }]
    }
  }

  @Test func aKnownValueIsFoundInEveryEncoding() {
    let hex = Self.own.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    var forms = [Array(Self.own.utf8), Array(hex.utf8), Array(hex.uppercased().utf8)]
    forms += (0..<3).map { Self.base64($0) }
    forms.append(Array("0f1e2d3c-4b5a69%2F78%2B796a5".utf8))
    forms.append(Array("0f1e2d3c-4b5a69\\/78+796a5".utf8))
    for form in forms {
      let text = String(decoding: form, as: UTF8.self)
      #expect(isFound(form, values: [Self.own]), "\(text)")
      #expect(isFound(Array("x=".utf8) + form + [0xcc, 0x81], values: [Self.own]), "\(text)")
      #expect(!isFound(form), "\(text)")
      let mask = SecretSearch(values: [Self.own], purpose: .masking)
      #expect(!mask.ranges(in: form).isEmpty, "\(text)")
    }
    let wrapped = Self.base64(1)
    #expect(isFound(wrapped.prefix(9) + [13, 10] + wrapped.dropFirst(9), values: [Self.own]))
    #expect(!isFound(Array(Self.own.utf8.dropLast()), values: [Self.own]))
  }

  @Test func ordinaryValuesAreNotSecrets() {
    for word in ["disabled", "https://auth2.example.com/login", "/etc/keys/one2", "short1"] {
      #expect(!isFound(word.utf8, values: [word]), "\(word)")
    }
    let key = Self.pem("\nabcdefghijklmnop1234\n")
    #expect(isFound("abcdefghijklmnop1234".utf8, values: [key]))
    #expect(!isFound("-----BEGIN RSA PRIVATE KEY-----".utf8, values: [key]))
  }

  // MARK: Streams

  @Test func theCutsOfAStreamDoNotMatter() {
    let search = SecretSearch(values: [Self.own], purpose: .refusing)
    let filler = Array(repeating: UInt8(ascii: "x"), count: 70_000)
    let text =
      Array("\(Self.token) ".utf8) + filler + Array(" \(Self.pem("\n\(Self.line)\n"))".utf8)
      + filler + Array(" \(Self.own)".utf8) + filler + Array("xAKIAQ3EGTOVPVHDBWXJ5".utf8)
    let whole = SecretScan.found(in: text, by: search)
    #expect(whole.count == 3)
    for size in [1, 7, 4096, 65_536, 73_728, 100_000] {
      var scan = SecretScan(search)
      var rest = text[...]
      while !rest.isEmpty {
        scan.append(rest.prefix(size))
        rest = rest.dropFirst(size)
      }
      scan.finish()
      #expect(scan.found == whole, "\(size)")
    }
  }

  /// Around the positions up to which the first piece is kept and searched.
  @Test(arguments: Array(65_530...65_540) + Array(73_690...73_730))
  func matchesAcrossPiecesAreFound(place: Int) {
    let search = SecretSearch(values: [Self.own], purpose: .refusing)
    func found(_ text: String) -> Int {
      let bytes =
        Array(repeating: UInt8(ascii: " "), count: place) + Array(text.utf8)
        + Array(repeating: UInt8(ascii: " "), count: 9000)
      var scan = SecretScan(search)
      scan.append(bytes.prefix(73_728))
      scan.append(bytes.dropFirst(73_728))
      scan.finish()
      return scan.found.count
    }
    #expect(found("AKIAQ3EGTOVPVHDBWXJ5") == 1 && found(Self.own) == 1)
    #expect(found("xAKIAQ3EGTOVPVHDBWXJ5") == 0)
  }

  @Test func oneTextEndsBeforeTheNextBegins() {
    var scan = SecretScan(SecretSearch(purpose: .refusing))
    scan.append(Self.token.utf8.prefix(20))
    scan.finish()
    scan.append(Self.token.utf8.dropFirst(20))
    scan.finish()
    #expect(scan.found.isEmpty)
  }

  // MARK: Time

  /// Inputs for which a backtracking search would take quadratic time. A megabyte of the first took
  /// half a minute when each mark was looked at by itself; `tools/bench mask` has the figure.
  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      "eyJ-", "eyJa.", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA ", "://a",
      "ghp_", "sk-ant-", "://aaaaa:a", "AKIA", "-", "a", "-----BEGIN PRIVATE KEY-----aB3/ ",
    ])
  func timeIsLinear(unit: String) {
    let text = Array(String(repeating: unit, count: (1 << 17) / unit.utf8.count).utf8)
    for purpose in [SecretSearch.Purpose.masking, .refusing] {
      let search = SecretSearch(values: [Self.own], purpose: purpose)
      let began = ContinuousClock.now
      _ = search.ranges(in: text)
      #expect(ContinuousClock.now - began < .seconds(8), "\(unit)")
    }
  }

  @Test func exemptions() {
    let search = SecretSearch(values: [Self.own], purpose: .refusing)
    let some = SecretExemptions(patterns: ["sk_live_test*", "*a1b2c3d4*"])
    func exempts(_ text: String) -> Bool {
      SecretScan.found(in: Array(text.utf8), by: search).allSatisfy { some.exempt($0) }
    }
    #expect(exempts("sk_live_test\(Self.letters)") && exempts("ghp_a1b2c3d4\(Self.letters)"))
    #expect(!exempts("sk_live_tes\(Self.letters)") && !exempts(Self.own))
    let all = SecretExemptions(patterns: [Self.own])
    #expect(!SecretScan.found(in: Array(Self.own.utf8), by: search).contains { all.exempt($0) })
    #expect(SecretExemptions.fault(inPattern: "*") != nil)
    #expect(SecretExemptions.fault(inPattern: "*1234567*") != nil)
    #expect(SecretExemptions.fault(inPattern: "sk_live_*") == nil)
  }
}
