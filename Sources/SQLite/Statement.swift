import CSQLite

/// One prepared statement. Parameters count from 1, columns from 0, as in SQLite.
package final class Statement {
  private let handle: OpaquePointer
  private unowned let database: Database
  package let sql: String

  init(database: Database, sql: String) throws(SQLiteError) {
    var prepared: OpaquePointer?
    let code = sqlite3_prepare_v3(
      database.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard code == SQLITE_OK, let prepared else { throw database.error(sql) }
    handle = prepared
    self.database = database
    self.sql = sql
  }

  deinit { sqlite3_finalize(handle) }

  /// Runs to the end and ignores the rows. The bindings stay until the next use.
  package func finish() throws(SQLiteError) {
    while try step() {}
    sqlite3_reset(handle)
  }

  /// Prepares for the next use: no row, no bindings.
  package func reset() {
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
  }

  /// Steps to the next row; false after the last.
  package func step() throws(SQLiteError) -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      let error = database.error(sql)
      sqlite3_reset(handle)
      throw error
    }
  }

  /// Binds a value to parameter `index`, counted from 1.
  package func bind(_ value: SQLiteValue, at index: Int32) {
    switch value {
    case .null: sqlite3_bind_null(handle, index)
    case .integer(let n): sqlite3_bind_int64(handle, index, n)
    case .text(let text): bind(text, at: index)
    case .blob(let bytes): bind(bytes, at: index)
    }
  }

  /// Binds a text, or NULL, to parameter `index`, counted from 1.
  package func bind(_ text: String?, at index: Int32) {
    guard var text else {
      sqlite3_bind_null(handle, index)
      return
    }
    text.withUTF8 { bind(utf8: $0, at: index) }
  }

  private func bind(utf8: UnsafeBufferPointer<UInt8>, at index: Int32) {
    _ = utf8.withMemoryRebound(to: CChar.self) { bytes in
      // An empty buffer may have no address, which SQLite would read as NULL.
      if let start = bytes.baseAddress {
        sqlite3_bind_text(handle, index, start, Int32(bytes.count), transient)
      } else {
        sqlite3_bind_text(handle, index, "", 0, transient)
      }
    }
  }

  /// Binds a text's UTF-8 to parameter `index`, counted from 1.
  package func bind(utf8: [UInt8], at index: Int32) {
    utf8.withUnsafeBufferPointer { bind(utf8: $0, at: index) }
  }

  /// Binds bytes to parameter `index`, counted from 1.
  package func bind(_ bytes: [UInt8], at index: Int32) {
    bytes.withUnsafeBytes { raw in
      _ =
        raw.isEmpty
        ? sqlite3_bind_zeroblob(handle, index, 0)
        : sqlite3_bind_blob(handle, index, raw.baseAddress, Int32(raw.count), transient)
    }
  }

  /// Binds a number, or NULL, to parameter `index`, counted from 1.
  package func bind(_ n: Int64?, at index: Int32) {
    if let n { sqlite3_bind_int64(handle, index, n) } else { sqlite3_bind_null(handle, index) }
  }

  /// Whether a column of the current row is NULL; columns count from 0.
  package func isNull(_ column: Int32) -> Bool {
    sqlite3_column_type(handle, column) == SQLITE_NULL
  }
  /// A column of the current row as a number; 0 for NULL.
  package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
  /// A column of the current row as a number; nil for NULL.
  package func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

  /// The column as text; nil for NULL. Invalid UTF-8 is repaired.
  package func text(_ column: Int32) -> String? {
    // Read as bytes, because SQLite would otherwise append a zero to each text.
    bytes(column).map { String(decoding: $0, as: UTF8.self) }
  }

  /// A column of the current row as bytes; empty for NULL.
  package func blob(_ column: Int32) -> [UInt8] {
    withBlob(column) { Array($0) }
  }

  /// The column's bytes in place, valid until the next step; nil for NULL.
  package func bytes(_ column: Int32) -> UnsafeRawBufferPointer? {
    guard let start = sqlite3_column_blob(handle, column) else {
      // Neither NULL nor an empty text has an address.
      return isNull(column) ? nil : UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return UnsafeRawBufferPointer(
      start: start, count: Int(sqlite3_column_bytes(handle, column)))
  }

  /// The column's bytes in place, valid until the next step.
  package func withBlob<T>(_ column: Int32, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows
    -> T
  {
    let start = sqlite3_column_blob(handle, column)
    let count = Int(sqlite3_column_bytes(handle, column))
    return try body(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count))
  }
}

/// SQLITE_TRANSIENT: SQLite copies what is bound before the call returns.
private var transient: sqlite3_destructor_type {
  unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}
