/// A range of addresses that an operator permits, as `10.1.0.0/16`, `fd12::/32` or one address.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
  /// Its first address.
  package let base: IPAddress
  /// How many leading bits all its addresses share.
  package let prefixLength: Int

  /// Reads `ADDRESS/LENGTH`, or an address alone.
  package init(parsing text: String) throws(NetworkFault) {
    let shown = "\"\(PrintableHost.text(text.utf8))\""
    let form = "write a range such as 10.1.0.0/16 or fd12:3456::/32"
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count <= 2, let first = parts.first, let address = IPAddress(Substring(first))
    else {
      throw NetworkFault("\(shown) is not a range of addresses", form)
    }
    // An IPv4 connection is compared as IPv4, so a mapped range would never match.
    guard address.unmapped == address else {
      throw NetworkFault("\(shown) is an IPv4 address within IPv6", "write \(address.unmapped)")
    }
    let bits = address.bitCount
    var length = bits
    if parts.count == 2 {
      guard let number = decimal(parts[1], atMost: bits) else {
        throw NetworkFault("\(shown) has no length from 0 to \(bits) after its slash", form)
      }
      length = number
    }
    let base = address.masked(to: length)
    guard base == address else {
      throw NetworkFault(
        "\(shown) has bits set after its prefix", "write \(base)/\(length)")
    }
    self.base = base
    prefixLength = length
  }

  /// Whether the range is a single address.
  package var isSingle: Bool { prefixLength == base.bitCount }

  /// Whether an address is in the range. An IPv4-mapped IPv6 address counts as IPv4.
  package func contains(_ address: IPAddress) -> Bool {
    let plain = address.unmapped
    return plain.bitCount == base.bitCount && plain.masked(to: prefixLength) == base
  }

  /// The notation that `init(parsing:)` reads.
  package var description: String { isSingle ? "\(base)" : "\(base)/\(prefixLength)" }
}

extension IPAddress {
  /// 32 or 128.
  var bitCount: Int {
    switch self {
    case .v4: 32
    case .v6: 128
    }
  }

  /// The address with all bits after the first `length` zero.
  func masked(to length: Int) -> IPAddress {
    switch self {
    // A shift by the whole width or more gives zero.
    case .v4(let number): .v4(number & (UInt32.max << (32 - length)))
    case .v6(let high, let low):
      .v6(
        high: high & (UInt64.max << max(0, 64 - length)),
        low: length <= 64 ? 0 : low & (UInt64.max << (128 - length)))
    }
  }
}
