#if PostgreSQL

import Projections

/// The table of a view in PostgreSQL, made from its declaration.
struct ViewStatements: Sendable {
  let table: String
  /// The columns of a row.
  let columns: [String]
  /// The definition after `CREATE TABLE` and the name.
  let definition: String
  /// Inserts rows, or updates the changed columns of the rows with their keys. Each parameter is a
  /// column of all rows. The numbers of the rows' streams are the last one, if the view has rows by
  /// streams.
  let put: String
  /// Selects the row with a key.
  let find: String
  /// Selects the rows with these keys. Each parameter is a column of all keys.
  let findMany: String
  /// Copies rows in; the stream's number is last.
  let copy: String
  /// Selects every row.
  let select: String
  /// Creates the missing indexes.
  let indexes: [String]
  /// Whether rows have the numbers of their streams.
  let isByStream: Bool

  static func of<Row: ViewRow>(_ row: Row.Type) -> ViewStatements {
    all[Row.name] ?? ViewStatements(row)
  }

  private static let all: [ViewName: ViewStatements] = Dictionary(
    uniqueKeysWithValues: allViews.map { ($0.name, statements(of: $0)) })

  private static func statements<Row: ViewRow>(of row: Row.Type) -> ViewStatements {
    ViewStatements(row)
  }

  private init<Row: ViewRow>(_: Row.Type) {
    let view = Row.view
    let table = view.table
    let columns = view.columns.map(\.sqlName)
    let keys = view.keyColumns.map(\.sqlName)
    let isByStream = view.stream != nil
    var lines = view.columns.map { column in
      "\(column.sqlName) \(column.kind.type)\(column.isOptional ? "" : " NOT NULL")"
    }
    let keyList = keys.joined(separator: ", ")
    let list = (columns + (isByStream ? ["stream"] : [])).joined(separator: ", ")
    let arrays =
      (view.columns.map(\.kind.arrayType) + (isByStream ? ["bigint[]"] : [])).enumerated()
      .map { "$\($0.offset + 1)::\($0.element)" }.joined(separator: ", ")
    let changes = view.columns.filter { $0.role == .changing }
      .map { "\($0.sqlName) = excluded.\($0.sqlName)" }.joined(separator: ", ")
    if isByStream {
      lines.insert("stream bigint PRIMARY KEY", at: 0)
    } else {
      lines.append("PRIMARY KEY (\(keyList))")
    }
    put = """
      INSERT INTO \(table)(\(list)) SELECT * FROM unnest(\(arrays)) \
      ON CONFLICT (\(isByStream ? "stream" : keyList)) DO UPDATE SET \(changes)
      """
    select = "SELECT \(columns.joined(separator: ", ")) FROM \(table)"
    let condition = keys.enumerated().map { "\($0.element) = $\($0.offset + 1)" }
    find = "\(select) WHERE \(condition.joined(separator: " AND "))"
    let keyArrays = view.keyColumns.enumerated().map {
      "$\($0.offset + 1)::\($0.element.kind.arrayType)"
    }
    findMany = """
      SELECT \(columns.map { "t.\($0)" }.joined(separator: ", ")) \
      FROM unnest(\(keyArrays.joined(separator: ", "))) AS wanted(\(keyList)) \
      JOIN \(table) t USING (\(keyList))
      """
    copy = "COPY \(table)(\(list)) FROM STDIN (FORMAT binary)"
    // A row changes often, so a page has room for its next version.
    definition = "(\(lines.joined(separator: ", "))) WITH (fillfactor = 80)"
    indexes = view.indexes.map { index in
      let condition = index.condition.map { " WHERE \($0)" } ?? ""
      return "CREATE \(index.isUnique ? "UNIQUE " : "")INDEX IF NOT EXISTS "
        + "\(table)_\(index.name) ON \(table)(\(index.columns.joined(separator: ", ")))\(condition)"
    }
    self.table = table
    self.columns = columns
    self.isByStream = isByStream
  }

  /// The columns of a row, in the order in which `ViewRows.read` reads them.
  /// - Parameter alias: the table's alias in the statement.
  func columns(alias: String) -> String {
    columns.map { "\(alias).\($0)" }.joined(separator: ", ")
  }
}

extension ColumnKind {
  fileprivate var type: String {
    switch self {
    case .integer, .flag: "bigint"
    case .text, .texts: "text COLLATE \"C\""
    }
  }

  fileprivate var arrayType: String {
    switch self {
    case .integer, .flag: "bigint[]"
    case .text, .texts: "text[]"
    }
  }
}

#endif
