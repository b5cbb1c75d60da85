import Domain
import Synchronization

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
