// The facts of an event as the bytes that are hashed, written without making an object of them: a
// check of millions of events would do little else than sort keys.

extension ByteWriter {
  /// Appends the canonical JSON of the facts of a row, with its details merged in.
  /// - Returns: false where the details are not what `canonical` writes of an object with plain
  ///   keys; then nothing of use was appended.
  mutating func appendFacts(of row: any EventRow) -> Bool {
    let none: StaticString = "{}"
    let detail =
      row.bytes(.detail)
      ?? UnsafeRawBufferPointer(start: none.utf8Start, count: none.utf8CodeUnitCount)
    var merge = FactsMerge(rest: DetailMembers(detail))
    append(UInt8(ascii: "{"))
    // In the order of their keys.
    merge.put("adopted", flag: row.integer(.adopted), &self)
    merge.put("agent", text: row.bytes(.agent), &self)
    merge.put("ambiguous", flag: row.integer(.ambiguous), &self)
    merge.put("attempt", number: row.integer(.attempt), &self)
    merge.put("baseBranch", text: row.bytes(.baseBranch), &self)
    merge.put("branch", text: row.bytes(.branch), &self)
    merge.put("code", text: row.bytes(.code), &self)
    merge.put("digest", text: row.bytes(.digest), &self)
    merge.put("incarnation", number: row.integer(.incarnation), &self)
    merge.put("parent", text: row.bytes(.parent), &self)
    merge.put("pr", number: row.integer(.pr), &self)
    merge.put("priority", number: row.integer(.priority), &self)
    merge.put("repository", text: row.bytes(.repository), &self)
    merge.put("requester", text: row.bytes(.requester), &self)
    merge.put("retryAt", number: row.integer(.retryAt), &self)
    merge.put("retryable", flag: row.integer(.retryable), &self)
    merge.put("sha", text: row.bytes(.sha), &self)
    merge.put("stamp", number: row.integer(.stamp), &self)
    merge.put("step", text: row.bytes(.step), &self)
    merge.put("token", number: row.integer(.token), &self)
    merge.put("tries", number: row.integer(.tries), &self)
    merge.put("url", text: row.bytes(.url), &self)
    merge.put("worker", text: row.bytes(.worker), &self)
    merge.put("workflow", text: row.bytes(.workflow), &self)
    merge.putRest(&self)
    append(UInt8(ascii: "}"))
    return merge.rest.isSound
  }
}

/// Merges columns and details.
private struct FactsMerge {
  var rest: DetailMembers
  private var isFirst = true

  init(rest: DetailMembers) { self.rest = rest }

  mutating func putRest(_ out: inout ByteWriter) {
    while let member = rest.next {
      comma(&out)
      out.append(member.whole)
      rest.advance()
    }
  }

  mutating func put(
    _ key: StaticString, text: UnsafeRawBufferPointer?, _ out: inout ByteWriter
  ) {
    guard let text else { return }
    begin(key, &out)
    out.append(json: text)
  }

  mutating func put(_ key: StaticString, number: Int64?, _ out: inout ByteWriter) {
    guard let number else { return }
    begin(key, &out)
    out.append(decimal: number)
  }

  mutating func put(_ key: StaticString, flag: Int64?, _ out: inout ByteWriter) {
    guard let flag else { return }
    begin(key, &out)
    out.append(flag != 0 ? "true" as StaticString : "false")
  }

  /// Writes the details that come before this key, and the key.
  private mutating func begin(_ key: StaticString, _ out: inout ByteWriter) {
    let name = UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
    while let member = rest.next {
      // A column goes before a detail of its name, as in `object`.
      let order = member.key.order(to: name)
      if order == 0 { rest.advance() }
      guard order < 0 else { break }
      comma(&out)
      out.append(member.whole)
      rest.advance()
    }
    comma(&out)
    out.append(UInt8(ascii: "\""))
    out.append(name)
    out.append("\":" as StaticString)
  }

  private mutating func comma(_ out: inout ByteWriter) {
    if !isFirst { out.append(UInt8(ascii: ",")) }
    isFirst = false
  }
}

/// The members of a canonical JSON object, one after the other, as they stand in its text.
private struct DetailMembers {
  struct Member {
    /// Without its quotes.
    var key: UnsafeRawBufferPointer
    /// `"key":value`
    var whole: UnsafeRawBufferPointer
  }

  private let bytes: UnsafeRawBufferPointer
  private var at: Int
  /// The member that is not taken yet; nil at the end.
  private(set) var next: Member?
  /// Whether everything so far was as `canonical` writes it, and the keys are plain and in order.
  private(set) var isSound = true

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    at = 1
    isSound = bytes.count >= 2 && bytes[0] == UInt8(ascii: "{")
    if isSound, bytes[1] == UInt8(ascii: "}") {
      isSound = bytes.count == 2
    } else {
      read()
    }
  }

  /// Takes the present member, and reads the one after it.
  mutating func advance() {
    guard isSound, let last = next else { return }
    next = nil
    guard at < bytes.count else { return fail() }
    if bytes[at] == UInt8(ascii: "}") {
      isSound = at == bytes.count - 1
    } else if bytes[at] == UInt8(ascii: ",") {
      at += 1
      read()
      if let next, last.key.order(to: next.key) >= 0 { fail() }
    } else {
      fail()
    }
  }

  private mutating func fail() {
    isSound = false
    next = nil
  }

  private mutating func read() {
    let start = at
    guard let key = plainString(), at < bytes.count, bytes[at] == UInt8(ascii: ":") else {
      return fail()
    }
    at += 1
    guard skipValue() else { return fail() }
    next = Member(key: key, whole: UnsafeRawBufferPointer(rebasing: bytes[start..<at]))
  }

  /// A string without escapes and of ASCII alone, whose order by bytes is that by UTF-16.
  private mutating func plainString() -> UnsafeRawBufferPointer? {
    guard isSound, at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { return nil }
    let start = at + 1
    var end = start
    while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
      guard bytes[end] < 0x80, bytes[end] != UInt8(ascii: "\\") else { return nil }
      end += 1
    }
    guard end < bytes.count else { return nil }
    at = end + 1
    return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
  }

  /// Goes behind a value, up to the comma or brace that follows it.
  private mutating func skipValue() -> Bool {
    var depth = 0
    let start = at
    while at < bytes.count {
      switch bytes[at] {
      case UInt8(ascii: "\""):
        at += 1
        while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
          at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard at < bytes.count else { return false }
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return at > start }
        depth -= 1
      case UInt8(ascii: ","):
        if depth == 0 { return at > start }
      default: break
      }
      at += 1
    }
    return false
  }
}
