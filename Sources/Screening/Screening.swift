// Finds credentials and forbidden paths in bytes.
//
// Purpose: everything that an agent leaves is checked twice: does it contain a credential, and does
// it change a path that the workflow refuses? The text may be hostile, so this module takes bytes
// and not characters: in a String a combining mark joins the slash before it, and "\r\n" is one
// character that is neither "\r" nor "\n". It depends on nothing, so that the log's masking, the
// server's check of a hand-in and the worker's own check share one list of shapes and one search.
//
// Guarantees:
// - `CredentialShape.all` is the only list of credentials' forms.
// - `SecretSearch` finds shapes and known values (plain, in base64 at each of the three alignments,
//   in hex, in URLs) in time that is linear in the input, whatever the input is: the end of a run
//   of bytes is looked up once, and a failed run is not read again.
// - `SecretScan` gives the same results for a stream in pieces of any size, in bounded memory.
// - `PathRules` finds paths in or below a set, on any file system to which git checks out. Case,
//   characters that HFS+ ignores, and characters that NTFS strips do not matter.
//
// Failures: no call fails. Bytes that cannot be decoded are compared as they are. Credentials that
// are hidden on purpose (encrypted, in pieces) are not found; the search is for accidents.

/// A set of bytes.
package struct ByteSet: Sendable {
  private var words = InlineArray<4, UInt64>(repeating: 0)

  init(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
  }

  /// Letters, digits and these.
  static func alphanumeric(and others: String = "") -> ByteSet {
    ByteSet(
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8
        + Array(others.utf8))
  }

  static func allBut(_ bytes: String) -> ByteSet {
    let without = ByteSet(bytes.utf8)
    return ByteSet((UInt8.min...UInt8.max).filter { !without.contains($0) })
  }

  func contains(_ byte: UInt8) -> Bool {
    words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 1
  }
}
