import CSQLite

/// The values of one row as an SQL function is given them. They stand in SQLite's memory, and are
/// gone with the row. (Public, since other modules only inline what is.)
@frozen public struct RowValues {
  @usableFromInline
  let values: UnsafeMutablePointer<OpaquePointer?>

  fileprivate init(_ values: UnsafeMutablePointer<OpaquePointer?>) { self.values = values }

  /// A value as a number; nil for NULL.
  @inlinable @inline(__always)
  public func integer(_ index: Int) -> Int64? {
    let value = values[index]
    return sqlite3_value_type(value) == SQLITE_NULL ? nil : sqlite3_value_int64(value)
  }

  /// A value's bytes in place; nil for NULL.
  @inlinable @inline(__always)
  public func bytes(_ index: Int) -> UnsafeRawBufferPointer? {
    let value = values[index]
    guard let start = sqlite3_value_blob(value) else {
      // Nothing has no address, and neither has an empty text.
      let isNull = sqlite3_value_type(value) == SQLITE_NULL
      return isNull ? nil : UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_value_bytes(value)))
  }
}

/// An SQL function that hands its arguments to Swift, and gives NULL. `SELECT f(a, b, …) FROM t`
/// reads a table so: a function is given all values of a row at once, which takes a third of the
/// time of asking for them column by column.
package final class RowFunction {
  private var take: ((RowValues) throws -> Void)?
  private var fault: (any Error)?

  /// Makes the function known to this connection under a name, for any number of arguments that
  /// SQLite allows (https://sqlite.org/limits.html: 127).
  /// - Throws: `SQLiteError` where there is no memory for it.
  package init(_ name: String, on database: Database) throws(SQLiteError) {
    let code = sqlite3_create_function_v2(
      database.handle, name, -1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
      Unmanaged.passRetained(self).toOpaque(),
      { context, _, values in
        guard let known = sqlite3_user_data(context), let values else { return }
        let function = Unmanaged<RowFunction>.fromOpaque(known).takeUnretainedValue()
        do {
          try function.take?(RowValues(values))
        } catch {
          function.fault = error
          sqlite3_result_error(context, "stopped", -1)
        }
      }, nil, nil,
      { known in
        if let known { Unmanaged<RowFunction>.fromOpaque(known).release() }
      })
    guard code == SQLITE_OK else { throw database.error("create function \(name)") }
  }

  /// Runs a statement that calls this function to its end.
  /// - Parameter body: gets the values of each row. It may use other statements of the connection;
  ///   what it throws ends the run.
  package func run(_ statement: Statement, _ body: (RowValues) throws -> Void) throws {
    defer { statement.reset() }
    try withoutActuallyEscaping(body) { body in
      take = body
      defer { take = nil }
      do {
        while try statement.step() {}
      } catch {
        defer { fault = nil }
        throw fault ?? error
      }
    }
  }
}
