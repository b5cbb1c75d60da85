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
    var isWoken = false
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

  /// The number of waiting items.
  var count: Int { state.withLock { $0.items.count } }

  /// The thread that takes gets `nothingYet` if there are no items, now or the next time.
  func wakeTaker() {
    state.withLock { $0.isWoken = true }
    wake.signal()
  }

  /// A call of `wakeTaker` has no effect any more.
  func forgetWake() { state.withLock { $0.isWoken = false } }

  /// The oldest items, at least one; waits for it until `timeout`.
  /// - Parameters:
  ///   - timeoutMs: nil for no limit.
  ///   - count: how many to take of so many.
  func take(timeoutMs: Int?, count: (_ waiting: Int) -> Int) -> Taken {
    let deadline = timeoutMs.map { DispatchTime.now() + .milliseconds($0) } ?? .distantFuture
    while true {
      let taken = state.withLock { state -> Taken? in
        if !state.items.isEmpty {
          let some = Array(state.items.prefix(max(1, count(state.items.count))))
          state.items.removeFirst(some.count)
          return .items(some)
        }
        if state.isWoken {
          state.isWoken = false
          return .nothingYet
        }
        return state.isClosed ? .closed : nil
      }
      if let taken { return taken }
      if wake.wait(timeout: deadline) == .timedOut { return .nothingYet }
    }
  }
}
