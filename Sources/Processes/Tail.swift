// Output in bounded memory.

import Synchronization

/// The last bytes of a stream.
package struct Tail: Sendable {
  private let limit: Int
  private var kept: [UInt8] = []
  /// True if bytes were dropped.
  package private(set) var truncated = false

  package init(limit: Int) { self.limit = limit }

  /// Appends bytes; the oldest beyond the limit are dropped.
  package mutating func append(_ chunk: [UInt8]) {
    kept += chunk
    if kept.count > limit { truncated = true }
    // Dropped in large pieces, so that appending is amortized linear.
    if kept.count > 2 * limit { kept.removeFirst(kept.count - limit) }
  }

  package var bytes: [UInt8] { Array(kept.suffix(limit)) }
}

/// A tail that can be read and appended to concurrently.
package final class SharedTail: Sendable {
  private let state: Mutex<Tail>

  package init(limit: Int) { state = Mutex(Tail(limit: limit)) }

  package var tail: Tail { state.withLock { $0 } }
  /// Appends bytes; the oldest beyond the limit are dropped.
  package func append(_ chunk: [UInt8]) { state.withLock { $0.append(chunk) } }
}
