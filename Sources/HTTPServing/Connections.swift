import Glibc
import NIOCore
import Synchronization

/// The connections of one server: counted by client, with eviction.
final class Connections: Sendable {
  /// One connection's slot.
  final class Seat: Sendable {
    let channel: any Channel
    fileprivate let client: Client
    private let now: Mutex<Standing>

    fileprivate init(_ channel: any Channel, _ client: Client, at moment: NIODeadline) {
      self.channel = channel
      self.client = client
      now = Mutex(Standing(.fresh, since: moment, bodyBytes: 0))
    }

    var standing: Standing {
      get { now.withLock { $0 } }
      set { now.withLock { $0 = newValue } }
    }
  }

  private struct State {
    var seats: [ObjectIdentifier: Seat] = [:]
    var counts: [Client: Int] = [:]
    /// The connections that can be closed, the first to close last, as they stood at `rankedAt`.
    /// Ranking them all for each new one would make a crowd of new ones wait for each other.
    private var ranked: [(seat: Seat, standing: Standing)] = []
    private var rankedAt = NIODeadline.uptimeNanoseconds(0)

    mutating func remove(_ seat: Seat) {
      guard seats.removeValue(forKey: ObjectIdentifier(seat)) != nil else { return }
      let left = (counts[seat.client] ?? 1) - 1
      counts[seat.client] = left == 0 ? nil : left
    }

    /// The connection to close first.
    mutating func weakest(at now: NIODeadline) -> Seat? {
      if now - rankedAt < .milliseconds(100), let seat = nextRanked() { return seat }
      rankedAt = now
      ranked = Self.ranked(seats.values, at: now)
      return nextRanked()
    }

    /// The connection of one client to close first.
    func weakest(of client: Client, at now: NIODeadline) -> Seat? {
      Self.ranked(seats.values.filter { $0.client == client }, at: now).last?.seat
    }

    /// The last ranked one that is still there, and has done nothing since.
    private mutating func nextRanked() -> Seat? {
      while let (seat, standing) = ranked.popLast() {
        if seats[ObjectIdentifier(seat)] != nil, seat.standing == standing { return seat }
      }
      return nil
    }

    private static func ranked(
      _ seats: some Sequence<Seat>, at now: NIODeadline
    ) -> [(seat: Seat, standing: Standing)] {
      var found: [(seat: Seat, standing: Standing, rank: (group: Int, value: Int64))] = []
      for seat in seats {
        let standing = seat.standing
        if let rank = standing.rank(at: now) { found.append((seat, standing, rank)) }
      }
      found.sort { $0.rank > $1.rank }
      return found.map { ($0.seat, $0.standing) }
    }
  }

  let limits: ServingLimits
  private let max: Int
  private let state = Mutex(State())

  init(_ limits: ServingLimits) {
    self.limits = limits
    max = limits.connectionsHeld
  }

  var count: Int { state.withLock { $0.seats.count } }

  /// Adds a connection. If there is no slot, another connection is closed for it.
  /// - Returns: nil if none can be closed.
  func admit(_ channel: any Channel, at now: NIODeadline) -> Seat? {
    let client = Client(channel.remoteAddress)
    let (seat, evicted) = state.withLock { state -> (Seat?, Seat?) in
      let isFull = state.seats.count >= max
      let isGreedy =
        client != .thisMachine && (state.counts[client] ?? 0) >= limits.connectionsPerClientMax
      var evicted: Seat?
      if isFull || isGreedy {
        evicted = isGreedy ? state.weakest(of: client, at: now) : state.weakest(at: now)
        guard let evicted else { return (nil, nil) }
        state.remove(evicted)
      }
      let seat = Seat(channel, client, at: now)
      state.seats[ObjectIdentifier(seat)] = seat
      state.counts[client, default: 0] += 1
      return (seat, evicted)
    }
    evicted?.channel.close(promise: nil)
    return seat
  }

  func leave(_ seat: Seat) { state.withLock { $0.remove(seat) } }
}

/// The client of a connection, by its address.
enum Client: Hashable, Sendable {
  /// Loopback or a unix socket.
  case thisMachine
  /// The address; for IPv6 the network, because a host can have any address in it.
  case other([UInt8])

  init(_ address: SocketAddress?) { self.init(ip: address?.ipAddress) }

  /// - Parameter ip: an address as text; nil: a unix socket.
  init(ip text: String?) {
    guard let text else {
      self = .thisMachine
      return
    }
    if let bytes = Self.bytes(text, AF_INET, count: 4) {
      self.init(v4: bytes)
      return
    }
    let bytes = Self.bytes(text, AF_INET6, count: 16) ?? []
    let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xff, 0xff]
    if bytes.starts(with: mapped) {
      self.init(v4: Array(bytes.dropFirst(mapped.count)))
    } else if bytes.last == 1, bytes.dropLast().allSatisfy({ $0 == 0 }) {
      self = .thisMachine
    } else {
      self = .other(Array(bytes.prefix(8)))
    }
  }

  private init(v4 bytes: [UInt8]) { self = bytes.first == 127 ? .thisMachine : .other(bytes) }

  private static func bytes(_ text: String, _ family: Int32, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    // A link-local address may include the name of its interface.
    let address = String(text.prefix { $0 != "%" })
    return inet_pton(family, address, &bytes) == 1 ? bytes : nil
  }
}
