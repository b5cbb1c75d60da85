import Domain
import EventLog
import Text

/// Every view. To add one, declare its row in a file of `Views`, name it here and in `FoldedViews`:
/// its table, its digest, its comparison with the log, its rebuild and its listing follow.
package let allViews: [any ViewRow.Type] = [
  DelegationRow.self, PullRequestRow.self, WorkerRow.self, RepositoryUsage.self, UsageRow.self,
  TaskRow.self,
]

/// The name of a view, as users write it.
package struct ViewName: RawRepresentable, Hashable, CaseIterable, Sendable,
  ExpressibleByStringLiteral
{
  package let rawValue: String

  package init(stringLiteral name: String) { rawValue = name }

  /// - Returns: nil if there is no such view.
  package init?(rawValue: String) {
    guard allViews.contains(where: { $0.name.rawValue == rawValue }) else { return nil }
    self.rawValue = rawValue
  }

  /// The name with a column's width of spaces, before a digest.
  package var label: String {
    rawValue + String(repeating: " ", count: max(1, 15 - rawValue.count))
  }

  /// In the order in which they are listed.
  package static var allCases: [ViewName] { allViews.map { $0.name } }
}

/// The declaration of a view.
package final class View<Row: ViewRow>: Sendable {
  /// An index of the view's table, by the names of its columns in SQL.
  package struct Index: Sendable {
    package let name: String
    package let columns: [String]
    package let isUnique: Bool
    /// The condition of the rows in the index; nil for all rows.
    package let condition: String?

    package init(
      _ name: String, on columns: String..., isUnique: Bool = false, where condition: String? = nil
    ) {
      self.name = name
      self.columns = columns
      self.isUnique = isUnique
      self.condition = condition
    }
  }

  /// A column of the listing for people.
  package struct Cell: Sendable {
    package let heading: String
    package let text: @Sendable (Row) -> String

    package init(_ heading: String, _ text: @escaping @Sendable (Row) -> String) {
      self.heading = heading
      self.text = text
    }
  }

  package let name: ViewName
  /// Increase it when the same events give other rows than before, or when a column changes. Stores
  /// then rebuild the view when they are opened.
  package let version: Int64
  /// The key first, otherwise as declared.
  package let columns: [Column<Row>]
  package let keyColumns: [Column<Row>]
  /// The readers of `columns`.
  package let readers: [ColumnReader]
  /// In the order of JSON members.
  let sortedReaders: [ColumnReader]
  /// The stream that each row belongs to, if any. A store then keeps rows by their streams.
  package let stream: (@Sendable (Row) -> StreamName)?
  package let indexes: [Index]
  /// The cells of a row in lists.
  package let listing: [Cell]
  /// The order of a listing.
  package let isListedBefore: @Sendable (Row, Row) -> Bool

  /// - Parameters:
  ///   - listing: nil for every column.
  ///   - order: the order of a listing; nil for the order of keys.
  package init(
    _ name: ViewName, version: Int64, columns declared: [Column<Row>],
    stream: (@Sendable (Row) -> StreamName)? = nil, indexes: [Index] = [],
    listing: [Cell]? = nil, order: (@Sendable (Row, Row) -> Bool)? = nil
  ) {
    self.name = name
    self.version = version
    keyColumns = declared.filter { $0.role == .key }
    columns = keyColumns + declared.filter { $0.role != .key }
    readers = columns.map(\.reader)
    sortedReaders = declared.sorted { $0.name.description < $1.name.description }.map(\.reader)
    self.stream = stream
    self.indexes = indexes
    self.listing =
      listing
      ?? columns.map { column in
        Cell(column.sqlName.uppercased()) { column.value(of: $0)?.description ?? "-" }
      }
    isListedBefore = order ?? { $0.key < $1.key }
  }

  /// The name of its table in SQL.
  package var table: String { name.rawValue.replacing("-", with: "_") }
}

/// A row of a view. Its type declares the view.
package protocol ViewRow: Equatable, Sendable {
  /// The key as a value.
  associatedtype ID: Hashable & Sendable
  static var view: View<Self> { get }

  var id: ID { get }

  /// An empty row.
  init()

  /// Calls `body` with each row of the view, in no order.
  static func forEach(in projector: Projector, _ body: (Self) throws -> Void) rethrows

  /// The row with the key of `other`; nil if it does not exist.
  static func row(like other: Self, in projector: Projector) -> Self?

  /// The same for many rows.
  static func finder(in projector: Projector) -> (_ other: Self) -> Self?

  /// No less than the number of rows of the view.
  static func countMax(in projector: Projector) -> Int
}

extension ViewRow {
  package static var name: ViewName { view.name }

  /// See `ViewRow`.
  package static func finder(in projector: Projector) -> (_ other: Self) -> Self? {
    { row(like: $0, in: projector) }
  }

  /// A row with only its key set; nil if the key is not of this view.
  package init?(key: ViewKey) {
    self.init()
    guard key.view == Self.name, key.values.count == Self.view.keyColumns.count else { return nil }
    for (column, value) in zip(Self.view.keyColumns, key.values) {
      guard column.set(value, in: &self) else { return nil }
    }
  }

  package var key: ViewKey {
    ViewKey(view: Self.name, values: Self.view.keyColumns.compactMap { $0.value(of: self) })
  }

  /// The row as one object, without the columns that are nil. Digests hash this object.
  package var json: JSONValue {
    var members: [String: JSONValue] = [:]
    for column in Self.view.columns {
      if let value = column.value(of: self) { members[column.name.description] = value.json }
    }
    return .object(members)
  }
}

/// A row that is a sum of events of delegations. An event changes at most one row of such a view.
package protocol FoldedRow: ViewRow {
  /// The row before any event.
  init(id: ID)

  /// The row that an event changes; nil if it changes no row.
  static func id(of step: DelegationStep) -> ID?

  /// Folds an event into the row that it changes.
  mutating func fold(_ step: DelegationStep)
}

extension FoldedRow {
  /// See `ViewRow`.
  package static func forEach(
    in projector: Projector, _ body: (Self) throws -> Void
  ) rethrows {
    for row in projector.foldedRows(of: Self.self).rows { try body(row) }
  }

  /// See `ViewRow`.
  package static func row(like other: Self, in projector: Projector) -> Self? {
    projector.foldedRows(of: Self.self)[other.id]
  }

  /// See `ViewRow`.
  package static func finder(in projector: Projector) -> (_ other: Self) -> Self? {
    let rows = projector.foldedRows(of: Self.self)
    return { rows[$0.id] }
  }

  /// See `ViewRow`.
  package static func countMax(in projector: Projector) -> Int {
    projector.foldedRows(of: Self.self).count
  }
}
