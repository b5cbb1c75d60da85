/// Names that are numbers in hexadecimal, between their text and their bytes. Only lowercase digits
/// count: a name must come back as it was given.
enum LowercaseHex {
  /// The number that eight digits stand for; nil where one is no lowercase digit.
  /// - Parameter text: they as they stand in memory.
  static func number(_ text: UInt64) -> UInt32? {
    // All at once: the low halves of digits count from 0, those of letters, which alone have the
    // bit 64, from 1. What is no digit does not come back.
    let letters = text >> 6 & 0x0101_0101_0101_0101
    var spread = text & 0x0f0f_0f0f_0f0f_0f0f &+ letters &* 9
    guard spread & 0xf0f0_f0f0_f0f0_f0f0 == 0, digits(spread) == text else { return nil }
    spread = spread.bigEndian
    spread = (spread >> 4 | spread) & 0x00ff_00ff_00ff_00ff
    spread = (spread >> 8 | spread) & 0x0000_ffff_0000_ffff
    return UInt32(truncatingIfNeeded: spread >> 16 | spread)
  }

  /// The digits of eight numbers below 16, one in each byte.
  private static func digits(_ spread: UInt64) -> UInt64 {
    let letters = (spread &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return spread &+ 0x3030_3030_3030_3030 &+ letters &* 39
  }

  /// The number that eight digits from `start` on stand for; nil where one is no lowercase digit.
  static func number(_ text: UnsafeRawBufferPointer, at start: Int) -> UInt32? {
    number(text.loadUnaligned(fromByteOffset: start, as: UInt64.self))
  }

  /// The same of two times four digits.
  private static func number(
    _ text: UnsafeRawBufferPointer, at start: Int, and other: Int
  ) -> UInt32? {
    let halves = (
      text.loadUnaligned(fromByteOffset: start, as: UInt32.self),
      text.loadUnaligned(fromByteOffset: other, as: UInt32.self)
    )
    let both = UInt64(UInt32(littleEndian: halves.0)) | UInt64(UInt32(littleEndian: halves.1)) << 32
    return number(UInt64(littleEndian: both))
  }

  static func write(
    _ number: UInt64, _ count: Int, to out: UnsafeMutableBufferPointer<UInt8>, at start: Int
  ) {
    for index in 0..<count {
      let digit = UInt8(truncatingIfNeeded: number >> UInt64(4 * (count - 1 - index))) & 15
      out[start + index] = digit < 10 ? digit + 0x30 : digit + 0x57
    }
  }

  /// Reads `01234567-89ab-cdef-0123-456789abcdef`; nil where the text is not of that form.
  static func uuid(_ text: UnsafeRawBufferPointer) -> (UInt64, UInt64)? {
    let dash = UInt8(ascii: "-")
    guard text.count == 36, text[8] == dash, text[13] == dash, text[18] == dash, text[23] == dash,
      let a = number(text, at: 0), let b = number(text, at: 9, and: 14),
      let c = number(text, at: 19, and: 24), let d = number(text, at: 28)
    else { return nil }
    return (UInt64(a) << 32 | UInt64(b), UInt64(c) << 32 | UInt64(d))
  }

  static func uuid(_ high: UInt64, _ low: UInt64) -> String {
    String(unsafeUninitializedCapacity: 36) { out in
      write(high >> 32, 8, to: out, at: 0)
      write(high >> 16, 4, to: out, at: 9)
      write(high, 4, to: out, at: 14)
      write(low >> 48, 4, to: out, at: 19)
      write(low, 12, to: out, at: 24)
      for at in stride(from: 8, through: 23, by: 5) { out[at] = UInt8(ascii: "-") }
      return 36
    }
  }
}
