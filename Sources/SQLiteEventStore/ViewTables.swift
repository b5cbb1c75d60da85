import Domain
import EventLog
import Projections
import SQLite
import Text

/// A row of a view with a value that no fold writes.
struct UnreadableRow: Error, CustomStringConvertible {
  var key: ViewKey
  var description: String { "a row of the view \(key.view.rawValue) cannot be read: \(key)" }
}

/// Reads and writes the views.
enum ViewTables {
  /// Inserts a row, or replaces the one with its key.
  /// - Parameters:
  ///   - number: of the row's stream, if its view has rows by streams; nil: it is looked up.
  ///   - prefix: the prefix of the tables' names; empty for the live views.
  /// - Throws: `StoreFault` if the row belongs to a stream that the database does not have.
  static func put<Row: ViewRow>(
    _ row: Row, stream number: Int64? = nil, in database: Database, prefix: String = ""
  ) throws {
    let sql = ViewSQL.of(Row.self)
    let s =
      try prefix.isEmpty
      ? database.statement(sql.put) : database.statement(sql.put(prefix: prefix))
    let columns = Row.view.readers
    withUnsafePointer(to: row) { row in
      for index in columns.indices {
        s.bind(columns[index].value(at: row), at: Int32(index + 1))
      }
    }
    if let stream = Row.view.stream {
      s.bind(try number ?? self.number(of: stream(row), in: database), at: Int32(columns.count + 1))
    }
    try s.finish()
  }

  /// Writes the row of a change.
  /// - Parameter stream: the number of the row's stream, if its view has rows by streams.
  static func put(_ change: RowChange, stream number: Int64, in database: Database) throws {
    func put<Row: ViewRow>(_ row: Row) throws {
      if !change.isNew, try update(row, stream: number, in: database) { return }
      try self.put(row, stream: number, in: database)
    }
    try put(change.new)
  }

  /// - Returns: false if there is no row with the key.
  private static func update<Row: ViewRow>(
    _ row: Row, stream number: Int64, in database: Database
  ) throws -> Bool {
    let s = try database.statement(ViewSQL.of(Row.self).update)
    let columns = Row.view.readers
    let isByStream = Row.view.stream != nil
    withUnsafePointer(to: row) { row in
      for index in columns.indices {
        switch columns[index].role {
        case .changing: s.bind(columns[index].value(at: row), at: Int32(index + 1))
        case .key where !isByStream: s.bind(columns[index].value(at: row), at: Int32(index + 1))
        case .key, .fixed: break
        }
      }
    }
    if isByStream { s.bind(number, at: Int32(columns.count + 1)) }
    try s.finish()
    return database.changes > 0
  }

  private static func number(of stream: StreamName, in database: Database) throws -> Int64 {
    let number = try database.integer(
      "SELECT id FROM streams WHERE name = ?", .text(stream.description))
    guard let number else {
      throw StoreFault(operation: "put a row", message: "there is no stream \(stream)")
    }
    return number
  }

  /// Reads a row from a statement whose first columns are those of the view.
  static func read<Row: ViewRow>(_ s: Statement) throws -> Row {
    var row = Row()
    for (index, column) in Row.view.columns.enumerated() {
      guard column.set(s.value(Int32(index), column.kind), in: &row) else {
        throw UnreadableRow(key: key(s, Row.self))
      }
    }
    return row
  }

  /// The key of the statement's current row, also if the row cannot be read.
  static func key<Row: ViewRow>(_ s: Statement, _: Row.Type) -> ViewKey {
    let values = Row.view.keyColumns.enumerated().map { index, column in
      s.value(Int32(index), column.kind) ?? .text("")
    }
    return ViewKey(view: Row.name, values: values)
  }

  /// A row with only the key of the statement's current row; nil if the key cannot be read.
  static func keyRow<Row: ViewRow>(_ s: Statement) -> Row? {
    var row = Row()
    for (index, column) in Row.view.keyColumns.enumerated() {
      guard column.set(s.value(Int32(index), column.kind), in: &row) else { return nil }
    }
    return row
  }

  /// Whether the statement's current row has exactly the values of `row`, compared by bytes.
  static func holds<Row: ViewRow>(_ row: Row, _ s: Statement) -> Bool {
    let columns = Row.view.readers
    return withUnsafePointer(to: row) { row in
      columns.indices.allSatisfy { s.holds(columns[$0].value(at: row), Int32($0)) }
    }
  }

  /// Every row, in the order of the keys.
  static func rows<Row: ViewRow>(_ row: Row.Type, in database: Database) throws -> [Row] {
    let rows: [Row] = try database.statement(ViewSQL.of(row).select).rows { try read($0) }
    return rows.sorted { $0.key < $1.key }
  }

  /// The rows in whose key the first column is in a range, in no order.
  /// - Parameter last: nil for no upper limit.
  static func rows<Row: ViewRow>(
    _ row: Row.Type, from first: ColumnValue, through last: ColumnValue?, in database: Database
  ) throws -> [Row] {
    let sql = ViewSQL.of(row)
    let column = row.view.columns[0].sqlName
    let upper = last == nil ? "" : " AND \(column) <= ?"
    let s = try database.statement("\(sql.select) WHERE \(column) >= ?\(upper)")
    s.bind(first, at: 1)
    if let last { s.bind(last, at: 2) }
    return try s.rows { try read($0) }
  }

  /// The row with the key of `other`; nil if it does not exist.
  static func row<Row: ViewRow>(like other: Row, in database: Database) throws -> Row? {
    let s = try database.statement(ViewSQL.of(Row.self).find)
    for (index, value) in other.key.values.enumerated() { s.bind(value, at: Int32(index + 1)) }
    let rows: [Row] = try s.rows { try read($0) }
    return rows.first
  }

  // MARK: Tables

  /// Creates a view's table, empty.
  static func create<Row: ViewRow>(
    _ row: Row.Type, in database: Database, prefix: String = ""
  ) throws(SQLiteError) {
    let sql = ViewSQL.of(row)
    try database.execute("CREATE TABLE \(prefix)\(sql.table)\(sql.definition)")
  }

  static func drop<Row: ViewRow>(
    _ row: Row.Type, in database: Database, prefix: String = ""
  ) throws(SQLiteError) {
    try database.execute("DROP TABLE IF EXISTS \(prefix)\(ViewSQL.of(row).table)")
  }

  /// Creates the missing indexes of a view.
  static func createIndexes<Row: ViewRow>(
    of row: Row.Type, in database: Database
  ) throws(SQLiteError) {
    for statement in ViewSQL.of(row).indexStatements { try database.execute(statement) }
  }

  // MARK: Digests and versions

  /// The views of which the database has no table, or one of another version.
  static func outdated(in database: Database) throws -> [any ViewRow.Type] {
    let tables = Set(
      try database.statement("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .rows { $0.text(0) ?? "" })
    let current = try Set(digests(in: database).digests.keys)
    func isOutdated<Row: ViewRow>(_ row: Row.Type) -> Bool {
      !current.contains(Row.name) || !tables.contains(Row.view.table)
    }
    return allViews.filter { isOutdated($0) }
  }

  /// The digests of the views that have this program's version, and the position of all of them.
  /// The position is nil if they differ in it, or a view is missing.
  static func digests(
    in database: Database
  ) throws -> (position: Int64?, digests: [ViewName: ViewDigest]) {
    func version<Row: ViewRow>(of _: Row.Type) -> Int64 { Row.view.version }
    let versions = Dictionary(uniqueKeysWithValues: allViews.map { ($0.name, version(of: $0)) })
    let s = try database.statement("SELECT view, version, position, digest FROM view_digests")
    defer { s.reset() }
    var digests: [ViewName: ViewDigest] = [:]
    var positions: Set<Int64> = []
    while try s.step() {
      guard let name = ViewName(rawValue: s.text(0) ?? ""), versions[name] == s.integer(1),
        let digest = ViewDigest(bytes: s.blob(3))
      else { continue }
      digests[name] = digest
      positions.insert(s.integer(2))
    }
    let isComplete = digests.count == versions.count && positions.count == 1
    return (isComplete ? positions.first : nil, digests)
  }

  /// Sets the position of all digests, and each digest, in one statement.
  private static let updateDigests: SQLText = {
    func version<Row: ViewRow>(of _: Row.Type) -> Int64 { Row.view.version }
    let digests = allViews.enumerated().map { "WHEN '\($1.name.rawValue)' THEN ?\($0 + 2)" }
    let versions = allViews.map { "WHEN '\($0.name.rawValue)' THEN \(version(of: $0))" }
    return SQLText(
      """
      UPDATE view_digests SET position = ?1,
        digest = CASE view \(digests.joined(separator: " ")) END
      WHERE version = CASE view \(versions.joined(separator: " ")) END
      """)
  }()

  /// Stores the digests, which are of rows of this program's versions.
  static func put(
    _ digests: [ViewName: ViewDigest], position: Int64, in database: Database
  ) throws(SQLiteError) {
    if digests.count == allViews.count {
      let s = try database.statement(updateDigests)
      s.bind(position, at: 1)
      for (index, view) in allViews.enumerated() {
        s.bind(digests[view.name, default: ViewDigest()].bytes, at: Int32(index + 2))
      }
      try s.finish()
      if database.changes == allViews.count { return }
    }
    for view in allViews {
      guard let digest = digests[view.name] else { continue }
      try put(digest, of: view, position: position, in: database)
    }
  }

  private static func put<Row: ViewRow>(
    _ digest: ViewDigest, of _: Row.Type, position: Int64, in database: Database
  ) throws(SQLiteError) {
    let s = try database.statement(
      """
      INSERT INTO view_digests(view, position, digest, version) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET position = excluded.position, digest = excluded.digest,
        version = excluded.version
      """)
    s.bind(Row.name.rawValue, at: 1)
    s.bind(position, at: 2)
    s.bind(digest.bytes, at: 3)
    s.bind(Row.view.version, at: 4)
    try s.finish()
  }
}

extension Statement {
  fileprivate func bind(_ value: ColumnValue?, at index: Int32) {
    switch value {
    case nil: bind(nil as Int64?, at: index)
    case .integer(let n)?: bind(n, at: index)
    case .text(let text)?: bind(text, at: index)
    case .flag(let flag)?: bind(flag, at: index)
    case .texts?: bind(value?.json.canonicalText, at: index)
    }
  }

  /// Whether a column has this value. A text is compared by its bytes, without a copy.
  fileprivate func holds(_ value: ColumnValue?, _ index: Int32) -> Bool {
    switch value {
    case nil: return isNull(index)
    case .integer(let n)?: return optionalInteger(index) == n
    case .flag(let flag)?: return optionalInteger(index).map { ($0 != 0) == flag } ?? false
    case .text(var text)?:
      guard let bytes = bytes(index) else { return false }
      return text.withUTF8 { UnsafeRawBufferPointer($0).isSame(as: bytes) }
    case .texts(let texts)?:
      let json = try? JSONValue(json: blob(index))
      return json?.canonical == ColumnValue.texts(texts).json.canonical
    }
  }

  /// - Returns: nil for NULL, and for a value of another kind.
  fileprivate func value(_ index: Int32, _ kind: ColumnKind) -> ColumnValue? {
    guard !isNull(index) else { return nil }
    switch kind {
    case .integer: return .integer(integer(index))
    case .text: return text(index).map { .text($0) }
    case .flag: return .flag(integer(index) != 0)
    case .texts:
      let json = try? JSONValue(json: blob(index))
      return json?.arrayValue.map { .texts($0.compactMap(\.stringValue)) }
    }
  }
}
