import Domain
import FoundationEssentials

/// Any JSON at all, so that a field of the wrong type is a fault of that field and not of the
/// whole.
enum LooseJSON: Codable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([LooseJSON])
  case object([String: LooseJSON])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let flag = try? container.decode(Bool.self) {
      self = .bool(flag)
    } else if let n = try? container.decode(Int.self) {
      self = .integer(n)
    } else if let n = try? container.decode(Double.self) {
      self = .number(n)
    } else if let text = try? container.decode(String.self) {
      self = .string(text)
    } else if let items = try? container.decode([LooseJSON].self) {
      self = .array(items)
    } else {
      self = .object(try container.decode([String: LooseJSON].self))
    }
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

  /// The same bytes for the same value, however it was written.
  var sortedBytes: [UInt8] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return Array(try encoder.encode(self))
    }
  }

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

/// Reads the fields of an object, and gathers those that are not of their type.
struct FieldReader {
  private(set) var faults: [FieldFault] = []
  private var fields: [String: LooseJSON]
  private var known: [String] = []

  /// Nobody reads more warnings than these.
  private static let warningsMax = 20

  init(_ fields: [String: LooseJSON]) { self.fields = fields }

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
    case .integer(let n): return n
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

  mutating func words(_ name: String) -> Submission.Words? {
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

  /// One sentence for each field that nobody has asked for, once all were read: what is ignored is
  /// most likely mistyped.
  var warnings: [String] {
    fields.keys.sorted().prefix(Self.warningsMax).map { name in
      let shown = name.count > 64 ? "\(name.prefix(64))…" : name
      let near = Spelling.nearest(to: name, in: known).map { "; did you mean \"\($0)\"?" } ?? ""
      return "the field \"\(shown)\" is not known and was ignored\(near)"
    }
  }

  private mutating func take(_ name: String) -> LooseJSON? {
    known.append(name)
    guard let value = fields.removeValue(forKey: name), value != .null else { return nil }
    return value
  }

  private mutating func mistyped<T>(_ name: String, _ value: LooseJSON, _ wanted: String) -> T? {
    faults.append(FieldFault(field: name, message: "\(name) is \(value.kind); write \(wanted)"))
    return nil
  }
}
