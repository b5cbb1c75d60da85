import EventLog
import SQLite

/// The tables, as a list of steps that only grows. `user_version` is the number of steps that a
/// file has taken. Two kinds of tables are not in the list. `EventColumn` declares the table
/// `events`, with the step that adds each column. The tables of views follow from the views'
/// declarations, and have their own versions: see `ViewSQL` and `OutdatedViews`.
enum Schema {
  /// The file header's application id, "AIPM". It distinguishes a log from another program's
  /// database.
  static let applicationID: Int64 = 0x4149_504d

  static let version = version(EventColumn.table)

  static func version(_ columns: [ColumnDeclaration]) -> Int64 {
    columns.reduce(Int64(migrations.count)) { max($0, $1.since) }
  }

  static let migrations = [
    """
    CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

    CREATE TABLE streams(
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      version INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE payloads(
      position INTEGER PRIMARY KEY REFERENCES events(position),
      salt BLOB NOT NULL,
      body TEXT NOT NULL
    ) STRICT;

    CREATE TABLE idempotency(
      key TEXT PRIMARY KEY,
      delegation TEXT NOT NULL,
      body TEXT NOT NULL
    ) STRICT;

    CREATE TABLE view_digests(
      view TEXT PRIMARY KEY,
      position INTEGER NOT NULL,
      digest BLOB NOT NULL
    ) STRICT;
    """,
    // The index for audits. It may lag behind the log and can be dropped.
    """
    CREATE TABLE audit_terms(id INTEGER PRIMARY KEY, term TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE audit_index(
      term INTEGER NOT NULL,
      position INTEGER NOT NULL,
      PRIMARY KEY (term, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE audit_commits(
      sha TEXT NOT NULL,
      position INTEGER NOT NULL,
      PRIMARY KEY (sha, position)
    ) STRICT, WITHOUT ROWID;
    """,
    // The version of the view that a digest belongs to.
    "ALTER TABLE view_digests ADD COLUMN version INTEGER NOT NULL DEFAULT 1",
  ]

  /// The kind of a file, before its content is read.
  enum Found: Equatable {
    case empty
    case log(version: Int64)
    case foreign
    case newer(version: Int64)
  }

  static func inspect(_ database: Database) throws(SQLiteError) -> Found {
    let version = try database.integer("PRAGMA user_version") ?? 0
    let application = try database.integer("PRAGMA application_id") ?? 0
    if application == applicationID {
      return version > Self.version ? .newer(version: version) : .log(version: version)
    }
    let objects = try database.integer("SELECT count(*) FROM sqlite_schema") ?? 0
    return objects == 0 && version == 0 && application == 0 ? .empty : .foreign
  }

  /// Takes the missing steps, each with its number in one transaction.
  /// - Parameter columns: of the table `events`.
  static func migrate(
    _ database: Database, from version: Int64, columns: [ColumnDeclaration] = EventColumn.table
  ) throws {
    for step in Int(version)..<Int(self.version(columns)) {
      try database.transaction {
        if step < migrations.count { try database.execute(migrations[step]) }
        try EventTable.migrate(database, to: Int64(step + 1), columns)
        try database.execute("PRAGMA application_id = \(applicationID)")
        try database.execute("PRAGMA user_version = \(step + 1)")
      }
    }
  }

  /// The reason why a file is not opened; nil if it is.
  static func refusal(of found: Found, path: String) -> String? {
    switch found {
    case .empty, .log: nil
    case .foreign: "\(path) is another program's database"
    case .newer(let version):
      "\(path) has schema \(version), and this program knows \(Self.version): use a newer aipm"
    }
  }
}
