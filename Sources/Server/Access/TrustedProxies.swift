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
  /// - Returns: an address; nil if the field names no client, or not by its address.
  func client(in field: String) -> String? {
    let addresses = field.split(separator: ",").map { Self.address(of: $0) }
    let client = addresses.last { address in
      guard let address else { return true }
      return !contains(address) || Self.thisMachine.contains(address)
    }
    return client.flatMap { $0 }?.unmapped.description
  }

  /// The address of an element, which some proxies write with a port.
  private static func address(of element: Substring) -> IPAddress? {
    var text = element.drop { $0.isWhitespace }
    while text.last?.isWhitespace ?? false { text.removeLast() }
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      return IPAddress(text[..<end].dropFirst())
    }
    if text.utf8.count(where: { $0 == UInt8(ascii: ":") }) == 1 {
      return IPAddress(text.prefix { $0 != ":" })
    }
    return IPAddress(text)
  }
}
