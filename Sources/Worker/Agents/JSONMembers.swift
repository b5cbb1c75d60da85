import FoundationEssentials
import Text

extension JSONValue {
  /// A value of this program as JSON.
  static func describing(_ value: some Encodable) -> JSONValue {
    // Such values hold strings, whole numbers and flags, which can always be encoded.
    let bytes = try? JSONEncoder().encode(value)
    return bytes.flatMap { try? JSONValue(parsing: $0) } ?? .null
  }

  /// The member at a path with dots; nil if it is absent.
  func at(path: String) -> JSONValue? {
    path.split(separator: ".").reduce(Optional(self)) { $0?.objectValue?[String($1)] }
  }

  /// One value as text; nil if this is a list or an object.
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
