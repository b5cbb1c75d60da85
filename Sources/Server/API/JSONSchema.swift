import EventLog
import Text

/// A JSON Schema (https://json-schema.org/draft/2020-12): the part that the API's description
/// needs.
struct JSONSchema: Sendable {
  private(set) var members: [String: JSONValue]

  var json: JSONValue { .object(members) }

  /// Any JSON value.
  static let any = JSONSchema(members: [:])
  static let flag = JSONSchema(members: ["type": "boolean"])

  /// - Parameter length: in characters.
  static func text(
    _ pattern: String? = nil, length: ClosedRange<Int>? = nil, max: Int? = nil,
    format: String? = nil
  ) -> JSONSchema {
    var members: [String: JSONValue] = ["type": "string"]
    members["pattern"] = pattern.map { .string($0) }
    members["format"] = format.map { .string($0) }
    members["minLength"] = length.map { .integer(Int64($0.lowerBound)) }
    members["maxLength"] = (length?.upperBound ?? max).map { .integer(Int64($0)) }
    return JSONSchema(members: members)
  }

  static func integer(_ range: ClosedRange<Int64>) -> JSONSchema {
    var members: [String: JSONValue] = [
      "type": "integer", "format": "int64", "minimum": .integer(range.lowerBound),
    ]
    if range.upperBound < .max { members["maximum"] = .integer(range.upperBound) }
    return JSONSchema(members: members)
  }

  static let count = integer(0...Int64.max)
  static let position = integer(0...Int64.max)
  static let id = text(format: "uuid")
  static let time = text(format: "date-time")
  static let commit = text("^[0-9a-f]{40}([0-9a-f]{24})?$")
  static let digest = text("^[0-9a-f]{64}$")

  /// One of a closed set of strings.
  static func word(_ words: [String]) -> JSONSchema {
    JSONSchema(members: ["type": "string", "enum": .array(words.map { .string($0) })])
  }

  /// One of the raw values of an enumeration.
  static func word<Word: RawRepresentable & CaseIterable>(_ type: Word.Type) -> JSONSchema
  where Word.RawValue == String {
    word(type.allCases.map(\.rawValue))
  }

  static func list(_ items: JSONSchema, min: Int? = nil, max: Int? = nil) -> JSONSchema {
    var members: [String: JSONValue] = ["type": "array", "items": items.json]
    members["minItems"] = min.map { .integer(Int64($0)) }
    members["maxItems"] = max.map { .integer(Int64($0)) }
    return JSONSchema(members: members)
  }

  /// An object.
  /// - Parameters:
  /// - required: members that are always present.
  /// - optional: members that may be absent.
  /// - isOpen: whether further members are allowed.
  static func object(
    _ required: [String: JSONSchema], optional: [String: JSONSchema] = [:], isOpen: Bool = false
  ) -> JSONSchema {
    var members: [String: JSONValue] = [
      "type": "object", "additionalProperties": .bool(isOpen),
      "properties": .object(required.merging(optional) { $1 }.mapValues(\.json)),
    ]
    if !required.isEmpty {
      members["required"] = .array(required.keys.sorted().map { .string($0) })
    }
    return JSONSchema(members: members)
  }

  /// One server-sent event, whose data is JSON.
  static func events(_ types: [String]? = nil) -> JSONSchema {
    .object(
      [:],
      optional: [
        "id": .text(), "event": types.map { .word($0) } ?? .text(),
        "data": text().with("contentMediaType", "application/json"), "retry": .count,
      ])
  }

  /// An object whose members all have one schema.
  static func map(_ values: JSONSchema) -> JSONSchema {
    JSONSchema(members: ["type": "object", "additionalProperties": values.json])
  }

  static func either(_ schemas: [JSONSchema]) -> JSONSchema {
    JSONSchema(members: ["anyOf": .array(schemas.map(\.json))])
  }

  static func component(_ component: Component) -> JSONSchema {
    JSONSchema(members: ["$ref": .string("#/components/schemas/\(component.rawValue)")])
  }

  /// This schema, or null.
  var orNull: JSONSchema {
    var same = self
    if case .string(let type)? = members["type"] {
      same.members["type"] = .array([.string(type), "null"])
      if case .array(let words)? = members["enum"] {
        same.members["enum"] = .array(words + [.null])
      }
      return same
    }
    if case .array(let schemas)? = members["anyOf"] {
      same.members["anyOf"] = .array(schemas + [.object(["type": "null"])])
      return same
    }
    return .either([self, JSONSchema(members: ["type": "null"])])
  }

  func described(_ text: String) -> JSONSchema { with("description", .string(text)) }
  func example(_ value: JSONValue) -> JSONSchema { with("examples", .array([value])) }
  func byDefault(_ value: JSONValue) -> JSONSchema { with("default", value) }

  private func with(_ name: String, _ value: JSONValue) -> JSONSchema {
    var same = self
    same.members[name] = value
    return same
  }
}
