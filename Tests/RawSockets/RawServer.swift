// A TCP server for tests that can break off, stall and lie at any byte, as no real one does on
// request, and a latch between its threads and a test.

import Foundation
import Glibc
import Synchronization

/// A TCP server on 127.0.0.1 whose every byte and every close the test decides. Each connection
/// is served by `serve` on a thread of its own.
package final class RawServer: Sendable {
  private struct State {
    var accepted = 0
    var isStopped = false
    /// The listener is closed; its number may be another socket's at once.
    var hasEnded = false
  }

  package let port: Int
  private let listener: Int32
  private let state = Mutex(State())

  /// Connections so far.
  package var accepted: Int { state.withLock { $0.accepted } }
  package var url: String { "http://127.0.0.1:\(port)" }

  package init(serve: @escaping @Sendable (RawConnection) -> Void) throws {
    (listener, port) = try boundSocket()
    guard listen(listener, 256) == 0 else { throw POSIXError(.EADDRINUSE) }
    Thread.detachNewThread { [self] in accept(serve) }
  }

  private func accept(_ serve: @escaping @Sendable (RawConnection) -> Void) {
    while true {
      let socket = Glibc.accept(listener, nil, nil)
      let cause = errno
      if socket < 0 {
        let goesOn = state.withLock { state in
          if !state.isStopped, [EINTR, ECONNABORTED].contains(cause) { return true }
          state.hasEnded = true
          Glibc.close(listener)
          return false
        }
        if goesOn { continue }
        return
      }
      state.withLock { $0.accepted += 1 }
      Thread.detachNewThread {
        let connection = RawConnection(socket: socket)
        serve(connection)
        connection.close()
      }
    }
  }

  package func stop() {
    state.withLock { state in
      if !state.isStopped, !state.hasEnded { Glibc.shutdown(listener, Int32(SHUT_RDWR)) }
      state.isStopped = true
    }
  }
}

/// A port on which nothing listens, and that nobody else gets meanwhile.
package final class ClosedPort {
  package let number: Int
  private let socket: Int32

  package init() throws { (socket, number) = try boundSocket() }
  deinit { close(socket) }
}

/// A socket bound to a free port of 127.0.0.1.
func boundSocket() throws -> (socket: Int32, port: Int) {
  let socket = Glibc.socket(
    AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = inet_addr("127.0.0.1")
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let isBound = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
    }
  }
  guard isBound else { throw POSIXError(.EADDRINUSE) }
  return (socket, Int(UInt16(bigEndian: address.sin_port)))
}

/// One connection of a raw server. Used by the thread that serves it.
package final class RawConnection {
  package struct Request {
    package var line: String
    package var headers: [String]
    package var body: [UInt8]

    package func header(_ name: String) -> String? {
      headers.first { $0.lowercased().hasPrefix(name.lowercased() + ":") }
        .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
    }
  }

  private let socket: Int32
  private var isOpen = true
  private var buffer: [UInt8] = []

  init(socket: Int32) { self.socket = socket }

  /// Reads one request with its body; nil at the end of the connection.
  package func readRequest() -> Request? {
    guard let head = readHead() else { return nil }
    var lines = head.components(separatedBy: "\r\n")
    let line = lines.removeFirst()
    var request = Request(line: line, headers: lines.filter { !$0.isEmpty }, body: [])
    let length = request.header("content-length").flatMap { Int($0) } ?? 0
    while buffer.count < length {
      if !fill() { return nil }
    }
    request.body = Array(buffer.prefix(length))
    buffer.removeFirst(length)
    return request
  }

  private func readHead() -> String? {
    while true {
      if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) {
        let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
        buffer.removeSubrange(..<end.upperBound)
        return head
      }
      if !fill() { return nil }
    }
  }

  private func fill() -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = recv(socket, &chunk, chunk.count, 0)
    if count <= 0 { return false }
    buffer += chunk[..<count]
    return true
  }

  /// The bytes that come next; nil at the end of the connection.
  package func read() -> [UInt8]? {
    guard buffer.isEmpty else {
      defer { buffer = [] }
      return buffer
    }
    guard fill() else { return nil }
    defer { buffer = [] }
    return buffer
  }

  /// Whether the peer, which sends nothing more, closes within the time.
  package func peerCloses(within milliseconds: Int32) -> Bool {
    var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    return poll(&descriptor, 1, milliseconds) == 1
  }

  package func send(_ text: String) { _ = send(bytes: Array(text.utf8)) }

  /// Returns false once the peer is gone.
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

  package func answer(_ body: String, status: String = "200 OK", headers: [String] = []) {
    let extra = headers.map { $0 + "\r\n" }.joined()
    send("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(extra)\r\n\(body)")
  }

  /// Sends as much as the kernel takes without waiting over `milliseconds`; returns the count.
  package func sendUntilBlocked(chunk: [UInt8], limit: Int, milliseconds: Int32) -> Int {
    var sent = 0
    while sent < limit {
      var descriptor = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
      if poll(&descriptor, 1, milliseconds) != 1 { return sent }
      let count = chunk.withUnsafeBytes {
        Glibc.send(
          socket, $0.baseAddress, $0.count,
          Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      if count <= 0 { return sent }
      sent += count
    }
    return sent
  }

  /// Ends the connection with a RST in place of an orderly close.
  package func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  package func close() {
    guard isOpen else { return }
    isOpen = false
    Glibc.close(socket)
  }
}

/// A latch that a server's thread opens and a test waits for, or the other way round.
package final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())
  private let semaphore = DispatchSemaphore(value: 0)

  package init() {}

  package func open() {
    let waiters = state.withLock { state in
      state.isOpen = true
      defer { state.waiters = [] }
      return state.waiters
    }
    waiters.forEach { $0.resume() }
    semaphore.signal()
  }

  package func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiters.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  /// For the one thread that waits; at most 20 s.
  package func waitOnThread() {
    _ = semaphore.wait(timeout: .now() + 20)
    semaphore.signal()
  }
}
