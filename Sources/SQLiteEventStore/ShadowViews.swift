import Domain
import EventLog
import Projections
import SQLite

/// Views that are being made again beside the live ones, in tables of their own, until they take
/// the live ones' place in one transaction. Whoever calls has begun a transaction each time.
struct ShadowViews {
  /// What stands before the names of the tables until they are swapped in.
  static let prefix = "rebuilt_"

  private let database: Database

  init(_ database: Database) { self.database = database }

  /// Whether there are tables that a rebuild left when its process ended.
  static func areLeft(in database: Database) throws(SQLiteError) -> Bool {
    let count = try database.integer(
      "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name >= ? AND name < ?",
      .text(prefix), .text("rebuilt`"))
    return count ?? 0 > 0
  }

  /// Takes away what was begun.
  func drop() throws(SQLiteError) {
    for table in Schema.viewTables {
      try database.execute("DROP TABLE IF EXISTS \(Self.prefix)\(table)")
    }
  }

  /// Makes the tables, with nothing in them.
  func create() throws {
    try drop()
    for table in Schema.viewTables {
      guard let columns = try Schema.statements(of: table).columns else {
        throw StoreFault(operation: "rebuild", message: "no step of the schema makes \(table)")
      }
      try database.execute("CREATE TABLE \(Self.prefix)\(table)\(columns)")
    }
  }

  /// Puts rows in that are new.
  func fill(_ rows: [RowChange]) throws {
    for row in rows { try put(row) }
  }

  private func put(_ change: RowChange) throws {
    var stream: Int64 = 0
    if case .delegation(_, let row) = change {
      let name = StreamName.delegation(row.id).description
      guard
        let known = try database.integer("SELECT id FROM streams WHERE name = ?", .text(name))
      else { throw StoreFault(operation: "rebuild", message: "there is no stream \(name)") }
      stream = known
    }
    try ViewTables.put(change, stream: stream, in: database, tables: Self.prefix)
  }

  /// Folds what the log has beyond `fold`, and puts these views in the place of the live ones.
  /// - Returns: the digests of the views as they are now.
  func swap(_ fold: inout LogFold) throws -> [ViewName: ViewDigest] {
    var digests = fold.projector.digests
    for change in try catchUp(&fold).coalesced {
      try put(change)
      digests.follow(change)
    }
    for table in Schema.viewTables {
      try database.execute("DROP TABLE IF EXISTS \(table)")
      try database.execute("ALTER TABLE \(Self.prefix)\(table) RENAME TO \(table)")
      for index in try Schema.statements(of: table).indexes { try database.execute(index) }
    }
    try ViewTables.put(digests, position: fold.head.position, in: database)
    return digests
  }

  private func catchUp(_ fold: inout LogFold) throws -> [RowChange] {
    let names = StreamNames(database, for: .many)
    let s = try database.statement(EventTable.select + " WHERE e.position > ? ORDER BY e.position")
    s.bind(fold.head.position, at: 1)
    defer { s.reset() }
    var changes: [RowChange] = []
    while try s.step() { changes += fold.takeTellingChanges(try EventTable.read(s, names)) }
    if let fault = fold.faults.first { throw StoreFault.hurt(fault) }
    return changes
  }
}

extension StoreFault {
  /// A rebuild of views from a log that is hurt would prove nothing.
  static func hurt(_ fault: String) -> StoreFault {
    StoreFault(
      operation: "rebuild",
      message: "the log is hurt, so the views stay as they are: \(fault). "
        + "Put the latest backup back with `aipm restore FILE`.")
  }
}

extension Projector {
  /// Each row as a change from nothing.
  var rowsAsNew: [RowChange] {
    delegations.values.compactMap(\.row).map { .delegation(old: nil, new: $0) }
      + pullRequests.map { .pullRequest(old: nil, new: $0) }
      + workers.values.compactMap(\.row).map { .worker(old: nil, new: $0) }
  }
}
