import Domain
import Text

/// The facts of one event: typed columns for folds and queries, and one JSON object for the rest.
/// It contains no text by users and agents. `EventColumn` describes each column.
package struct Facts: Equatable, Sendable {
  /// A column that isn't NULL.
  package struct Value: Equatable, Sendable {
    package let column: EventColumn
    package let value: JSONValue
  }

  /// The columns that aren't NULL, in the order of the table.
  package private(set) var values: [Value] = []
  /// Facts without a column, which no view and no query reads.
  package var detail: [String: JSONValue] = [:]

  package init() {}

  /// Sets a text; nil makes the column NULL.
  package mutating func put(_ column: EventColumn, _ text: String?) {
    put(column, text.map { .string($0) })
  }

  /// Sets a number; nil makes the column NULL.
  package mutating func put(_ column: EventColumn, _ number: Int64?) {
    put(column, number.map { .integer($0) })
  }

  /// Sets a number.
  package mutating func put(_ column: EventColumn, _ number: Int) {
    put(column, .integer(Int64(number)))
  }

  /// Sets a flag; nil makes the column NULL.
  package mutating func put(_ column: EventColumn, _ flag: Bool?) {
    put(column, flag.map { .bool($0) })
  }

  private mutating func put(_ column: EventColumn, _ value: JSONValue?) {
    if let value, values.last.map({ $0.column.index < column.index }) ?? true {
      // Codecs put most columns in the order of the table.
      assert(column.declaration.kind.matches(value), "\(column) takes no \(value)")
      values.append(Value(column: column, value: value))
      return
    }
    values.removeAll { $0.column == column }
    guard let value else { return }
    assert(column.declaration.kind.matches(value), "\(column) takes no \(value)")
    let next = values.firstIndex { $0.column.index > column.index } ?? values.endIndex
    values.insert(Value(column: column, value: value), at: next)
  }

  /// The facts as the JSON object that is hashed and exported: column names and the keys of
  /// `detail`, without columns that are NULL.
  package var object: [String: JSONValue] {
    var all = detail
    for fact in values { all[fact.column.declaration.name] = fact.value }
    return all
  }

  /// The inverse of `object`.
  package init(object: [String: JSONValue]) {
    detail = object
    for fact in EventColumn.facts {
      guard let value = detail.removeValue(forKey: fact.name), fact.kind.matches(value) else {
        continue
      }
      values.append(Value(column: fact.column, value: value))
    }
  }

  /// The columns of a row, without `detail`.
  package init(_ row: any EventRow) {
    for fact in EventColumn.facts {
      let value: JSONValue? =
        switch fact.kind {
        case .envelope: nil
        case .name, .text: row.text(fact.column).map { .string($0) }
        case .integer: row.integer(fact.column).map { .integer($0) }
        case .flag: row.flag(fact.column).map { .bool($0) }
        }
      if let value { values.append(Value(column: fact.column, value: value)) }
    }
  }
}

extension Facts: FactSource {
  private func value(_ column: EventColumn) -> JSONValue? {
    values.first { $0.column == column }?.value
  }

  /// See `FactSource`.
  package func text(_ column: EventColumn) -> String? { value(column)?.stringValue }

  /// See `FactSource`.
  package func integer(_ column: EventColumn) -> Int64? {
    guard let value = value(column) else { return nil }
    return value.integerValue ?? value.boolValue.map { $0 ? 1 : 0 }
  }

  /// See `FactSource`.
  package func object(_ column: EventColumn) -> ObjectID? { text(column).map { ObjectID($0) } }
}
