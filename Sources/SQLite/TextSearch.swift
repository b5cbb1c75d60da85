import CSQLite
import Glibc

extension Database {
  /// Makes the function `holds(TEXT, WORDS)` known to this connection: whether the words stand in
  /// the text, where A–Z in the text count as a–z. It is `instr(lower(TEXT), WORDS) > 0` without a
  /// copy of each text.
  /// - Throws: `SQLiteError` where there is no memory for it.
  package func addTextSearch() throws(SQLiteError) {
    let flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS
    let code = sqlite3_create_function_v2(
      handle, "holds", 2, flags, nil,
      { context, _, values in
        guard let text = Database.bytes(values?[0]), let words = Database.bytes(values?[1]) else {
          sqlite3_result_null(context)
          return
        }
        sqlite3_result_int(context, Database.holds(text, words) ? 1 : 0)
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

  /// - Parameter words: without capitals of ASCII.
  static func holds(_ text: UnsafeRawBufferPointer, _ words: UnsafeRawBufferPointer) -> Bool {
    guard let first = words.first else { return true }
    guard let start = text.baseAddress, text.count >= words.count else { return false }
    // Where the first byte may stand is found by the C library, a cache line at a time: as it is,
    // and as its capital.
    let places = text.count - words.count + 1
    let capital = 97...122 ~= first ? first - 32 : first
    func next(_ byte: UInt8, from place: Int) -> Int {
      guard place < places, let found = memchr(start + place, Int32(byte), places - place) else {
        return places
      }
      return UnsafeRawPointer(found) - start
    }
    var plain = next(first, from: 0)
    var large = capital == first ? places : next(capital, from: 0)
    while min(plain, large) < places {
      let place = min(plain, large)
      if matches(text, at: place, words) { return true }
      if place == plain {
        plain = next(first, from: place + 1)
      } else {
        large = next(capital, from: place + 1)
      }
    }
    return false
  }

  private static func matches(
    _ text: UnsafeRawBufferPointer, at place: Int, _ words: UnsafeRawBufferPointer
  ) -> Bool {
    for index in 1..<max(words.count, 1) {
      let byte = text[place + index]
      guard (65...90 ~= byte ? byte | 32 : byte) == words[index] else { return false }
    }
    return true
  }
}
