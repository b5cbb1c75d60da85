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
  private typealias Take = (RowValues) throws -> Void

  private struct Run {
    var take: Take
    var fault: (any Error)?
  }

  /// The run that is under way. In a place of its own, which SQLite knows.
  private let place: UnsafeMutablePointer<Run?>

  /// Makes the function known to this connection under a name, for any number of arguments that
  /// SQLite allows (https://sqlite.org/limits.html: 127).
  /// - Throws: `SQLiteError` where there is no memory for it.
  package init(_ name: String, on database: Database) throws(SQLiteError) {
    place = .allocate(capacity: 1)
    place.initialize(to: nil)
    // The connection may live longer than this: it has the place, and gives it back at its end, or
    // at once where it could not make the function.
    let code = sqlite3_create_function_v2(
      database.handle, name, -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, place,
      { context, _, values in
        guard let known = sqlite3_user_data(context), let values else { return }
        let place = known.assumingMemoryBound(to: Run?.self)
        do {
          try place.pointee?.take(RowValues(values))
        } catch {
          place.pointee?.fault = error
          sqlite3_result_error(context, "stopped", -1)
        }
      }, nil, nil,
      { known in
        guard let place = known?.assumingMemoryBound(to: Run?.self) else { return }
        place.deinitialize(count: 1)
        place.deallocate()
      })
    guard code == SQLITE_OK else { throw database.error("create function \(name)") }
  }

  /// Runs a statement that calls this function to its end.
  /// - Parameter body: gets the values of each row. It may use other statements of the connection;
  ///   what it throws ends the run.
  package func run(_ statement: Statement, _ body: (RowValues) throws -> Void) throws {
    defer { statement.reset() }
    try withoutActuallyEscaping(body) { body in
      place.pointee = Run(take: body)
      defer { place.pointee = nil }
      do {
        while try statement.step() {}
      } catch {
        throw place.pointee?.fault ?? error
      }
    }
  }
}
