// JSON as the API gives and takes it. Objects keep the order in which they are written, so that the
// same object always has the same bytes and thus the same ETag.

import FoundationEssentials

enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  struct Member: Sendable, Equatable {
    let name: String
    let value: JSON
  }

  /// A string, or null.
  init(_ text: String?) { self = text.map { .string($0) } ?? .null }
  init(_ number: Int) { self = .integer(number) }
  init(_ number: Int64) { self = .integer(Int(number)) }
  init(_ flag: Bool) { self = .bool(flag) }

  /// A member of an object; nil where this is no object or has no such member.
  subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.name == name }?.value
  }

  /// The object with these members added at its end, or in place of those of the same name.
  func with(_ added: JSON) -> JSON {
    guard case .object(var members) = self, case .object(let more) = added else { return added }
    for member in more {
      if let index = members.firstIndex(where: { $0.name == member.name }) {
        members[index] = member
      } else {
        members.append(member)
      }
    }
    return .object(members)
  }

  var isNull: Bool { self == .null }

  var stringValue: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  var boolValue: Bool? {
    guard case .bool(let flag) = self else { return nil }
    return flag
  }

  var arrayValue: [JSON]? {
    guard case .array(let items) = self else { return nil }
    return items
  }

  var isObject: Bool {
    if case .object = self { return true }
    return false
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
  ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  typealias ArrayLiteralElement = JSON
  typealias Key = String
  typealias Value = JSON

  init(stringLiteral value: String) { self = .string(value) }
  init(integerLiteral value: Int) { self = .integer(value) }
  init(booleanLiteral value: Bool) { self = .bool(value) }
  init(nilLiteral: ()) { self = .null }
  init(arrayLiteral elements: JSON...) { self = .array(elements) }
  init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(elements.map { Member(name: $0.0, value: $0.1) })
  }
}

// MARK: - Writing

extension JSON {
  /// RFC 8259, without white space.
  var bytes: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(1024)
    write(to: &out)
    return out
  }

  private func write(to out: inout [UInt8]) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let flag): out += (flag ? "true" : "false").utf8
    case .integer(let number): out += String(number).utf8
    case .number(let number): out += (number.isFinite ? "\(number)" : "null").utf8
    case .string(let text): Self.write(text, to: &out)
    case .array(let items):
      out.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        item.write(to: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let members):
      out.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        Self.write(member.name, to: &out)
        out.append(UInt8(ascii: ":"))
        member.value.write(to: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        out.append(UInt8(ascii: "\\"))
        out.append(byte)
      case UInt8(ascii: "\n"): out += "\\n".utf8
      case 0..<0x20:
        let hex = Array("0123456789abcdef".utf8)
        out += "\\u00".utf8
        out.append(hex[Int(byte >> 4)])
        out.append(hex[Int(byte & 15)])
      case _: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}

// MARK: - Reading

extension JSON: Decodable {
  /// Parses RFC 8259 text.
  /// - Throws: `DecodingError` where the bytes are none.
  init(parsing bytes: some Sequence<UInt8>) throws {
    self = try JSONDecoder().decode(JSON.self, from: Data(bytes))
  }

  private struct MemberName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: MemberName.self) {
      self = .object(
        try object.allKeys.map {
          Member(name: $0.stringValue, value: try object.decode(JSON.self, forKey: $0))
        })
    } else if var items = try? decoder.unkeyedContainer() {
      var values: [JSON] = []
      while !items.isAtEnd { values.append(try items.decode(JSON.self)) }
      self = .array(values)
    } else {
      let single = try decoder.singleValueContainer()
      if single.decodeNil() {
        self = .null
      } else if let flag = try? single.decode(Bool.self) {
        self = .bool(flag)
      } else if let number = try? single.decode(Int.self) {
        self = .integer(number)
      } else if let number = try? single.decode(Double.self) {
        self = .number(number)
      } else {
        self = .string(try single.decode(String.self))
      }
    }
  }
}
