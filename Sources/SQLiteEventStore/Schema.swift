import EventLog
import SQLite

/// The tables, as a list of steps that is only ever added to. `user_version` is the number of steps
/// that a file has taken. The table `events` isn't in the list: `EventColumn` declares it, and says
/// which step adds which column.
enum Schema {
  /// Stands in the file's header, so that no other program's database is taken for a log: "AIPM".
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

    CREATE TABLE delegations(
      stream INTEGER PRIMARY KEY REFERENCES streams(id),
      id TEXT NOT NULL,
      stamp INTEGER NOT NULL,
      state TEXT NOT NULL,
      repository TEXT NOT NULL,
      branch TEXT NOT NULL,
      base_branch TEXT,
      base_sha TEXT,
      requester TEXT NOT NULL,
      priority INTEGER NOT NULL,
      agent TEXT NOT NULL,
      workflow TEXT NOT NULL,
      digest TEXT NOT NULL,
      pr INTEGER,
      pr_url TEXT,
      pr_state TEXT,
      task_commit_sha TEXT,
      commit_sha TEXT,
      worker TEXT,
      attempt INTEGER NOT NULL,
      failure_step TEXT,
      failure_code TEXT,
      failure_retryable INTEGER,
      next_intent TEXT,
      cancel_requested INTEGER NOT NULL,
      retry_at INTEGER,
      trouble_code TEXT,
      requested_at INTEGER NOT NULL,
      state_since INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      version INTEGER NOT NULL,
      position INTEGER NOT NULL,
      quarantine TEXT
    ) STRICT;
    CREATE UNIQUE INDEX delegations_by_stamp ON delegations(stamp);
    CREATE INDEX delegations_by_state ON delegations(state, stamp);
    CREATE INDEX delegations_by_repository ON delegations(repository, stamp);
    CREATE INDEX delegations_by_requester ON delegations(requester, stamp);

    CREATE TABLE pull_requests(
      repository TEXT NOT NULL,
      number INTEGER NOT NULL,
      url TEXT NOT NULL,
      branch TEXT NOT NULL,
      state TEXT NOT NULL,
      delegation TEXT NOT NULL,
      delegation_stamp INTEGER NOT NULL,
      delegation_state TEXT NOT NULL,
      PRIMARY KEY (repository, number)
    ) STRICT;
    CREATE INDEX pull_requests_by_stamp ON pull_requests(delegation_stamp);

    CREATE TABLE workers(
      id TEXT PRIMARY KEY,
      state TEXT NOT NULL,
      host TEXT NOT NULL,
      agents TEXT NOT NULL,
      version TEXT NOT NULL,
      incarnation INTEGER NOT NULL,
      local INTEGER NOT NULL,
      delegation TEXT,
      since INTEGER NOT NULL,
      restarts INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE view_digests(
      view TEXT PRIMARY KEY,
      position INTEGER NOT NULL,
      digest BLOB NOT NULL
    ) STRICT;
    """,
    // What audit looks events up by. It may lag behind the log, and can be thrown away.
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
    CREATE INDEX delegations_by_branch ON delegations(branch);
    CREATE INDEX delegations_by_pr ON delegations(pr) WHERE pr IS NOT NULL;
    """,
  ]

  /// The tables that are folds of the log and nothing else.
  static let viewTables = ["delegations", "pull_requests", "workers"]

  /// What makes one table as it is after these steps, and its indexes. SQLite says so itself, in a
  /// database in memory that has taken every step: a later step may have changed the table.
  /// - Returns: `columns`, what stands behind `CREATE TABLE` and a name; nil if no step makes it.
  static func statements(
    of table: String, after migrations: [String] = migrations
  ) throws -> (columns: String?, indexes: [String]) {
    let database = try Database(path: ":memory:", mode: .readWriteCreate)
    for step in migrations { try database.execute(step) }
    let columns = try database.text(
      "SELECT substr(sql, instr(sql, '(')) FROM sqlite_schema WHERE type = 'table' AND name = ?",
      .text(table))
    let s = try database.statement(
      "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL "
        + "ORDER BY rowid")
    s.bind(table, at: 1)
    return (columns, try s.rows { $0.text(0) ?? "" })
  }

  /// What a file is, before anything in it is read.
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

  /// Why a file is not opened; nil where it is.
  static func refusal(of found: Found, path: String) -> String? {
    switch found {
    case .empty, .log: nil
    case .foreign: "\(path) is another program's database"
    case .newer(let version):
      "\(path) has schema \(version), and this program knows \(Self.version): use a newer aipm"
    }
  }
}
