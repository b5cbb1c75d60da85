// GitHub's primary rate limit: a number of calls per hour, reported in headers.

import Synchronization

final class RateLimit: Sendable {
  struct State: Sendable, Equatable {
    var limit: Int
    var used: Int
    /// Seconds since 1970.
    var reset: Int64

    var remaining: Int { max(limit - used, 0) }
    var isExceeded: Bool { used > limit }
  }

  private let state: Mutex<State>

  /// - Parameter limit: calls per hour.
  init(limit: Int) { state = Mutex(State(limit: limit, used: 0, reset: 0)) }

  /// The state after these calls.
  func state(adding calls: Int = 0, at now: Int64 = ForgeStore.now) -> State {
    state.withLock { state in
      if now >= state.reset {
        state.used = 0
        state.reset = now + 3600
      }
      state.used += calls
      return state
    }
  }

  /// Takes back one call: a response of 304 is free.
  func refund() { state.withLock { $0.used = max($0.used - 1, 0) } }
}
