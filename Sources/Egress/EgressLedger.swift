import Glibc
import NIOCore
import NetworkRules
import Synchronization

/// What one attempt reached and sent, and how much more it may send. All proxies and gateways of
/// the attempt share it; any thread may use it.
package final class EgressLedger: Sendable {
  /// The line of the record that a connection counts into; nil for one beyond the list.
  typealias Line = Int?

  private struct Key: Hashable {
    var host: String
    var port: Int
    var refusal: RefusalCode?
  }

  private struct State {
    var record = NetworkRecord()
    var lines: [Key: Int] = [:]
    var uploadLeft: Int
    var isOver = false
    var connections: [Int: any Channel] = [:]
    var lastID = 0

    mutating func line(_ key: Key, at now: Int64) -> Line {
      if let line = lines[key] { return line }
      guard record.hosts.count < NetworkRecord.hostsMax else { return nil }
      let line = record.hosts.count
      record.hosts.append(
        NetworkRecord.Host(host: key.host, port: key.port, refusal: key.refusal, firstAt: now))
      lines[key] = line
      return line
    }

    mutating func count(_ key: Key, at now: Int64) -> Line {
      let line = line(key, at: now)
      if let line { record.hosts[line].connections += 1 } else { record.connectionsBeyond += 1 }
      return line
    }
  }

  private let state: Mutex<State>
  private let now: @Sendable () -> Int64

  /// - Parameters:
  ///   - uploadBytesMax: how much the attempt may send in all, in bytes.
  ///   - now: milliseconds since 1970.
  package init(
    uploadBytesMax: Int = NetworkPolicy.uploadBytesMaxDefault,
    now: @escaping @Sendable () -> Int64 = EgressLedger.wallClock
  ) {
    state = Mutex(State(uploadLeft: max(0, uploadBytesMax)))
    self.now = now
  }

  /// Milliseconds since 1970 by the system's clock.
  package static func wallClock() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }

  /// What was reached and refused so far.
  package var record: NetworkRecord { state.withLock { $0.record } }

  /// Whether the upload limit was passed; nothing goes out any more.
  package var isOverUpload: Bool { state.withLock { $0.isOver } }

  /// Ends every open connection of the attempt.
  package func closeConnections() {
    let open = state.withLock { Array($0.connections.values) }
    for channel in open { channel.close(promise: nil) }
  }

  // MARK: For connections

  /// Notes a refusal.
  /// - Parameter host: what was asked for, whatever it is.
  func refused(_ host: some Sequence<UInt8>, port: Int, _ code: RefusalCode) {
    let key = Key(host: PrintableHost.text(host), port: port, refusal: code)
    let time = now()
    state.withLock { _ = $0.count(key, at: time) }
  }

  /// Notes a connection, or a request of plain HTTP, that was let through.
  func allowed(_ host: String, port: UInt16) -> Line {
    let key = Key(host: PrintableHost.text(host.utf8), port: Int(port), refusal: nil)
    let time = now()
    return state.withLock { $0.count(key, at: time) }
  }

  /// Takes bytes that are about to be sent.
  /// - Parameter host: and its port: where to; what a refusal is noted for.
  /// - Returns: false if they would pass the limit: they must not be sent, and from now on none.
  func send(_ count: Int, _ line: Line, to host: some Sequence<UInt8>, port: Int) -> Bool {
    guard spend(count, for: host, port: port) else { return false }
    state.withLock { state in
      state.record.bytesUp += count
      if let line { state.record.hosts[line].bytesUp += count }
    }
    return true
  }

  /// Takes what goes out without a connection: a name that is looked up is sent to its owner.
  /// - Returns: as `send`.
  func spend(_ count: Int, for host: some Sequence<UInt8>, port: Int) -> Bool {
    let (isWithin, wasWithin) = state.withLock { state in
      let wasWithin = !state.isOver
      if count > state.uploadLeft { state.isOver = true }
      if !state.isOver {
        state.uploadLeft -= count
      } else {
        let text = PrintableHost.text(host)
        _ = state.count(Key(host: text, port: port, refusal: .uploadLimit), at: now())
      }
      return (!state.isOver, wasWithin)
    }
    // All connections of the attempt end with the one that passes the limit. That is noted by now:
    // an agent that ends with its connection has its record read at once.
    if wasWithin, !isWithin { closeConnections() }
    return isWithin
  }

  /// Notes bytes that came back.
  func received(_ count: Int, _ line: Line) {
    state.withLock { state in
      state.record.bytesDown += count
      if let line { state.record.hosts[line].bytesDown += count }
    }
  }

  /// Takes a connection in.
  /// - Returns: a number to give back to `leave`; nil if there are too many.
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
