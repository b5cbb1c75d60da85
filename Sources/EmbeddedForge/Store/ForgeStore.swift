// `forge.db`: the data that GitHub stores outside git. One connection writes, on its own thread. A
// call is one transaction, on disk before it returns.

import FoundationEssentials
import SQLite

actor ForgeStore {
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
    guard version <= Int64(ForgeSchema.steps.count) else {
      throw ForgeStoreError.newerSchema(version)
    }
    for step in ForgeSchema.steps.indices.dropFirst(Int(version)) {
      try database.transaction {
        try database.execute(ForgeSchema.steps[step])
        try database.execute("PRAGMA user_version=\(step + 1)")
      }
    }
    self.database = database
  }

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
