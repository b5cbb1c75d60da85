import Dispatch
import Glibc
import Synchronization

/// A bounded queue for threads. `put` never waits; `take` does.
final class BoundedQueue<Item: Sendable>: Sendable {
  enum Refusal { case full, closed }

  enum Taken {
    case items([Item])
    case nothingYet
    /// The queue is closed and empty.
    case closed
  }

  private struct State {
    var items: [Item] = []
    var isClosed = false
  }

  private let state = Mutex(State())
  private let wake = DispatchSemaphore(value: 0)
  private let capacity: Int
  /// The number of threads that take from it. Each must be woken when the queue closes.
  private let takers: Int

  init(capacity: Int, takers: Int) {
    self.capacity = capacity
    self.takers = takers
  }

  /// - Returns: nil if the item was accepted.
  func put(_ item: Item) -> Refusal? {
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
  func close() {
    state.withLock { $0.isClosed = true }
    for _ in 0..<takers { wake.signal() }
  }

  /// The oldest items, at least one; waits for it until `timeout`.
  /// - Parameter timeoutMs: nil for no limit.
  func take(max: Int, timeoutMs: Int?) -> Taken {
    let deadline = timeoutMs.map { DispatchTime.now() + .milliseconds($0) } ?? .distantFuture
    while true {
      let taken = state.withLock { state -> Taken? in
        if !state.items.isEmpty {
          let some = Array(state.items.prefix(max))
          state.items.removeFirst(some.count)
          return .items(some)
        }
        return state.isClosed ? .closed : nil
      }
      if let taken { return taken }
      if wake.wait(timeout: deadline) == .timedOut { return .nothingYet }
    }
  }
}
