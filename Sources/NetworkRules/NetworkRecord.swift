/// What an attempt reached and what it was refused: kept with its records, shown on pages.
package struct NetworkRecord: Equatable, Sendable {
  /// More hosts than this are counted, not listed.
  package static let hostsMax = 500

  /// One host on one port, with one verdict.
  package struct Host: Equatable, Sendable {
    /// Printable ASCII, at most 253 bytes, whatever was asked for.
    package var host: String
    package var port: Int
    /// nil: allowed.
    package var refusal: RefusalCode?
    /// Connections, or requests of plain HTTP.
    package var connections: Int
    /// What the agent sent, in bytes.
    package var bytesUp: Int
    package var bytesDown: Int
    /// The first time, in milliseconds since 1970.
    package var firstAt: Int64

    package init(
      host: String, port: Int, refusal: RefusalCode?, connections: Int = 0, bytesUp: Int = 0,
      bytesDown: Int = 0, firstAt: Int64
    ) {
      self.host = host
      self.port = port
      self.refusal = refusal
      self.connections = connections
      self.bytesUp = bytesUp
      self.bytesDown = bytesDown
      self.firstAt = firstAt
    }
  }

  /// In the order in which they were first seen.
  package var hosts: [Host]
  /// Connections to hosts beyond `hostsMax`.
  package var connectionsBeyond: Int
  /// Of all connections, those beyond the list included.
  package var bytesUp: Int
  package var bytesDown: Int

  package init(
    hosts: [Host] = [], connectionsBeyond: Int = 0, bytesUp: Int = 0, bytesDown: Int = 0
  ) {
    self.hosts = hosts
    self.connectionsBeyond = connectionsBeyond
    self.bytesUp = bytesUp
    self.bytesDown = bytesDown
  }

  /// Hosts that were refused, each once, in the order of their first refusal.
  package var refusedHosts: [String] {
    var seen: Set<String> = []
    return hosts.filter { $0.refusal != nil && seen.insert($0.host).inserted }.map(\.host)
  }

  /// The line of a workflow that would allow what was refused for want of a rule; nil if nothing
  /// was.
  package var lineAllowingRefused: String? {
    let wanting: Set<RefusalCode> = [.networkOff, .hostUnlisted, .hostSpecial, .portUnlisted]
    let rules = hosts.filter { $0.refusal.map(wanting.contains) == true }.compactMap { host in
      let port = UInt16(exactly: host.port) ?? 0
      return (try? HostName(host.host)).map {
        // Port 80 is for plain HTTP, which needs no port in a rule, unless that was refused.
        HostRule(
          allowing: $0, port: port, isConnect: port != 80 || host.refusal == .portUnlisted)
      }
    }
    var seen: Set<HostRule> = []
    let unique = rules.filter { seen.insert($0).inserted }
    return unique.isEmpty ? nil : NetworkPolicy.line(allowing: unique)
  }
}

/// Decoding believes nobody: what is longer, larger or less printable than a ledger makes it is
/// refused.
extension NetworkRecord: Codable {
  private enum Key: String, CodingKey { case hosts, connectionsBeyond, bytesUp, bytesDown }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    self.init(
      hosts: try container.decode([Host].self, forKey: .hosts),
      connectionsBeyond: try container.decode(Int.self, forKey: .connectionsBeyond),
      bytesUp: try container.decode(Int.self, forKey: .bytesUp),
      bytesDown: try container.decode(Int.self, forKey: .bytesDown))
    guard hosts.count <= Self.hostsMax else {
      throw NetworkFault(
        "a record of \(hosts.count) hosts is too long", "send at most \(Self.hostsMax)")
    }
  }

  /// Writes all four.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(hosts, forKey: .hosts)
    try container.encode(connectionsBeyond, forKey: .connectionsBeyond)
    try container.encode(bytesUp, forKey: .bytesUp)
    try container.encode(bytesDown, forKey: .bytesDown)
  }
}

extension NetworkRecord.Host: Codable {
  private enum Key: String, CodingKey {
    case host, port, refusal, connections, bytesUp, bytesDown, firstAt
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    self.init(
      host: try container.decode(String.self, forKey: .host),
      port: Int(try container.decode(UInt16.self, forKey: .port)),
      refusal: try container.decodeIfPresent(RefusalCode.self, forKey: .refusal),
      connections: try container.decode(Int.self, forKey: .connections),
      bytesUp: try container.decode(Int.self, forKey: .bytesUp),
      bytesDown: try container.decode(Int.self, forKey: .bytesDown),
      firstAt: try container.decode(Int64.self, forKey: .firstAt))
    guard PrintableHost.isPrintable(host) else {
      throw NetworkFault(
        "the host of a record is not printable", "send at most 253 bytes of printable ASCII")
    }
  }

  /// Leaves nothing out but a refusal where there is none.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(host, forKey: .host)
    try container.encode(port, forKey: .port)
    try container.encodeIfPresent(refusal, forKey: .refusal)
    try container.encode(connections, forKey: .connections)
    try container.encode(bytesUp, forKey: .bytesUp)
    try container.encode(bytesDown, forKey: .bytesDown)
    try container.encode(firstAt, forKey: .firstAt)
  }
}
