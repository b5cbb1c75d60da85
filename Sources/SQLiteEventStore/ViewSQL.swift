import Projections
import SQLite

/// The table of a view in SQL, made from its declaration.
struct ViewSQL: Sendable {
  let table: String
  /// The columns of a row.
  let columns: [String]
  /// The definition after `CREATE TABLE` and the name.
  let definition: String
  /// The condition that selects a row by its key.
  let keyCondition: String
  /// Inserts a row, or updates the changed columns of the row with its key. The number of the
  /// row's stream is the last parameter, if the view has rows by streams.
  let put: SQLText
  /// Updates the changed columns of the row with its key; its parameters have the numbers of `put`.
  let update: SQLText
  /// Selects the row with a key.
  let find: SQLText
  private let indexes: [(name: String, isUnique: Bool, expression: String)]
  private let values: String

  static func of<Row: ViewRow>(_ row: Row.Type) -> ViewSQL { all[Row.name] ?? ViewSQL(row) }

  private static let all: [ViewName: ViewSQL] = Dictionary(
    uniqueKeysWithValues: allViews.map { ($0.name, sql(of: $0)) })

  private static func sql<Row: ViewRow>(of row: Row.Type) -> ViewSQL { ViewSQL(row) }

  private init<Row: ViewRow>(_: Row.Type) {
    let view = Row.view
    table = view.table
    columns = view.columns.map(\.sqlName)
    let keys = view.keyColumns.map(\.sqlName)
    keyCondition = keys.map { "\($0) = ?" }.joined(separator: " AND ")
    indexes = view.indexes.map { index in
      let condition = index.condition.map { " WHERE \($0)" } ?? ""
      return (
        "\(view.table)_\(index.name)", index.isUnique,
        "\(view.table)(\(index.columns.joined(separator: ", ")))\(condition)"
      )
    }
    var lines = view.columns.map { column in
      let type = column.kind.isInteger ? "INTEGER" : "TEXT"
      return "\(column.sqlName) \(type)\(column.isOptional ? "" : " NOT NULL")"
    }
    let keyList = keys.joined(separator: ", ")
    let list = columns.joined(separator: ", ")
    let marks = columns.indices.map { "?\($0 + 1)" }.joined(separator: ", ")
    let changes = view.columns.filter { $0.role == .changing }
      .map { "\($0.sqlName) = excluded.\($0.sqlName)" }.joined(separator: ", ")
    let assignments = view.columns.enumerated().filter { $0.element.role == .changing }
      .map { "\($0.element.sqlName) = ?\($0.offset + 1)" }.joined(separator: ", ")
    let matches =
      view.stream == nil
      ? keys.enumerated().map { "\($0.element) = ?\($0.offset + 1)" }
      : ["stream = ?\(columns.count + 1)"]
    update = SQLText(
      "UPDATE \(table) SET \(assignments) WHERE \(matches.joined(separator: " AND "))")
    if view.stream == nil {
      lines.append("PRIMARY KEY (\(keyList))")
      values = "(\(list)) VALUES (\(marks)) ON CONFLICT(\(keyList)) DO UPDATE SET \(changes)"
    } else {
      lines.insert("stream INTEGER PRIMARY KEY REFERENCES streams(id)", at: 0)
      values = """
        (\(list), stream) VALUES (\(marks), ?\(columns.count + 1)) \
        ON CONFLICT(stream) DO UPDATE SET \(changes)
        """
    }
    put = SQLText("INSERT INTO \(table)\(values)")
    find = SQLText("SELECT \(list) FROM \(table) WHERE \(keyCondition)")
    definition = "(\n  \(lines.joined(separator: ",\n  "))\n) STRICT"
  }

  /// `put` for a table whose name has a prefix.
  func put(prefix: String) -> String { "INSERT INTO " + prefix + table + values }

  /// The columns of a row, in the order in which `ViewTables.read` reads them.
  /// - Parameter alias: the table's alias in the statement.
  func columns(alias: String) -> String {
    columns.map { "\(alias).\($0)" }.joined(separator: ", ")
  }

  var select: String { "SELECT \(columns.joined(separator: ", ")) FROM \(table)" }

  /// Creates the missing indexes.
  var indexStatements: [String] {
    indexes.map {
      "CREATE \($0.isUnique ? "UNIQUE " : "")INDEX IF NOT EXISTS \($0.name) ON \($0.expression)"
    }
  }
}

extension ColumnKind {
  fileprivate var isInteger: Bool {
    switch self {
    case .integer, .flag: true
    case .text, .texts: false
    }
  }
}
