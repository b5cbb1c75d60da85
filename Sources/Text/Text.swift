// Text formats that several modules read or write: JSON, hexadecimal, UUIDs, times, durations,
// percent-encoding, and text for terminals.
//
// Purpose: each format has one reader and one writer, so that a hash, an address or a log line has
// the same bytes everywhere.
//
// Guarantees: everything here is a pure function of its input, so `Domain` may use it. It reads no
// clock, no file and no environment. Only the JSON reader uses a library, Foundation's decoder.
//
// Failures: invalid input gives nil or an error, never a repaired value, unless a function says
// otherwise.

extension StringProtocol {
  /// The text without white space and line ends on both sides.
  package var trimmed: String {
    var text = self[...]
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }

  /// The text without white space and line ends after it.
  package var trimmedEnd: String {
    var text = self[...]
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }
}

/// The 64-bit hash FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). It is fast and the same on
/// every machine, but it is not secure.
package enum FNV1a {
  /// The hash of no bytes.
  package static let start: UInt64 = 0xcbf2_9ce4_8422_2325

  /// The hash of the text's UTF-8.
  package static func hash(_ text: String) -> UInt64 {
    var hash = start
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }

  /// The hash of bytes that follow others.
  /// - Parameter hash: the hash of the others.
  package static func hash(_ bytes: UnsafeRawBufferPointer, after hash: UInt64) -> UInt64 {
    var hash = hash
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }
}
