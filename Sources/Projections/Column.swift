import Domain
import EventLog
import Text

/// One column of a view, declared once: a store's table, JSON, digests and listings follow from it.
package struct Column<Row>: Sendable {
  /// The name in JSON.
  package let name: StaticString
  /// The name in SQL: `baseSHA` is `base_sha`.
  package let sqlName: String
  package let kind: ColumnKind
  package let isOptional: Bool
  package let role: ColumnRole
  private let get: @Sendable (UnsafeRawPointer) -> ColumnValue?
  private let put: @Sendable (ColumnValue?, inout Row) -> Bool

  package init<Value: ColumnType>(
    _ name: StaticString, _ path: any WritableKeyPath<Row, Value> & Sendable,
    _ role: ColumnRole = .changing
  ) {
    self.name = name
    sqlName = snakeCase(name.description)
    kind = Value.kind
    isOptional = Value.isOptional
    self.role = role
    // A key path would copy the whole row for each column.
    let offset = MemoryLayout<Row>.offset(of: path)
    get = { row in
      guard let offset else {
        return row.assumingMemoryBound(to: Row.self).pointee[keyPath: path].columnValue
      }
      return (row + offset).assumingMemoryBound(to: Value.self).pointee.columnValue
    }
    put = { value, row in
      guard let value = Value.from(value) else { return false }
      row[keyPath: path] = value
      return true
    }
  }

  private init(
    _ name: StaticString, _ kind: ColumnKind, isOptional: Bool, _ role: ColumnRole,
    get: @escaping @Sendable (UnsafeRawPointer) -> ColumnValue?,
    put: @escaping @Sendable (ColumnValue?, inout Row) -> Bool
  ) {
    self.name = name
    sqlName = snakeCase(name.description)
    self.kind = kind
    self.isOptional = isOptional
    self.role = role
    self.get = get
    self.put = put
  }

  /// The same column of a row that has this one as a part.
  package func part<Whole>(
    _ path: any WritableKeyPath<Whole, Row> & Sendable
  ) -> Column<Whole> {
    let offset = MemoryLayout<Whole>.offset(of: path)
    let getPart: @Sendable (UnsafeRawPointer) -> ColumnValue? = { [get] whole in
      guard let offset else {
        let part: Row = whole.assumingMemoryBound(to: Whole.self).pointee[keyPath: path]
        return withUnsafePointer(to: part) { get(UnsafeRawPointer($0)) }
      }
      return get(whole + offset)
    }
    let putPart: @Sendable (ColumnValue?, inout Whole) -> Bool = { [put] value, whole in
      put(value, &whole[keyPath: path])
    }
    return Column<Whole>(
      name, kind, isOptional: isOptional, role, get: getPart, put: putPart)
  }

  /// nil if the row has no value there.
  package func value(of row: Row) -> ColumnValue? {
    withUnsafePointer(to: row) { get(UnsafeRawPointer($0)) }
  }

  /// The same column for code that knows no type of rows.
  var reader: ColumnReader { ColumnReader(name, kind, role, get) }

  /// - Returns: false if the column cannot have this value; the row then stays as it was.
  package func set(_ value: ColumnValue?, in row: inout Row) -> Bool { put(value, &row) }
}

/// A column of a row whose type is not known. What goes through the columns of each written row
/// uses these: generic code would look up the types of each column every time, and copy the column.
package struct ColumnReader: Sendable {
  /// The name in JSON, in quotation marks and with a colon.
  let member: [UInt8]
  package let kind: ColumnKind
  package let role: ColumnRole
  private let get: @Sendable (UnsafeRawPointer) -> ColumnValue?

  fileprivate init(
    _ name: StaticString, _ kind: ColumnKind, _ role: ColumnRole,
    _ get: @escaping @Sendable (UnsafeRawPointer) -> ColumnValue?
  ) {
    member = Array("\"\(name)\":".utf8)
    self.kind = kind
    self.role = role
    self.get = get
  }

  /// - Parameter row: a row of the column's view.
  /// - Returns: nil if the row has no value there.
  package func value(at row: UnsafeRawPointer) -> ColumnValue? { get(row) }
}

/// `delegationStamp` is `delegation_stamp`, `prURL` is `pr_url`.
private func snakeCase(_ name: String) -> String {
  var result = ""
  var isAfterCapital = true
  for character in name {
    if character.isUppercase, !isAfterCapital { result += "_" }
    isAfterCapital = character.isUppercase
    result += character.lowercased()
  }
  return result
}

/// How a row's value changes.
package enum ColumnRole: Sendable {
  /// Part of the row's key.
  case key
  /// The value never changes, so an update does not write it or its indexes.
  case fixed
  case changing
}

/// The type of a column's values.
package enum ColumnKind: Sendable { case integer, text, flag, texts }

/// The value of a column.
package enum ColumnValue: Hashable, Comparable, Sendable, CustomStringConvertible {
  case integer(Int64)
  case text(String)
  case flag(Bool)
  case texts([String])

  package var json: JSONValue {
    switch self {
    case .integer(let n): .integer(n)
    case .text(let text): .string(text)
    case .flag(let flag): .bool(flag)
    case .texts(let texts): .array(texts.map { .string($0) })
    }
  }

  package var description: String {
    switch self {
    case .integer(let n): String(n)
    case .text(let text): text
    case .flag(let flag): String(flag)
    case .texts(let texts): texts.joined(separator: ", ")
    }
  }

  package static func < (a: Self, b: Self) -> Bool {
    if case .integer(let a) = a, case .integer(let b) = b { return a < b }
    return a.description < b.description
  }
}

/// A type of columns.
package protocol ColumnType: Sendable {
  static var kind: ColumnKind { get }
  static var isOptional: Bool { get }
  var columnValue: ColumnValue? { get }
  /// - Returns: nil if the value has another type.
  static func from(_ value: ColumnValue?) -> Self?
}

extension ColumnType {
  package static var isOptional: Bool { false }
}

extension Optional: ColumnType where Wrapped: ColumnType {
  package static var kind: ColumnKind { Wrapped.kind }
  package static var isOptional: Bool { true }
  package var columnValue: ColumnValue? { flatMap(\.columnValue) }
  /// See `ColumnType`.
  package static func from(_ value: ColumnValue?) -> Self? {
    guard let value else { return .some(nil) }
    return Wrapped.from(value).map { .some($0) }
  }
}

extension Int64: ColumnType {
  package static var kind: ColumnKind { .integer }
  package var columnValue: ColumnValue? { .integer(self) }
  /// See `ColumnType`.
  package static func from(_ value: ColumnValue?) -> Self? {
    if case .integer(let n)? = value { n } else { nil }
  }
}

extension Bool: ColumnType {
  package static var kind: ColumnKind { .flag }
  package var columnValue: ColumnValue? { .flag(self) }
  /// See `ColumnType`.
  package static func from(_ value: ColumnValue?) -> Self? {
    if case .flag(let flag)? = value { flag } else { nil }
  }
}

extension [String]: ColumnType {
  package static var kind: ColumnKind { .texts }
  package var columnValue: ColumnValue? { .texts(self) }
  /// See `ColumnType`.
  package static func from(_ value: ColumnValue?) -> Self? {
    if case .texts(let texts)? = value { texts } else { nil }
  }
}

/// A type whose values are stored as texts.
package protocol TextColumnType: ColumnType {
  var rawValue: String { get }
  init?(rawValue: String)
}

extension TextColumnType {
  package static var kind: ColumnKind { .text }
  package var columnValue: ColumnValue? { .text(rawValue) }
  /// See `ColumnType`.
  package static func from(_ value: ColumnValue?) -> Self? {
    if case .text(let text)? = value { Self(rawValue: text) } else { nil }
  }
}

extension String: TextColumnType {
  package var rawValue: String { self }
  package init?(rawValue: String) { self = rawValue }
}

extension DelegationID: TextColumnType {
  package init?(rawValue: String) { self.init(rawValue) }
}

extension WorkerID: TextColumnType {
  package init?(rawValue: String) { self.init(rawValue) }
}

extension DelegationStateName: TextColumnType {}
extension FailureCode: TextColumnType {}
extension FaultCode: TextColumnType {}
extension PullRequestState: TextColumnType {}
extension Step: TextColumnType {}
extension WorkerStateName: TextColumnType {}
