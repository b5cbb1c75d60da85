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
    case .v6(0, let low) where low >> 32 == 0xffff: "::ffff:\(unmapped)"
    case .v6: Self.text(groups)
    }
  }

  /// The eight groups of an IPv6 address.
  private var groups: [UInt16] {
    let all = bytes
    return stride(from: 0, to: all.count, by: 2).map {
      UInt16(all[$0]) << 8 | UInt16(all[$0 + 1])
    }
  }

  private static func text(_ groups: [UInt16]) -> String {
    // The longest run of two or more zero groups is left out; of equal runs, the first.
    var best = 0..<0
    var start = 0
    for index in 0...groups.count where index == groups.count || groups[index] != 0 {
      if index - start > max(best.count, 1) { best = start..<index }
      start = index + 1
    }
    let texts = groups.map { String($0, radix: 16) }
    if best.isEmpty { return texts.joined(separator: ":") }
    return texts[..<best.lowerBound].joined(separator: ":") + "::"
      + texts[best.upperBound...].joined(separator: ":")
  }

  // MARK: Reading

  /// Reads four decimals without leading zeros, or RFC 4291 without a zone; nil for anything else,
  /// including the short forms that inet_aton(3) accepts.
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    if bytes.contains(UInt8(ascii: ":")) {
      guard let address = Self.v6(bytes) else { return nil }
      self = address
    } else {
      guard let number = Self.v4(bytes[...]) else { return nil }
      self = .v4(number)
    }
  }

  private static func v4(_ text: ArraySlice<UInt8>) -> UInt32? {
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var number: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0")
      else { return nil }
      var value: UInt32 = 0
      for byte in part {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        value = value * 10 + UInt32(byte - UInt8(ascii: "0"))
      }
      guard value <= 255 else { return nil }
      number = number << 8 | value
    }
    return number
  }

  private static func v6(_ text: [UInt8]) -> IPAddress? {
    guard text.count <= 45 else { return nil }
    let colon = UInt8(ascii: ":")
    // "::" may occur once; each side of it is a list of groups.
    if let gap = text.indices.dropLast().first(where: { text[$0] == colon && text[$0 + 1] == colon }
    ) {
      let tail = text[(gap + 2)...]
      guard tail.first != colon, let head = groups(text[..<gap], isEnd: false),
        let rest = groups(tail, isEnd: true), head.count + rest.count <= 7
      else { return nil }
      return v6(head + Array(repeating: 0, count: 8 - head.count - rest.count) + rest)
    }
    guard let all = groups(text[...], isEnd: true), all.count == 8 else { return nil }
    return v6(all)
  }

  private static func v6(_ groups: [UInt16]) -> IPAddress {
    .v6(
      high: groups.prefix(4).reduce(0) { $0 << 16 | UInt64($1) },
      low: groups.suffix(4).reduce(0) { $0 << 16 | UInt64($1) })
  }

  /// - Parameter isEnd: whether the last group may be an IPv4 address.
  private static func groups(_ text: ArraySlice<UInt8>, isEnd: Bool) -> [UInt16]? {
    if text.isEmpty { return [] }
    var groups: [UInt16] = []
    let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if isEnd, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
        guard let number = v4(part) else { return nil }
        groups += [UInt16(number >> 16), UInt16(truncatingIfNeeded: number)]
      } else {
        guard (1...4).contains(part.count), let group = hex(part) else { return nil }
        groups.append(group)
      }
    }
    return groups.count <= 8 ? groups : nil
  }

  private static func hex(_ digits: ArraySlice<UInt8>) -> UInt16? {
    var number: UInt16 = 0
    for byte in digits {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      number = number << 4 | UInt16(digit)
    }
    return number
  }
}
