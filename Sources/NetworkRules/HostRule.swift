/// One line of a list of allowed hosts.
///
/// | text | allows |
/// | --- | --- |
/// | `pypi.org` | TLS (CONNECT) to port 443; plain HTTP requests to ports 80 and 443 |
/// | `*.pypi.org` | the same for every name below pypi.org, at any depth; not pypi.org itself |
/// | `pypi.org:8443` | both on that port, and on no other |
/// | `http://pypi.org` | only plain HTTP requests, to port 80 or to the given port |
package struct HostRule: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The allowed ports, for each kind of connection.
  package enum Ports: Hashable, Sendable {
    /// CONNECT to 443, plain requests to 80 and 443.
    case standard
    /// Both kinds on one port.
    case only(UInt16)
    /// Only plain requests, on one port.
    case plain(UInt16)

    func contain(_ port: UInt16, isConnect: Bool) -> Bool {
      switch self {
      case .standard: port == 443 || (port == 80 && !isConnect)
      case .only(let own): port == own
      case .plain(let own): port == own && !isConnect
      }
    }

    func intersection(_ other: Self) -> Self? {
      switch (self, other) {
      case (.standard, .standard): .standard
      case (.standard, .only(443)), (.only(443), .standard): .only(443)
      case (.standard, .only(80)), (.only(80), .standard): .plain(80)
      case (.standard, .only), (.only, .standard): nil
      case (.standard, .plain(let port)), (.plain(let port), .standard):
        port == 80 || port == 443 ? .plain(port) : nil
      case (.only(let a), .only(let b)): a == b ? .only(a) : nil
      case (.only(let a), .plain(let b)), (.plain(let a), .only(let b)),
        (.plain(let a), .plain(let b)):
        a == b ? .plain(a) : nil
      }
    }
  }

  package let name: HostName
  /// Whether the rule matches the names below `name`, and not `name` itself.
  package let isWildcard: Bool
  package let ports: Ports

  /// - Throws: for a wildcard below a top-level domain, or below a registry's domain (`co.uk`).
  package init(
    _ name: HostName, isWildcard: Bool = false, ports: Ports = .standard
  ) throws(NetworkFault) {
    if isWildcard, Self.isRegistry(name) {
      throw NetworkFault(
        "\"*.\(name)\" matches names of many owners", "write *. before a name that has one owner")
    }
    self.init(checked: name, isWildcard: isWildcard, ports: ports)
  }

  private init(checked name: HostName, isWildcard: Bool, ports: Ports) {
    self.name = name
    self.isWildcard = isWildcard
    self.ports = ports
  }

  /// The simplest rule that allows a connection to one host: with a port only if it needs one.
  package init(allowing host: HostName, port: UInt16, isConnect: Bool) {
    let isStandard = Ports.standard.contain(port, isConnect: isConnect)
    self.init(checked: host, isWildcard: false, ports: isStandard ? .standard : .only(port))
  }

  /// Reads `[http://][*.]NAME[:PORT]`.
  package init(parsing text: String) throws(NetworkFault) {
    var rest = Array(text.utf8)[...]
    let shown = "\"\(PrintableHost.text(rest))\""
    let isPlain = rest.starts(with: "http://".utf8)
    if isPlain { rest = rest.dropFirst(7) }
    if rest.contains(UInt8(ascii: "/")) || rest.contains(UInt8(ascii: "@")) {
      throw NetworkFault(
        "\(shown) is more than a host", "write the host alone, as in registry.npmjs.org")
    }
    if rest.elementsEqual("*".utf8) {
      throw NetworkFault(
        "\"*\" matches every host", "write network: public to allow every public host")
    }
    let isWildcard = rest.starts(with: "*.".utf8)
    if isWildcard { rest = rest.dropFirst(2) }
    if isWildcard, !rest.contains(UInt8(ascii: ".")), !rest.contains(UInt8(ascii: ":")) {
      throw NetworkFault(
        "\(shown) matches a whole top-level domain",
        "write *. before a name of two labels or more, as in *.example.org")
    }
    if rest.contains(UInt8(ascii: "*")) {
      throw NetworkFault(
        "\(shown) has * in the wrong position", "write *. only at the beginning")
    }
    var port: UInt16?
    if let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
      guard let number = Self.port(rest[(colon + 1)...]) else {
        throw NetworkFault(
          "\(shown) has no port after its colon", "write a number from 1 to 65535, as in HOST:8443")
      }
      port = number
      rest = rest[..<colon]
    }
    let ports: Ports = isPlain ? .plain(port ?? 80) : port.map { .only($0) } ?? .standard
    try self.init(HostName(rest), isWildcard: isWildcard, ports: ports)
  }

  /// A port in decimal digits without a leading zero; nil for 0 and above 65535.
  package static func port(_ digits: some Collection<UInt8>) -> UInt16? {
    decimal(digits, atMost: 65_535).flatMap { $0 == 0 ? nil : UInt16($0) }
  }

  /// As written in a workflow; `init(parsing:)` reads it back.
  package var description: String {
    let host = (isWildcard ? "*." : "") + name.text
    switch ports {
    case .standard: return host
    case .only(let port): return "\(host):\(port)"
    case .plain(80): return "http://\(host)"
    case .plain(let port): return "http://\(host):\(port)"
    }
  }

  package static func < (a: HostRule, b: HostRule) -> Bool {
    if a.name != b.name { return a.name < b.name }
    return a.description.utf8.lexicographicallyPrecedes(b.description.utf8)
  }

  // MARK: Matching

  /// Whether the rule matches this host, on any port.
  package func matches(_ host: HostName) -> Bool { isWildcard ? host.isBelow(name) : host == name }

  /// Whether the rule allows a connection.
  /// - Parameter isConnect: true for a tunnel, false for a plain HTTP request.
  package func allows(_ host: HostName, port: UInt16, isConnect: Bool) -> Bool {
    matches(host) && ports.contain(port, isConnect: isConnect)
  }

  /// The connections that both rules allow; nil if they have none in common.
  package func intersection(_ other: HostRule) -> HostRule? {
    guard let ports = ports.intersection(other.ports) else { return nil }
    let narrower: HostRule
    if name == other.name {
      guard isWildcard == other.isWildcard else { return nil }
      narrower = self
    } else if other.isWildcard, name.isBelow(other.name) {
      narrower = self
    } else if isWildcard, other.name.isBelow(name) {
      narrower = other
    } else {
      return nil
    }
    return HostRule(checked: narrower.name, isWildcard: narrower.isWildcard, ports: ports)
  }

  /// Whether this rule allows everything that the other rule allows.
  package func covers(_ other: HostRule) -> Bool { intersection(other) == other }

  /// Whether a name is a second-level domain under which a country's registry assigns names.
  private static func isRegistry(_ name: HostName) -> Bool {
    let labels = name.text.utf8.split(separator: UInt8(ascii: ".")).map { Substring($0) }
    guard labels.count == 2, labels[1].utf8.count == 2 else { return false }
    return ["ac", "co", "com", "edu", "gob", "gov", "ltd", "mil", "ne", "net", "or", "org", "plc"]
      .contains { $0 == labels[0] }
  }
}

extension HostRule: Codable {
  package init(from decoder: any Decoder) throws {
    try self.init(parsing: decoder.singleValueContainer().decode(String.self))
  }

  /// Writes the rule as in a workflow.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
