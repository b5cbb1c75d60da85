import Domain
import NetworkRules
import Projections
import Testing

/// What a worker's record comes to in an event, and what is said of it.
struct NetworkUseTests {
  private func host(
    _ host: String, _ port: Int = 443, _ refusal: RefusalCode? = nil, connections: Int = 1
  ) -> NetworkRecord.Host {
    NetworkRecord.Host(
      host: host, port: port, refusal: refusal, connections: connections, firstAt: 0)
  }

  @Test func counts() throws {
    let record = NetworkRecord(
      hosts: [
        host("a.org", connections: 3), host("a.org", 8443), host("b.org"),
        host("PyPI.org", 443, .hostUnlisted), host("pypi.org", 80, .hostUnlisted),
        host("169.254.169.254", 80, .hostInvalid), host("gone.org", 443, .nameUnresolved),
      ], connectionsBeyond: 5, bytesUp: 700, bytesDown: 9000)
    let use = try #require(NetworkUse(record))
    #expect(use.hostsReached == 2 && use.hostsRefused == 3 && use.connections == 14)
    #expect(use.bytesUp == 700 && use.bytesDown == 9000)
    #expect(
      use.refusedHosts == [
        .init(host: "pypi.org", port: 443, code: "host-unlisted"),
        .init(host: "pypi.org", port: 80, code: "host-unlisted"),
        .init(host: "gone.org", port: 443, code: "name-unresolved"),
      ])
    #expect(use.lineAllowingRefused == "network: {allow: [pypi.org]}")
    #expect(use.refusedText == "pypi.org, pypi.org:80, gone.org and 1 more")
  }

  @Test func nothingAskedIsNothingRecorded() {
    #expect(NetworkUse(NetworkRecord()) == nil)
    #expect(NetworkUse(NetworkRecord(connectionsBeyond: 1))?.connections == 1)
  }

  /// A worker is not believed blindly, and an agent chooses what it asks for.
  @Test func numbersAndNamesOfAnEnemy() throws {
    let names = [
      "PyPI.org", "a b", "", "1.2.3.4", "x.org`@team", "localhost", "a..b", "k.Secret.org",
    ]
    let record = NetworkRecord(
      hosts: names.map { host($0, 443, .hostUnlisted, connections: .max) }
        + [host("y.org", 70_000, .hostUnlisted, connections: -5)],
      connectionsBeyond: -1, bytesUp: .min, bytesDown: .max)
    let use = try #require(NetworkUse(record) { !$0.contains("Secret") })
    #expect(use.refusedHosts == [.init(host: "pypi.org", port: 443, code: "host-unlisted")])
    #expect(use.hostsRefused == 9 && use.connections == .max)
    #expect(use.bytesUp == 0 && use.bytesDown == .max)
    #expect(use.refusedText == "pypi.org and 8 more")
    let many = NetworkRecord(hosts: (0..<40).map { host("h\($0).org", 443, .hostUnlisted) })
    #expect(NetworkUse(many)?.refusedHosts.count == 20 && NetworkUse(many)?.hostsRefused == 40)
  }

  @Test func whatNoRuleWouldAllowHasNoLine() throws {
    let use = try #require(
      NetworkUse(NetworkRecord(hosts: [host("gone.org", 443, .nameUnresolved)])))
    #expect(use.lineAllowingRefused == nil && use.refusedText == "gone.org")
    let reached = try #require(NetworkUse(NetworkRecord(hosts: [host("a.org")])))
    #expect(reached.lineAllowingRefused == nil && reached.refusedText == nil)
    let address = try #require(
      NetworkUse(NetworkRecord(hosts: [host("1.2.3.4", 443, .hostInvalid)])))
    #expect(address.refusedText == "1 host" && address.refusedHosts.isEmpty)
  }
}
