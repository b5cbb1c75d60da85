// The facts of a row as the bytes that are hashed, without building a JSON object first: a check of
// millions of events would spend its time on sorting keys.

import Text

extension ByteWriter {
  /// Appends the canonical JSON of a row's facts, with `detail` merged in.
  /// - Returns: false if `detail` isn't a canonical JSON object with plain keys; then the appended
  ///   bytes are invalid.
  mutating func appendFacts(of row: any EventRow) -> Bool {
    let empty: StaticString = "{}"
    let detail =
      row.bytes(.detail)
      ?? UnsafeRawBufferPointer(start: empty.utf8Start, count: empty.utf8CodeUnitCount)
    var merge = FactsMerge(detail: DetailMembers(detail))
    append(UInt8(ascii: "{"))
    FactKeys.all.bytes.withUnsafeBytes { keys in
      for fact in FactKeys.all.facts {
        let key = UnsafeRawBufferPointer(rebasing: keys[fact.key])
        switch fact.kind {
        case .envelope: break
        case .name, .text:
          guard let text = row.bytes(fact.column) else { continue }
          merge.begin(key, &self)
          append(json: text)
        case .integer:
          guard let number = row.integer(fact.column) else { continue }
          merge.begin(key, &self)
          append(decimal: number)
        case .flag:
          guard let flag = row.integer(fact.column) else { continue }
          merge.begin(key, &self)
          append(flag != 0 ? "true" as StaticString : "false")
        }
      }
    }
    merge.end(&self)
    append(UInt8(ascii: "}"))
    return merge.detail.isSound
  }
}

extension ByteWriter {
  /// Appends the canonical JSON of facts: the bytes of `Facts.object`, without building the object.
  mutating func append(_ facts: Facts) {
    guard facts.detail.keys.allSatisfy({ $0.utf8.allSatisfy { $0 < 0x80 } }) else {
      // Another order; no codec has such a key.
      append(JSONValue.object(facts.object).canonical)
      return
    }
    let keys = FactKeys.all
    let columns = facts.values.sorted {
      keys.places[$0.column.index] < keys.places[$1.column.index]
    }
    var rest = facts.detail.sorted { $0.key < $1.key }[...]
    append(UInt8(ascii: "{"))
    let start = count
    func separate(_ out: inout ByteWriter) {
      if out.count > start { out.append(UInt8(ascii: ",")) }
    }
    func put(_ member: (key: String, value: JSONValue), _ out: inout ByteWriter) {
      separate(&out)
      out.append(json: member.key)
      out.append(UInt8(ascii: ":"))
      out.append(member.value)
    }
    for fact in columns {
      let name = fact.column.declaration.name
      while let member = rest.first, member.key < name {
        put(member, &self)
        rest.removeFirst()
      }
      // A column replaces a member of its name, as in `Facts.object`.
      if rest.first?.key == name { rest.removeFirst() }
      separate(&self)
      keys.append(keys.places[fact.column.index], to: &self)
      append(fact.value)
    }
    for member in rest { put(member, &self) }
    append(UInt8(ascii: "}"))
  }

  /// Appends the canonical JSON of a value.
  private mutating func append(_ value: JSONValue) {
    switch value {
    case .bool(let flag): append(flag ? "true" as StaticString : "false")
    case .integer(let number): append(decimal: number)
    case .string(let text): append(json: text)
    case .null, .number, .array, .object: append(value.canonical)
    }
  }
}

/// The keys of the facts in the order of JSON.
private struct FactKeys: Sendable {
  struct Fact: Sendable {
    let column: EventColumn
    let kind: ColumnDeclaration.Kind
    /// The range of `"key":` in `bytes`.
    let key: Range<Int>
  }

  static let all = FactKeys()

  private(set) var bytes: [UInt8] = []
  private(set) var facts: [Fact] = []
  /// The place of each fact in `facts`, by the column's index.
  private(set) var places = [Int](repeating: 0, count: EventColumn.table.count)

  private init() {
    for fact in EventColumn.facts.sorted(by: { $0.name < $1.name }) {
      let start = bytes.count
      bytes += Array("\"\(fact.name)\":".utf8)
      places[fact.column.index] = facts.count
      facts.append(Fact(column: fact.column, kind: fact.kind, key: start..<bytes.count))
    }
  }

  /// Appends the key at a place, with its quotes and colon.
  func append(_ place: Int, to out: inout ByteWriter) {
    bytes.withUnsafeBytes { out.append(UnsafeRawBufferPointer(rebasing: $0[facts[place].key])) }
  }
}

/// Merges the members of `detail` into the columns.
private struct FactsMerge {
  private(set) var detail: DetailMembers
  private var isFirst = true

  init(detail: DetailMembers) { self.detail = detail }

  /// Writes the members of `detail` that come before this key, then the key.
  /// - Parameter key: with its quotes and colon.
  mutating func begin(_ key: UnsafeRawBufferPointer, _ out: inout ByteWriter) {
    while let member = detail.next {
      let name = UnsafeRawBufferPointer(rebasing: key[1..<(key.count - 2)])
      // A column replaces a member of its name, as in `Facts.object`.
      let order = member.key.order(to: name)
      if order == 0 { detail.advance() }
      guard order < 0 else { break }
      put(member.whole, &out)
      detail.advance()
    }
    put(key, &out)
  }

  /// Writes the other members of `detail`.
  mutating func end(_ out: inout ByteWriter) {
    while let member = detail.next {
      put(member.whole, &out)
      detail.advance()
    }
  }

  private mutating func put(_ bytes: UnsafeRawBufferPointer, _ out: inout ByteWriter) {
    if !isFirst { out.append(UInt8(ascii: ",")) }
    isFirst = false
    out.append(bytes)
  }
}

/// The members of a canonical JSON object, one after the other, as slices of its text.
struct DetailMembers {
  struct Member {
    /// Without its quotes.
    var key: UnsafeRawBufferPointer
    /// `"key":value`
    var whole: UnsafeRawBufferPointer
  }

  private let bytes: UnsafeRawBufferPointer
  private var at: Int
  /// The current member; nil at the end.
  private(set) var next: Member?
  /// Whether the text up to here is canonical, and its keys are plain and in order.
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

  /// The object of a canonical text whose values are plain strings and whole numbers, as almost all
  /// details are. It takes a tenth of the time of the parser for any JSON.
  /// - Returns: nil if the text has another form, also if it is invalid.
  static func plainObject(_ bytes: UnsafeRawBufferPointer) -> [String: JSONValue]? {
    var members = DetailMembers(bytes)
    var object: [String: JSONValue] = [:]
    while let member = members.next {
      let start = member.key.count + "\"\":".utf8.count
      let text = UnsafeRawBufferPointer(rebasing: member.whole[start...])
      guard let value = plainValue(text), isPlain(member.key) else { return nil }
      object[String(decoding: member.key, as: UTF8.self)] = value
      members.advance()
    }
    return members.isSound ? object : nil
  }

  private static func plainValue(_ text: UnsafeRawBufferPointer) -> JSONValue? {
    if text.first == UInt8(ascii: "\"") {
      guard text.count >= 2, text.last == UInt8(ascii: "\"") else { return nil }
      let content = UnsafeRawBufferPointer(rebasing: text[1..<(text.count - 1)])
      return isPlain(content) ? .string(String(decoding: content, as: UTF8.self)) : nil
    }
    // So many digits do not overflow. A zero stands alone.
    guard (1...18).contains(text.count), text.count == 1 || text[0] != UInt8(ascii: "0") else {
      return nil
    }
    var number: Int64 = 0
    for byte in text {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      number = number * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    return .integer(number)
  }

  /// Whether the content of a string is ASCII without escapes and without what must be escaped.
  private static func isPlain(_ content: UnsafeRawBufferPointer) -> Bool {
    content.allSatisfy { $0 < 0x80 && !JSONValue.needsEscape($0) }
  }

  /// Goes to the next member.
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

  /// An ASCII string without escapes. Its order by bytes is that by UTF-16.
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

  /// Skips a value, up to the comma or brace that follows it.
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
