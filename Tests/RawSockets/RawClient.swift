import Foundation
import Glibc

/// A TCP client whose every byte the test decides: one that says nothing, or half of what it
/// should, or reads nothing. Used by one thread at a time.
package final class RawClient: Sendable {
  private let socket: Int32

  /// - Parameters:
  ///   - receiveBytes: of the kernel's buffer for what comes; nil: what it takes by itself.
  ///   - source: the address of this machine to come from; nil: loopback.
  /// - Throws: `POSIXError` where nobody takes the connection within ten seconds.
  package init(port: Int, receiveBytes: Int32? = nil, from source: String? = nil) throws {
    socket = try Self.connected(port: port, receiveBytes: receiveBytes, from: source)
  }

  /// An address of this machine, other than loopback; nil if it has none.
  package static let otherAddress: String? = {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return nil }
    defer { freeifaddrs(list) }
    for entry in sequence(first: list, next: { $0?.pointee.ifa_next }) {
      guard let address = entry?.pointee.ifa_addr, address.pointee.sa_family == AF_INET else {
        continue
      }
      var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      let size = socklen_t(MemoryLayout<sockaddr_in>.size)
      guard
        getnameinfo(address, size, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0
      else { continue }
      let text = String(decoding: host.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self)
      if !text.hasPrefix("127.") { return text }
    }
    return nil
  }()

  /// A socket that is connected to a port of this machine; the caller closes it. See `init`.
  package static func connected(
    port: Int, receiveBytes: Int32? = nil, from source: String? = nil
  ) throws -> Int32 {
    let socket = Glibc.socket(
      AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { throw POSIXError(.EMFILE) }
    var patience = timeval(tv_sec: 10, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
    if var bytes = receiveBytes {
      setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
    }
    func call(_ ip: String, _ port: Int, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32)
      -> Bool
    {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      address.sin_addr.s_addr = inet_addr(ip)
      return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          call($0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
    }
    let isConnected =
      (source.map { call($0, 0) { bind(socket, $0, $1) } } ?? true)
      && call("127.0.0.1", port) { connect(socket, $0, $1) }
    guard isConnected else {
      let code = POSIXErrorCode(rawValue: errno) ?? .EIO
      close(socket)
      throw POSIXError(code)
    }
    return socket
  }

  /// Whether somebody listens on a port of this machine.
  package static func accepts(port: Int) -> Bool {
    guard let socket = try? connected(port: port) else { return false }
    close(socket)
    return true
  }

  /// A port of this machine on which nobody listens now.
  package static func freePort() throws -> Int {
    let (socket, port) = try boundSocket()
    close(socket)
    return port
  }

  deinit { close(socket) }

  /// - Returns: false once the server takes no more.
  @discardableResult
  package func send(_ text: String) -> Bool { send(bytes: Array(text.utf8)) }

  @discardableResult
  package func send(bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// Sends nothing more; what the server sends still comes.
  package func finishSending() { shutdown(socket, Int32(SHUT_WR)) }

  /// Whatever comes next; empty at the end of the connection, or after ten seconds.
  package func receive(atMost count: Int = 65_536) -> [UInt8] {
    var chunk = [UInt8](repeating: 0, count: count)
    let received = recv(socket, &chunk, count, 0)
    return Array(chunk.prefix(max(received, 0)))
  }

  /// All that comes until the server closes.
  package func receiveAll() -> String {
    var all: [UInt8] = []
    while true {
      let chunk = receive()
      if chunk.isEmpty { return String(decoding: all, as: UTF8.self) }
      all += chunk
    }
  }

  /// Whether anything has come, or comes within the time.
  package func hasReceived(within milliseconds: Int32) -> Bool {
    var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    return poll(&descriptor, 1, milliseconds) == 1
  }

  /// Waits until the server has closed the connection, and passes over what it sends before.
  /// - Returns: false where it has not within the time.
  package func isClosed(within milliseconds: Int32) -> Bool {
    let end = ContinuousClock.now + .milliseconds(Int(milliseconds))
    while ContinuousClock.now < end {
      var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
      let left = max(0, (end - .now) / .milliseconds(1))
      guard poll(&descriptor, 1, Int32(left)) == 1 else { return false }
      if receive().isEmpty { return true }
    }
    return false
  }
}
