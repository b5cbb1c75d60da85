// Work that blocks: system calls on trees that may hold a million files.

import Dispatch
import Synchronization

/// Raised where nobody waits for the result any more.
final class StopFlag: Sendable {
  private let flag = Atomic(false)
  var isRaised: Bool { flag.load(ordering: .relaxed) }
  func raise() { flag.store(true, ordering: .relaxed) }
}

enum BlockingWork {
  /// Runs `body` on a thread that nothing else waits for.
  /// - Parameter body: looks at the flag now and then, which is raised when the task is cancelled.
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
