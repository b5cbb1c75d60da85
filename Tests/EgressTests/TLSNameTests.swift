import NIOCore
import NetworkRules
import RawSockets
import Testing

@testable import Egress

/// If TLS is required, nothing passes before a hello with the name of the tunnel's host.
@Suite(.timeLimit(.minutes(2))) struct TLSNameTests {
  private func test(_ server: RawServer, headTimeout: Duration = .seconds(10)) async throws
    -> ProxyOfTest
  {
    try await ProxyOfTest(
      allow: ["a.test.org:\(server.port)"], names: ["a.test.org": ["127.0.0.1"]]
    ) {
      $0.tlsPort = UInt16(server.port)
      $0.headTimeout = headTimeout
    }
  }

  private func open(_ test: ProxyOfTest, _ server: RawServer) throws -> Client {
    let client = try test.connect()
    client.send("CONNECT a.test.org:\(server.port) HTTP/1.1\r\n\r\n")
    #expect(client.readHead().hasPrefix("HTTP/1.1 200 "))
    return client
  }

  @Test(arguments: [16_384, 100, 7, 1])
  func helloOfTheHostPasses(recordSize: Int) async throws {
    let server = try echoServer()
    defer { server.stop() }
    let test = try await test(server)
    let hello = Hello("A.test.ORG").bytes(record: recordSize)
    let echoed = try await onThread {
      let client = try open(test, server)
      for start in stride(from: 0, to: hello.count, by: 50) {
        client.send(Array(hello[start..<min(start + 50, hello.count)]))
      }
      client.send("data")
      return client.read(hello.count + 4)
    }
    #expect(echoed == hello + Array("data".utf8))
    #expect(test.verdicts == ["a.test.org:\(server.port) allowed"])
    await test.proxy.close()
  }

  static let others: [(String, [UInt8], String)] = {
    var nameless = Hello()
    nameless.names = nil
    var two = Hello()
    two.names = [Array("a.test.org".utf8), Array("evil.org".utf8)]
    var empty = Hello()
    empty.names = []
    var bare = Hello()
    bare.isWithoutExtensions = true
    var hidden = Hello()
    hidden.extensions = [0xfe0d]
    var draft = Hello()
    draft.extensions = [0xffce]
    var twice = Hello()
    twice.extensions = [43, 43]
    var typed = Hello()
    typed.nameType = 1
    let inner = Hello().message
    return [
      ("front", Hello("evil.org").bytes(), "tls-name"),
      ("suffix", Hello("a.test.org.evil.org").bytes(), "tls-name"),
      ("look-alike", Hello("xa.test.org").bytes(), "tls-name"),
      ("NUL", Hello("a.test.org\0.evil.org").bytes(), "tls-name"),
      ("dot", Hello("a.test.org.").bytes(), "tls-name"),
      ("nameless", nameless.bytes(), "tls-name"), ("two names", two.bytes(), "tls-name"),
      ("no name", empty.bytes(), "tls-name"), ("no extensions", bare.bytes(), "tls-name"),
      ("hidden", hidden.bytes(), "tls-name"), ("hidden by a draft", draft.bytes(), "tls-name"),
      ("other type", typed.bytes(), "tls-name"), ("twice", twice.bytes(), "tls-missing"),
      ("text", Array("GET / HTTP/1.1\r\n\r\n".utf8), "tls-missing"),
      ("SSL 2", [0x80, 0x2e, 1, 3, 1] + Array(repeating: 0, count: 40), "tls-missing"),
      ("alert", [21, 3, 1, 0, 2, 1, 0], "tls-missing"),
      ("server's hello", Hello.records([2] + inner.dropFirst()), "tls-missing"),
      ("two messages", Hello.records(inner + inner), "tls-missing"),
      (
        "endless", Hello.records([1, 0xff, 0xff, 0xff] + Array(repeating: 0, count: 90_000)),
        "tls-missing"
      ),
      (
        "interleaved",
        Array(Hello.records(inner, size: 60).prefix(65)) + Hello.records([1], type: 20),
        "tls-missing"
      ),
    ]
  }()

  @Test(arguments: others.indices)
  func othersEndTheConnection(index: Int) async throws {
    let (name, bytes, code) = Self.others[index]
    let server = try echoServer(greeting: "secret")
    defer { server.stop() }
    let test = try await test(server)
    let isEnded = try await onThread {
      let client = try open(test, server)
      client.send(bytes)
      return client.isEnded()
    }
    #expect(isEnded, "\(name)")
    #expect(test.verdicts == ["a.test.org:\(server.port) \(code)"], "\(name)")
    #expect(test.ledger.record.bytesUp == 0 && test.ledger.record.bytesDown == 0, "\(name)")
    await test.proxy.close()
  }

  @Test func helloMustComeInTime() async throws {
    let server = try echoServer(greeting: "secret")
    defer { server.stop() }
    let test = try await test(server, headTimeout: .seconds(2))
    let ends = try await onThread {
      let (silent, half) = (try open(test, server), try open(test, server))
      half.send(Array(Hello().bytes().prefix(50)))
      return (silent.isEnded(), half.isEnded())
    }
    #expect(ends == (true, true))
    #expect(test.verdicts == ["a.test.org:\(server.port) tls-missing"])
    await test.proxy.close()
  }

  @Test func aHelloThatCannotBeCompletedEndsTheConnection() async throws {
    let server = try echoServer(greeting: "secret")
    defer { server.stop() }
    let test = try await test(server, headTimeout: .seconds(40))
    let began = ContinuousClock.now
    let ends = try await onThread {
      let (half, endless) = (try open(test, server), try open(test, server))
      half.send(Array(Hello().bytes().prefix(50)))
      half.closeOutput()
      // Longer than a hello may be, and never at its end.
      let long = Hello.records([1, 0xff, 0xff, 0xff] + Array(repeating: 0, count: 70_000))
      endless.send(long)
      return (half.isEnded(), endless.isEnded())
    }
    #expect(ends == (true, true) && ContinuousClock.now - began < .seconds(30))
    #expect(test.verdicts == ["a.test.org:\(server.port) tls-missing"])
    #expect(test.ledger.record.bytesUp == 0 && test.ledger.record.bytesDown == 0)
    await test.proxy.close()
  }

  @Test func namesMustFitOnNamedPortsToo() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let test = try await ProxyOfTest(
      allow: ["a.test.org:\(server.port)"], names: ["a.test.org": ["127.0.0.1"]])
    let isEnded = try await onThread {
      let client = try open(test, server)
      client.send(Hello("evil.org").bytes())
      return client.isEnded()
    }
    #expect(isEnded)
    #expect(test.verdicts.contains("a.test.org:\(server.port) tls-name"))
    #expect(test.ledger.record.bytesUp == 0)
    await test.proxy.close()
  }
}
