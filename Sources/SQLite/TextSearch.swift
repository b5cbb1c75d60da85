import CSQLite
import Glibc

extension Database {
  /// Registers the function `holds(TEXT, PATTERN)`: whether the text contains the pattern, if A–Z
  /// in the text count as a–z. It equals `instr(lower(TEXT), PATTERN) > 0` without a copy of the
  /// text.
  /// - Throws: `SQLiteError` if memory runs out.
  package func addTextSearch() throws(SQLiteError) {
    let flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS
    let code = sqlite3_create_function_v2(
      handle, "holds", 2, flags, nil,
      { context, _, values in
        guard let text = Database.bytes(values?[0]), let pattern = Database.bytes(values?[1]) else {
          sqlite3_result_null(context)
          return
        }
        sqlite3_result_int(context, Database.contains(text, pattern) ? 1 : 0)
      }, nil, nil, nil)
    guard code == SQLITE_OK else {
      throw SQLiteError(
        code: code, message: String(cString: sqlite3_errstr(code)), operation: "create_function")
    }
  }

  private static func bytes(_ value: OpaquePointer?) -> UnsafeRawBufferPointer? {
    guard let value, sqlite3_value_type(value) != SQLITE_NULL else { return nil }
    let start = sqlite3_value_blob(value)
    return UnsafeRawBufferPointer(
      start: start, count: start == nil ? 0 : Int(sqlite3_value_bytes(value)))
  }

  /// - Parameter pattern: without ASCII capitals.
  static func contains(_ text: UnsafeRawBufferPointer, _ pattern: UnsafeRawBufferPointer) -> Bool {
    guard let first = pattern.first else { return true }
    guard let start = text.baseAddress, text.count >= pattern.count else { return false }
    // memchr finds the first byte fastest: as it is, and as a capital.
    let count = text.count - pattern.count + 1
    let capital = 97...122 ~= first ? first - 32 : first
    func next(_ byte: UInt8, from index: Int) -> Int {
      guard index < count, let found = memchr(start + index, Int32(byte), count - index) else {
        return count
      }
      return UnsafeRawPointer(found) - start
    }
    var lower = next(first, from: 0)
    var upper = capital == first ? count : next(capital, from: 0)
    while min(lower, upper) < count {
      let index = min(lower, upper)
      if matches(text, at: index, pattern) { return true }
      if index == lower {
        lower = next(first, from: index + 1)
      } else {
        upper = next(capital, from: index + 1)
      }
    }
    return false
  }

  private static func matches(
    _ text: UnsafeRawBufferPointer, at start: Int, _ pattern: UnsafeRawBufferPointer
  ) -> Bool {
    for index in 1..<max(pattern.count, 1) {
      let byte = text[start + index]
      guard (65...90 ~= byte ? byte | 32 : byte) == pattern[index] else { return false }
    }
    return true
  }
}
