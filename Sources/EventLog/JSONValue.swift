import FoundationEssentials

/// A JSON value whose numbers are whole, with one way to be written: RFC 8785 (JSON
/// Canonicalization Scheme) as far as it concerns such values. What is hashed is written by this.
package enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  package var stringValue: String? { if case .string(let s) = self { s } else { nil } }
  package var integerValue: Int64? { if case .integer(let n) = self { n } else { nil } }
  package var boolValue: Bool? { if case .bool(let b) = self { b } else { nil } }
  package var arrayValue: [JSONValue]? { if case .array(let a) = self { a } else { nil } }
  package var objectValue: [String: JSONValue]? {
    if case .object(let o) = self { o } else { nil }
  }

  /// A member of an object; null where there is none.
  package subscript(_ name: String) -> JSONValue { objectValue?[name] ?? .null }

  /// The canonical bytes: keys sorted by UTF-16 code units, no white space, only what must be
  /// escaped is.
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

  /// Whether one key comes before another by UTF-16 code units. Of plain ASCII, as nearly all keys
  /// are, that is the order of strings themselves, which is compared by their bytes.
  private static func isOrdered(_ a: String, _ b: String) -> Bool {
    func isASCII(_ key: String) -> Bool { key.utf8.count == key.utf16.count }
    if isASCII(a), isASCII(b) { return a < b }
    return a.utf16.lexicographicallyPrecedes(b.utf16)
  }

  /// Appends a string with its quotes.
  static func write(_ text: String, into out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    let isPlain: Void? = text.utf8.withContiguousStorageIfAvailable { bytes in
      // What needs no escape, most often all, is copied in one go.
      var start = 0
      for (index, byte) in bytes.enumerated() where needsEscape(byte) {
        out.append(contentsOf: bytes[start..<index])
        escape(byte) { out.append($0) }
        start = index + 1
      }
      out.append(contentsOf: bytes[start...])
    }
    if isPlain == nil {
      for byte in text.utf8 {
        if needsEscape(byte) { escape(byte) { out.append($0) } } else { out.append(byte) }
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  static func needsEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  /// Hands over what stands for a byte that needs it.
  static func escape(_ byte: UInt8, _ put: (UInt8) -> Void) {
    put(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: put(UInt8(ascii: "b"))
    case 0x09: put(UInt8(ascii: "t"))
    case 0x0a: put(UInt8(ascii: "n"))
    case 0x0c: put(UInt8(ascii: "f"))
    case 0x0d: put(UInt8(ascii: "r"))
    case 0..<0x20:
      for letter in "u00".utf8 { put(letter) }
      for digit in [byte >> 4, byte & 15] { put(digit < 10 ? digit + 0x30 : digit + 0x57) }
    default: put(byte)
    }
  }

  /// Reads JSON text.
  /// - Throws: `DecodingError` where it is none, or holds a number that is not whole.
  package init(json: [UInt8]) throws {
    self = try JSONDecoder().decode(JSONValue.self, from: Data(json))
  }
}

extension JSONValue: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let flag = try? container.decode(Bool.self) {
      self = .bool(flag)
    } else if let n = try? container.decode(Int64.self) {
      self = .integer(n)
    } else if let text = try? container.decode(String.self) {
      self = .string(text)
    } else if let items = try? container.decode([JSONValue].self) {
      self = .array(items)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  /// Writes the value as `Codable` does; what is hashed is written by `canonical`.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let flag): try container.encode(flag)
    case .integer(let n): try container.encode(n)
    case .string(let text): try container.encode(text)
    case .array(let items): try container.encode(items)
    case .object(let members): try container.encode(members)
    }
  }
}
