/// Percent-encoding (RFC 3986, section 2.1).
package enum Percent {
  /// Decodes bytes; nil if a `%` is not followed by two digits.
  /// - Parameter plusIsSpace: as in the queries of HTML forms.
  package static func decode(
    _ encoded: some Sequence<UInt8>, plusIsSpace: Bool = false
  ) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = encoded.makeIterator()
    while let byte = rest.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.next().flatMap(Hex.value), let low = rest.next().flatMap(Hex.value)
        else { return nil }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
      case _: bytes.append(byte)
      }
    }
    return bytes
  }

  /// Decodes text; nil if the encoding is invalid, or the result is not UTF-8.
  package static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
    decode(text.utf8, plusIsSpace: plusIsSpace).flatMap { String(validating: $0, as: UTF8.self) }
  }

  /// Encodes all characters except the unreserved ones (section 2.3).
  package static func encode(_ text: String) -> String {
    String(decoding: encode(text.utf8), as: UTF8.self)
  }

  /// Encodes a path: its slashes stay.
  package static func encode(path: String) -> String {
    path.split(separator: "/", omittingEmptySubsequences: false).map { encode(String($0)) }
      .joined(separator: "/")
  }

  /// Encodes all bytes except the unreserved characters (section 2.3).
  package static func encode(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    bytes.flatMap { byte in
      isUnreserved(byte)
        ? [byte] : [UInt8(ascii: "%")] + Array(Hex.encode([byte]).uppercased().utf8)
    }
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"):
      true
    case _: false
    }
  }
}
