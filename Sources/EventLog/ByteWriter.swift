import Domain

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

  /// What was written; valid until the next append.
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

  mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

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
    let out = UnsafeMutableRawPointer(reserve(bytes.count * 2))
    let whole = bytes.count & ~3
    for index in stride(from: 0, to: whole, by: 4) {
      let digits = Self.digits(bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
      out.storeBytes(of: digits, toByteOffset: 2 * index, as: UInt64.self)
    }
    for index in whole..<bytes.count {
      let digits = Self.digits(UInt32(bytes[index]))
      out.storeBytes(
        of: UInt16(truncatingIfNeeded: digits), toByteOffset: 2 * index, as: UInt16.self)
    }
    count += bytes.count * 2
  }

  /// The eight digits of four bytes; both as they stand in memory.
  @inline(__always)
  private static func digits(_ bytes: UInt32) -> UInt64 {
    // The halves of each byte are spread over a byte each, all at once.
    var spread = UInt64(UInt32(bigEndian: bytes))
    spread = (spread << 16 | spread) & 0x0000_ffff_0000_ffff
    spread = (spread << 8 | spread) & 0x00ff_00ff_00ff_00ff
    spread = (spread << 4 | spread) & 0x0f0f_0f0f_0f0f_0f0f
    // Letters stand 39 behind where the row of numbers would have them.
    let letters = (spread + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return (spread + 0x3030_3030_3030_3030 + letters * 39).bigEndian
  }

  /// Appends a UUID's text as `UUIDText` writes it.
  /// - Parameter bytes: sixteen of them; of a number that is no UUID's, the digits alone.
  mutating func append(uuid bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 16 else { return append(hex: bytes) }
    let out = UnsafeMutableRawPointer(reserve(36))
    func digits(_ index: Int) -> UInt64 {
      Self.digits(bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
    }
    func put(_ digits: UInt64, at place: Int) {
      out.storeBytes(of: digits, toByteOffset: place, as: UInt64.self)
    }
    func put(half digits: UInt64, at place: Int) {
      out.storeBytes(of: UInt8(ascii: "-"), toByteOffset: place, as: UInt8.self)
      out.storeBytes(
        of: UInt32(truncatingIfNeeded: digits), toByteOffset: place + 1, as: UInt32.self)
    }
    put(digits(0), at: 0)
    put(half: digits(4), at: 8)
    put(half: digits(4) >> 32, at: 13)
    put(half: digits(8), at: 18)
    put(half: digits(8) >> 32, at: 23)
    put(digits(12), at: 28)
    count += 36
  }

  /// Appends a JSON string with its quotes, as `JSONValue` writes it.
  package mutating func append(json text: String) {
    var text = text
    text.withUTF8 { append(json: UnsafeRawBufferPointer($0)) }
  }

  /// The same of UTF-8.
  mutating func append(json utf8: UnsafeRawBufferPointer) {
    append(UInt8(ascii: "\""))
    // What needs no escape, most often all, is copied in one go.
    var plain = 0
    for (index, byte) in utf8.enumerated() where JSONValue.needsEscape(byte) {
      append(UnsafeRawBufferPointer(rebasing: utf8[plain..<index]))
      JSONValue.escape(byte) { append($0) }
      plain = index + 1
    }
    append(UnsafeRawBufferPointer(rebasing: utf8[plain...]))
    append(UInt8(ascii: "\""))
  }

  /// Appends `2026-11-23T12:00:00.123Z`. Days are counted by Howard Hinnant's civil-from-days
  /// (https://howardhinnant.github.io/date_algorithms.html), which needs no calendar library.
  /// Years beyond 0000–9999, which only a hurt log holds, are written with the digits they have.
  mutating func append(iso8601 time: Timestamp) {
    let parts = time.milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
    let day = parts.remainder < 0 ? parts.quotient - 1 : parts.quotient
    let rest = parts.remainder < 0 ? parts.remainder + 86_400_000 : parts.remainder
    let z = day + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let doe = z - era * 146_097
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
    let mp = (5 * doy + 2) / 153
    let m = mp < 10 ? mp + 3 : mp - 9
    let y = yoe + era * 400 + (m <= 2 ? 1 : 0)
    if !(0...9999).contains(y) { append(decimal: y) }
    let out = reserve(24)
    var at = 0
    @inline(__always) func put(_ n: Int64, _ separator: Unicode.Scalar?) {
      let n = UInt32(truncatingIfNeeded: n)
      out[at] = UInt8(truncatingIfNeeded: 0x30 + n / 10)
      out[at + 1] = UInt8(truncatingIfNeeded: 0x30 + n % 10)
      at += 2
      guard let separator else { return }
      out[at] = UInt8(ascii: separator)
      at += 1
    }
    if (0...9999).contains(y) {
      put(y / 100, nil)
      put(y % 100, nil)
    }
    out[at] = UInt8(ascii: "-")
    at += 1
    put(m, "-")
    put(doy - (153 * mp + 2) / 5 + 1, "T")
    put(rest / 3_600_000, ":")
    put(rest / 60_000 % 60, ":")
    put(rest / 1000 % 60, ".")
    let thousandths = UInt32(truncatingIfNeeded: rest % 1000)
    out[at] = UInt8(truncatingIfNeeded: 0x30 + thousandths / 100)
    at += 1
    put(Int64(thousandths % 100), "Z")
    count += at
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
