// JSON of any shape: what agents say.

import FoundationEssentials

/// Any JSON value. Agents are strangers: nothing is taken for granted of what they send.
enum AnyJSON: Codable, Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([AnyJSON])
  case object([String: AnyJSON])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let text = try? container.decode(String.self) {
      self = .string(text)
    } else if let members = try? container.decode([String: AnyJSON].self) {
      self = .object(members)
    } else if let items = try? container.decode([AnyJSON].self) {
      self = .array(items)
    } else if let n = try? container.decode(Int.self) {
      self = .integer(n)
    } else if let n = try? container.decode(Double.self) {
      self = .number(n)
    } else if let flag = try? container.decode(Bool.self) {
      self = .bool(flag)
    } else {
      self = .null
    }
  }

  /// A value of this program's own as JSON.
  static func describing(_ value: some Encodable) -> AnyJSON {
    // Such values hold strings, whole numbers and flags: nothing that cannot be encoded.
    let bytes = try? JSONEncoder().encode(value)
    return bytes.flatMap { try? JSONDecoder().decode(AnyJSON.self, from: $0) } ?? .null
  }

  func encode(to encoder: any Encoder) throws {
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

  /// nil where the bytes are no JSON. How deep it may be is the decoder's limit (512).
  init?(parsing bytes: some Sequence<UInt8>) {
    guard let value = try? JSONDecoder().decode(AnyJSON.self, from: Data(bytes)) else {
      return nil
    }
    self = value
  }

  /// In one line.
  var line: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Only a number that is none cannot be encoded, and none such was ever decoded or made.
    return (try? encoder.encode(self)).map { [UInt8]($0) } ?? Array("null".utf8)
  }

  subscript(_ name: String) -> AnyJSON? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }

  /// The member at a path with dots.
  func at(path: String) -> AnyJSON? {
    path.split(separator: ".").reduce(Optional(self)) { value, name in value?[String(name)] }
  }

  var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  var array: [AnyJSON]? {
    if case .array(let items) = self { items } else { nil }
  }

  var integer: Int? {
    switch self {
    case .integer(let n): n
    case .number(let n): Int(exactly: n)
    case .null, .bool, .string, .array, .object: nil
    }
  }

  var double: Double? {
    switch self {
    case .integer(let n): Double(n)
    case .number(let n): n
    case .null, .bool, .string, .array, .object: nil
    }
  }

  /// One value as a text; nil of lists and objects.
  var scalarText: String? {
    switch self {
    case .null: "null"
    case .bool(let flag): String(flag)
    case .integer(let n): String(n)
    case .number(let n): String(n)
    case .string(let text): text
    case .array, .object: nil
    }
  }
}
