// The facts of an event as the bytes that are hashed, written without making an object of them: a
// check of millions of events would do little else than sort keys.

extension Facts {
  /// Appends the canonical JSON of `object`.
  /// - Parameter detail: the canonical JSON of `detail`, which itself is not read; nil where that
  ///   is empty.
  /// - Returns: false where `detail` is not what `canonical` writes of an object with plain keys;
  ///   then nothing of use was appended.
  func writeCanonical(detail text: String?, into out: inout [UInt8]) -> Bool {
    var text = text ?? "{}"
    return text.withUTF8 { bytes in
      var writer = FactsWriter(rest: DetailMembers(bytes))
      out.append(UInt8(ascii: "{"))
      // In the order of their keys.
      writer.put("adopted", adopted, &out)
      writer.put("agent", agent, &out)
      writer.put("ambiguous", ambiguous, &out)
      writer.put("attempt", attempt, &out)
      writer.put("baseBranch", baseBranch, &out)
      writer.put("branch", branch, &out)
      writer.put("code", code, &out)
      writer.put("digest", digest, &out)
      writer.put("incarnation", incarnation, &out)
      writer.put("parent", parent, &out)
      writer.put("pr", pr, &out)
      writer.put("priority", priority, &out)
      writer.put("repository", repository, &out)
      writer.put("requester", requester, &out)
      writer.put("retryAt", retryAt, &out)
      writer.put("retryable", retryable, &out)
      writer.put("sha", sha, &out)
      writer.put("stamp", stamp, &out)
      writer.put("step", step, &out)
      writer.put("token", token, &out)
      writer.put("tries", tries, &out)
      writer.put("url", url, &out)
      writer.put("worker", worker, &out)
      writer.put("workflow", workflow, &out)
      writer.putRest(&out)
      out.append(UInt8(ascii: "}"))
      return writer.rest.isSound
    }
  }
}

/// Merges columns and details.
private struct FactsWriter {
  var rest: DetailMembers
  private var isFirst = true

  init(rest: DetailMembers) { self.rest = rest }

  mutating func put(_ key: StaticString, _ text: String?, _ out: inout [UInt8]) {
    guard let text else { return }
    begin(key, &out)
    JSONValue.write(text, into: &out)
  }

  mutating func put(_ key: StaticString, _ n: Int64?, _ out: inout [UInt8]) {
    guard let n else { return }
    begin(key, &out)
    out.append(decimal: n)
  }

  mutating func put(_ key: StaticString, _ flag: Bool?, _ out: inout [UInt8]) {
    guard let flag else { return }
    begin(key, &out)
    out.append(contentsOf: (flag ? "true" : "false").utf8)
  }

  mutating func putRest(_ out: inout [UInt8]) {
    while let member = rest.next {
      comma(&out)
      out.append(contentsOf: member.whole)
      rest.advance()
    }
  }

  /// Writes the details that come before this key, and the key.
  private mutating func begin(_ key: StaticString, _ out: inout [UInt8]) {
    let name = UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
    while let member = rest.next {
      // A column goes before a detail of its name, as in `object`.
      if member.key.elementsEqual(name) {
        rest.advance()
        break
      }
      guard member.key.lexicographicallyPrecedes(name) else { break }
      comma(&out)
      out.append(contentsOf: member.whole)
      rest.advance()
    }
    comma(&out)
    out.append(UInt8(ascii: "\""))
    out.append(contentsOf: name)
    out.append(UInt8(ascii: "\""))
    out.append(UInt8(ascii: ":"))
  }

  private mutating func comma(_ out: inout [UInt8]) {
    if !isFirst { out.append(UInt8(ascii: ",")) }
    isFirst = false
  }
}

/// The members of a canonical JSON object, one after the other, as they stand in its text.
private struct DetailMembers {
  struct Member {
    /// Without its quotes.
    var key: Slice<UnsafeBufferPointer<UInt8>>
    /// `"key":value`
    var whole: Slice<UnsafeBufferPointer<UInt8>>
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  private var at: Int
  /// The member that is not taken yet; nil at the end.
  private(set) var next: Member?
  /// Whether everything so far was as `canonical` writes it, and the keys are plain and in order.
  private(set) var isSound = true

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
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
      if let next, !last.key.lexicographicallyPrecedes(next.key) { fail() }
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
    next = Member(key: key, whole: bytes[start..<at])
  }

  /// A string without escapes and of ASCII alone, whose order by bytes is that by UTF-16.
  private mutating func plainString() -> Slice<UnsafeBufferPointer<UInt8>>? {
    guard isSound, at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { return nil }
    let start = at + 1
    var end = start
    while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
      guard bytes[end] < 0x80, bytes[end] != UInt8(ascii: "\\") else { return nil }
      end += 1
    }
    guard end < bytes.count else { return nil }
    at = end + 1
    return bytes[start..<end]
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

extension [UInt8] {
  /// Appends the number as `String` writes it.
  mutating func append(decimal n: Int64) {
    var magnitude = n.magnitude
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var at = 20
      repeat {
        at -= 1
        digits[at] = UInt8(ascii: "0") + UInt8(magnitude % 10)
        magnitude /= 10
      } while magnitude > 0
      if n < 0 { append(UInt8(ascii: "-")) }
      append(contentsOf: digits[at...])
    }
  }
}
