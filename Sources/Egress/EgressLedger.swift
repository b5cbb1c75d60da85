import FoundationEssentials
import NIOCore
import NetworkRules
import Synchronization

/// The record of one attempt's connections, and the rest of its upload limit. All proxies and
/// gateways of the attempt share it, on any thread.
package final class EgressLedger: Sendable {
  /// The index of the record's entry for a connection; nil for a connection beyond the list.
  typealias Line = Int?

  private struct State {
    var record = NetworkRecord()
    var uploadLeft: Int
    var isOver = false
    var connections: [Int: any Channel] = [:]
    var lastID = 0

    mutating func count(
      _ host: some Sequence<UInt8>, _ port: Int, _ refusal: RefusalCode?, at now: Int64
    ) -> Line {
      let host = PrintableHost.text(host)
      var line = record.hosts.firstIndex {
        $0.host == host && $0.port == port && $0.refusal == refusal
      }
      if line == nil, record.hosts.count < NetworkRecord.hostsMax {
        line = record.hosts.count
        record.hosts.append(
          NetworkRecord.Host(host: host, port: port, refusal: refusal, firstAt: now))
      }
      if let line { record.hosts[line].connections += 1 } else { record.connectionsBeyond += 1 }
      return line
    }
  }

  private let state: Mutex<State>
  private let now: @Sendable () -> Int64

  /// - Parameters:
  ///   - uploadBytesMax: how much the attempt may send together, in bytes.
  ///   - now: milliseconds since 1970.
  package init(
    uploadBytesMax: Int = NetworkPolicy.uploadBytesMaxDefault,
    now: @escaping @Sendable () -> Int64 = EgressLedger.wallClock
  ) {
    state = Mutex(State(uploadLeft: max(0, uploadBytesMax)))
    self.now = now
  }

  /// Milliseconds since 1970 by the system's clock.
  package static func wallClock() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }

  /// The connections and refusals so far.
  package var record: NetworkRecord { state.withLock { $0.record } }

  /// Ends every open connection of the attempt.
  package func closeConnections() {
    let open = state.withLock { Array($0.connections.values) }
    for channel in open { channel.close(promise: nil) }
  }

  // MARK: For connections

  /// Records a refusal.
  /// - Parameter host: the requested host, in any form.
  func refused(_ host: some Sequence<UInt8>, port: Int, _ code: RefusalCode) {
    let time = now()
    state.withLock { _ = $0.count(host, port, code, at: time) }
  }

  /// Records an allowed connection or plain HTTP request.
  func allowed(_ host: String, port: UInt16) -> Line {
    let time = now()
    return state.withLock { $0.count(host.utf8, Int(port), nil, at: time) }
  }

  /// Counts bytes that are about to be sent.
  /// - Parameter host: with its port, the destination, for recording a refusal.
  /// - Returns: false if the limit is exceeded: these bytes and all later ones must not be sent.
  func send(_ count: Int, _ line: Line, to host: some Sequence<UInt8>, port: Int) -> Bool {
    guard spend(count, for: host, port: port) else { return false }
    state.withLock { state in
      state.record.bytesUp += count
      if let line { state.record.hosts[line].bytesUp += count }
    }
    return true
  }

  /// Counts bytes that leave without a connection: the name in a DNS query reaches its owner.
  /// - Returns: as for `send`.
  func spend(_ count: Int, for host: some Sequence<UInt8>, port: Int) -> Bool {
    let (isWithin, wasWithin) = state.withLock { state in
      let wasWithin = !state.isOver
      if count > state.uploadLeft { state.isOver = true }
      if !state.isOver {
        state.uploadLeft -= count
      } else {
        _ = state.count(host, port, .uploadLimit, at: now())
      }
      return (!state.isOver, wasWithin)
    }
    // All connections end with the one that exceeds the limit. The record is complete by now,
    // because an agent that ends with its connection has its record read at once.
    if wasWithin, !isWithin { closeConnections() }
    return isWithin
  }

  func received(_ count: Int, _ line: Line) {
    state.withLock { state in
      state.record.bytesDown += count
      if let line { state.record.hosts[line].bytesDown += count }
    }
  }

  /// Adds a connection.
  /// - Returns: its number for `leave`; nil if there are too many.
  func enter(_ channel: any Channel, connectionsMax: Int) -> Int? {
    state.withLock { state in
      guard state.connections.count < connectionsMax else { return nil }
      state.lastID += 1
      state.connections[state.lastID] = channel
      return state.lastID
    }
  }

  func leave(_ id: Int) { state.withLock { $0.connections[id] = nil } }
}
