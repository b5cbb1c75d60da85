import EventLog
import Projections
import SQLite

/// Views that are rebuilt beside the live ones, in separate tables, until they replace the live
/// ones in one transaction. The caller has begun a transaction for each call.
struct ShadowViews {
  /// The prefix of the tables' names until the swap.
  static let prefix = "rebuilt_"

  private let database: Database

  init(_ database: Database) { self.database = database }

  /// Whether there are tables of a rebuild that did not finish.
  static func areLeft(in database: Database) throws(SQLiteError) -> Bool {
    let count = try database.integer(
      "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name >= ? AND name < ?",
      .text(prefix), .text("rebuilt`"))
    return count ?? 0 > 0
  }

  /// Removes the tables.
  func drop() throws {
    for view in allViews { try ViewTables.drop(view, in: database, prefix: Self.prefix) }
  }

  /// Creates the tables, empty.
  func create() throws {
    try drop()
    for view in allViews { try ViewTables.create(view, in: database, prefix: Self.prefix) }
  }

  /// Inserts new rows.
  func fill(_ rows: [any ViewRow]) throws {
    for row in rows { try ViewTables.put(row, in: database, prefix: Self.prefix) }
  }

  /// Folds the events after `fold`, and replaces the live views with these.
  /// - Returns: the digests of the new views.
  func swap(_ fold: inout LogFold) throws -> [ViewName: ViewDigest] {
    var digests = fold.projector.digests
    for change in try catchUp(&fold).coalesced {
      try fill([change.new])
      digests.follow(change)
    }
    for view in allViews {
      try ViewTables.drop(view, in: database)
      try rename(view)
      try ViewTables.createIndexes(of: view, in: database)
    }
    try ViewTables.put(digests, position: fold.head.position, in: database)
    return digests
  }

  private func rename<Row: ViewRow>(_: Row.Type) throws {
    let table = Row.view.table
    try database.execute("ALTER TABLE \(Self.prefix)\(table) RENAME TO \(table)")
  }

  private func catchUp(_ fold: inout LogFold) throws -> [RowChange] {
    let names = StreamNames(database, for: .many)
    let s = try database.statement(EventTable.select + " WHERE e.position > ? ORDER BY e.position")
    s.bind(fold.head.position, at: 1)
    defer { s.reset() }
    var changes: [RowChange] = []
    while try s.step() { changes += fold.takeReturningChanges(try EventTable.read(s, names)) }
    if let fault = fold.faults.first { throw StoreFault.corruptLog(fault) }
    return changes
  }
}

extension StoreFault {
  /// Views that are rebuilt from a corrupt log would prove nothing.
  static func corruptLog(_ fault: String) -> StoreFault {
    StoreFault(
      operation: "rebuild",
      message: "the log is corrupt, so the views stay as they are: \(fault). "
        + "Put the latest backup back with `aipm restore FILE`.")
  }
}

extension Projector {
  /// The rows of these views.
  func rows(of views: [any ViewRow.Type]) -> [any ViewRow] {
    func rows<Row: ViewRow>(_ row: Row.Type) -> [any ViewRow] { self.rows(row) }
    return views.flatMap { rows($0) }
  }
}
