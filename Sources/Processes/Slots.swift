import Synchronization

/// So many at once and no more; the others wait in the order in which they came.
///
/// A process takes a dozen descriptors and a share of the processor: thousands that are started at
/// once end the program that starts them, and none of them comes to an end any sooner. What runs in
/// a slot has a time limit of its own, so a wait ends too.
package final class Slots: Sendable {
  private struct State {
    var free: Int
    var waiting: [CheckedContinuation<Void, Never>] = []
    /// How many of `waiting` have been let go; they are taken out now and then.
    var gone = 0

    mutating func next() -> CheckedContinuation<Void, Never>? {
      guard gone < waiting.count else { return nil }
      defer {
        gone += 1
        if gone * 2 > waiting.count {
          waiting.removeFirst(gone)
          gone = 0
        }
      }
      return waiting[gone]
    }
  }

  private let state: Mutex<State>

  /// - Parameter count: how many at once, at least one.
  package init(_ count: Int) { state = Mutex(State(free: max(1, count))) }

  /// Runs `body` as soon as there is a slot for it.
  package func withSlot<Value: Sendable, Failure: Error>(
    _ body: () async throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    await take()
    defer { giveBack() }
    return try await body()
  }

  private func take() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        guard state.free > 0 else {
          state.waiting.append(continuation)
          return false
        }
        state.free -= 1
        return true
      }
      if isFree { continuation.resume() }
    }
  }

  private func giveBack() {
    // A slot goes from hand to hand: whoever comes now stands behind those that wait.
    let next = state.withLock { state in
      let next = state.next()
      if next == nil { state.free += 1 }
      return next
    }
    next?.resume()
  }
}
