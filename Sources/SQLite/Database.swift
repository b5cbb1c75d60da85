// A connection, its prepared statements and typed columns. A `Database` belongs to its owner, who
// uses it from one thread at a time; it takes no locks.

import CSQLite
import Glibc

/// An error of libsqlite3.
package struct SQLiteError: Error, Equatable, CustomStringConvertible {
  /// The extended result code (https://sqlite.org/rescode.html).
  package let code: Int32
  package let message: String
  /// The SQL, or the name of the call.
  package let operation: String

  /// The code without its extension: `SQLITE_FULL`, `SQLITE_IOERR` …
  package var primaryCode: Int32 { code & 0xff }

  /// What a caller can do about an error.
  package enum Kind: Equatable, Sendable {
    /// Another connection has the lock.
    case busy
    /// The disk is full, or the file has reached its page limit.
    case full
    /// Reading, writing or syncing failed. If a commit fails so, its outcome is unknown.
    case inputOutput
    /// The file is corrupt, or is not a database.
    case corrupt
    /// It was still running at its deadline.
    case interrupted
    case other
  }

  package var kind: Kind {
    switch primaryCode {
    case SQLITE_BUSY, SQLITE_LOCKED: .busy
    case SQLITE_FULL: .full
    case SQLITE_IOERR: .inputOutput
    case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
    case SQLITE_INTERRUPT: .interrupted
    default: .other
    }
  }
  /// Whether a file could not be opened, for example because this process has no more descriptors.
  package var isCannotOpen: Bool { primaryCode == SQLITE_CANTOPEN }

  /// For people, who cannot use SQLite's own message.
  package var description: String {
    switch primaryCode {
    case SQLITE_CANTOPEN: "the file cannot be opened"
    case SQLITE_PERM, SQLITE_AUTH: "this user has no permission for the file"
    case SQLITE_READONLY: "the file cannot be written"
    case SQLITE_BUSY, SQLITE_LOCKED: "another program uses the database"
    case SQLITE_FULL: "the disk is full"
    case SQLITE_IOERR: "the disk failed (code \(code))"
    case SQLITE_CORRUPT, SQLITE_NOTADB: "the file is corrupt, or is not a database"
    case SQLITE_NOMEM: "memory ran out"
    case SQLITE_INTERRUPT: "the statement took too long and was stopped"
    default: "SQLite failed: \(message) (code \(code), \(operation))"
    }
  }
}

/// One connection.
package final class Database {
  /// How the connection uses the file.
  package enum Mode: Sendable {
    case readOnly
    case readWriteCreate
  }

  /// The bound of the statement cache: far more than there are statements in the program.
  /// Statements that are made from requests must not fill the memory.
  static let cachedMax = 256
  /// How many steps of SQLite's virtual machine are between two checks of the clock.
  private static let stepsBetweenChecks: Int32 = 1000

  /// Configures the library once, before the first connection.
  private static let isConfigured = csqlite_count_no_memory() == SQLITE_OK

  let handle: OpaquePointer
  private var cache: [String: Statement] = [:]
  /// The prepared statements of `SQLText`, by number.
  private var numbered: [Statement?] = []
  /// The number of cached statements.
  var cachedCount: Int { cache.count }
  private var deadline: ContinuousClock.Instant?
  /// The pages of the write-ahead log after this connection's last commit; 0 before the first one.
  package private(set) var walPages = 0

  /// Opens the file at `path`, with extended result codes, without a shared cache.
  /// - Throws: `SQLiteError`; `SQLITE_CANTOPEN` if there is no such file.
  package init(path: String, mode: Mode) throws(SQLiteError) {
    let flags =
      switch mode {
      case .readOnly: SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX
      case .readWriteCreate: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
      }
    _ = Self.isConfigured
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(path, &opened, flags, nil)
    guard code == SQLITE_OK, let opened else {
      let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(opened)
      throw SQLiteError(code: code, message: message, operation: "open \(path)")
    }
    handle = opened
    sqlite3_extended_result_codes(handle, 1)
  }

  deinit {
    cache.removeAll()
    numbered.removeAll()
    sqlite3_wal_hook(handle, nil, nil)
    sqlite3_progress_handler(handle, 0, nil, nil)
    sqlite3_close_v2(handle)
  }

  /// Interrupts statements that are still running at `deadline` with `SQLITE_INTERRUPT`
  /// (https://www.sqlite.org/c3ref/progress_handler.html); nil removes the deadline.
  package func interrupt(at deadline: ContinuousClock.Instant?) {
    self.deadline = deadline
    guard deadline != nil else {
      sqlite3_progress_handler(handle, 0, nil, nil)
      return
    }
    sqlite3_progress_handler(
      handle, Self.stepsBetweenChecks,
      { context in
        guard let context else { return 0 }
        let database = Unmanaged<Database>.fromOpaque(context).takeUnretainedValue()
        guard let deadline = database.deadline else { return 0 }
        return ContinuousClock.now >= deadline ? 1 : 0
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  /// How long a statement waits for another connection's lock.
  package func setBusyTimeout(milliseconds: Int32) { sqlite3_busy_timeout(handle, milliseconds) }

  /// Runs one or more statements without parameters and results.
  package func execute(_ sql: String) throws(SQLiteError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw error(sql) }
  }

  /// The prepared statement for this text, reset and without bindings. It is cached, so two uses of
  /// one text must not overlap.
  package func statement(_ sql: String) throws(SQLiteError) -> Statement {
    if let known = cache[sql] {
      known.reset()
      return known
    }
    let made = try Statement(database: self, sql: sql)
    // A statement in use is kept alive by its user.
    if cache.count >= Self.cachedMax { cache.removeAll(keepingCapacity: true) }
    cache[sql] = made
    return made
  }

  /// The same, without a comparison of texts.
  package func statement(_ sql: SQLText) throws(SQLiteError) -> Statement {
    if sql.number < numbered.count, let known = numbered[sql.number] {
      known.reset()
      return known
    }
    let made = try Statement(database: self, sql: sql.text)
    while numbered.count <= sql.number { numbered.append(nil) }
    numbered[sql.number] = made
    return made
  }

  /// A statement that is not cached, for texts that differ each time.
  package func prepare(_ sql: String) throws(SQLiteError) -> Statement {
    try Statement(database: self, sql: sql)
  }

  /// Runs one statement with these values and ignores its rows.
  package func run(_ sql: String, _ values: SQLiteValue...) throws(SQLiteError) {
    let statement = try statement(sql)
    for (index, value) in values.enumerated() { statement.bind(value, at: Int32(index + 1)) }
    while try statement.step() {}
    statement.reset()
  }

  /// The same.
  package func run(_ sql: SQLText, _ values: SQLiteValue...) throws(SQLiteError) {
    let statement = try statement(sql)
    for (index, value) in values.enumerated() { statement.bind(value, at: Int32(index + 1)) }
    try statement.finish()
  }

  /// The first column of the first row as an integer; nil if there is no row.
  package func integer(_ sql: String, _ values: SQLiteValue...) throws(SQLiteError) -> Int64? {
    let statement = try statement(sql)
    for (index, value) in values.enumerated() { statement.bind(value, at: Int32(index + 1)) }
    defer { statement.reset() }
    return try statement.step() ? statement.integer(0) : nil
  }

  /// The first column of the first row as text; nil if there is no row, or for NULL.
  package func text(_ sql: String, _ values: SQLiteValue...) throws(SQLiteError) -> String? {
    let statement = try statement(sql)
    for (index, value) in values.enumerated() { statement.bind(value, at: Int32(index + 1)) }
    defer { statement.reset() }
    return try statement.step() ? statement.text(0) : nil
  }

  /// Rows changed by the last INSERT, UPDATE or DELETE.
  package var changes: Int { Int(sqlite3_changes(handle)) }

  /// The rowid of the last INSERT.
  package var lastInsertedRowID: Int64 { sqlite3_last_insert_rowid(handle) }

  /// Runs `body` in BEGIN IMMEDIATE … COMMIT; rolls back if it throws.
  package func transaction<T>(_ body: () throws -> T) throws -> T {
    try execute("BEGIN IMMEDIATE")
    do {
      let value = try body()
      try execute("COMMIT")
      return value
    } catch {
      if sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") }
      throw error
    }
  }

  /// True outside of a transaction.
  package var isAutocommit: Bool { sqlite3_get_autocommit(handle) != 0 }

  /// Counts the pages of the write-ahead log in `walPages` from now on. This replaces SQLite's
  /// automatic checkpoints: the caller must make them.
  package func countWALPages() {
    sqlite3_wal_hook(
      handle,
      { context, _, _, pages in
        guard let context else { return SQLITE_OK }
        Unmanaged<Database>.fromOpaque(context).takeUnretainedValue().walPages = Int(pages)
        return SQLITE_OK
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  /// How far a checkpoint goes (https://www.sqlite.org/c3ref/wal_checkpoint_v2.html).
  package enum Checkpoint: Sendable {
    /// As far as readers allow, without waiting.
    case passive
    /// All of it; the log's file is then truncated.
    case truncate
  }

  /// Copies the write-ahead log into the database.
  /// - Returns: whether the whole log was copied.
  /// - Throws: `SQLiteError`; `SQLITE_BUSY` if readers prevented a `truncate`.
  package func checkpoint(_ mode: Checkpoint) throws(SQLiteError) -> Bool {
    var logged: Int32 = 0
    var copied: Int32 = 0
    let raw = mode == .passive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE
    let code = sqlite3_wal_checkpoint_v2(handle, nil, raw, &logged, &copied)
    guard code == SQLITE_OK else { throw error("checkpoint") }
    if mode == .truncate { walPages = 0 }
    return logged == copied
  }

  /// Closing this connection leaves the write-ahead log as it is, even if it is the last.
  package func disableCheckpointOnClose() { _ = csqlite_no_checkpoint_on_close(handle) }

  func error(_ operation: String) -> SQLiteError {
    SQLiteError(
      code: sqlite3_extended_errcode(handle), message: String(cString: sqlite3_errmsg(handle)),
      operation: operation)
  }
}

/// A value of a parameter.
package enum SQLiteValue: Sendable {
  case null
  case integer(Int64)
  case text(String)
  case blob([UInt8])

  /// The text, or NULL.
  package static func optional(_ text: String?) -> SQLiteValue { text.map { .text($0) } ?? .null }
  /// The number, or NULL.
  package static func optional(_ n: Int64?) -> SQLiteValue { n.map { .integer($0) } ?? .null }
}
