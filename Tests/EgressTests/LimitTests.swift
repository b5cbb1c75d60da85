import Foundation
import Glibc
import NIOCore
import NIOPosix
import NetworkRules
import RawSockets
import Synchronization
import Testing

@testable import Egress

/// Bounds of time, size and number, and which addresses are reached.
@Suite(.timeLimit(.minutes(3)), .serialized) struct LimitTests {
  private func test(
    _ server: RawServer, upload: Int = 1 << 20, names: [String]? = nil,
    permitted: [String] = ["127.0.0.0/8"],
    configure: (inout EgressConfiguration) -> Void = { _ in }
  ) async throws -> ProxyOfTest {
    try await ProxyOfTest(
      allow: ["a.test.org:\(server.port)"], names: ["a.test.org": names ?? ["127.0.0.1"]],
      upload: upload, permitted: permitted, configure: configure)
  }

  private func ask(_ test: ProxyOfTest, _ server: RawServer) async throws -> String {
    try await onThread {
      let client = try test.connect()
      client.send("CONNECT a.test.org:\(server.port) HTTP/1.1\r\n\r\n")
      return client.readHead()
    }
  }

  @Test func nothingIsSentOverTheUploadLimit() {
    let ledger = EgressLedger(uploadBytesMax: 10, now: { 1 })
    let line = ledger.allowed("a.test.org", port: 443)
    #expect(ledger.send(10, line, to: "a.test.org".utf8, port: 443))
    #expect(!ledger.send(1, line, to: "a.test.org".utf8, port: 443))
    #expect(!ledger.send(0, line, to: "a.test.org".utf8, port: 443))
    #expect(ledger.record.bytesUp == 10)
    #expect(ledger.record.hosts.map(\.refusal) == [nil, .uploadLimit])
  }

  @Test func uploadsOfAllConnectionsTogether() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let test = try await test(server, upload: 100_000)
    let (read, isFirstEnded, isSecondEnded) = try await onThread {
      let clients = try (0..<2).map { _ in try test.connect() }
      for client in clients {
        client.send("CONNECT a.test.org:\(server.port) HTTP/1.1\r\n\r\n")
        _ = client.readHead()
        client.send(Array(repeating: 1, count: 40_000))
      }
      let read = clients.map { $0.read(40_000).count }
      clients[1].send(Array(repeating: 1, count: 40_000))
      return (read, clients[0].isEnded(), clients[1].readAll().utf8.count < 40_000)
    }
    #expect(read == [40_000, 40_000] && isFirstEnded && isSecondEnded)
    #expect(test.ledger.record.bytesUp <= 100_000)
    #expect(test.verdicts.contains("a.test.org:\(server.port) upload-limit"))
    let later = try await ask(test, server)
    #expect(later.hasPrefix("HTTP/1.1 403 "))
    await test.proxy.close()
  }

  @Test func headsAreBounded() async throws {
    let test = try await ProxyOfTest(allow: ["a.test.org"]) { $0.headTimeout = .milliseconds(300) }
    let began = ContinuousClock.now
    let answers = try await onThread {
      let (slow, silent, long) = (try test.connect(), try test.connect(), try test.connect())
      slow.send("GET http://a.test.org/ HTTP/1.1\r\nX: ")
      long.send("GET http://a.test.org/ HTTP/1.1\r\nX: " + String(repeating: "x", count: 17_000))
      let whole = try test.connect()
      whole.send(
        "GET http://a.test.org/ HTTP/1.1\r\nX: " + String(repeating: "x", count: 16_400)
          + "\r\n\r\n")
      return [slow.readAll(), silent.readAll(), long.readAll(), whole.readAll()]
    }
    #expect(ContinuousClock.now - began < .seconds(9))
    #expect(answers[0].hasPrefix("HTTP/1.1 408 ") && answers[1].isEmpty)
    #expect(answers[2].hasPrefix("HTTP/1.1 431 ") && answers[3].hasPrefix("HTTP/1.1 431 "))
    #expect(test.verdicts == ["-:0 head-limit"])
    await test.proxy.close()
  }

  @Test func idleConnectionsEnd() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let test = try await test(server) { $0.idleTimeout = .milliseconds(300) }
    let isEnded = try await onThread {
      let client = try test.connect()
      client.send("CONNECT a.test.org:\(server.port) HTTP/1.1\r\n\r\n")
      _ = client.readHead()
      return client.isEnded()
    }
    #expect(isEnded)
    await test.proxy.close()
  }

  @Test func noConnectionLastsForEver() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let test = try await self.test(server) { $0.lifetime = .milliseconds(700) }
    let began = ContinuousClock.now
    let sent = try await onThread {
      let client = try test.connect()
      client.send("CONNECT a.test.org:\(server.port) HTTP/1.1\r\n\r\n")
      _ = client.readHead()
      // It is never idle.
      var sent = 0
      while ContinuousClock.now - began < .seconds(20), client.send("x"), client.read(1).count == 1
      { sent += 1 }
      return sent
    }
    #expect(sent > 0 && ContinuousClock.now - began < .seconds(15))
    await test.proxy.close()
  }

  @Test func aRefusedClientCannotSendOn() async throws {
    let test = try await ProxyOfTest(allow: [])
    let sent = try await onThread {
      let client = try test.connect()
      client.send("GET http://evil.org/ HTTP/1.1\r\n\r\n")
      var sent = 0
      while sent < 64, client.send(Array(repeating: 1, count: 1 << 20)) { sent += 1 }
      return sent
    }
    // The drained bytes, and the kernel's buffers.
    #expect(sent < 32, "\(sent) MiB")
    await test.proxy.close()
  }

  /// The owner of a domain sees every look-up of a name below it.
  @Test func lookUpsCountAsUploads() async throws {
    let test = try await ProxyOfTest(allow: ["*.test.org"], upload: 1_000)
    let answers = try await onThread {
      try (0..<30).map { number in
        let client = try test.connect()
        let name = String(repeating: "s", count: 50) + "\(number)"
        client.send("CONNECT \(name).test.org:443 HTTP/1.1\r\n\r\n")
        return client.readAll()
      }
    }
    #expect(answers.prefix(16).allSatisfy { $0.contains("(name-unresolved)") })
    // The connection that exceeds the limit ends with all others, without a response.
    #expect(answers[16] == "", "\(answers[16])")
    #expect(answers.dropFirst(17).allSatisfy { $0.contains("(upload-limit)") })
    #expect(test.verdicts.contains { $0.hasSuffix(" upload-limit") })
    await test.proxy.close()
  }

  @Test func connectionsAreCounted() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let test = try await test(server) { $0.connectionsMax = 4 }
    let isFifthEnded = try await onThread {
      let clients = try (0..<4).map { _ in try test.connect() }
      // A response shows that its connection was accepted.
      for client in clients {
        client.send("CONNECT a.test.org:\(server.port) HTTP/1.1\r\n\r\n")
        _ = client.readHead()
      }
      let isEnded = try test.connect().isEnded()
      // The four live until here, and then make room.
      return isEnded && clients.allSatisfy { $0.send("x") && $0.read(1).count == 1 }
    }
    #expect(isFifthEnded)
    #expect(test.verdicts == ["a.test.org:\(server.port) allowed", "-:0 connection-limit"])
    var answer = ""
    let deadline = ContinuousClock.now + .seconds(10)
    while !answer.hasPrefix("HTTP/1.1 200 "), ContinuousClock.now < deadline {
      answer = try await ask(test, server)
    }
    #expect(answer.hasPrefix("HTTP/1.1 200 "))
    await test.proxy.close()
  }

  @Test func aThousandConnections() async throws {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = min(limit.rlim_max, 16_384)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let server = try echoServer()
    defer { server.stop() }
    let test = try await test(server, upload: 1 << 24) { $0.connectionsMax = 2_000 }
    let good = try await onThread {
      let clients = try (0..<1_000).map { _ in try test.connect() }
      for client in clients { client.send("CONNECT a.test.org:\(server.port) HTTP/1.1\r\n\r\n") }
      for client in clients { _ = client.readHead() }
      for (index, client) in clients.enumerated() { client.send("\(index + 1_000)") }
      return clients.enumerated().filter { $0.element.readText(4) == "\($0.offset + 1_000)" }.count
    }
    #expect(good == 1_000)
    #expect(test.ledger.record.hosts.map(\.connections) == [1_000])
    await test.proxy.close()
  }

  @Test func aSlowServerPausesTheClient() async throws {
    let gate = Gate()
    let server = try RawServer { _ in gate.waitOnThread() }
    defer { server.stop() }
    let test = try await test(server, upload: 1 << 40)
    let sent = try await onThread {
      let client = try test.connect()
      client.send("CONNECT a.test.org:\(server.port) HTTP/1.1\r\n\r\n")
      _ = client.readHead()
      var sent = 0
      let chunk = [UInt8](repeating: 1, count: 1 << 20)
      while sent < 200 << 20 {
        var descriptor = pollfd(fd: client.descriptor, events: Int16(POLLOUT), revents: 0)
        if poll(&descriptor, 1, 1_000) != 1 { break }
        let count = Glibc.send(
          client.descriptor, chunk, chunk.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
        if count <= 0 { break }
        sent += count
      }
      gate.open()
      return sent
    }
    // The kernel's buffers, and little more.
    #expect(sent < 40 << 20, "\(sent)")
    await test.proxy.close()
  }

  @Test func addressesAreChosenOnce() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let names = NamesOfTest(["a.test.org": ["10.0.0.1", "127.0.0.2", "127.0.0.1"]])
    let test = try await ProxyOfTest(
      allow: ["a.test.org:\(server.port)"], resolver: names, permitted: ["127.0.0.0/8"])
    // Private ones are left out, one without a server is passed over.
    #expect(try await ask(test, server).hasPrefix("HTTP/1.1 200 "))
    #expect(names.lookUps == 1)
    await test.proxy.close()
  }

  @Test func refusedAddressesAreNotDialled() async throws {
    let server = try echoServer()
    defer { server.stop() }
    // Another address of this machine, on the same port, which would take the connection.
    let other = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
    defer { Glibc.close(other) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.2")
    address.sin_port = UInt16(server.port).bigEndian
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(other, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    try #require(isBound && listen(other, 8) == 0)
    let test = try await test(
      server, names: ["127.0.0.2", "127.0.0.1"], permitted: ["127.0.0.1"])
    #expect(try await ask(test, server).hasPrefix("HTTP/1.1 200 "))
    #expect(accept(other, nil, nil) == -1 && errno == EAGAIN)
    await test.proxy.close()
  }

  @Test func noRangePermitsOurOwnPorts() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let port = UInt16(server.port)
    for own in [OwnEndpoint(port: port), OwnEndpoint(address: IPAddress("127.0.0.1"), port: port)] {
      let test = try await test(server, names: ["::ffff:127.0.0.1"]) { $0.own = [own] }
      let answer = try await ask(test, server)
      #expect(answer.hasPrefix("HTTP/1.1 403 "))
      #expect(test.verdicts == ["a.test.org:\(port) address-own"])
      await test.proxy.close()
    }
    #expect(server.accepted == 0)
  }

  @Test func destinations() throws {
    func choose(
      _ addresses: [String], permitted: [String] = [], own: [OwnEndpoint] = []
    ) throws -> DestinationRules.Choice {
      DestinationRules(permitted: try permitted.map { try AddressRange(parsing: $0) }, own: own)
        .choose(addresses.compactMap { IPAddress($0) }, port: 443)
    }
    let open = try #require(IPAddress("8.8.8.8"))
    #expect(try choose([]) == .refused(.nameUnresolved))
    #expect(try choose(["10.0.0.1", "8.8.8.8", "169.254.169.254"]) == .addresses([open]))
    #expect(try choose(["::ffff:8.8.8.8"]) == .addresses([open]))
    #expect(try choose(["10.0.0.1"]) == .refused(.addressRefused))
    #expect(try choose(["127.0.0.1"]) == .refused(.addressOwn))
    #expect(try choose(["8.8.8.8"], own: [OwnEndpoint(address: open)]) == .refused(.addressOwn))
    #expect(try choose(["8.8.8.8"], own: [OwnEndpoint(port: 443)]) == .addresses([open]))
    #expect(
      try choose(["127.0.0.9"], permitted: ["127.0.0.0/8"], own: [OwnEndpoint(port: 443)])
        == .refused(.addressOwn))
    #expect(IPAddress.ofThisMachine().contains(.v4(0x7f00_0001)))
    // So many are tried for one connection.
    let many = try choose((1...20).map { "8.8.8.\($0)" })
    #expect(many == .addresses((1...8).compactMap { IPAddress("8.8.8.\($0)") }))
  }

  @Test func attemptsFollowOneAnother() async throws {
    let server = try echoServer()
    defer { server.stop() }
    let test = try await test(server)
    let client = try await onThread {
      let client = try test.connect()
      client.send("CONNECT a.test.org:\(server.port) HTTP/1.1\r\n\r\n")
      _ = client.readHead()
      return client
    }
    let next = EgressLedger()
    test.proxy.use(NetworkPolicy(), for: next)
    #expect(try await onThread { client.isEnded() })
    #expect(try await ask(test, server).hasPrefix("HTTP/1.1 403 "))
    #expect(next.record.hosts.map(\.refusal) == [.networkOff])
    #expect(test.ledger.record.hosts.map(\.refusal) == [nil])
    await test.proxy.close()
    #expect(throws: (any Error).self) { try test.connect() }
  }

  @Test func onlyListenersAreAccepted() async throws {
    let test = try await ProxyOfTest(allow: [])
    var pair: [CInt] = [0, 0]
    socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &pair)
    let datagrams = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
    for descriptor in [pair[0], datagrams, -1] {
      await #expect(throws: EgressFault.self) { try await test.proxy.serve(listener: descriptor) }
    }
    // The descriptors were closed with the refusal.
    #expect(fcntl(pair[0], F_GETFD) == -1 || recv(pair[1], &pair, 1, CInt(MSG_DONTWAIT)) == 0)
    Glibc.close(pair[1])
    await test.proxy.close()
    let late = try Listener()
    await #expect(throws: EgressFault.self) {
      try await test.proxy.serve(listener: late.descriptor)
    }
  }

  @Test func recordsAreBounded() {
    let ledger = EgressLedger(now: { 5 })
    for index in 0..<600 { ledger.refused("h\(index).org".utf8, port: 443, .hostUnlisted) }
    ledger.refused("h1.org".utf8, port: 443, .hostUnlisted)
    ledger.refused(Array("x\u{1b}[2J\0".utf8), port: 1, .hostInvalid)
    #expect(ledger.record.hosts.count == 500 && ledger.record.connectionsBeyond == 101)
    #expect(ledger.record.hosts[1].connections == 2)
    let beyond = ledger.allowed("late.org", port: 443)
    #expect(
      ledger.send(10, beyond, to: "late.org".utf8, port: 443) && ledger.record.bytesUp == 10)
  }

  /// The record contains the reason before the connection ends.
  @Test func limitsAreRecordedBeforeConnectionsEnd() async throws {
    let ledger = EgressLedger(uploadBytesMax: 10, now: { 5 })
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0).get()
    let witness = Witness(ledger)
    try await channel.pipeline.addHandler(witness).get()
    try #require(ledger.enter(channel, connectionsMax: 1) != nil)
    // On its own loop a channel that is closed has ended with the call.
    let isSent = try await channel.eventLoop.submit {
      ledger.send(11, nil, to: "a.org".utf8, port: 443)
    }.get()
    #expect(!isSent)
    #expect(witness.seen == [.uploadLimit])
    #expect(ledger.record.bytesUp == 0)
  }

  /// Looks into the record at the end of a connection.
  private final class Witness: ChannelInboundHandler, Sendable {
    typealias InboundIn = Any
    private let ledger: EgressLedger
    private let found = Mutex<[RefusalCode?]?>(nil)

    init(_ ledger: EgressLedger) { self.ledger = ledger }

    var seen: [RefusalCode?]? { found.withLock { $0 } }

    func channelInactive(context: ChannelHandlerContext) {
      found.withLock { $0 = ledger.record.hosts.map(\.refusal) }
    }
  }
}
