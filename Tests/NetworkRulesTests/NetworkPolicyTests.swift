import Foundation
import NetworkRules
import Randomness
import Testing

/// Policies: what they answer, how two become one, how they are written down.
struct NetworkPolicyTests {
  private func policy(_ rules: [String], upload: Int? = nil) throws -> NetworkPolicy {
    NetworkPolicy(.hosts(try HostSet.rules(of: rules)), uploadBytes: upload)
  }

  @Test func verdicts() throws {
    let open = NetworkPolicy(.publicHosts(also: [try HostRule(parsing: "git.corp.internal:8443")]))
    let listed = try policy(["a.org", "*.b.org"])
    func ask(_ policy: NetworkPolicy, _ host: String, _ port: UInt16, _ isConnect: Bool = true)
      throws -> RefusalCode?
    { policy.refusal(host: try HostName(host), port: port, isConnect: isConnect) }
    #expect(try ask(listed, "a.org", 443) == nil)
    #expect(try ask(listed, "a.org", 22) == .portUnlisted)
    #expect(try ask(listed, "evil.org", 443) == .hostUnlisted)
    #expect(try ask(listed, "b.org", 443) == .hostUnlisted)
    #expect(try ask(NetworkPolicy(), "a.org", 443) == .networkOff)
    #expect(try ask(open, "evil.org", 443) == nil)
    #expect(try ask(open, "evil.org", 80, false) == nil)
    #expect(try ask(open, "evil.org", 80) == .portUnlisted)
    #expect(try ask(open, "metadata.google.internal", 80, false) == .hostSpecial)
    #expect(try ask(open, "git.corp.internal", 8443) == nil)
    #expect(try ask(open, "git.corp.internal", 443) == .hostSpecial)
    #expect(try ask(NetworkPolicy(.host), "a.localhost", 22) == nil)
  }

  @Test func rulesAreKeptOnceAndInOrder() throws {
    let made = try policy(["c.org", "x.b.org", "*.b.org", "a.org", "a.org", "a.org:443"])
    #expect(made.rules.map(\.description) == ["a.org", "*.b.org", "c.org"])
    #expect(try policy([]) == NetworkPolicy(.none))
  }

  @Test func listsHaveALimit() throws {
    for (count, isTaken) in [(NetworkPolicy.rulesMax, true), (NetworkPolicy.rulesMax + 1, false)] {
      let hosts = (0..<count).map { "\"h\($0).org\"" }.joined(separator: ",")
      let text = Data("{\"mode\":\"hosts\",\"allow\":[\(hosts)]}".utf8)
      let read = Result { try JSONDecoder().decode(NetworkPolicy.self, from: text) }
      switch read {
      case .success(let policy): #expect(isTaken && policy.rules.count == count)
      case .failure(let error):
        #expect(!isTaken && "\(error)".contains("at most \(NetworkPolicy.rulesMax)"), "\(error)")
      }
    }
  }

  @Test func uploadLimits() throws {
    let stated = try policy(["a.org"], upload: 5 << 20)
    let unstated = try policy(["b.org"])
    #expect(unstated.uploadBytesMax == 20 << 20)
    #expect(stated.union(unstated).uploadBytesMax == 5 << 20)
    #expect(unstated.union(stated).uploadBytesMax == 5 << 20)
    #expect(try stated.union(policy(["a.org"], upload: 9)).uploadBytesMax == 5 << 20)
    #expect(try stated.narrowed(by: policy(["a.org"], upload: 1 << 30)).uploadBytesMax == 5 << 20)
    #expect(
      try unstated.narrowed(by: policy(["b.org"], upload: 1 << 30)).uploadBytesMax == 20 << 20)
    #expect(try stated.narrowed(by: policy(["a.org"], upload: 9)).uploadBytesMax == 9)
    #expect(NetworkPolicy(.none, uploadBytes: -1).uploadBytesMax == 0)
  }

  @Test func aRepositoryOnlyNarrows() throws {
    let workflow = try policy(["npm", "*.corp.example.org", "deb.debian.org"])
    #expect(
      try workflow.narrowed(by: policy(["registry.npmjs.org", "evil.com"])).rules.map(\.description)
        == ["registry.npmjs.org"])
    #expect(
      try workflow.narrowed(by: policy(["*.example.org"])).rules.map(\.description)
        == ["*.corp.example.org"])
    #expect(
      try workflow.narrowed(by: policy(["deb.debian.org:80"])).rules.map(\.description)
        == ["http://deb.debian.org"])
    #expect(workflow.narrowed(by: NetworkPolicy(.host)) == workflow)
    #expect(workflow.narrowed(by: NetworkPolicy(.publicHosts())) == workflow)
    #expect(workflow.narrowed(by: NetworkPolicy()) == NetworkPolicy())
    #expect(NetworkPolicy(.host).narrowed(by: workflow) == workflow)
  }

  /// Whatever two policies allow together is what each allows, and joined what either does.
  @Test func narrowingAndJoiningAreExact() throws {
    var chance = Seeded(7)
    let names = ["a.org", "b.a.org", "c.b.a.org", "xa.org", "n.corp.internal", "m.n.corp.internal"]
    let ports = ["", "", ":80", ":443", ":8443"]
    let hosts = try (names + ["z.c.b.a.org", "q.net"]).map { try HostName($0) }
    func draw() throws -> NetworkPolicy {
      let rules = try (0..<chance.below(4)).map { _ in
        try HostRule(
          parsing: chance.one(of: ["", "", "http://"]) + chance.one(of: ["", "*."])
            + chance.one(of: names) + chance.one(of: ports))
      }
      switch chance.below(8) {
      case 0: return NetworkPolicy()
      case 1: return NetworkPolicy(.host)
      case 2, 3: return NetworkPolicy(.publicHosts(also: rules))
      default: return NetworkPolicy(.hosts(rules))
      }
    }
    for _ in 0..<3_000 {
      let (a, b) = (try draw(), try draw())
      let (both, either) = (a.narrowed(by: b), a.union(b))
      #expect(both == b.narrowed(by: a) && either == b.union(a))
      for host in hosts {
        for port: UInt16 in [80, 443, 8443, 22] {
          for isConnect in [true, false] {
            func allows(_ policy: NetworkPolicy) -> Bool {
              policy.refusal(host: host, port: port, isConnect: isConnect) == nil
            }
            let isExact =
              allows(both) == (allows(a) && allows(b))
              && allows(either) == (allows(a) || allows(b))
            guard isExact else {
              Issue.record("\(a) with \(b): \(host):\(port) \(isConnect)")
              return
            }
          }
        }
      }
    }
  }

  @Test func theEncodingIsStable() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let made = try policy(["http://deb.debian.org", "*.a.org:8443"], upload: 1024)
    let text = #"{"allow":["*.a.org:8443","http://deb.debian.org"],"mode":"hosts","upload":1024}"#
    #expect(String(decoding: try encoder.encode(made), as: UTF8.self) == text)
    for policy in [made, NetworkPolicy(), NetworkPolicy(.host), NetworkPolicy(.publicHosts())] {
      let data = try encoder.encode(policy)
      #expect(try JSONDecoder().decode(NetworkPolicy.self, from: data) == policy)
    }
    #expect(
      String(decoding: try encoder.encode(NetworkPolicy()), as: UTF8.self) == #"{"mode":"none"}"#)
    for bad in [#"{"mode":"open"}"#, #"{}"#, #"{"mode":"hosts","allow":["*"]}"#] {
      #expect(throws: (any Error).self) {
        try JSONDecoder().decode(NetworkPolicy.self, from: Data(bad.utf8))
      }
    }
  }

  @Test func linesThatWouldAllow() throws {
    let name = try HostName("a.org")
    #expect(
      NetworkPolicy.line(allowing: name, port: 443, isConnect: true) == "network: {allow: [a.org]}")
    #expect(
      NetworkPolicy.line(allowing: name, port: 80, isConnect: false) == "network: {allow: [a.org]}")
    #expect(
      NetworkPolicy.line(allowing: name, port: 22, isConnect: true)
        == "network: {allow: [a.org:22]}")
    #expect(
      try NetworkPolicy.line(allowing: [HostRule(parsing: "*.a.org"), HostRule(name)])
        == "network: {allow: [\"*.a.org\", a.org]}")
    let record = NetworkRecord(hosts: [
      .init(host: "b.org", port: 443, refusal: .hostUnlisted, firstAt: 1),
      .init(host: "b.org", port: 80, refusal: .hostUnlisted, firstAt: 1),
      .init(host: "c.org", port: 443, refusal: .tlsName, firstAt: 1),
      .init(host: "d.org", port: 80, refusal: .portUnlisted, firstAt: 1),
      .init(host: "a.org", port: 443, refusal: nil, firstAt: 1),
    ])
    #expect(record.lineAllowingRefused == "network: {allow: [b.org, d.org:80]}")
    #expect(record.refusedHosts == ["b.org", "c.org", "d.org"])
  }

  @Test func receivedRecordsAreValidated() throws {
    let good = NetworkRecord(
      hosts: [.init(host: "a.org", port: 443, refusal: .tlsName, connections: 2, firstAt: 5)],
      connectionsBeyond: 1, bytesUp: 2, bytesDown: 3)
    #expect(try JSONDecoder().decode(NetworkRecord.self, from: JSONEncoder().encode(good)) == good)
    var bad = good
    bad.hosts[0].host = "a\u{1b}[0m.org"
    var long = good
    long.hosts = Array(repeating: good.hosts[0], count: 501)
    for record in [bad, long] {
      let data = try JSONEncoder().encode(record)
      #expect(throws: NetworkFault.self) {
        try JSONDecoder().decode(NetworkRecord.self, from: data)
      }
    }
  }
}
