import NIOCore
import Synchronization

/// How many requests a client may send: a token bucket for each address or API token, which fills
/// at the rate and holds ten seconds of it. The generic cell rate algorithm keeps one moment for
/// each client: that at which its bucket is full again. A full bucket can be forgotten, and the
/// number of clients has a limit, so memory is bounded.
package final class AddressRateLimit: Sendable {
  /// What a bucket holds, in seconds of its rate.
  package static let burstSeconds = 10
  /// The number of clients with a bucket of their own; the others share one.
  static let clientsMax = 4096

  private enum Key: Hashable {
    case client(Client)
    case token(String)
    case others
  }

  /// Between two tokens.
  private let interval: Duration
  private let burst: Duration
  private let fullAt = Mutex<[Key: ContinuousClock.Instant]>([:])

  /// - Parameter perSecond: the rate, at least 1.
  package init(perSecond: Int) {
    interval = .seconds(1) / max(perSecond, 1)
    burst = .seconds(Self.burstSeconds)
  }

  /// Takes a token.
  /// - Returns: nil if there was one, else in how many seconds there is one.
  package func take(_ channel: any Channel) -> Int? {
    take(Client(channel.remoteAddress), at: .now)
  }

  /// The same for an address that a proxy named.
  package func take(address: String) -> Int? { take(Client(ip: address), at: .now) }

  /// The same for the bucket of an API token.
  /// - Parameter token: its id.
  package func take(token: String) -> Int? { take(.token(token), at: .now) }

  func take(_ client: Client, at now: ContinuousClock.Instant) -> Int? {
    take(.client(client), at: now)
  }

  private func take(_ wanted: Key, at now: ContinuousClock.Instant) -> Int? {
    fullAt.withLock { fullAt in
      var key = wanted
      if fullAt[key] == nil, fullAt.count >= Self.clientsMax {
        fullAt = fullAt.filter { $0.value > now }
        if fullAt.count >= Self.clientsMax { key = .others }
      }
      let full = max(fullAt[key] ?? now, now) + interval
      let missing = full - (now + burst)
      guard missing <= .zero else { return max(1, Int(missing.components.seconds) + 1) }
      fullAt[key] = full
      return nil
    }
  }

  /// How many clients are remembered.
  var count: Int { fullAt.withLock { $0.count } }
}
