/// An absolute `http` or `https` URL (RFC 3986) in the strict form that configurations contain:
/// without user, password and fragment, and without characters that browsers repair.
package struct WebURL: Hashable, Sendable, CustomStringConvertible {
  /// The URL as it was written.
  package let description: String
  /// `https`, else `http`.
  package let isSecure: Bool
  /// In lower case; an IPv6 address is in brackets.
  package let host: String
  /// nil if the URL contains none.
  package let port: UInt16?
  /// Empty, or with a slash first.
  package let path: String
  /// Without its question mark; nil if the URL contains none.
  package let query: String?

  /// The largest URL, in bytes.
  package static let bytesMax = 2000

  /// - Returns: nil if the text has another form.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.bytesMax, bytes.allSatisfy(Self.isAllowed),
      let scheme = ["http://", "https://"].first(where: { bytes.starts(with: $0.utf8) })
    else { return nil }
    let rest = bytes[scheme.utf8.count...]
    let end = rest.firstIndex { "/?".utf8.contains($0) } ?? rest.endIndex
    guard let authority = Self.authority(rest[..<end]) else { return nil }
    let query = rest[end...].firstIndex(of: UInt8(ascii: "?"))
    description = text
    isSecure = scheme == "https://"
    (host, port) = authority
    path = String(decoding: rest[end..<(query ?? rest.endIndex)], as: UTF8.self)
    self.query = query.map { String(decoding: rest[($0 + 1)...], as: UTF8.self) }
  }

  /// Whether the host names this machine without a look-up in DNS.
  package var isLoopback: Bool {
    if host == "localhost" || host == "[::1]" { return true }
    let parts = host.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0].elementsEqual("127".utf8)
      && parts.allSatisfy { (1...3).contains($0.count) && $0.allSatisfy(Self.isDigit) }
  }

  private static func authority(_ bytes: ArraySlice<UInt8>) -> (host: String, port: UInt16?)? {
    let isBracketed = bytes.first == UInt8(ascii: "[")
    let end: Int?
    if isBracketed {
      end = bytes.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 }
    } else {
      end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
    }
    guard let end else { return nil }
    let host = bytes[..<end]
    let isHost =
      isBracketed
      ? host.count > 2
        && host.dropFirst().dropLast().allSatisfy {
          Hex.value($0) != nil || ":.".utf8.contains($0)
        }
      : !host.isEmpty && host.allSatisfy(Self.isHostByte)
    guard isHost else { return nil }
    let name = String(decoding: host, as: UTF8.self).lowercased()
    guard end < bytes.endIndex else { return (name, nil) }
    let digits = bytes[(end + 1)...]
    guard bytes[end] == UInt8(ascii: ":"), (1...5).contains(digits.count),
      digits.allSatisfy(isDigit), let port = UInt16(String(decoding: digits, as: UTF8.self)),
      port > 0
    else { return nil }
    return (name, port)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
      UInt8(ascii: "_"):
      true
    case _: false
    }
  }

  /// Visible ASCII without what RFC 3986 forbids, and without `#`, which begins a fragment.
  private static func isAllowed(_ byte: UInt8) -> Bool {
    (0x21...0x7e).contains(byte) && !"\"#<>\\^`{|}".utf8.contains(byte)
  }
}
