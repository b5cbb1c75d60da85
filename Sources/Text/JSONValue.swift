import FoundationEssentials

/// Any JSON value (RFC 8259).
///
/// It is written as RFC 8785 (JSON Canonicalization Scheme) requires: keys are sorted by UTF-16
/// code units, there is no white space, and only what must be escaped is escaped. Fractional
/// numbers are written in Swift's format, not that RFC's. So hashed values contain none:
/// `init(json:)` refuses them.
package enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// A fractional number, or one too large for `integer`.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  package var stringValue: String? { if case .string(let s) = self { s } else { nil } }
  package var boolValue: Bool? { if case .bool(let b) = self { b } else { nil } }
  package var arrayValue: [JSONValue]? { if case .array(let a) = self { a } else { nil } }
  package var objectValue: [String: JSONValue]? {
    if case .object(let o) = self { o } else { nil }
  }
  package var integerValue: Int64? {
    switch self {
    case .integer(let n): n
    case .number(let n): Int64(exactly: n)
    case .null, .bool, .string, .array, .object: nil
    }
  }
  package var doubleValue: Double? {
    switch self {
    case .integer(let n): Double(n)
    case .number(let n): n
    case .null, .bool, .string, .array, .object: nil
    }
  }

  /// A member of an object; null if the member is absent or this is not an object.
  package subscript(_ name: String) -> JSONValue { objectValue?[name] ?? .null }

  /// The object with these members added or replaced.
  package func with(_ added: JSONValue) -> JSONValue {
    guard case .object(let members) = self, case .object(let more) = added else { return added }
    return .object(members.merging(more) { _, new in new })
  }
}

// MARK: - Making

extension JSONValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(nilLiteral: ()) { self = .null }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// Of members with the same name, the last one counts.
  package init(dictionaryLiteral members: (String, JSONValue)...) {
    self = .object(Dictionary(members) { _, last in last })
  }

  /// A string; null for nil.
  package init(_ text: String?) { self = text.map { .string($0) } ?? .null }
  package init(_ flag: Bool) { self = .bool(flag) }
  /// A whole number; null for nil.
  package init(_ number: Int64?) { self = number.map { .integer($0) } ?? .null }
  /// A whole number; null for nil.
  package init(_ number: Int?) { self.init(number.map { Int64($0) }) }
}

// MARK: - Writing

extension JSONValue {
  /// The canonical bytes.
  package var canonical: [UInt8] {
    var out: [UInt8] = []
    write(into: &out)
    return out
  }

  package var canonicalText: String { String(decoding: canonical, as: UTF8.self) }

  /// Appends the canonical bytes to `out`.
  package func write(into out: inout [UInt8]) {
    switch self {
    case .null: out.append(contentsOf: "null".utf8)
    case .bool(let flag): out.append(contentsOf: (flag ? "true" : "false").utf8)
    case .integer(let n): out.append(contentsOf: String(n).utf8)
    case .number(let n): out.append(contentsOf: (n.isFinite ? String(n) : "null").utf8)
    case .string(let text): Self.write(text, into: &out)
    case .array(let items):
      out.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        item.write(into: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let members):
      out.append(UInt8(ascii: "{"))
      let sorted = members.sorted { Self.isOrdered($0.key, $1.key) }
      for (index, member) in sorted.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        Self.write(member.key, into: &out)
        out.append(UInt8(ascii: ":"))
        member.value.write(into: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  /// Whether one key precedes another by UTF-16 code units. For ASCII keys, the usual case, this is
  /// the order of their bytes.
  private static func isOrdered(_ a: String, _ b: String) -> Bool {
    func isASCII(_ key: String) -> Bool { key.utf8.count == key.utf16.count }
    if isASCII(a), isASCII(b) { return a < b }
    return a.utf16.lexicographicallyPrecedes(b.utf16)
  }

  /// Appends a string with its quotes.
  package static func write(_ text: String, into out: inout [UInt8]) {
    var text = text
    out.append(UInt8(ascii: "\""))
    text.withUTF8 { bytes in
      // Bytes that need no escape, usually all, are copied at once.
      var start = 0
      for (index, byte) in bytes.enumerated() where needsEscape(byte) {
        out.append(contentsOf: bytes[start..<index])
        escape(byte) { out.append($0) }
        start = index + 1
      }
      out.append(contentsOf: bytes[start...])
    }
    out.append(UInt8(ascii: "\""))
  }

  /// Whether a byte of a string is written with an escape.
  package static func needsEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  /// Passes the escape of a byte to `body`.
  package static func escape(_ byte: UInt8, _ put: (UInt8) -> Void) {
    put(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: put(UInt8(ascii: "b"))
    case 0x09: put(UInt8(ascii: "t"))
    case 0x0a: put(UInt8(ascii: "n"))
    case 0x0c: put(UInt8(ascii: "f"))
    case 0x0d: put(UInt8(ascii: "r"))
    case 0..<0x20:
      for letter in "u00".utf8 { put(letter) }
      for digit in Hex.encode([byte]).utf8 { put(digit) }
    default: put(byte)
    }
  }
}

// MARK: - Reading

extension JSONValue: Codable {
  /// Reads JSON whose numbers are all whole.
  /// - Throws: `DecodingError` if it is invalid, nested more than 512 deep, or contains a
  ///   fractional number.
  package init(json: [UInt8]) throws {
    self = try JSONValue(parsing: json)
    guard hasWholeNumbers else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: [], debugDescription: "a number that is not whole"))
    }
  }

  /// Reads any JSON.
  /// - Throws: `DecodingError` if it is invalid, or nested more than 512 deep.
  package init(parsing bytes: some Sequence<UInt8>) throws {
    self = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
  }

  private var hasWholeNumbers: Bool {
    switch self {
    case .null, .bool, .integer, .string: true
    case .number: false
    case .array(let items): items.allSatisfy(\.hasWholeNumbers)
    case .object(let members): members.values.allSatisfy(\.hasWholeNumbers)
    }
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let text = try? container.decode(String.self) {
      self = .string(text)
    } else if let members = try? container.decode([String: JSONValue].self) {
      self = .object(members)
    } else if let items = try? container.decode([JSONValue].self) {
      self = .array(items)
    } else if let n = try? container.decode(Int64.self) {
      self = .integer(n)
    } else if let flag = try? container.decode(Bool.self) {
      self = .bool(flag)
    } else {
      self = .number(try container.decode(Double.self))
    }
  }

  /// Encodes the value for `Codable`. `canonical` writes the bytes that are hashed.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let flag): try container.encode(flag)
    case .integer(let n): try container.encode(n)
    case .number(let n): try container.encode(n)
    case .string(let text): try container.encode(text)
    case .array(let items): try container.encode(items)
    case .object(let members): try container.encode(members)
    }
  }
}
