/// What an address is for, by the special-purpose registries of IANA (RFC 6890 and its updates).
package enum AddressClass: String, Sendable, CaseIterable {
  /// Globally reachable.
  case `public` = "public"
  /// `0.0.0.0/8` and `::`. Linux connects `0.0.0.0` and `::` to this machine.
  case unspecified
  case loopback
  /// RFC 1918.
  case `private` = "private"
  /// `100.64.0.0/10`, between a provider and its customers (RFC 6598).
  case carrierGrade = "carrier-grade-nat"
  case linkLocal = "link-local"
  /// `fc00::/7` (RFC 4193).
  case uniqueLocal = "unique-local"
  /// `fec0::/10`, deprecated by RFC 3879, but some networks still route it.
  case siteLocal = "site-local"
  case multicast
  case broadcast
  case documentation
  case benchmarking
  /// The addresses at which a cloud serves metadata, credentials included.
  case metadata
  /// Not assigned, or assigned to protocols.
  case reserved
}

extension IPAddress {
  /// The class of the address. An address that embeds an IPv4 address (mapped, NAT64, 6to4, Teredo,
  /// ISATAP, compatible) has the class of the embedded one. Compatible and Teredo addresses are
  /// never public.
  package var addressClass: AddressClass {
    switch self {
    case .v4(let number): Self.classOfV4(number)
    case .v6(let high, let low): Self.classOfV6(high, low)
    }
  }

  /// Whether a proxy may connect to it.
  /// - Parameter ranges: private ranges that an operator permits. They never permit multicast,
  ///   broadcast or unspecified addresses. They permit a metadata service only if a range is that
  ///   single address: an operator who permits a whole network does not mean it.
  package func isReachable(permitting ranges: [AddressRange]) -> Bool {
    let address = unmapped
    return switch address.addressClass {
    case .public: true
    case .unspecified, .multicast, .broadcast: false
    case .metadata: ranges.contains { $0.isSingle && $0.contains(address) }
    case .loopback, .private, .carrierGrade, .linkLocal, .uniqueLocal, .siteLocal, .documentation,
      .benchmarking, .reserved:
      ranges.contains { $0.contains(address) }
    }
  }

  /// The metadata services of AWS, Azure, GCP and Oracle (169.254.169.254), Azure's wire server,
  /// Alibaba's and Oracle's other ones.
  private static let metadataV4: Set<UInt32> = [
    0xa9fe_a9fe, 0xa83f_8110, 0x6464_64c8, 0xc000_00c0,
  ]

  private static func classOfV4(_ number: UInt32) -> AddressClass {
    if metadataV4.contains(number) { return .metadata }
    func isIn(_ network: UInt32, _ length: UInt32) -> Bool {
      (number ^ network) >> (32 - length) == 0
    }
    switch number >> 24 {
    case 0: return .unspecified
    case 10: return .private
    case 127: return .loopback
    case 100 where isIn(0x6440_0000, 10): return .carrierGrade
    case 169 where isIn(0xa9fe_0000, 16): return .linkLocal
    case 172 where isIn(0xac10_0000, 12): return .private
    case 192:
      if isIn(0xc0a8_0000, 16) { return .private }
      if isIn(0xc000_0200, 24) { return .documentation }
      // Protocol assignments, and the 6to4 relays, deprecated by RFC 7526.
      return isIn(0xc000_0000, 24) || isIn(0xc058_6300, 24) ? .reserved : .public
    case 198 where isIn(0xc612_0000, 15): return .benchmarking
    case 198 where isIn(0xc633_6400, 24), 203 where isIn(0xcb00_7100, 24): return .documentation
    case 224...239: return .multicast
    case 240...255: return number == .max ? .broadcast : .reserved
    default: return .public
    }
  }

  private static func classOfV6(_ high: UInt64, _ low: UInt64) -> AddressClass {
    func isIn(_ network: UInt64, _ length: UInt64) -> Bool {
      (high ^ network) >> (64 - length) == 0
    }
    func hasMetadata(_ network: UInt64) -> Bool { high == network && low == 0x254 }
    let last = UInt32(truncatingIfNeeded: low)
    if high == 0 {
      if low == 0 { return .unspecified }
      if low == 1 { return .loopback }
      if low >> 32 == 0xffff { return classOfV4(last) }
      // Compatible addresses (RFC 4291, 2.5.5.1) are routed nowhere.
      return low >> 32 == 0 ? classOfV4(last).orReserved : .reserved
    }
    // NAT64 (RFC 6052); the network's own prefix for it (RFC 8215) is private.
    if high == 0x0064_ff9b_0000_0000, low >> 32 == 0 { return classOfV4(last) }
    if isIn(0x0064_ff9b_0001_0000, 48) { return .private }
    if isIn(0xfe80 << 48, 10) { return .linkLocal }
    if isIn(0xfec0 << 48, 10) { return .siteLocal }
    if isIn(0xff00 << 48, 8) { return .multicast }
    // AWS's `fd00:ec2::254` (253 and 123 serve DNS and NTP), GCP's `fd20:ce::254`.
    if hasMetadata(0xfd00_0ec2 << 32) || hasMetadata(0xfd20_00ce << 32) { return .metadata }
    if isIn(0xfc00 << 48, 7) { return .uniqueLocal }
    // Only 2000::/3 is assigned.
    guard isIn(0x2000 << 48, 3) else { return .reserved }
    // 6to4 (RFC 3056): the address of the relay follows the prefix.
    if isIn(0x2002 << 48, 16) { return classOfV4(UInt32(truncatingIfNeeded: high >> 16)) }
    if isIn(0x2001_0000 << 32, 32) {
      // Teredo (RFC 4380): the server's address, and the client's with its bits inverted.
      let server = classOfV4(UInt32(truncatingIfNeeded: high))
      return server == .public ? classOfV4(~last).orReserved : server
    }
    if isIn(0x2001_0db8 << 32, 32) || isIn(0x3fff << 48, 20) { return .documentation }
    if isIn(0x2001_0002 << 32, 48) { return .benchmarking }
    // Protocol assignments, including ORCHID.
    if isIn(0x2001 << 48, 23) { return .reserved }
    // ISATAP (RFC 5214): with any prefix, such a host forwards to the embedded address.
    return low >> 32 & 0xfdff_ffff == 0x0000_5efe ? classOfV4(last) : .public
  }
}

extension AddressClass {
  /// For obsolete notations: a public address becomes a reserved one.
  fileprivate var orReserved: AddressClass { self == .public ? .reserved : self }
}
