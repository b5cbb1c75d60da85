import CSQLite

/// The arguments of an SQL function: the values of one row. They are in SQLite's memory, valid for
/// the current row only. (Public, because other modules inline only public code.)
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
      // Neither NULL nor an empty text has an address.
      let isNull = sqlite3_value_type(value) == SQLITE_NULL
      return isNull ? nil : UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_value_bytes(value)))
  }
}

/// An SQL function that passes its arguments to Swift and returns NULL. `SELECT f(a, b, …) FROM t`
/// then reads all values of a row in one call, which takes a third of the time of reading column by
/// column.
package final class RowFunction {
  private typealias Take = (RowValues) throws -> Void

  private struct Run {
    var take: Take
    var fault: (any Error)?
  }

  /// The current run. Allocated separately, because SQLite keeps a pointer to it.
  private let current: UnsafeMutablePointer<Run?>

  /// Registers the function with this connection, for any number of arguments that SQLite allows
  /// (https://sqlite.org/limits.html: 127).
  /// - Throws: `SQLiteError` if memory runs out.
  package init(_ name: String, on database: Database) throws(SQLiteError) {
    current = .allocate(capacity: 1)
    current.initialize(to: nil)
    // SQLite frees `current` when the connection closes, or at once if the call fails.
    let code = sqlite3_create_function_v2(
      database.handle, name, -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, current,
      { context, _, values in
        guard let data = sqlite3_user_data(context), let values else { return }
        let current = data.assumingMemoryBound(to: Run?.self)
        do {
          try current.pointee?.take(RowValues(values))
        } catch {
          current.pointee?.fault = error
          sqlite3_result_error(context, "stopped", -1)
        }
      }, nil, nil,
      { data in
        guard let current = data?.assumingMemoryBound(to: Run?.self) else { return }
        current.deinitialize(count: 1)
        current.deallocate()
      })
    guard code == SQLITE_OK else { throw database.error("create function \(name)") }
  }

  /// Runs a statement that calls this function to its end.
  /// - Parameter body: receives the values of each row. It may use other statements of the
  ///   connection. An error that it throws ends the run.
  package func run(_ statement: Statement, _ body: (RowValues) throws -> Void) throws {
    defer { statement.reset() }
    try withoutActuallyEscaping(body) { body in
      current.pointee = Run(take: body)
      defer { current.pointee = nil }
      do {
        while try statement.step() {}
      } catch {
        throw current.pointee?.fault ?? error
      }
    }
  }
}
