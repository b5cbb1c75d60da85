#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import Text

/// A row of a view with a value that no fold writes.
struct UnreadableViewRow: Error, CustomStringConvertible {
  var key: ViewKey
  var description: String { "a row of the view \(key.view.rawValue) cannot be read: \(key)" }
}

/// Reads and writes the views.
enum ViewRows {
  /// Reads a row whose first columns are those of the view.
  static func read<Row: ViewRow>(_ stored: PostgreSQLRows.Row) throws -> Row {
    var row = Row()
    for (index, column) in Row.view.columns.enumerated() {
      guard column.set(stored.value(index, column.kind), in: &row) else {
        throw UnreadableViewRow(key: key(stored, Row.self))
      }
    }
    return row
  }

  /// The key of a stored row, also if the row cannot be read.
  static func key<Row: ViewRow>(_ stored: PostgreSQLRows.Row, _: Row.Type) -> ViewKey {
    let values = Row.view.keyColumns.enumerated().map { index, column in
      stored.value(index, column.kind) ?? .text("")
    }
    return ViewKey(view: Row.name, values: values)
  }

  /// A row with only the key of a stored row; nil if the key cannot be read.
  static func keyRow<Row: ViewRow>(_ stored: PostgreSQLRows.Row) -> Row? {
    var row = Row()
    for (index, column) in Row.view.keyColumns.enumerated() {
      guard column.set(stored.value(index, column.kind), in: &row) else { return nil }
    }
    return row
  }

  /// Every row, in the order of the keys.
  static func all<Row: ViewRow>(
    _ row: Row.Type, in connection: PostgreSQLConnection
  ) throws -> [Row] {
    let rows: [Row] = try connection.query(ViewStatements.of(row).select).map { try read($0) }
    return rows.sorted { $0.key < $1.key }
  }

  /// The row with the key of `other`; nil if it does not exist.
  static func row<Row: ViewRow>(
    like other: Row, in connection: PostgreSQLConnection
  ) throws -> Row? {
    let values = other.key.values.map { PostgreSQLValue($0) }
    return try connection.query(ViewStatements.of(Row.self).find, values).first.map { try read($0) }
  }

  /// The statement that selects the rows of a view with the keys of these; nil for no rows.
  static func find<Row: ViewRow>(_ rows: [Row]) -> PostgreSQLStatement? {
    guard !rows.isEmpty else { return nil }
    return PostgreSQLStatement(
      ViewStatements.of(Row.self).findMany,
      arrays(of: Row.view.readers.prefix(Row.view.keyColumns.count), rows))
  }

  // MARK: Writing

  /// The statement that writes these rows of a view; nil for no rows.
  /// - Parameters:
  ///   - rows: no two with one key.
  ///   - streams: the number of each row's stream.
  static func put<Row: ViewRow>(_ rows: [Row], streams: [Int64]) -> PostgreSQLStatement? {
    guard !rows.isEmpty else { return nil }
    let statements = ViewStatements.of(Row.self)
    return PostgreSQLStatement(
      statements.put,
      arrays(of: Row.view.readers[...], rows) + (statements.isByStream ? [.integers(streams)] : []))
  }

  /// These columns of rows.
  private static func arrays<Row: ViewRow>(
    of columns: ArraySlice<ColumnReader>, _ rows: [Row]
  ) -> [PostgreSQLValue] {
    rows.withUnsafeBytes { bytes in
      guard let first = bytes.baseAddress else { return [] }
      return columns.map { column in
        .array(array(of: column, rows.indices.lazy.map { first + $0 * MemoryLayout<Row>.stride }))
      }
    }
  }

  /// One column of the rows at these places.
  private static func array(
    of column: ColumnReader, _ places: some Collection<UnsafeRawPointer>
  ) -> PostgreSQLArray {
    switch column.kind {
    case .integer, .flag:
      var all = PostgreSQLArray(ofIntegers: places.count)
      for place in places { all.append(column.value(at: place)?.number) }
      return all
    case .text, .texts:
      var all = PostgreSQLArray(ofTexts: places.count)
      for place in places { all.append(column.value(at: place)?.storedText) }
      return all
    }
  }

  /// Copies rows into a view's table, which has none of them.
  /// - Parameter number: of a row's stream.
  static func copy<Row: ViewRow>(
    _ rows: [Row], to connection: PostgreSQLConnection, number: (StreamName) throws -> Int64
  ) throws {
    let statements = ViewStatements.of(Row.self)
    var buffer = CopyBuffer(
      columns: statements.columns.count + (statements.isByStream ? 1 : 0))
    for row in rows {
      buffer.beginRow()
      for column in Row.view.columns {
        let value = column.value(of: row)
        switch column.kind {
        case .integer, .flag: buffer.put(value?.number)
        case .text, .texts: buffer.put(value?.storedText)
        }
      }
      if let stream = Row.view.stream { buffer.put(try number(stream(row))) }
      if buffer.size > 4 << 20 {
        try connection.copy(statements.copy, buffer)
        buffer.removeAll()
      }
    }
    try connection.copy(statements.copy, buffer)
  }

  /// Replaces the tables of these views by new ones with these rows.
  /// - Parameter schema: of the tables. It is the first one in the search path.
  static func replace(
    _ views: [any ViewRow.Type], by projector: Projector, in connection: PostgreSQLConnection,
    schema: String = PostgreSQLSchema.name
  ) throws {
    let numbers = try StreamNumbers(in: connection)
    func replace<Row: ViewRow>(_ row: Row.Type) throws {
      let statements = ViewStatements.of(row)
      try connection.execute(
        """
        DROP TABLE IF EXISTS \(schema).\(statements.table);
        CREATE TABLE \(statements.table)\(statements.definition)
        """)
      try copy(projector.rows(row), to: connection) { try numbers.number(of: $0) }
      for index in statements.indexes { try connection.execute(index) }
      try connection.execute("ANALYZE \(statements.table)")
    }
    for view in views { try replace(view) }
  }

  // MARK: Digests and versions

  /// The views of which the database has no table, or one of another version.
  static func outdated(in connection: PostgreSQLConnection) throws -> [any ViewRow.Type] {
    let tables = Set(
      try connection.query(
        "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
      ).map { $0.text(0) ?? "" })
    let current = Set(try digests(in: connection).digests.keys)
    func isOutdated<Row: ViewRow>(_ row: Row.Type) -> Bool {
      !current.contains(Row.name) || !tables.contains(Row.view.table)
    }
    return allViews.filter { isOutdated($0) }
  }

  /// The digests of the views that have this program's version, and the position of all of them.
  /// The position is nil if they differ in it, or a view is missing.
  static func digests(
    in connection: PostgreSQLConnection
  ) throws -> (position: Int64?, digests: [ViewName: ViewDigest]) {
    let rows = try connection.query("SELECT view, version, position, digest FROM view_digests")
    var digests: [ViewName: ViewDigest] = [:]
    var positions: Set<Int64> = []
    for row in rows.map({ $0 }) {
      guard let name = ViewName(rawValue: row.text(0) ?? ""), versions[name] == row.integer(1),
        let digest = ViewDigest(bytes: row.blob(3))
      else { continue }
      digests[name] = digest
      positions.insert(row.integer(2))
    }
    let isComplete = digests.count == versions.count && positions.count == 1
    return (isComplete ? positions.first : nil, digests)
  }

  /// This program's version of each view.
  private static let versions: [ViewName: Int64] = {
    func version<Row: ViewRow>(of _: Row.Type) -> Int64 { Row.view.version }
    return Dictionary(uniqueKeysWithValues: allViews.map { ($0.name, version(of: $0)) })
  }()

  /// The statement that stores digests, which are of rows of this program's versions.
  static func put(_ digests: [ViewName: ViewDigest], position: Int64) -> PostgreSQLStatement {
    let names = ViewName.allCases.filter { digests[$0] != nil }
    return PostgreSQLStatement(
      """
      INSERT INTO view_digests(view, version, position, digest)
      SELECT d.view, d.version, $1, d.digest
      FROM unnest($2::text[], $3::bigint[], $4::bytea[]) AS d(view, version, digest)
      ON CONFLICT (view) DO UPDATE SET version = excluded.version, position = excluded.position,
        digest = excluded.digest
      """,
      [
        .integer(position), .texts(names.map(\.rawValue)), .integers(names.map { versions[$0] }),
        .manyBytes(names.map { digests[$0]?.bytes ?? [] }),
      ])
  }
}

/// The numbers of all streams.
struct StreamNumbers {
  private let numbers: [String: Int64]

  init(in connection: PostgreSQLConnection) throws {
    let rows = try connection.query("SELECT name, id FROM streams")
    numbers = Dictionary(rows.map { ($0.text(0) ?? "", $0.integer(1)) }) { first, _ in first }
  }

  func number(of stream: StreamName) throws -> Int64 {
    guard let number = numbers[stream.description] else {
      throw StoreFault(operation: "put a row", message: "there is no stream \(stream)")
    }
    return number
  }
}

extension PostgreSQLValue {
  init(_ value: ColumnValue) {
    switch value {
    case .integer, .flag: self = .integer(value.number)
    case .text, .texts: self = .text(value.storedText)
    }
  }
}

extension ColumnValue {
  /// The number that is stored; nil for a text.
  fileprivate var number: Int64? {
    switch self {
    case .integer(let n): n
    case .flag(let flag): flag ? 1 : 0
    case .text, .texts: nil
    }
  }

  /// The text that is stored; nil for a number.
  fileprivate var storedText: String? {
    switch self {
    case .integer, .flag: nil
    case .text(let text): text
    case .texts: json.canonicalText
    }
  }
}

extension PostgreSQLRows.Row {
  /// - Returns: nil for NULL, and for a value of another kind.
  fileprivate func value(_ index: Int, _ kind: ColumnKind) -> ColumnValue? {
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

#endif
