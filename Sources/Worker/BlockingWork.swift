// Blocking work: system calls on trees with up to a million files.

import Dispatch
import Synchronization

/// Raised if the result is not needed any more.
final class StopFlag: Sendable {
  private let flag = Atomic(false)
  var isRaised: Bool { flag.load(ordering: .relaxed) }
  func raise() { flag.store(true, ordering: .relaxed) }
}

enum BlockingWork {
  /// Runs `body` on another thread.
  /// - Parameter body: checks the flag regularly, which is raised if the task is cancelled.
  static func run<Value: Sendable>(
    _ body: @escaping @Sendable (StopFlag) throws -> Value
  ) async throws -> Value {
    let flag = StopFlag()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result { try body(flag) }) }
      }
    } onCancel: {
      flag.raise()
    }
  }
}
