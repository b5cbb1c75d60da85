import Domain
import Text

/// A buffer that is reused for one message after another. An event is hashed as about seven hundred
/// bytes in forty pieces: a check of millions of events would spend its time on growing arrays.
package struct ByteWriter: ~Copyable {
  private var start: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private(set) var count = 0

  /// - Parameter capacity: the initial capacity in bytes.
  package init(capacity: Int = 1024) {
    self.capacity = capacity
    start = .allocate(capacity: capacity)
  }

  deinit { start.deallocate() }

  /// The written bytes; valid until the next append.
  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
  var array: [UInt8] { Array(bytes) }

  /// Removes all bytes, and keeps the memory.
  package mutating func removeAll() { count = 0 }
  /// Removes everything after the first `kept` bytes.
  mutating func removeAll(after kept: Int) { count = min(count, kept) }

  /// Reserves `more` bytes.
  /// - Returns: where they start.
  @inline(__always)
  private mutating func reserve(_ more: Int) -> UnsafeMutablePointer<UInt8> {
    if count + more > capacity { grow(to: count + more) }
    return start + count
  }

  @inline(never)
  private mutating func grow(to needed: Int) {
    let larger = max(capacity * 2, needed)
    let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    moved.update(from: start, count: count)
    start.deallocate()
    (start, capacity) = (moved, larger)
  }

  /// Appends a byte.
  @inline(__always)
  package mutating func append(_ byte: UInt8) {
    reserve(1).pointee = byte
    count += 1
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
    UnsafeMutableRawPointer(reserve(bytes.count)).copyMemory(from: source, byteCount: bytes.count)
    count += bytes.count
  }

  /// Appends bytes.
  package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

  /// Appends a text's UTF-8.
  package mutating func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  /// Appends the number as `String` writes it.
  package mutating func append(decimal n: Int64) {
    let out = reserve(20)
    var magnitude = n.magnitude
    var digits = 1
    var bound: UInt64 = 10
    while digits < 19, magnitude >= bound {
      digits += 1
      bound *= 10
    }
    // No signed number has twenty digits.
    let sign = n < 0 ? 1 : 0
    if n < 0 { out[0] = UInt8(ascii: "-") }
    for at in stride(from: sign + digits - 1, through: sign, by: -1) {
      out[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10)
      magnitude /= 10
    }
    count += sign + digits
  }

  /// Appends lowercase hexadecimal digits.
  mutating func append(hex bytes: UnsafeRawBufferPointer) {
    Hex.write(bytes, to: UnsafeMutableRawPointer(reserve(bytes.count * 2)))
    count += bytes.count * 2
  }

  /// Appends a UUID's text as `UUIDText` writes it.
  /// - Parameter bytes: sixteen of them; of a number that is no UUID's, the digits alone.
  mutating func append(uuid bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 16 else { return append(hex: bytes) }
    UUIDText.write(bytes, to: UnsafeMutableRawPointer(reserve(36)))
    count += 36
  }

  /// Appends a JSON string with its quotes, as `JSONValue` writes it.
  package mutating func append(json text: String) {
    var text = text
    text.withUTF8 { append(json: UnsafeRawBufferPointer($0)) }
  }

  /// The same for UTF-8.
  mutating func append(json utf8: UnsafeRawBufferPointer) {
    append(UInt8(ascii: "\""))
    // The bytes that need no escape, usually all, are copied at once.
    var plain = 0
    for (index, byte) in utf8.enumerated() where JSONValue.needsEscape(byte) {
      append(UnsafeRawBufferPointer(rebasing: utf8[plain..<index]))
      JSONValue.escape(byte) { append($0) }
      plain = index + 1
    }
    append(UnsafeRawBufferPointer(rebasing: utf8[plain...]))
    append(UInt8(ascii: "\""))
  }

  /// Appends `2026-11-23T12:00:00.123Z`.
  mutating func append(iso8601 time: Timestamp) {
    count += ISO8601.write(time.milliseconds, to: reserve(ISO8601.bytesMax))
  }

  // MARK: Fields with their lengths before them

  /// Reserves four bytes for the length of the field that follows.
  /// - Returns: where the field starts.
  mutating func beginField() -> Int {
    _ = reserve(4)
    count += 4
    return count
  }

  /// Writes the length of a field before it, most significant byte first.
  mutating func endField(_ start: Int) {
    let length = UInt32(count - start).bigEndian
    UnsafeMutableRawPointer(self.start + start - 4).storeBytes(of: length, as: UInt32.self)
  }

  /// Appends a text's UTF-8, after its length.
  mutating func field(_ text: String) { field { $0.append(text) } }

  /// Appends what `write` appends, after its length.
  @inline(__always)
  mutating func field(_ write: (inout ByteWriter) -> Void) {
    let start = beginField()
    write(&self)
    endField(start)
  }
}
