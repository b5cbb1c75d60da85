/// The connections of an attempt, allowed and refused: kept with its records, shown on pages.
package struct NetworkRecord: Equatable, Sendable {
  /// More hosts than this are counted, not listed.
  package static let hostsMax = 500

  /// One host on one port, with one verdict.
  package struct Host: Equatable, Sendable {
    /// The requested host: printable ASCII, at most 253 bytes.
    package var host: String
    package var port: Int
    /// nil: allowed.
    package var refusal: RefusalCode?
    /// Connections, or plain HTTP requests.
    package var connections: Int
    /// What the agent sent, in bytes.
    package var bytesUp: Int
    package var bytesDown: Int
    /// The time of the first connection, in milliseconds since 1970.
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

  /// In the order of their first connections.
  package var hosts: [Host]
  /// Connections to hosts beyond `hostsMax`.
  package var connectionsBeyond: Int
  /// For all connections, including those beyond the list.
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

  /// Each refused host once, in the order of first refusals.
  package var refusedHosts: [String] {
    var seen: Set<String> = []
    return hosts.filter { $0.refusal != nil && seen.insert($0.host).inserted }.map(\.host)
  }

  /// The line of a workflow that allows the connections that no rule allowed; nil if absent.
  package var lineAllowingRefused: String? {
    let missing: Set<RefusalCode> = [.networkOff, .hostUnlisted, .hostSpecial, .portUnlisted]
    let rules = hosts.filter { $0.refusal.map(missing.contains) == true }.compactMap { host in
      let port = UInt16(exactly: host.port) ?? 0
      return (try? HostName(host.host)).map {
        // A rule needs no port for plain HTTP on port 80, unless that port was refused.
        HostRule(
          allowing: $0, port: port, isConnect: port != 80 || host.refusal == .portUnlisted)
      }
    }
    var seen: Set<HostRule> = []
    let unique = rules.filter { seen.insert($0).inserted }
    return unique.isEmpty ? nil : NetworkPolicy.line(allowing: unique)
  }
}

/// Decoding does not trust the sender: it refuses a record that no ledger could have made.
extension NetworkRecord: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
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
}

extension NetworkRecord.Host: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
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
}
