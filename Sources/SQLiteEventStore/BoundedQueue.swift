import Dispatch
import Glibc
import Synchronization

/// A bounded queue for threads. `put` never waits; `take` does.
package final class BoundedQueue<Item: Sendable>: Sendable {
  /// Why an item was not accepted.
  package enum Refusal: Sendable { case full, closed }

  /// The result of `take`.
  package enum Taken: Sendable {
    case items([Item])
    /// No item came in time.
    case nothingYet
    /// The queue is empty, and `wakeTaker` was called since the last call that returned this.
    case woken
    /// The queue is closed and empty.
    case closed
  }

  private struct State {
    var items: [Item] = []
    var isClosed = false
    var isWoken = false
  }

  private let state = Mutex(State())
  private let wake = DispatchSemaphore(value: 0)
  private let capacity: Int
  /// The number of threads that take from it. Each must be woken when the queue closes.
  private let takers: Int

  /// - Parameter takers: the number of threads that take from it.
  package init(capacity: Int, takers: Int) {
    self.capacity = capacity
    self.takers = takers
  }

  /// Appends an item, without waiting.
  /// - Returns: nil if the item was accepted.
  package func put(_ item: Item) -> Refusal? {
    let (refusal, wakes) = state.withLock { state -> (Refusal?, Bool) in
      if state.isClosed { return (.closed, false) }
      if state.items.count >= capacity { return (.full, false) }
      state.items.append(item)
      return (nil, takers > 1 || state.items.count == 1)
    }
    if wakes { wake.signal() }
    return refusal
  }

  /// Refuses further items; queued items can still be taken.
  package func close() {
    state.withLock { $0.isClosed = true }
    for _ in 0..<takers { wake.signal() }
  }

  var isClosed: Bool { state.withLock { $0.isClosed } }

  /// The number of waiting items.
  var count: Int { state.withLock { $0.items.count } }

  /// The thread that takes gets `woken` if there are no items, now or the next time.
  func wakeTaker() {
    state.withLock { $0.isWoken = true }
    wake.signal()
  }

  /// The oldest items, at most `max`, without waiting; may be empty.
  package func takeReady(max: Int) -> [Item] {
    state.withLock { state in
      let some = Array(state.items.prefix(max))
      state.items.removeFirst(some.count)
      return some
    }
  }

  /// The oldest items, at least one; waits for it until `timeout`.
  /// - Parameters:
  ///   - max: how many to take at most.
  ///   - timeoutMs: nil for no limit.
  package func take(max: Int, timeoutMs: Int?) -> Taken {
    let deadline = timeoutMs.map { DispatchTime.now() + .milliseconds($0) } ?? .distantFuture
    while true {
      let taken = state.withLock { state -> Taken? in
        if !state.items.isEmpty {
          let some = Array(state.items.prefix(max))
          state.items.removeFirst(some.count)
          return .items(some)
        }
        if state.isWoken {
          state.isWoken = false
          return .woken
        }
        return state.isClosed ? .closed : nil
      }
      if let taken { return taken }
      if wake.wait(timeout: deadline) == .timedOut { return .nothingYet }
    }
  }
}
