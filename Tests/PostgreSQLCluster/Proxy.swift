#if PostgreSQL

import Foundation
import Glibc
import RawSockets
import Synchronization

/// Passes bytes between clients and the server, and loses some of them.
package final class Proxy: Sendable {
  /// What goes wrong next, once.
  package enum Loss: Equatable, Sendable {
    case nothing
    /// The answer to COMMIT; the server has committed.
    case answerToCommit
    /// The same, and nothing passes from then on, as after `cut`.
    case answerToCommitAndLink
    /// The answer to a session's first write of a shared file; the server has committed.
    case answerToFile
    /// What follows the copy of the events, with COMMIT; the server rolls back.
    case commit
    /// Everything that this client sends after the copy of the events, and the session stays open:
    /// for the server, the client is frozen.
    case allThatFollows
  }

  private struct State {
    var loss = Loss.nothing
    var losses = 0
    var isRefusing = false
    /// Whether nothing passes, in neither direction; the connections stay open.
    var isCut = false
    /// Whether the server's number of its process is replaced by another one, as poolers do.
    var hidesProcess = false
  }

  private let listener: Int32
  private let state = Mutex(State())
  package let port: Int

  package init(to server: Int) throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 16) == 0
          && getsockname(listener, $0, &size) == 0
      }
    }
    guard isBound else { throw POSIXError(.EADDRINUSE) }
    port = Int(in_port_t(bigEndian: address.sin_port))
    Thread.detachNewThread { [weak self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        guard let self, !self.state.withLock({ $0.isRefusing }),
          let peer = try? RawClient.connected(port: server)
        else {
          close(client)
          continue
        }
        self.serve(client, peer)
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// Loses this, once.
  package func lose(_ loss: Loss) { state.withLock { $0.loss = loss } }
  /// How often something was lost.
  package var losses: Int { state.withLock { $0.losses } }
  /// Accepts no further client.
  package func refuse() { state.withLock { $0.isRefusing = true } }
  /// Announces other numbers of processes to clients.
  package func hideProcesses() { state.withLock { $0.hidesProcess = true } }

  /// Passes nothing any more, and tells nobody.
  package func cut() { state.withLock { $0.isCut = true } }
  /// Passes what comes from now on. What came meanwhile is lost.
  package func mend() { state.withLock { $0.isCut = false } }
  private var isCut: Bool { state.withLock { $0.isCut } }

  private func serve(_ client: Int32, _ server: Int32) {
    // The server may be silent for longer than a test's client waits.
    var patience = timeval(tv_sec: 600, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
    // Whether the events of the current transaction were copied.
    let hasCopied = Flag()
    let isFrozen = Flag()
    let hasWritten = Flag()
    Thread.detachNewThread { [weak self] in
      Self.pass(client, server) { bytes in
        if self?.isCut ?? false { isFrozen.isSet.withLock { $0 = true } }
        if isFrozen.isSet.withLock({ $0 }) { return [] }
        if bytes.contains(Array("INSERT INTO files".utf8)) {
          hasWritten.isSet.withLock { $0 = true }
        }
        guard let self, hasCopied.isSet.withLock({ $0 }) else { return bytes }
        guard self.loses(.allThatFollows) else { return self.loses(.commit) ? nil : bytes }
        isFrozen.isSet.withLock { $0 = true }
        return []
      }
    }
    Thread.detachNewThread { [weak self] in
      Self.pass(server, client) { bytes in
        guard let self else { return nil }
        if self.isCut { isFrozen.isSet.withLock { $0 = true } }
        if isFrozen.isSet.withLock({ $0 }) { return [] }
        if bytes.contains(Array("COPY 1\0".utf8)) { hasCopied.isSet.withLock { $0 = true } }
        if bytes.contains(Array("COMMIT\0".utf8)) {
          hasCopied.isSet.withLock { $0 = false }
          if self.loses(.answerToCommit) { return nil }
          if self.loses(.answerToCommitAndLink) {
            self.cut()
            return []
          }
        }
        if hasWritten.isSet.withLock({ $0 }), bytes.contains(Array("SELECT 1\0".utf8)),
          self.loses(.answerToFile)
        {
          return nil
        }
        return self.state.withLock({ $0.hidesProcess }) ? Self.withOtherProcess(bytes) : bytes
      }
    }
  }

  private final class Flag: Sendable { let isSet = Mutex(false) }

  private func loses(_ loss: Loss) -> Bool {
    state.withLock { state in
      guard state.loss == loss else { return false }
      state.loss = .nothing
      state.losses += 1
      return true
    }
  }

  /// BackendKeyData is `K`, the length 12, the process and a key.
  private static func withOtherProcess(_ bytes: [UInt8]) -> [UInt8] {
    guard let start = bytes.firstRange(of: [UInt8(ascii: "K"), 0, 0, 0, 12])?.lowerBound,
      bytes.count > start + 8
    else { return bytes }
    var changed = bytes
    changed[start + 8] ^= 0x55
    return changed
  }

  /// Passes bytes on until one side closes, or `change` returns nil; then both are closed.
  private static func pass(_ from: Int32, _ to: Int32, _ change: ([UInt8]) -> [UInt8]?) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    reading: while true {
      let count = read(from, &buffer, buffer.count)
      guard count > 0, let bytes = change(Array(buffer[..<count])) else { break }
      var sent = 0
      while sent < bytes.count {
        let more = bytes[sent...].withUnsafeBytes {
          send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard more > 0 else { break reading }
        sent += more
      }
    }
    shutdown(from, Int32(SHUT_RDWR))
    shutdown(to, Int32(SHUT_RDWR))
  }
}

#endif
