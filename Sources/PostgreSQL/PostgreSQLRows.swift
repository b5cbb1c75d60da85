#if PostgreSQL

import CPostgreSQL

/// The rows of a result, in binary form. Rows and columns count from 0.
package final class PostgreSQLRows {
  let handle: OpaquePointer
  package let count: Int

  init(_ handle: OpaquePointer) {
    self.handle = handle
    count = Int(PQntuples(handle))
  }

  deinit { PQclear(handle) }

  /// One row of a result.
  package struct Row {
    fileprivate let rows: PostgreSQLRows
    fileprivate let index: Int32

    /// Whether a column is NULL.
    package func isNull(_ column: Int) -> Bool {
      PQgetisnull(rows.handle, index, Int32(column)) != 0
    }

    /// A column as a number; 0 for NULL.
    package func integer(_ column: Int) -> Int64 { optionalInteger(column) ?? 0 }

    /// A column as a number; nil for NULL, and for a value that is no whole number or flag.
    package func optionalInteger(_ column: Int) -> Int64? {
      guard let bytes = bytes(column), 1...8 ~= bytes.count else { return nil }
      let negative = bytes.count > 1 && bytes[0] & 0x80 != 0
      return bytes.reduce(negative ? -1 : 0) { $0 << 8 | Int64($1) }
    }

    /// A column as text; nil for NULL.
    package func text(_ column: Int) -> String? {
      bytes(column).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A column as bytes; empty for NULL.
    package func blob(_ column: Int) -> [UInt8] { bytes(column).map { Array($0) } ?? [] }

    /// A column's bytes in place, valid as long as the rows; nil for NULL.
    package func bytes(_ column: Int) -> UnsafeRawBufferPointer? {
      if isNull(column) { return nil }
      let count = Int(PQgetlength(rows.handle, index, Int32(column)))
      return UnsafeRawBufferPointer(
        start: PQgetvalue(rows.handle, index, Int32(column)), count: count)
    }
  }

  /// A row by its index.
  package subscript(index: Int) -> Row { Row(rows: self, index: Int32(index)) }

  /// The first row; nil if there is no row.
  package var first: Row? { count > 0 ? self[0] : nil }

  /// Reads every row.
  package func map<T>(_ read: (Row) throws -> T) rethrows -> [T] {
    try (0..<count).map { try read(self[$0]) }
  }

  /// The number of rows that the statement changed.
  package var changes: Int { Int(String(cString: PQcmdTuples(handle))) ?? 0 }

  /// The tag of the statement that ran, such as `COMMIT`.
  package var tag: String { String(cString: PQcmdStatus(handle)) }
}

#endif
