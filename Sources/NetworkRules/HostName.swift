/// The name of a host as in DNS and certificates: lower-case ASCII, two labels or more. Never an
/// address in any notation.
package struct HostName: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The name in lower case, without a dot at its end.
  package let text: String

  /// Validates a name. Only the case of ASCII letters is normalized.
  /// - Parameter bytes: the name alone: no scheme, port or path.
  package init(_ bytes: some Sequence<UInt8>) throws(NetworkFault) {
    var name: [UInt8] = []
    name.reserveCapacity(64)
    for byte in bytes {
      guard name.count < PrintableHost.bytesMax else {
        throw NetworkFault(
          "a host's name is over \(PrintableHost.bytesMax) bytes", "write the host's name alone")
      }
      name.append((0x41...0x5a).contains(byte) ? byte | 0x20 : byte)
    }
    if let fault = Self.fault(name) { throw fault }
    text = String(decoding: name, as: UTF8.self)
  }

  /// Validates a name.
  package init(_ text: String) throws(NetworkFault) { try self.init(text.utf8) }

  package var description: String { text }

  package static func < (a: HostName, b: HostName) -> Bool {
    a.text.utf8.lexicographicallyPrecedes(b.text.utf8)
  }

  /// Whether this name is below another one, at any depth: `a.b.org` below `b.org`.
  package func isBelow(_ other: HostName) -> Bool {
    let own = text.utf8
    let tail = other.text.utf8
    guard own.count > tail.count + 1 else { return false }
    return own.suffix(tail.count).elementsEqual(tail)
      && own.dropLast(tail.count).last == UInt8(ascii: ".")
  }

  /// Whether the name is not in the public DNS: RFC 6761, RFC 6762, RFC 8375, RFC 9476, `.internal`
  /// (reserved by ICANN in 2024), and names that routers and companies use by custom. Such a name
  /// is reached only if a rule names it.
  package var isSpecial: Bool {
    guard let top = text.utf8.split(separator: UInt8(ascii: ".")).last else { return true }
    return Self.specialTops.contains { $0.utf8.elementsEqual(top) }
  }

  private static let specialTops = [
    // home.arpa, in-addr.arpa, ip6.arpa: no name below .arpa is a server.
    "arpa",
    "localhost", "local", "internal", "localdomain", "invalid", "test", "example", "onion", "alt",
    "lan", "home", "corp", "mail", "intranet", "private",
  ]

  // MARK: The rules

  /// - Parameter name: in lower case.
  private static func fault(_ name: [UInt8]) -> NetworkFault? {
    let shown = "\"\(PrintableHost.text(name))\""
    if name.isEmpty {
      return NetworkFault("a host's name is empty", "write a name such as pypi.org")
    }
    if name.contains(where: { $0 >= 0x80 }) {
      return NetworkFault(
        "\(shown) contains bytes that are not ASCII",
        "write an international name in its xn-- form")
    }
    if let bad = name.first(where: { !isNameByte($0) }) {
      return NetworkFault("\(shown) contains \(show(bad)), which is not valid in a name", example)
    }
    let labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    if labels.last?.isEmpty == true {
      return NetworkFault("\(shown) ends with a dot", "remove the last dot")
    }
    for label in labels {
      if let fault = labelFault(label, shown) { return fault }
    }
    guard let last = labels.last, !isNumber(last) else {
      return NetworkFault("\(shown) is an address", "write the host's name instead")
    }
    if labels.count < 2 {
      return NetworkFault("\(shown) is a single label", "write the full name, as in pypi.org")
    }
    return nil
  }

  private static let example = "write the host's name alone, as in registry.npmjs.org"

  private static func labelFault(_ label: ArraySlice<UInt8>, _ shown: String) -> NetworkFault? {
    let dash = UInt8(ascii: "-")
    if label.isEmpty { return NetworkFault("\(shown) has an empty part", example) }
    if label.count > 63 { return NetworkFault("\(shown) has a part of over 63 bytes", example) }
    if label.first == dash || label.last == dash {
      return NetworkFault("\(shown) has a part that begins or ends with \"-\"", example)
    }
    return nil
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    "abcdefghijklmnopqrstuvwxyz0123456789-.".utf8.contains(byte)
  }

  /// Whether inet_aton(3) or a browser could read the last label as a number, and so the name as an
  /// address (https://url.spec.whatwg.org/#ends-in-a-number-checker): `127.1`, `0x7f.1`,
  /// `2130706433`, `0177.0.0.0x1`. A label that begins with `0x` is always refused.
  private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
    label.starts(with: "0x".utf8)
      || label.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  private static func show(_ byte: UInt8) -> String {
    if byte == 0x20 { return "a space" }
    if (0x21...0x7e).contains(byte) { return "\"\(Character(Unicode.Scalar(byte)))\"" }
    return "the control character \(byte)"
  }
}
