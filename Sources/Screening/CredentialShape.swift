/// The form of a credential, recognized by a unique prefix (`mark`). Token issuers choose prefixes
/// so that scanners find tokens; a private key has its first line.
struct CredentialShape: Sendable {
  /// What follows the mark.
  enum Form: Sendable {
    /// All following bytes of a set; with `exactly`, at most that many.
    case run(ByteSet, exactly: Int? = nil)
    /// Three runs separated by dots, the first after the mark.
    case dotted(ByteSet)
    /// The rest of a PEM file's first line, and the key.
    case privateKey
    /// The user and the password of a URL.
    case userInfo
  }

  let mark: [UInt8]
  let form: Form
  /// Whether the mark must not follow a letter or a digit.
  let isWord: Bool
  /// The least number of bytes after the mark for masking.
  let masksFrom: Int
  /// The least number of bytes after the mark for refusing a change; nil if it is never refused,
  /// because too many other texts look like it.
  let refusesFrom: Int?

  init(
    _ mark: String, _ form: Form, isWord: Bool = false, masksFrom: Int, refusesFrom: Int? = nil
  ) {
    self.mark = Array(mark.utf8)
    self.form = form
    self.isWord = isWord
    self.masksFrom = masksFrom
    self.refusesFrom = refusesFrom
  }

  private static let alphanumeric = ByteSet.alphanumeric()
  private static let base64URL = ByteSet.alphanumeric(and: "_-")
  private static let lowercaseHex = ByteSet("0123456789abcdef".utf8)
  private static let upper = ByteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)

  static let all: [CredentialShape] =
    // GitHub, GitLab
    ["gho_", "ghp_", "ghr_", "ghs_", "ghu_"].map {
      CredentialShape($0, .run(alphanumeric), masksFrom: 20, refusesFrom: 36)
    } + [
      CredentialShape(
        "github_pat_", .run(.alphanumeric(and: "_")), masksFrom: 20, refusesFrom: 50),
      CredentialShape("glpat-", .run(base64URL), masksFrom: 20, refusesFrom: 20),
      // AIPM's own
      CredentialShape(
        "aipm_", .run(lowercaseHex, exactly: 56), isWord: true, masksFrom: 56, refusesFrom: 56),
    ]
    // AWS, Google
    + ["AKIA", "ASIA"].map {
      CredentialShape(
        $0, .run(upper, exactly: 16), isWord: true, masksFrom: 16, refusesFrom: 16)
    } + [
      CredentialShape("AIza", .run(base64URL, exactly: 35), masksFrom: 35, refusesFrom: 35)
    ]
    // Slack, Stripe
    + ["a", "b", "e", "p", "r", "s"].map {
      CredentialShape(
        "xox\($0)-", .run(.alphanumeric(and: "-")), masksFrom: 10, refusesFrom: 20)
    }
    + ["sk_live_", "rk_live_"].map {
      CredentialShape($0, .run(alphanumeric), masksFrom: 20, refusesFrom: 24)
    } + [
      // npm, PyPI, Hugging Face
      CredentialShape(
        "npm_", .run(alphanumeric, exactly: 36), isWord: true, masksFrom: 36, refusesFrom: 36),
      CredentialShape(
        "pypi-AgEIcHlwaS5vcmc", .run(base64URL), isWord: true, masksFrom: 16, refusesFrom: 50),
      CredentialShape("pypi-", .run(base64URL), isWord: true, masksFrom: 16),
      CredentialShape("hf_", .run(alphanumeric), isWord: true, masksFrom: 30),
      // Anthropic, OpenAI, and other issuers that use sk-
      CredentialShape("sk-ant-", .run(base64URL), isWord: true, masksFrom: 16, refusesFrom: 40),
      CredentialShape("sk-proj-", .run(base64URL), isWord: true, masksFrom: 16, refusesFrom: 40),
      CredentialShape("sk-", .run(base64URL), isWord: true, masksFrom: 20),
      // JSON web tokens, which are common in tests
      CredentialShape("eyJ", .dotted(base64URL), isWord: true, masksFrom: 10),
      CredentialShape("-----BEGIN ", .privateKey, masksFrom: 0, refusesFrom: 40),
      CredentialShape("://", .userInfo, masksFrom: 3),
    ]

  /// Whether a token is plainly an example: it contains `EXAMPLE`, is the token of GitHub's
  /// documentation, or repeats one byte after its mark.
  static func isMadeUp(_ token: [UInt8], mark: Int) -> Bool {
    let body = token.dropFirst(mark).map { (65...90).contains($0) ? $0 | 0x20 : $0 }
    if body.allSatisfy({ $0 == body[0] }) { return true }
    return documented.contains { text in
      body.indices.contains { body[$0] == text[0] && body[$0...].starts(with: text) }
    }
  }

  /// In lowercase: the text in AWS's examples, and the token of GitHub's documentation.
  private static let documented = ["example", "16c7e42f292c6912e7710c838347ae178b4a"].map {
    Array($0.utf8)
  }
}

/// Caches where runs of bytes end. A run with many marks is then read once for each position that
/// it can have in a credential, which keeps the search linear.
struct RunEnds {
  private var known: [Range<Int>]
  /// The end of the last run that was judged as a whole.
  private var judged: [Int]

  /// - Parameter slots: the number of kinds of run.
  init(slots: Int) {
    known = Array(repeating: 0..<0, count: slots)
    judged = Array(repeating: 0, count: slots)
  }

  /// Whether the mark at `start` is in a run that was judged before; if not, marks it as judged.
  mutating func isJudged(_ slot: Int, _ start: Int, upTo end: Int) -> Bool {
    if start < judged[slot] { return true }
    judged[slot] = end
    return false
  }

  /// The end of the run of a set's bytes that includes `start`.
  mutating func end(
    _ slot: Int, _ set: ByteSet, from start: Int, in bytes: UnsafeBufferPointer<UInt8>
  ) -> Int {
    if known[slot].contains(start) { return known[slot].upperBound }
    var end = start
    while end < bytes.count, set.contains(bytes[end]) { end += 1 }
    if end > start { known[slot] = start..<end }
    return end
  }
}

extension CredentialShape {
  struct Found {
    var range: Range<Int>
    /// The bytes that distinguish it from others of its shape. Bounded, so that a stream can be cut
    /// anywhere after them.
    var identity: [UInt8]
    /// The bytes with which the credential may continue after the end of the text.
    var rest: ByteSet?
  }

  /// How many slots of `RunEnds` one shape uses.
  static let slots = 3
  /// The longest identity, in bytes.
  private static let identityMax = 256
  /// How far after a PEM file's first line its key is searched, in bytes.
  private static let keyBytesMax = 4096

  private static let label = ByteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ".utf8)
  private static let base64 = ByteSet.alphanumeric(and: "+/=")
  /// The bytes of a key's text; `\` for keys in string literals.
  private static let keyText = ByteSet.alphanumeric(and: "+/= \n\r\t\u{0B}\u{0C}\\")
  private static let user = ByteSet.allBut(" \n\r\t\u{0B}\u{0C}/@:'\"")
  private static let password = ByteSet.allBut(" \n\r\t\u{0B}\u{0C}/@'\"")
  private static let userBytesMax = 255

  /// The credential whose mark begins at `start`; nil if absent.
  /// - Parameters:
  ///   - refusing: whether to find only credentials that a change may not contain.
  ///   - slot: the first slot of this shape in `runs`.
  func found(
    at start: Int, in bytes: UnsafeBufferPointer<UInt8>, refusing: Bool, _ runs: inout RunEnds,
    slot: Int
  ) -> Found? {
    if isWord, start > 0, Self.isWordByte(bytes[start - 1]) { return nil }
    guard let least = refusing ? refusesFrom : masksFrom else { return nil }
    let body = start + mark.count
    switch form {
    case .run(let set, let exactly):
      var end = runs.end(slot, set, from: body, in: bytes)
      if let exactly { end = min(end, body + exactly) }
      guard end - body >= least, !runs.isJudged(slot, start, upTo: end) else { return nil }
      let identity = Array(bytes[start..<min(end, start + Self.identityMax)])
      if refusing, Self.isMadeUp(identity, mark: mark.count) { return nil }
      return Found(range: start..<end, identity: identity, rest: exactly == nil ? set : nil)
    case .dotted(let set):
      var end = body
      for part in 0..<3 {
        let from = end
        end = runs.end(slot + part, set, from: from, in: bytes)
        guard end - from >= least else { return nil }
        if part == 2 { break }
        guard end < bytes.count, bytes[end] == UInt8(ascii: ".") else { return nil }
        end += 1
      }
      return Found(
        range: start..<end, identity: Array(bytes[start..<end].prefix(Self.identityMax)), rest: set)
    case .privateKey:
      return privateKey(at: start, in: bytes, refusing: refusing, least: least, &runs, slot)
    case .userInfo:
      let colon = runs.end(slot, Self.user, from: body, in: bytes)
      guard (1...Self.userBytesMax).contains(colon - body), colon < bytes.count,
        bytes[colon] == UInt8(ascii: ":")
      else { return nil }
      let end = runs.end(slot + 1, Self.password, from: colon + 1, in: bytes)
      guard end - colon - 1 >= least, end < bytes.count, bytes[end] == UInt8(ascii: "@") else {
        return nil
      }
      return Found(range: body..<end, identity: [])
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (97...122).contains(byte | 0x20)
  }

  // MARK: Private keys

  private func privateKey(
    at start: Int, in bytes: UnsafeBufferPointer<UInt8>, refusing: Bool, least: Int,
    _ runs: inout RunEnds, _ slot: Int
  ) -> Found? {
    guard let body = Self.firstLineEnd(start + mark.count, in: bytes) else { return nil }
    if !refusing {
      let end = runs.end(slot, Self.keyText, from: body, in: bytes)
      return Found(
        range: start..<min(end, body + 2 * Self.keyBytesMax), identity: [], rest: Self.keyText)
    }
    guard let identity = Self.key(from: body, in: bytes, least: least) else { return nil }
    return Found(range: start..<body, identity: identity)
  }

  /// The end of `RSA PRIVATE KEY-----`, which begins at `start`.
  private static func firstLineEnd(
    _ start: Int, in bytes: UnsafeBufferPointer<UInt8>
  ) -> Int? {
    var end = start
    while end < min(bytes.count, start + 64), label.contains(bytes[end]) { end += 1 }
    let text = bytes[start..<end]
    let isKey = ["PRIVATE KEY", "PRIVATE KEY BLOCK"].contains { text.ends(with: $0.utf8) }
    guard isKey, bytes[end...].starts(with: "-----".utf8) else { return nil }
    return end + 5
  }

  /// The key below a PEM file's first line; nil if no line looks like part of a key.
  private static func key(
    from start: Int, in bytes: UnsafeBufferPointer<UInt8>, least: Int
  ) -> [UInt8]? {
    let limit = min(bytes.count, start + keyBytesMax)
    var key: [UInt8] = []
    var index = start
    var isKey = false
    while index < limit {
      if bytes[index...].starts(with: "-----".utf8) { break }
      var end = index
      while end < limit, base64.contains(bytes[end]) { end += 1 }
      if end - index >= 16 {
        let line = bytes[index..<end]
        isKey = isKey || (line.count >= least && isRandom(line))
        key += line
      }
      index = end + 1
    }
    return isKey ? key : nil
  }

  /// A line of a key contains capitals, small letters and digits.
  private static func isRandom(_ line: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    line.contains { (65...90).contains($0) } && line.contains { (97...122).contains($0) }
      && line.contains { (48...57).contains($0) }
  }
}

extension Collection where Element == UInt8 {
  fileprivate func ends(with other: some Collection<UInt8>) -> Bool {
    count >= other.count && dropFirst(count - other.count).elementsEqual(other)
  }
}
