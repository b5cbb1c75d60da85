// `forge.db`: the data that GitHub stores outside git. One connection writes, on its own thread. A
// call is one transaction, on disk before it returns.

import FoundationEssentials
import SQLite

actor ForgeStore {
  /// Incremented with each change of the schema.
  private static let schemaVersion: Int64 = 1

  private let executor: QueueExecutor
  let database: Database

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// Opens or creates the database.
  /// - Throws: `SQLiteError`; `ForgeStoreError` if a newer version of this program created it, or
  ///   if the file system cannot sync.
  init(path: String) throws {
    executor = QueueExecutor(label: "forge.db")
    let database = try Database(path: path, mode: .readWriteCreate)
    database.setBusyTimeout(milliseconds: 5000)
    try database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    try database.execute("PRAGMA foreign_keys=ON")
    guard try database.text("PRAGMA journal_mode") == "wal",
      try database.integer("PRAGMA synchronous") == 2
    else { throw ForgeStoreError.notDurable }
    let version = try database.integer("PRAGMA user_version") ?? 0
    guard version <= Self.schemaVersion else { throw ForgeStoreError.newerSchema(version) }
    if version == 0 {
      try database.transaction {
        try database.execute(Self.schema)
        try database.execute("PRAGMA user_version=\(Self.schemaVersion)")
      }
    }
    self.database = database
  }

  private static let schema = """
    CREATE TABLE users(
      id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE COLLATE NOCASE) STRICT;
    CREATE TABLE repositories(
      id INTEGER PRIMARY KEY AUTOINCREMENT, folder TEXT NOT NULL,
      owner TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE, description TEXT,
      private INTEGER NOT NULL, archived INTEGER NOT NULL, disabled INTEGER NOT NULL,
      drafts INTEGER NOT NULL, writable INTEGER NOT NULL, protected TEXT NOT NULL,
      next_number INTEGER NOT NULL DEFAULT 1,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, pushed_at INTEGER NOT NULL,
      UNIQUE(owner, name)) STRICT;
    CREATE TABLE pull_requests(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      number INTEGER NOT NULL, title TEXT NOT NULL, body TEXT, open INTEGER NOT NULL,
      draft INTEGER NOT NULL, head_branch TEXT NOT NULL, head_sha TEXT NOT NULL,
      base_branch TEXT NOT NULL, base_sha TEXT NOT NULL, author TEXT NOT NULL,
      merged_at INTEGER, merged_by TEXT, merge_commit TEXT, closed_at INTEGER,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
      UNIQUE(repository, number)) STRICT;
    CREATE INDEX pull_requests_by_head ON pull_requests(repository, head_branch);
    CREATE UNIQUE INDEX pull_requests_open ON pull_requests(repository, head_branch, base_branch)
      WHERE open;
    CREATE TABLE comments(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      number INTEGER NOT NULL, body TEXT NOT NULL, author TEXT NOT NULL,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;
    CREATE INDEX comments_by_number ON comments(repository, number);
    CREATE TABLE labels(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
      name TEXT NOT NULL COLLATE NOCASE, color TEXT NOT NULL, description TEXT,
      UNIQUE(repository, name)) STRICT;
    CREATE TABLE pull_request_labels(
      pull_request INTEGER NOT NULL REFERENCES pull_requests ON DELETE CASCADE,
      label INTEGER NOT NULL REFERENCES labels ON DELETE CASCADE,
      PRIMARY KEY(pull_request, label)) STRICT;
    CREATE TABLE reviewers(
      pull_request INTEGER NOT NULL REFERENCES pull_requests ON DELETE CASCADE,
      login TEXT NOT NULL COLLATE NOCASE, PRIMARY KEY(pull_request, login)) STRICT;
    """

  /// Checkpoints and truncates the write-ahead log; called after the last call.
  func close() throws { try database.execute("PRAGMA wal_checkpoint(TRUNCATE)") }

  /// The rows of a query, or of a statement with RETURNING.
  func rows<Row>(
    _ sql: String, _ values: [SQLiteValue], _ row: (Statement) -> Row?
  ) throws -> [Row] {
    let statement = try database.statement(sql)
    defer { statement.reset() }
    for (index, value) in values.enumerated() { statement.bind(value, at: Int32(index + 1)) }
    var rows: [Row] = []
    while try statement.step() {
      if let row = row(statement) { rows.append(row) }
    }
    return rows
  }

  /// The first row of a statement that always has one.
  func row<Row>(
    _ sql: String, _ values: [SQLiteValue], _ row: (Statement) -> Row
  ) throws -> Row {
    guard let first = try rows(sql, values, row).first else { throw ForgeStoreError.rowGone(sql) }
    return first
  }

  /// The account of this name, created if it is new.
  func user(_ login: String) throws -> UserRecord {
    if let known = try database.integer("SELECT id FROM users WHERE login=?", .text(login)) {
      return UserRecord(id: known, login: login)
    }
    return try row("INSERT INTO users(login) VALUES(?) RETURNING id", [.text(login)]) {
      UserRecord(id: $0.integer(0), login: login)
    }
  }

  /// The accounts of these names, by name in lower case.
  func users(_ logins: some Sequence<String> & Sendable) throws -> [String: UserRecord] {
    var users: [String: UserRecord] = [:]
    for login in logins where users[login.lowercased()] == nil {
      users[login.lowercased()] = try user(login)
    }
    return users
  }

  static var now: Int64 { Int64(Date().timeIntervalSince1970) }
}

enum ForgeStoreError: Error, CustomStringConvertible {
  case notDurable
  case newerSchema(Int64)
  /// A row that must exist is missing.
  case rowGone(String)

  var description: String {
    switch self {
    case .notDurable: "forge.db: this file system supports no write-ahead log with full syncing"
    case .newerSchema(let version):
      "forge.db has schema \(version): it was written by a newer version of aipm"
    case .rowGone(let sql): "forge.db: a row is missing: \(sql)"
    }
  }
}
