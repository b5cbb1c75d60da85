import Domain
import NetworkRules

extension NetworkUse {
  /// The network use of an event, from a worker's record.
  ///
  /// A worker's record is not trusted: a negative number counts as zero, and one that is too large
  /// as the maximum. Only valid host names are listed, because the agent chooses them.
  /// - Parameter isShown: whether a requested name may be kept; false if it contains a secret, for
  ///   example. The host is counted in any case.
  /// - Returns: nil if the network was not used.
  package init?(_ record: NetworkRecord, isShown: (String) -> Bool = { _ in true }) {
    guard !record.hosts.isEmpty || record.connectionsBeyond > 0 else { return nil }
    let listed = record.hosts.compactMap { host -> RefusedHost? in
      guard let refusal = host.refusal, let port = UInt16(exactly: host.port),
        let name = try? HostName(host.host), isShown(host.host)
      else { return nil }
      return RefusedHost(host: name.text, port: port, code: refusal.rawValue)
    }
    var seen: Set<RefusedHost> = []
    self.init(
      hostsReached: Set(record.hosts.filter { $0.refusal == nil }.map(\.host)).count,
      // As requested, in any case of letters.
      hostsRefused: Set(record.refusedHosts.map { (try? HostName($0))?.text ?? $0 }).count,
      connections: Self.sum(record.hosts.map(\.connections) + [record.connectionsBeyond]),
      bytesUp: Self.sum([record.bytesUp]), bytesDown: Self.sum([record.bytesDown]),
      refusedHosts: listed.filter { seen.insert($0).inserted })
  }

  private static func sum(_ numbers: [Int]) -> Int {
    numbers.reduce(0) { sum, number in
      let (next, isTooLarge) = sum.addingReportingOverflow(max(0, number))
      return isTooLarge ? .max : next
    }
  }

  /// The workflow's line that would allow the listed refused hosts; nil if no host was refused for
  /// lack of a rule.
  package var lineAllowingRefused: String? {
    let hosts = refusedHosts.map {
      NetworkRecord.Host(
        host: $0.host, port: Int($0.port), refusal: RefusalCode(rawValue: $0.code), firstAt: 0)
    }
    return NetworkRecord(hosts: hosts).lineAllowingRefused
  }

  /// The refused hosts that are listed, each once, with a port if it isn't that of HTTPS.
  package var refusedNames: [String] {
    var seen: Set<String> = []
    return refusedHosts.map(\.name).filter { seen.insert($0).inserted }
  }

  /// The refused hosts as text: `pypi.org, a.org:8443 and 3 more`; nil if no host was refused.
  package var refusedText: String? {
    guard hostsRefused > 0 else { return nil }
    let names = refusedNames
    let beyond = hostsRefused - Set(refusedHosts.map(\.host)).count
    if names.isEmpty { return hostsRefused == 1 ? "1 host" : "\(hostsRefused) hosts" }
    return names.joined(separator: ", ") + (beyond > 0 ? " and \(beyond) more" : "")
  }
}
