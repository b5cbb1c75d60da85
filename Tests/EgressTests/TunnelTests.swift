import Egress
import NetworkRules
import RawSockets
import Testing

/// Tunnels: who gets one, what must come first in it, and what is noted.
@Suite(.timeLimit(.minutes(2))) struct TunnelTests {
  private let named = ["a.test.org": ["127.0.0.1"], "b.test.org": ["127.0.0.1"]]

  /// A tunnel to an echo server on a port that a rule names.
  private func openTunnel(
    _ test: ProxyOfTest, _ host: String, _ port: Int, early: [UInt8] = []
  ) async throws -> (Client, String) {
    try await onThread {
      let client = try test.connect()
      client.send(Array("CONNECT \(host):\(port) HTTP/1.1\r\nHost: x\r\n\r\n".utf8) + early)
      return (client, client.readHead())
    }
  }

  @Test func bytesPassBothWays() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let test = try await ProxyOfTest(allow: ["a.test.org:\(server.port)"], names: named)
    let (client, head) = try await openTunnel(test, "A.Test.ORG", server.port, early: [1, 2, 3])
    #expect(head == "HTTP/1.1 200 Connection established\r\n\r\n")
    let echoed = try await onThread {
      client.send("hello")
      return client.read(8)
    }
    #expect(echoed == [1, 2, 3] + Array("hello".utf8))
    #expect(test.verdicts == ["a.test.org:\(server.port) allowed"])
    let record = test.ledger.record
    #expect(record.hosts[0].bytesUp == 8 && record.bytesUp == 8 && record.bytesDown == 8)
    #expect(record.hosts[0].connections == 1 && record.hosts[0].firstAt == 1_000)
    await test.proxy.close()
    #expect(try await onThread { client.isEnded() })
  }

  @Test func halvesCloseOneAfterTheOther() async throws {
    let server = try RawServer { connection in
      var bytes: [UInt8] = []
      while let more = connection.read() { bytes += more }
      // It responds when its peer has closed its output.
      _ = connection.send(bytes: bytes + Array(repeating: 5, count: 300_000))
    }
    defer { server.stop() }
    let test = try await ProxyOfTest(allow: ["a.test.org:\(server.port)"], names: named)
    let (client, _) = try await openTunnel(test, "a.test.org", server.port)
    let answer = try await onThread {
      client.send("all")
      client.closeOutput()
      return client.read(.max >> 1)
    }
    #expect(answer.count == 300_003)
    await test.proxy.close()
  }

  @Test func serversMaySpeakFirst() async throws {
    let server = try echoServer(greeting: "220 ready\r\n")
    defer { server.stop() }
    let test = try await ProxyOfTest(allow: ["a.test.org:\(server.port)"], names: named)
    let (client, _) = try await openTunnel(test, "a.test.org", server.port)
    #expect(try await onThread { client.readText(11) } == "220 ready\r\n")
    await test.proxy.close()
  }

  @Test(arguments: [
    ("evil.org", 443, "host-unlisted", "network: {allow: [evil.org]}"),
    ("a.test.org.evil.org", 443, "host-unlisted", "network: {allow: [a.test.org.evil.org]}"),
    ("xa.test.org", 443, "host-unlisted", "network: {allow: [xa.test.org]}"),
    ("a.test.org", 22, "port-unlisted", "network: {allow: [a.test.org:22]}"),
    ("a.test.org", 80, "port-unlisted", "network: {allow: [a.test.org:80]}"),
    ("127.0.0.1", 443, "host-invalid", "write the host's name"),
    ("[::1]", 443, "host-invalid", "host's name"), ("2130706433", 443, "host-invalid", "name"),
    ("localhost", 443, "host-invalid", "full name"), ("a.test.org.", 443, "host-invalid", "dot"),
    ("gone.test.org", 443, "name-unresolved", "no address"),
    ("private.test.org", 443, "address-refused", "permit its range"),
    ("own.test.org", 443, "address-own", "this machine"),
  ])
  func othersGetAReason(host: String, port: Int, code: String, reason: String) async throws {
    let test = try await ProxyOfTest(
      allow: ["a.test.org", "gone.test.org", "private.test.org", "own.test.org"],
      names: [
        "private.test.org": ["10.0.0.1", "fd12::1", "::ffff:192.168.1.1"],
        "own.test.org": ["127.0.0.1"],
      ], permitted: [])
    let answer = try await onThread {
      let client = try test.connect()
      client.send("CONNECT \(host):\(port) HTTP/1.1\r\n\r\n")
      return client.readAll()
    }
    #expect(answer.hasPrefix(code == "name-unresolved" ? "HTTP/1.1 502 " : "HTTP/1.1 403 "))
    #expect(answer.contains("Content-Type: text/plain\r\n"))
    #expect(answer.contains("\(host):\(port) (\(code))") && answer.contains(reason), "\(answer)")
    #expect(test.verdicts == ["\(host):\(port) \(code)"])
    #expect(test.ledger.record.bytesUp == 0)
    await test.proxy.close()
  }
}
