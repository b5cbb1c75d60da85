// Output that is kept in bounded memory.

import Synchronization

/// The last bytes of a stream.
package struct Tail: Sendable {
  private let limit: Int
  private var kept: [UInt8] = []
  /// True where bytes were dropped.
  package private(set) var truncated = false

  package init(limit: Int) { self.limit = limit }

  /// Takes bytes in; what is beyond the limit pushes the oldest out.
  package mutating func append(_ chunk: [UInt8]) {
    kept += chunk
    if kept.count > limit { truncated = true }
    // Dropped in large pieces, so that a long stream costs no more than its length.
    if kept.count > 2 * limit { kept.removeFirst(kept.count - limit) }
  }

  package var bytes: [UInt8] { Array(kept.suffix(limit)) }
}

/// The first bytes of a stream.
struct Head: Sendable {
  let limit: Int
  private(set) var bytes: [UInt8] = []
  private(set) var truncated = false

  init(limit: Int) { self.limit = limit }

  mutating func append(_ chunk: [UInt8]) {
    let room = limit - bytes.count
    if chunk.count > room { truncated = true }
    bytes += chunk.prefix(room)
  }
}

/// A tail that one reads while another appends.
package final class SharedTail: Sendable {
  private let state: Mutex<Tail>

  package init(limit: Int) { state = Mutex(Tail(limit: limit)) }

  package var tail: Tail { state.withLock { $0 } }
  /// Takes bytes in, as `Tail` does.
  package func append(_ chunk: [UInt8]) { state.withLock { $0.append(chunk) } }
}
