import Domain
import EventLog
import Text

/// The key of a row: the values of its view's key columns.
package struct ViewKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var view: ViewName
  package var values: [ColumnValue]

  package init(view: ViewName, values: [ColumnValue]) {
    self.view = view
    self.values = values
  }

  package var description: String { values.map(\.description).joined(separator: "#") }

  package static func < (a: Self, b: Self) -> Bool {
    a.values.lexicographicallyPrecedes(b.values)
  }
}

/// A row that an event changed.
package struct RowChange: Sendable {
  /// The row after the event.
  package let new: any ViewRow
  /// The hash of the row before the event; nil if the row is new.
  let oldHash: RowHash?
  let newHash: RowHash

  init(_ new: any ViewRow, from oldHash: RowHash?, to newHash: RowHash) {
    self.new = new
    self.oldHash = oldHash
    self.newHash = newHash
  }

  package var isNew: Bool { oldHash == nil }
  package var key: ViewKey { new.key }

  /// This change and a later one of the same row as one.
  package func followed(by later: RowChange) -> RowChange {
    RowChange(later.new, from: oldHash, to: later.newHash)
  }
}

extension [RowChange] {
  /// One change for each row: from its value before the first change to its value after the last.
  package var coalesced: [RowChange] {
    guard count > 1 else { return self }
    var merged: [RowChange] = []
    var indexes: [ViewKey: Int] = [:]
    for change in self {
      let key = change.key
      if let same = indexes[key] {
        merged[same] = merged[same].followed(by: change)
      } else {
        indexes[key] = merged.count
        merged.append(change)
      }
    }
    return merged
  }
}

extension Projector {
  /// The rows of a view, in no order.
  package func rows<Row: ViewRow>(_: Row.Type) -> [Row] {
    var rows: [Row] = []
    Row.forEach(in: self) { rows.append($0) }
    return rows
  }

  /// The rows of a view as JSON, in the order of their keys; empty if there is no such view.
  package func rows(of view: ViewName) -> [(key: ViewKey, row: JSONValue)] {
    func rows<Row: ViewRow>(_ type: Row.Type) -> [(ViewKey, JSONValue)] {
      self.rows(type).map { ($0.key, $0.json) }
    }
    return allViews.filter { $0.name == view }.flatMap { rows($0) }.sorted { $0.0 < $1.0 }
  }

  /// The keys of a view's rows, in no order.
  package func keys(of view: ViewName) -> [ViewKey] {
    func keys<Row: ViewRow>(_ type: Row.Type) -> [ViewKey] { rows(type).map(\.key) }
    return allViews.filter { $0.name == view }.flatMap { keys($0) }
  }

  /// One row as JSON; nil if it does not exist.
  package func row(_ key: ViewKey) -> JSONValue? {
    func row<Row: ViewRow>(_: Row.Type) -> JSONValue? {
      Row(key: key).flatMap { Row.row(like: $0, in: self) }?.json
    }
    return allViews.first { $0.name == key.view }.flatMap { row($0) }
  }
}
