import Glibc

/// An IP address of either version.
package enum IPAddress: Hashable, Sendable, CustomStringConvertible {
  /// The four bytes, the first one highest.
  case v4(UInt32)
  /// The sixteen bytes, the first one highest.
  case v6(high: UInt64, low: UInt64)

  /// - Parameter bytes: 4 or 16 bytes in network order, as in a socket address.
  /// - Returns: nil unless there are 4 or 16 bytes.
  package init?(bytes: some Collection<UInt8>) {
    switch bytes.count {
    case 4: self = .v4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
    case 16:
      self = .v6(
        high: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
        low: bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
    default: return nil
    }
  }

  /// Four or sixteen bytes in network order.
  package var bytes: [UInt8] {
    switch self {
    case .v4(let number):
      (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    case .v6(let high, let low):
      [high, low].flatMap { half in
        (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) }
      }
    }
  }

  /// The IPv4 address of an IPv4-mapped IPv6 address (`::ffff:0:0/96`); else the address itself.
  /// The kernel connects to both in the same way.
  package var unmapped: IPAddress {
    guard case .v6(0, let low) = self, low >> 32 == 0xffff else { return self }
    return .v4(UInt32(truncatingIfNeeded: low))
  }

  /// Dotted decimals, or RFC 5952.
  package var description: String {
    switch self {
    case .v4: bytes.map(String.init).joined(separator: ".")
    // inet_ntop(3) writes these with dots.
    case .v6(0, let low) where low >> 16 == 0: "::" + (low == 0 ? "" : String(low, radix: 16))
    case .v6(0, let low) where low >> 32 == 0:
      "::\(String(low >> 16, radix: 16)):\(String(low & 0xffff, radix: 16))"
    case .v6:
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
        inet_ntop(AF_INET6, bytes, text.baseAddress, socklen_t(text.count)).map {
          String(cString: $0)
        } ?? ""
      }
    }
  }

  /// Reads four decimals without leading zeros, or RFC 4291 without a zone; nil for anything else,
  /// including the short forms that inet_aton(3) accepts.
  package init?(_ text: some StringProtocol) {
    var bytes = [UInt8](repeating: 0, count: text.utf8.contains(UInt8(ascii: ":")) ? 16 : 4)
    // The C library reads up to a zero.
    guard !text.utf8.contains(0),
      inet_pton(bytes.count == 16 ? AF_INET6 : AF_INET, String(text), &bytes) == 1
    else { return nil }
    self.init(bytes: bytes)
  }
}
