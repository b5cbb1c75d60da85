import NetworkRules

/// The reverse proxies whose word on their clients counts, by address.
///
/// A proxy appends the address of its client to `X-Forwarded-For`. What stands before that was
/// written by the client, and proves nothing.
package struct TrustedProxies: Sendable {
  private let ranges: [AddressRange]

  package init(_ ranges: [AddressRange]) { self.ranges = ranges }

  /// No proxy.
  package static let none = TrustedProxies([])
  /// Any process of this machine.
  package static let thisMachine: TrustedProxies = {
    let texts = ["127.0.0.0/8", "::1"]
    // The texts are constants, which a test reads.
    return TrustedProxies(
      texts.compactMap { text in try? AddressRange(parsing: text) })
  }()

  /// Whether one has this address.
  /// - Parameter address: nil if it is unknown.
  func contains(_ address: IPAddress?) -> Bool {
    guard let address else { return false }
    return ranges.contains { $0.contains(address) }
  }

  /// The client of a request that a trusted proxy sent: the last address that is not of another
  /// trusted proxy, since one can forward to the next. A client of this machine is no proxy.
  /// - Parameter field: `X-Forwarded-For`.
  /// - Returns: nil if the field names no client.
  func client(in field: String) -> String? {
    let addresses = field.split(separator: ",").map { $0.drop { $0 == " " }.prefix { $0 != " " } }
    return addresses.last { text in
      let address = IPAddress(text)
      return !contains(address)
        || Self.thisMachine.ranges.contains { range in
          address.map { range.contains($0) } ?? false
        }
    }.map { String($0) }
  }
}
