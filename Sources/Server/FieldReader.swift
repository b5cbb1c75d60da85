import Domain
import FoundationEssentials
import Text

extension JSONValue {
  /// The same bytes for equal values, however they were written. The request digest of an
  /// idempotency key is computed from them and stored in the log, so the format stays Foundation's.
  var sortedBytes: [UInt8] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return Array(try encoder.encode(self))
    }
  }

  /// The type, for people.
  var kind: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .integer, .number: "a number"
    case .string: "a text"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

/// Reads the fields of an object, and collects those of a wrong type.
struct FieldReader {
  private(set) var faults: [FieldFault] = []
  private var fields: [String: JSONValue]
  private var known: [String] = []

  /// The most warnings in a response.
  private static let warningsMax = 20

  init(_ fields: [String: JSONValue]) { self.fields = fields }

  mutating func text(_ name: String) -> String? {
    switch take(name) {
    case nil: return nil
    case .string(let text): return text
    case .some(let other): return mistyped(name, other, "a text")
    }
  }

  mutating func integer(_ name: String) -> Int? {
    switch take(name) {
    case nil: return nil
    case .integer(let n): return Int(n)
    case .some(let other): return mistyped(name, other, "a whole number")
    }
  }

  mutating func flag(_ name: String) -> Bool? {
    switch take(name) {
    case nil: return nil
    case .bool(let flag): return flag
    case .some(let other): return mistyped(name, other, "true or false")
    }
  }

  mutating func words(_ name: String) -> Submission.TextOrList? {
    switch take(name) {
    case nil: return nil
    case .string(let text): return .text(text)
    case .array(let items):
      var words: [String] = []
      for (index, item) in items.enumerated() {
        guard case .string(let text) = item else {
          return mistyped("\(name)[\(index)]", item, "a text")
        }
        words.append(text)
      }
      return .list(words)
    case .some(let other): return mistyped(name, other, "a text or a list of texts")
    }
  }

  /// A list of objects, each read by `read` from its own fields.
  mutating func objects<Value>(
    _ name: String, _ read: (inout FieldReader) -> Value
  ) -> [Value]? {
    switch take(name) {
    case nil: return nil
    case .array(let items):
      var values: [Value] = []
      for (index, item) in items.enumerated() {
        let field = "\(name)[\(index)]"
        guard case .object(let fields) = item else { return mistyped(field, item, "an object") }
        var reader = FieldReader(fields)
        values.append(read(&reader))
        faults += reader.faults.map {
          FieldFault(field: "\(field).\($0.field)", message: "\(field).\($0.message)")
        }
      }
      return values
    case .some(let other): return mistyped(name, other, "a list of objects")
    }
  }

  /// One sentence for each unknown field. To be called after all fields were read. An unknown field
  /// is probably mistyped.
  var warnings: [String] {
    fields.keys.sorted().prefix(Self.warningsMax).map { name in
      let shown = name.count > 64 ? "\(name.prefix(64))…" : name
      let near = Spelling.nearest(to: name, in: known).map { "; did you mean \"\($0)\"?" } ?? ""
      return "the field \"\(shown)\" is not known and was ignored\(near)"
    }
  }

  private mutating func take(_ name: String) -> JSONValue? {
    known.append(name)
    guard let value = fields.removeValue(forKey: name), value != .null else { return nil }
    return value
  }

  private mutating func mistyped<T>(_ name: String, _ value: JSONValue, _ wanted: String) -> T? {
    faults.append(FieldFault(field: name, message: "\(name) is \(value.kind); write \(wanted)"))
    return nil
  }
}
