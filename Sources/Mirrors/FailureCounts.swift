import Synchronization

/// How often git failed on a commit without a fault of the machine.
final class FailureCounts: Sendable {
  /// So often the same commit is tried.
  static let triesMax = 3
  private static let knownMax = 1000

  private let counts = Mutex<[String: Int]>([:])

  /// Takes note of a failure.
  /// - Returns: whether it is to be tried again.
  func mayTryAgain(_ commit: String) -> Bool {
    counts.withLock { counts in
      if counts.count >= Self.knownMax { counts.removeAll() }
      counts[commit, default: 0] += 1
      return counts[commit, default: 0] < Self.triesMax
    }
  }

  func forget(_ commit: String) { counts.withLock { $0[commit] = nil } }
}
