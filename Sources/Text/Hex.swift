/// Hexadecimal digits. They are written in lowercase, four bytes at a time, because a log of
/// millions of events contains some twenty million hashes and ids.
@frozen public enum Hex {
  /// Two digits for each byte.
  package static func encode(_ bytes: some Sequence<UInt8>) -> String { encode(Array(bytes)) }

  /// Two digits for each byte.
  package static func encode(_ bytes: [UInt8]) -> String {
    bytes.withUnsafeBytes { encode($0) }
  }

  /// Two digits for each byte.
  package static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
    String(unsafeUninitializedCapacity: bytes.count * 2) { out in
      guard let start = out.baseAddress else { return 0 }
      write(bytes, to: UnsafeMutableRawPointer(start))
      return bytes.count * 2
    }
  }

  /// Reads digits of either case; nil if the text has an odd length or other characters.
  package static func decode(_ text: some StringProtocol) -> [UInt8]? { decode(Array(text.utf8)) }

  /// Reads UTF-8 digits of either case; nil if they have an odd length or other bytes.
  package static func decode(_ utf8: [UInt8]) -> [UInt8]? {
    guard utf8.count.isMultiple(of: 2) else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(utf8.count / 2)
    for index in stride(from: 0, to: utf8.count, by: 2) {
      guard let high = value(utf8[index]), let low = value(utf8[index + 1]) else { return nil }
      out.append(high << 4 | low)
    }
    return out
  }

  /// The value of one digit of either case; nil if the byte is not a digit.
  package static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  // MARK: Many digits at once

  /// Writes two digits for each byte.
  /// - Parameter out: must have room for all digits.
  @inlinable
  public static func write(_ bytes: UnsafeRawBufferPointer, to out: UnsafeMutableRawPointer) {
    let whole = bytes.count & ~3
    for index in stride(from: 0, to: whole, by: 4) {
      let digits = digits(bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
      out.storeBytes(of: digits, toByteOffset: 2 * index, as: UInt64.self)
    }
    for index in whole..<bytes.count {
      let digits = digits(UInt32(bytes[index]))
      out.storeBytes(
        of: UInt16(truncatingIfNeeded: digits), toByteOffset: 2 * index, as: UInt16.self)
    }
  }

  /// The eight digits of four bytes, both in memory order.
  @inlinable @inline(__always)
  public static func digits(_ bytes: UInt32) -> UInt64 {
    // Moves each half of a byte into its own byte, all at once.
    var spread = UInt64(UInt32(bigEndian: bytes))
    spread = (spread << 16 | spread) & 0x0000_ffff_0000_ffff
    spread = (spread << 8 | spread) & 0x00ff_00ff_00ff_00ff
    spread = (spread << 4 | spread) & 0x0f0f_0f0f_0f0f_0f0f
    return letters(spread).bigEndian
  }

  /// The digits of eight numbers below 16, one per byte.
  @inlinable @inline(__always)
  public static func letters(_ spread: UInt64) -> UInt64 {
    // In ASCII, "a" is 39 places after the successor of "9".
    let letters = (spread &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return spread &+ 0x3030_3030_3030_3030 &+ letters &* 39
  }

  /// The number that eight lowercase digits represent; nil if one is invalid.
  /// - Parameter text: the digits in memory order.
  @inlinable @inline(__always)
  public static func number(_ text: UInt64) -> UInt32? {
    // The low halves of digits count from 0. Those of letters, which alone have bit 64, count from
    // 1. An invalid digit differs from the digit of its value.
    let isLetter = text >> 6 & 0x0101_0101_0101_0101
    var spread = text & 0x0f0f_0f0f_0f0f_0f0f &+ isLetter &* 9
    guard spread & 0xf0f0_f0f0_f0f0_f0f0 == 0, letters(spread) == text else { return nil }
    spread = spread.bigEndian
    spread = (spread >> 4 | spread) & 0x00ff_00ff_00ff_00ff
    spread = (spread >> 8 | spread) & 0x0000_ffff_0000_ffff
    return UInt32(truncatingIfNeeded: spread >> 16 | spread)
  }

  /// The number that eight lowercase digits from `start` represent; nil if one is invalid.
  @inlinable @inline(__always)
  public static func number(_ text: UnsafeRawBufferPointer, at start: Int) -> UInt32? {
    number(text.loadUnaligned(fromByteOffset: start, as: UInt64.self))
  }
}
