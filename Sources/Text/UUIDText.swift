/// UUIDs (RFC 9562) as sixteen bytes, as two numbers, or as 36 characters such as
/// `01234567-89ab-cdef-0123-456789abcdef`.
@frozen public enum UUIDText {
  /// - Parameter bytes: sixteen of them.
  package static func encode(_ bytes: some Collection<UInt8>) -> String { encode(Array(bytes)) }

  /// - Parameter bytes: sixteen of them. Any other number gives their digits without hyphens.
  package static func encode(_ bytes: [UInt8]) -> String {
    guard bytes.count == 16 else { return Hex.encode(bytes) }
    return text { out in bytes.withUnsafeBytes { write($0, to: out) } }
  }

  /// The sixteen bytes; nil if the text is not a UUID in the usual grouping. Digits may have either
  /// case.
  package static func decode(_ text: String) -> [UInt8]? {
    let utf8 = Array(text.utf8)
    guard utf8.count == 36, [8, 13, 18, 23].allSatisfy({ utf8[$0] == UInt8(ascii: "-") }) else {
      return nil
    }
    return Hex.decode(utf8.filter { $0 != UInt8(ascii: "-") })
  }

  /// The text of a UUID in two halves.
  package static func encode(_ high: UInt64, _ low: UInt64) -> String {
    withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { bytes in
      text { write(bytes, to: $0) }
    }
  }

  /// Both halves; nil if the bytes are not a UUID's text with lowercase digits. So writing the
  /// halves gives the same text.
  package static func halves(_ text: UnsafeRawBufferPointer) -> (UInt64, UInt64)? {
    let dash = UInt8(ascii: "-")
    guard text.count == 36, text[8] == dash, text[13] == dash, text[18] == dash, text[23] == dash,
      let a = Hex.number(text, at: 0), let b = number(text, at: 9, and: 14),
      let c = number(text, at: 19, and: 24), let d = Hex.number(text, at: 28)
    else { return nil }
    return (UInt64(a) << 32 | UInt64(b), UInt64(c) << 32 | UInt64(d))
  }

  /// The number of two groups of four digits.
  private static func number(
    _ text: UnsafeRawBufferPointer, at start: Int, and other: Int
  ) -> UInt32? {
    let halves = (
      text.loadUnaligned(fromByteOffset: start, as: UInt32.self),
      text.loadUnaligned(fromByteOffset: other, as: UInt32.self)
    )
    let both = UInt64(UInt32(littleEndian: halves.0)) | UInt64(UInt32(littleEndian: halves.1)) << 32
    return Hex.number(UInt64(littleEndian: both))
  }

  /// Writes the 36 characters of sixteen bytes.
  /// - Parameter out: must have room for 36 bytes.
  @inlinable
  public static func write(_ bytes: UnsafeRawBufferPointer, to out: UnsafeMutableRawPointer) {
    func digits(_ index: Int) -> UInt64 {
      Hex.digits(bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
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
  }

  private static func text(_ write: (UnsafeMutableRawPointer) -> Void) -> String {
    String(unsafeUninitializedCapacity: 36) { out in
      guard let start = out.baseAddress else { return 0 }
      write(UnsafeMutableRawPointer(start))
      return 36
    }
  }
}
