import Dispatch
import Glibc
import Synchronization

/// A bounded queue into a thread. Whoever puts something in never waits; whoever takes does.
final class Lane<Item: Sendable>: Sendable {
  enum Refusal { case full, closed }

  enum Taken {
    case items([Item])
    case nothingYet
    /// Closed, and nothing is left in it.
    case closed
  }

  private struct State {
    var items: [Item] = []
    var isClosed = false
  }

  private let state = Mutex(State())
  private let wake = DispatchSemaphore(value: 0)
  private let capacity: Int
  /// How many threads take from it: each must be woken when the lane closes.
  private let takers: Int

  init(capacity: Int, takers: Int) {
    self.capacity = capacity
    self.takers = takers
  }

  /// - Returns: nil where the item was taken in.
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

  /// Takes nothing more in; what is there already is still taken out.
  func close() {
    state.withLock { $0.isClosed = true }
    for _ in 0..<takers { wake.signal() }
  }

  /// The oldest items, at least one; waits for it until `timeout`.
  /// - Parameter timeoutMs: nil: for ever.
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

/// Runs `body` on a thread of its own, with every signal blocked: signals are the program's.
/// - Returns: false where the system has no thread left.
func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
  final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  let box = Unmanaged.passRetained(Box(body))
  var all = sigset_t()
  var before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { context in
      guard let context else { return nil }
      Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
      return nil
    }, box.toOpaque())
  guard code == 0 else {
    box.release()
    return false
  }
  pthread_detach(thread)
  return true
}
