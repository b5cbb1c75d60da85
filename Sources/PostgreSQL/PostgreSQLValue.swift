#if PostgreSQL

/// The value of a parameter, with the type that the server reads it as.
package enum PostgreSQLValue: Sendable {
  /// A `bigint`, or NULL.
  case integer(Int64?)
  /// A `text`, or NULL.
  case text(String?)
  /// A `bytea`, or NULL.
  case bytes([UInt8]?)
  /// A `bigint[]`.
  case integers([Int64?])
  /// A `text[]`.
  case texts([String?])
  /// A `bytea[]`.
  case manyBytes([[UInt8]])
  /// One of these that is encoded already.
  case array(PostgreSQLArray)

  /// The types' numbers, which are the same in every database (catalog/pg_type.dat).
  fileprivate enum Number {
    static let bytea: UInt32 = 17
    static let bigint: UInt32 = 20
    static let text: UInt32 = 25
    static let byteas: UInt32 = 1001
    static let texts: UInt32 = 1009
    static let bigints: UInt32 = 1016
  }

  var type: UInt32 {
    switch self {
    case .integer: Number.bigint
    case .text: Number.text
    case .bytes: Number.bytea
    case .integers: Number.bigints
    case .texts: Number.texts
    case .manyBytes: Number.byteas
    case .array(let array): array.type
    }
  }

  /// Whether it is NULL.
  var isNull: Bool {
    switch self {
    case .integer(nil), .text(nil), .bytes(nil): true
    case .integer, .text, .bytes, .integers, .texts, .manyBytes, .array: false
    }
  }

  /// Writes the value without a length.
  func write(to out: inout BinaryWriter) {
    switch self {
    case .integer(let n): if let n { out.put(n) }
    case .text(let text): if let text { out.put(raw: text.utf8) }
    case .bytes(let bytes): if let bytes { out.put(raw: bytes) }
    case .integers(let all):
      Self.writeHead(of: all.count, Number.bigint, to: &out)
      for n in all { out.field(n) }
    case .texts(let all):
      Self.writeHead(of: all.count, Number.text, to: &out)
      for text in all { out.field(text) }
    case .manyBytes(let all):
      Self.writeHead(of: all.count, Number.bytea, to: &out)
      for bytes in all { out.field(bytes) }
    case .array(let array): out.put(raw: array.bytes)
    }
  }

  /// One dimension, from 1, in which NULL may occur.
  fileprivate static func writeHead(of count: Int, _ type: UInt32, to out: inout BinaryWriter) {
    out.put(Int32(count == 0 ? 0 : 1))
    out.put(Int32(1))
    out.put(type)
    guard count > 0 else { return }
    out.put(Int32(count))
    out.put(Int32(1))
  }
}

/// The value of an array parameter, encoded while its elements are appended. No array of optional
/// texts is made, whose elements would all be copied.
package struct PostgreSQLArray: Sendable {
  let type: UInt32
  private var out: BinaryWriter

  var bytes: [UInt8] { out.bytes }

  /// A `bigint[]` with so many elements.
  package init(ofIntegers count: Int) {
    self.init(PostgreSQLValue.Number.bigints, of: PostgreSQLValue.Number.bigint, count, 12)
  }

  /// A `text[]` with so many elements.
  package init(ofTexts count: Int) {
    self.init(PostgreSQLValue.Number.texts, of: PostgreSQLValue.Number.text, count, 32)
  }

  private init(_ type: UInt32, of element: UInt32, _ count: Int, _ length: Int) {
    self.type = type
    out = BinaryWriter(capacity: 20 + count * length)
    PostgreSQLValue.writeHead(of: count, element, to: &out)
  }

  /// Appends a number; nil for NULL.
  package mutating func append(_ n: Int64?) { out.field(n) }
  /// Appends a text; nil for NULL.
  package mutating func append(_ text: String?) { out.field(text) }
}

#endif
