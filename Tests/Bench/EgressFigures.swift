import ArgumentParser
import Egress
import Foundation
import Glibc
import NetworkRules

/// What the proxy costs on the loopback: per connection, and in bytes a second.
struct EgressFigures: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "egress", abstract: "Measures the agents' way out, beside the loopback alone.")

  @Option(help: "Connections, one after the other.") var connections = 2_000
  @Option(help: "MiB that come through one tunnel.") var mebibytes = 2_048

  func run() async throws {
    let server = try Loopback.listener()
    let source = try Loopback.listener()
    Loopback.serve(server.descriptor) { socket in
      var byte: UInt8 = 0
      while recv(socket, &byte, 1, 0) == 1 { send(socket, &byte, 1, CInt(MSG_NOSIGNAL)) }
    }
    let total = mebibytes << 20
    Loopback.serve(source.descriptor) { socket in
      var byte: UInt8 = 0
      guard recv(socket, &byte, 1, 0) == 1 else { return }
      let chunk = [UInt8](repeating: 7, count: 1 << 20)
      var left = total
      while left > 0 {
        let count = send(socket, chunk, min(left, chunk.count), CInt(MSG_NOSIGNAL))
        if count <= 0 { return }
        left -= count
      }
    }
    var configuration = EgressConfiguration()
    configuration.permitted = [try AddressRange(parsing: "127.0.0.1")]
    let proxy = EgressProxy(configuration: configuration, resolver: Here())
    let rules = try [server.port, source.port].map { try HostRule(parsing: "a.test.org:\($0)") }
    proxy.use(NetworkPolicy(.hosts(rules)), for: EgressLedger())
    let front = try Loopback.listener()
    try await proxy.serve(listener: front.descriptor)

    let ways = (direct: Way(port: server.port), proxied: Way(port: front.port, host: server.port))
    let direct = try Self.median(connections) { try ways.direct.roundTrip() }
    let proxied = try Self.median(connections) { try ways.proxied.roundTrip() }
    Figure(
      name: "egress-connection-added", value: proxied - direct, unit: "ms", limit: direct,
      target: "< 2 ms", met: proxied - direct < 2
    ).tell()
    let alone = try Way(port: source.port).receive(total)
    let through = try Way(port: front.port, host: source.port).receive(total)
    Figure(
      name: "egress-throughput", value: through, unit: "MB/s", limit: alone,
      target: ">= 300 MB/s", met: through >= 300
    ).tell()
    await proxy.close()
  }

  private static func median(_ count: Int, _ body: () throws -> Double) throws -> Double {
    for _ in 0..<50 { _ = try body() }
    let times = try (0..<max(1, count)).map { _ in try body() }.sorted()
    return times[times.count / 2]
  }
}

private struct Here: NameResolver {
  func addresses(of name: HostName) async -> [IPAddress] { [.v4(0x7f00_0001)] }
}

/// Straight to a server, or through a proxy.
private struct Way {
  var port: Int
  /// The server's port behind the proxy.
  var host: Int?

  /// Milliseconds from the first packet to the first byte that came back.
  func roundTrip() throws -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    let socket = try open()
    defer { close(socket) }
    var byte: UInt8 = 1
    guard send(socket, &byte, 1, 0) == 1, recv(socket, &byte, 1, 0) == 1 else {
      throw BenchFault(description: "no byte came back")
    }
    return (clock.now - start) / .milliseconds(1)
  }

  /// MB a second.
  func receive(_ total: Int) throws -> Double {
    let socket = try open()
    defer { close(socket) }
    var chunk = [UInt8](repeating: 1, count: 1 << 20)
    let clock = ContinuousClock()
    let start = clock.now
    send(socket, &chunk, 1, 0)
    var left = total
    while left > 0 {
      let count = recv(socket, &chunk, chunk.count, 0)
      guard count > 0 else { throw BenchFault(description: "the bytes ended early") }
      left -= count
    }
    return Double(total) / 1e6 / ((clock.now - start) / .seconds(1))
  }

  private func open() throws -> CInt {
    let socket = try Loopback.connect(port)
    guard let host else { return socket }
    let head = Array("CONNECT a.test.org:\(host) HTTP/1.1\r\n\r\n".utf8)
    send(socket, head, head.count, 0)
    // All of the answer and nothing else: the servers here speak second.
    var answer = [UInt8](repeating: 0, count: 1_024)
    guard recv(socket, &answer, answer.count, 0) > 12, answer[9] == UInt8(ascii: "2") else {
      close(socket)
      throw BenchFault(description: "the proxy refused")
    }
    return socket
  }
}

private enum Loopback {
  static func listener() throws -> (descriptor: CInt, port: Int) {
    let (descriptor, size) = (socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0), size)
    var address = address(port: 0)
    var length = size
    let isReady = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 && listen(descriptor, 128) == 0
          && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isReady else { throw BenchFault(description: "no port of the loopback is free") }
    return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
  }

  static func connect(_ port: Int) throws -> CInt {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = address(port: port)
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, size)
      }
    }
    guard code == 0 else { throw BenchFault(description: "port \(port) takes no connection") }
    return descriptor
  }

  static func serve(_ listener: CInt, _ body: @escaping @Sendable (CInt) -> Void) {
    Thread.detachNewThread {
      while true {
        let socket = accept(listener, nil, nil)
        if socket < 0 { return }
        Thread.detachNewThread {
          body(socket)
          close(socket)
        }
      }
    }
  }

  private static let size = socklen_t(MemoryLayout<sockaddr_in>.size)

  private static func address(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = UInt16(port).bigEndian
    return address
  }
}
