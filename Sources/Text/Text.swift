// Formats of text that more than one module reads or writes: JSON, hexadecimal, UUIDs, times,
// spans, percent-encoding, and what a terminal would act on.
//
// What it is for: each format has one reader and one writer here, so that a hash, an address or a
// log line is the same bytes wherever it is made.
//
// What it promises: everything here is a pure function of its input, so `Domain` may use it. It
// reads no clock, no file and no environment. Invalid input gives nil or an error, never a repaired
// value, unless a function says otherwise. Only the JSON reader needs a library, Foundation's
// decoder; all else is the standard library.

extension StringProtocol {
  /// The text without white space and line ends at its ends.
  package var trimmed: String {
    var text = self[...]
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }

  /// The text without white space and line ends at its end.
  package var trimmedEnd: String {
    var text = self[...]
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }
}

/// The hash FNV-1a with 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/). It is fast and the
/// same on every machine, but it protects against nobody.
package enum FNV1a {
  /// The hash of the text's UTF-8.
  package static func hash(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }
}
