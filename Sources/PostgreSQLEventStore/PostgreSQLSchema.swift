#if PostgreSQL

import EventLog
import PostgreSQL
import Projections

/// The tables. They are all in one schema. `EventColumn` declares the columns of `events`; the
/// tables of views follow from the views' declarations and have their own versions.
enum PostgreSQLSchema {
  static let name = "aipm"
  /// Views that are rebuilt, until they replace the live ones.
  static let rebuilt = "aipm_rebuilt"
  /// A log that is being copied in, until it replaces the one before.
  static let incoming = "aipm_incoming"
  /// The log that was replaced by the last restore.
  static let replaced = "aipm_replaced"
  /// Each commit of the log notifies its listeners.
  static let channel = "aipm_log"

  /// The number of the tables' layout. Increase it with a migration when a table other than
  /// `events` or a view changes.
  static let layout: Int64 = 2

  /// The schema version of the events' columns, as in every other store.
  static var version: Int64 { EventColumn.table.reduce(1) { max($0, $1.since) } }

  /// The tables without `events` and the views. `head` and the digests are updated by each commit,
  /// so their pages have room for the next version of a row.
  private static let tables = """
    CREATE TABLE meta(key text PRIMARY KEY, value text NOT NULL);
    CREATE TABLE head(
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      epoch bigint NOT NULL,
      position bigint NOT NULL,
      hash bytea NOT NULL,
      claimed_by text NOT NULL,
      claimed_at timestamptz NOT NULL
    ) WITH (fillfactor = 10);
    CREATE TABLE streams(
      id bigint PRIMARY KEY,
      name text COLLATE "C" NOT NULL UNIQUE,
      version bigint NOT NULL
    ) WITH (fillfactor = 70);
    CREATE TABLE payloads(position bigint PRIMARY KEY, salt bytea NOT NULL, body bytea NOT NULL);
    CREATE TABLE idempotency(
      key text COLLATE "C" PRIMARY KEY,
      delegation text COLLATE "C" NOT NULL,
      body text COLLATE "C" NOT NULL
    );
    CREATE TABLE view_digests(
      view text COLLATE "C" PRIMARY KEY,
      version bigint NOT NULL,
      position bigint NOT NULL,
      digest bytea NOT NULL
    ) WITH (fillfactor = 10);
    """

  /// The files that servers share (layout 2). A block is at most `PostgreSQLFiles.blockLength`
  /// bytes, and only the last one of a file is shorter. Blocks end with their file.
  private static let fileTables = """
    CREATE TABLE IF NOT EXISTS files(
      path text COLLATE "C" PRIMARY KEY,
      length bigint NOT NULL,
      version bigint NOT NULL,
      epoch bigint NOT NULL,
      changed timestamptz NOT NULL
    ) WITH (fillfactor = 70);
    CREATE TABLE IF NOT EXISTS file_blocks(
      path text COLLATE "C" NOT NULL REFERENCES files(path) ON DELETE CASCADE,
      block bigint NOT NULL,
      bytes bytea NOT NULL,
      PRIMARY KEY (path, block)
    );
    """

  /// Creates the tables in the schema that is current, and brings older ones up to date. The caller
  /// has begun a transaction.
  static func migrate(_ connection: PostgreSQLConnection, schema: String) throws {
    let exists =
      try connection.queryOnce(
        "SELECT 1::bigint FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'head'",
        [.text(schema)]
      ).count > 0
    if !exists {
      // Who may not create a schema can use one that the database's owner made.
      let hasSchema =
        try connection.queryOnce(
          "SELECT 1::bigint FROM pg_catalog.pg_namespace WHERE nspname = $1", [.text(schema)]
        ).count > 0
      if !hasSchema { try connection.execute("CREATE SCHEMA \(schema)") }
      let events = EventColumn.table.map { "\($0.sqlName) \(type(of: $0))" }
      try connection.execute(
        """
        \(tables)
        CREATE TABLE events(\(events.joined(separator: ", ")));
        CREATE UNIQUE INDEX events_by_stream ON events(stream, version);
        """)
      try connection.query(
        "INSERT INTO head(epoch, position, hash, claimed_by, claimed_at) "
          + "VALUES (0, 0, $1, '', now())", [.bytes(LogHash.genesis)])
    } else {
      let known = Set(
        try connection.queryOnce(
          "SELECT column_name::text FROM information_schema.columns "
            + "WHERE table_schema = $1 AND table_name = 'events'", [.text(schema)]
        ).map { $0.text(0) ?? "" })
      for column in EventColumn.table where !known.contains(column.sqlName) {
        try connection.execute(
          "ALTER TABLE events ADD COLUMN \(column.sqlName) \(type(of: column))")
      }
    }
    try connection.execute(KnownServers.table)
    try connection.execute(fileTables)
    for (key, value) in [("layout", layout), ("schema", version)] {
      try connection.query(
        "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [.text(key), .text(String(value))])
    }
  }

  /// - Returns: why the log is not opened by this program; nil if it is, or if there is no log.
  static func refusal(_ connection: PostgreSQLConnection) throws -> String? {
    guard try exists(in: connection) else { return nil }
    let found = Dictionary(
      try connection.query("SELECT key, value FROM meta").map {
        ($0.text(0) ?? "", Int64($0.text(1) ?? "") ?? 0)
      }
    ) { first, _ in first }
    if found["layout"] ?? 0 > layout || found["schema"] ?? 0 > version {
      return """
        the log has schema \(found["schema"] ?? 0) and layout \(found["layout"] ?? 0), and this \
        program knows \(version) and \(layout): use a newer aipm
        """
    }
    return nil
  }

  /// Whether the database has a log.
  static func exists(in connection: PostgreSQLConnection) throws -> Bool {
    try connection.query(
      "SELECT to_regclass('\(name).head') IS NOT NULL AND to_regclass('\(name).meta') IS NOT NULL"
    ).first?.integer(0) ?? 0 != 0
  }

  /// Whether a schema has the tables of files. A log of layout 1 has none.
  static func hasFiles(
    _ schema: String = name, in connection: PostgreSQLConnection
  ) throws -> Bool {
    try connection.queryOnce("SELECT to_regclass($1) IS NOT NULL", [.text("\(schema).file_blocks")])
      .first?.integer(0) ?? 0 != 0
  }

  /// Puts the files of one schema in the place of those of another one. The caller has begun a
  /// transaction.
  static func moveFiles(
    from old: String, to new: String, in connection: PostgreSQLConnection
  ) throws {
    guard try hasFiles(old, in: connection) else { return }
    try connection.execute(
      """
      DROP TABLE IF EXISTS \(new).file_blocks, \(new).files;
      ALTER TABLE \(old).files SET SCHEMA \(new);
      ALTER TABLE \(old).file_blocks SET SCHEMA \(new)
      """)
  }

  /// The type of a column, from its type in SQLite.
  private static func type(of column: ColumnDeclaration) -> String {
    if column.column == .position { return "bigint PRIMARY KEY" }
    let words = column.sqlType.split(separator: " ")
    let type =
      switch words.first {
      case "INTEGER": "bigint"
      case "BLOB": "bytea"
      case _: "text COLLATE \"C\""
      }
    return type + (words.dropFirst().starts(with: ["NOT", "NULL"]) ? " NOT NULL" : "")
  }
}

#endif
