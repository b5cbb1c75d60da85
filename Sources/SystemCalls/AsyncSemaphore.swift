import Synchronization

/// At most so many at once; the others wait in the order in which they came. Each key, such as a
/// repository, has a count of its own.
///
/// A process takes a dozen descriptors and a share of the processor: thousands that are started at
/// once end the program that starts them, and none of them ends any sooner. What runs with a permit
/// has a time limit of its own, so a wait ends too.
package final class AsyncSemaphore: Sendable {
  private struct Queue {
    var free: Int
    var waiting: [CheckedContinuation<Void, Never>] = []
    /// How many at the front of `waiting` have been resumed; they are removed now and then.
    var resumed = 0

    mutating func next() -> CheckedContinuation<Void, Never>? {
      guard resumed < waiting.count else { return nil }
      defer {
        resumed += 1
        if resumed * 2 > waiting.count {
          waiting.removeFirst(resumed)
          resumed = 0
        }
      }
      return waiting[resumed]
    }
  }

  private let count: Int
  /// Of the keys of which a permit is taken.
  private let queues = Mutex<[String: Queue]>([:])

  /// - Parameter count: permits of each key, at least one.
  package init(_ count: Int) { self.count = max(1, count) }

  /// Runs `body` as soon as there is a permit for it.
  package func withPermit<Value: Sendable, Failure: Error>(
    for key: String = "", _ body: () async throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    await acquire(key)
    defer { release(key) }
    return try await body()
  }

  private func acquire(_ key: String) async {
    await withCheckedContinuation { continuation in
      let isFree = queues.withLock { queues in
        var queue = queues.removeValue(forKey: key) ?? Queue(free: count)
        defer { queues[key] = queue }
        guard queue.free > 0 else {
          queue.waiting.append(continuation)
          return false
        }
        queue.free -= 1
        return true
      }
      if isFree { continuation.resume() }
    }
  }

  private func release(_ key: String) {
    // A permit goes from hand to hand: whoever comes now is behind those that wait.
    let next = queues.withLock { queues -> CheckedContinuation<Void, Never>? in
      guard var queue = queues.removeValue(forKey: key) else { return nil }
      let next = queue.next()
      if next == nil { queue.free += 1 }
      if queue.free < count { queues[key] = queue }
      return next
    }
    next?.resume()
  }
}
