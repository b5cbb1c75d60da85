/// What a credential looks like, by a mark that nothing else has: tokens by the prefixes that those
/// who give them out have chosen so that they are found, and private keys by their first line.
struct CredentialShape: Sendable {
  /// What follows the mark.
  enum Form: Sendable {
    /// As many bytes of a set as there are; with `exactly`, no more than so many.
    case run(ByteSet, exactly: Int? = nil)
    /// Three runs with dots between, the first of them after the mark.
    case dotted(ByteSet)
    /// The rest of a PEM file's first line, and the key.
    case privateKey
    /// The user and the password of an address.
    case userInfo
  }

  let mark: [UInt8]
  let form: Form
  /// Whether no letter and no digit may stand before it.
  let isWord: Bool
  /// From how many bytes after the mark on it is masked.
  let masksFrom: Int
  /// From how many bytes after the mark on a change that holds it is refused; nil: never, for too
  /// much else looks like it.
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
  private static let words = ByteSet.alphanumeric(and: "_-")
  private static let lowercaseHex = ByteSet("0123456789abcdef".utf8)
  private static let upper = ByteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)

  /// Every shape that AIPM knows.
  static let all: [CredentialShape] =
    // GitHub, GitLab
    ["gho_", "ghp_", "ghr_", "ghs_", "ghu_"].map {
      CredentialShape($0, .run(alphanumeric), masksFrom: 20, refusesFrom: 36)
    } + [
      CredentialShape(
        "github_pat_", .run(.alphanumeric(and: "_")), masksFrom: 20, refusesFrom: 50),
      CredentialShape("glpat-", .run(words), masksFrom: 20, refusesFrom: 20),
      // AIPM's own
      CredentialShape(
        "aipm_", .run(lowercaseHex, exactly: 56), isWord: true, masksFrom: 56, refusesFrom: 56),
    ]
    // AWS, Google
    + ["AKIA", "ASIA"].map {
      CredentialShape(
        $0, .run(upper, exactly: 16), isWord: true, masksFrom: 16, refusesFrom: 16)
    } + [
      CredentialShape("AIza", .run(words, exactly: 35), masksFrom: 35, refusesFrom: 35)
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
        "pypi-AgEIcHlwaS5vcmc", .run(words), isWord: true, masksFrom: 16, refusesFrom: 50),
      CredentialShape("pypi-", .run(words), isWord: true, masksFrom: 16),
      CredentialShape("hf_", .run(alphanumeric), isWord: true, masksFrom: 30),
      // Anthropic, OpenAI, and whoever else begins with sk-
      CredentialShape("sk-ant-", .run(words), isWord: true, masksFrom: 16, refusesFrom: 40),
      CredentialShape("sk-proj-", .run(words), isWord: true, masksFrom: 16, refusesFrom: 40),
      CredentialShape("sk-", .run(words), isWord: true, masksFrom: 20),
      // JSON web tokens: tests are full of them
      CredentialShape("eyJ", .dotted(words), isWord: true, masksFrom: 10),
      CredentialShape("-----BEGIN ", .privateKey, masksFrom: 0, refusesFrom: 40),
      CredentialShape("://", .userInfo, masksFrom: 3),
    ]

  /// Whether a token that has this shape is one that documentation shows, or that is plainly made
  /// up: it says `EXAMPLE`, or is one byte again and again after its mark.
  static func isMadeUp(_ token: [UInt8], mark: Int) -> Bool {
    let body = token.dropFirst(mark).map { (65...90).contains($0) ? $0 | 0x20 : $0 }
    if body.allSatisfy({ $0 == body[0] }) { return true }
    return documented.contains { word in
      body.indices.contains { body[$0] == word[0] && body[$0...].starts(with: word) }
    }
  }

  /// In lowercase: AWS's word, and the token of GitHub's documentation.
  private static let documented = ["example", "16c7e42f292c6912e7710c838347ae178b4a"].map {
    Array($0.utf8)
  }
}

/// Where runs of bytes end, looked up once: however many marks stand in a run, it is read once for
/// each place that it can have in a credential.
struct RunEnds {
  private var known: [Range<Int>]
  /// Up to where a run was judged as a whole.
  private var judged: [Int]

  /// - Parameter slots: how many kinds of run are asked for.
  init(slots: Int) {
    known = Array(repeating: 0..<0, count: slots)
    judged = Array(repeating: 0, count: slots)
  }

  /// Whether the mark at `place` stands in what was judged already; if not, that is done now.
  mutating func isJudged(_ slot: Int, _ place: Int, upTo end: Int) -> Bool {
    if place < judged[slot] { return true }
    judged[slot] = end
    return false
  }

  /// The end of the run of a set's bytes that goes on at `start`.
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
  /// What was found of one.
  struct Found {
    /// The credential itself.
    var range: Range<Int>
    /// What tells it from others of its shape, at most so many bytes that a stream can be cut
    /// anywhere else.
    var identity: [UInt8]
    /// What more of it there may be, of a text that was cut at its end.
    var rest: ByteSet?
  }

  /// How many slots of `RunEnds` one shape uses.
  static let slots = 3
  /// No identity is longer, in bytes.
  private static let identityMax = 256
  /// How far after a PEM file's first line its key is looked for, in bytes.
  private static let keyBytesMax = 4096

  private static let label = ByteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ".utf8)
  private static let base64 = ByteSet.alphanumeric(and: "+/=")
  /// What may stand in a key's text; `\` for those that are written in a string.
  private static let keyText = ByteSet.alphanumeric(and: "+/= \n\r\t\u{0B}\u{0C}\\")
  private static let user = ByteSet.allBut(" \n\r\t\u{0B}\u{0C}/@:'\"")
  private static let password = ByteSet.allBut(" \n\r\t\u{0B}\u{0C}/@'\"")
  private static let userBytesMax = 255

  /// The credential whose mark stands at `place`; nil where there is none.
  /// - Parameters:
  ///   - refusing: whether it is to be one that a change may not hold.
  ///   - slot: the first of this shape's slots in `runs`.
  func found(
    at place: Int, in bytes: UnsafeBufferPointer<UInt8>, refusing: Bool, _ runs: inout RunEnds,
    slot: Int
  ) -> Found? {
    if isWord, place > 0, Self.isWordByte(bytes[place - 1]) { return nil }
    guard let least = refusing ? refusesFrom : masksFrom else { return nil }
    let start = place + mark.count
    switch form {
    case .run(let set, let exactly):
      var end = runs.end(slot, set, from: start, in: bytes)
      if let exactly { end = min(end, start + exactly) }
      guard end - start >= least, !runs.isJudged(slot, place, upTo: end) else { return nil }
      let identity = Array(bytes[place..<min(end, place + Self.identityMax)])
      if refusing, Self.isMadeUp(identity, mark: mark.count) { return nil }
      return Found(range: place..<end, identity: identity, rest: exactly == nil ? set : nil)
    case .dotted(let set):
      var end = start
      for part in 0..<3 {
        let from = end
        end = runs.end(slot + part, set, from: from, in: bytes)
        guard end - from >= least else { return nil }
        if part == 2 { break }
        guard end < bytes.count, bytes[end] == UInt8(ascii: ".") else { return nil }
        end += 1
      }
      return Found(
        range: place..<end, identity: Array(bytes[place..<end].prefix(Self.identityMax)), rest: set)
    case .privateKey:
      return privateKey(at: place, in: bytes, refusing: refusing, least: least, &runs, slot)
    case .userInfo:
      let colon = runs.end(slot, Self.user, from: start, in: bytes)
      guard (1...Self.userBytesMax).contains(colon - start), colon < bytes.count,
        bytes[colon] == UInt8(ascii: ":")
      else { return nil }
      let end = runs.end(slot + 1, Self.password, from: colon + 1, in: bytes)
      guard end - colon - 1 >= least, end < bytes.count, bytes[end] == UInt8(ascii: "@") else {
        return nil
      }
      return Found(range: start..<end, identity: [])
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (97...122).contains(byte | 0x20)
  }

  // MARK: Private keys

  private func privateKey(
    at place: Int, in bytes: UnsafeBufferPointer<UInt8>, refusing: Bool, least: Int,
    _ runs: inout RunEnds, _ slot: Int
  ) -> Found? {
    guard let body = Self.firstLineEnd(place + mark.count, in: bytes) else { return nil }
    if !refusing {
      let end = runs.end(slot, Self.keyText, from: body, in: bytes)
      return Found(
        range: place..<min(end, body + 2 * Self.keyBytesMax), identity: [], rest: Self.keyText)
    }
    guard let identity = Self.key(from: body, in: bytes, least: least) else { return nil }
    return Found(range: place..<body, identity: identity)
  }

  /// The end of `RSA PRIVATE KEY-----`, which begins at `start`.
  private static func firstLineEnd(
    _ start: Int, in bytes: UnsafeBufferPointer<UInt8>
  ) -> Int? {
    var end = start
    while end < min(bytes.count, start + 64), label.contains(bytes[end]) { end += 1 }
    let words = bytes[start..<end]
    let isKey = ["PRIVATE KEY", "PRIVATE KEY BLOCK"].contains { words.ends(with: $0.utf8) }
    guard isKey, bytes[end...].starts(with: "-----".utf8) else { return nil }
    return end + 5
  }

  /// The key below a PEM file's first line: nil where there is no line that could be of one, and so
  /// only the first line is spoken of.
  private static func key(
    from start: Int, in bytes: UnsafeBufferPointer<UInt8>, least: Int
  ) -> [UInt8]? {
    let limit = min(bytes.count, start + keyBytesMax)
    var key: [UInt8] = []
    var place = start
    var isKey = false
    while place < limit {
      if bytes[place...].starts(with: "-----".utf8) { break }
      var end = place
      while end < limit, base64.contains(bytes[end]) { end += 1 }
      if end - place >= 16 {
        let line = bytes[place..<end]
        isKey = isKey || (line.count >= least && isRandom(line))
        key += line
      }
      place = end + 1
    }
    return isKey ? key : nil
  }

  /// A line of a key holds capitals, small letters and digits.
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
