import Domain
import NetworkRules

extension NetworkUse {
  /// What a worker's record comes to in an event.
  ///
  /// A worker is not believed blindly: a number below zero counts as zero, and one that is too
  /// large as the largest. Only what is a host's name is listed, since an agent chooses what stands
  /// there.
  /// - Parameter isShown: given a name as it was asked for; false if it must not be kept, such as
  ///   one that holds a secret. The host is counted all the same.
  /// - Returns: nil if nothing was asked of the network.
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
      // As it was asked for, which is in any case.
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

  /// The line of a workflow that would allow the refused hosts that are listed; nil if none of them
  /// was refused for want of a rule.
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

  /// The refused hosts in words: `pypi.org, a.org:8443 and 3 more`; nil if there were none.
  package var refusedWords: String? {
    guard hostsRefused > 0 else { return nil }
    let names = refusedNames
    let beyond = hostsRefused - Set(refusedHosts.map(\.host)).count
    if names.isEmpty { return hostsRefused == 1 ? "1 host" : "\(hostsRefused) hosts" }
    return names.joined(separator: ", ") + (beyond > 0 ? " and \(beyond) more" : "")
  }
}
