import Synchronization

/// Limits how many tasks run at once. The others wait in the order of their arrival. Each key, such
/// as a repository, has its own count.
///
/// A process uses a dozen descriptors and a share of the processor. Thousands of processes at once
/// would end the program that starts them, and would not finish sooner. What runs with a permit has
/// a time limit, so each wait ends.
package final class AsyncSemaphore: Sendable {
  private struct Queue {
    var free: Int
    var waiting: [CheckedContinuation<Void, Never>] = []
    /// How many at the front of `waiting` have been resumed. They are removed in batches.
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
  /// The keys of which a permit is in use.
  private let queues = Mutex<[String: Queue]>([:])

  /// - Parameter count: the permits of each key, at least one.
  package init(_ count: Int) { self.count = max(1, count) }

  /// Runs `body` as soon as a permit for the key is free.
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
    // A released permit goes to the task that waits longest, not to one that arrives now.
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
