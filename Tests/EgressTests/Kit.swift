import Foundation
import Glibc
import NetworkRules
import RawSockets
import Synchronization
import Testing

@testable import Egress

/// Names that a test made up, and how often each was looked up.
final class NamesOfTest: NameResolver {
  private let names: [String: [IPAddress]]
  private let asked = Counter()

  init(_ names: [String: [String]]) {
    self.names = names.mapValues { $0.compactMap { IPAddress($0) } }
  }

  var lookUps: Int { asked.value }

  func addresses(of name: HostName) async -> [IPAddress] {
    asked.add()
    return names[name.text] ?? []
  }
}

/// A number that several threads raise.
final class Counter: Sendable {
  private let count = Atomic<Int>(0)

  var value: Int { count.load(ordering: .sequentiallyConsistent) }

  @discardableResult func add(_ more: Int = 1) -> Int {
    count.add(more, ordering: .sequentiallyConsistent).newValue
  }
}

/// A proxy with its listener, and what it noted.
struct ProxyOfTest {
  let proxy: EgressProxy
  let ledger: EgressLedger
  let port: Int

  /// - Parameters:
  ///   - allow: rules.
  ///   - names: what names resolve to; those left out have no address.
  init(
    allow: [String], names: [String: [String]] = [:], resolver: (any NameResolver)? = nil,
    upload: Int = 1 << 20,
    permitted: [String] = ["127.0.0.1"], configure: (inout EgressConfiguration) -> Void = { _ in }
  ) async throws {
    var configuration = EgressConfiguration()
    configuration.permitted = try permitted.map { try AddressRange(parsing: $0) }
    configure(&configuration)
    proxy = EgressProxy(
      configuration: configuration, resolver: resolver ?? NamesOfTest(names))
    ledger = EgressLedger(uploadBytesMax: upload, now: { 1_000 })
    proxy.use(
      NetworkPolicy(.hosts(try HostSet.rules(of: allow)), uploadBytes: upload), for: ledger)
    let listener = try Listener()
    port = listener.port
    try await proxy.serve(listener: listener.descriptor)
  }

  func connect() throws -> Client { try Client(port: port) }

  /// The record's verdicts, "allowed" or codes, by host and port.
  var verdicts: [String] {
    ledger.record.hosts.map { "\($0.host):\($0.port) \($0.refusal?.rawValue ?? "allowed")" }
  }
}

/// A socket that listens on 127.0.0.1, as the first process of a sandbox makes it.
struct Listener {
  let descriptor: CInt
  let port: Int

  init(backlog: CInt = 1_024) throws {
    descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let (fd, isReady) = withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        (
          descriptor,
          bind(descriptor, $0, size) == 0 && listen(descriptor, backlog) == 0
            && getsockname(descriptor, $0, &size) == 0
        )
      }
    }
    guard fd >= 0, isReady else { throw POSIXError(.EADDRINUSE) }
    port = Int(UInt16(bigEndian: address.sin_port))
  }
}

/// A client whose every byte the test decides. It blocks, so it is used on threads (`onThread`).
final class Client: Sendable {
  let descriptor: CInt

  init(port: Int, seconds: Int = 60) throws {
    descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = UInt16(port).bigEndian
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else { throw POSIXError(.ECONNREFUSED) }
  }

  deinit { Glibc.close(descriptor) }

  /// - Returns: whether everything was sent.
  @discardableResult func send(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// Up to `count` bytes; fewer at the end of the connection.
  func read(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: min(count, 1 << 16))
    while bytes.count < count {
      let got = recv(descriptor, &chunk, min(chunk.count, count - bytes.count), 0)
      if got <= 0 { break }
      bytes += chunk[..<got]
    }
    return bytes
  }

  func readText(_ count: Int) -> String { String(decoding: read(count), as: UTF8.self) }

  /// Everything until the connection ends.
  func readAll() -> String { readText(.max >> 1) }

  /// A head with its empty line.
  func readHead() -> String {
    var bytes: [UInt8] = []
    while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
      let next = read(1)
      if next.isEmpty { break }
      bytes += next
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Whether the peer has ended the connection, and sent nothing before.
  func isEnded() -> Bool { read(1).isEmpty }

  func closeOutput() { shutdown(descriptor, CInt(SHUT_WR)) }
}

/// Runs a blocking call on a separate thread.
func onThread<Value: Sendable>(
  _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
  }
}

/// Waits for something that another thread brings about, at most 10 s.
func eventually(_ condition: @Sendable () -> Bool) async throws -> Bool {
  let deadline = ContinuousClock.now + .seconds(10)
  while ContinuousClock.now < deadline {
    if condition() { return true }
    try await Task.sleep(for: .milliseconds(5))
  }
  return condition()
}

/// Echoes its input, after a greeting if there is one.
func echoServer(greeting: String = "") throws -> RawServer {
  try RawServer { connection in
    if !greeting.isEmpty { connection.send(greeting) }
    while let bytes = connection.read() {
      if !connection.send(bytes: bytes) { return }
    }
  }
}
