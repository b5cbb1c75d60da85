import Domain
import Synchronization

/// SplitMix64: the same numbers for the same seed.
package struct Seeded: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// A clock that stands where the test puts it.
package final class HandClock: Sendable {
  private let time: Mutex<Timestamp>

  package init(_ time: Timestamp = Story.start) { self.time = Mutex(time) }

  package var now: Timestamp { time.withLock { $0 } }
  package func set(_ time: Timestamp) { self.time.withLock { $0 = time } }
  package func step(_ milliseconds: Int64) {
    time.withLock { $0 = $0 + Milliseconds(milliseconds) }
  }
}
