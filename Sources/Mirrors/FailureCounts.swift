import Synchronization

/// How often git failed on a commit without a fault of the machine.
final class FailureCounts: Sendable {
  /// The most tries of one commit.
  static let triesMax = 3
  private static let knownMax = 1000

  private let counts = Mutex<[String: Int]>([:])

  /// Counts a failure.
  /// - Returns: whether to try again.
  func mayTryAgain(_ commit: String) -> Bool {
    counts.withLock { counts in
      if counts.count >= Self.knownMax { counts.removeAll() }
      counts[commit, default: 0] += 1
      return counts[commit, default: 0] < Self.triesMax
    }
  }

  func forget(_ commit: String) { counts.withLock { $0[commit] = nil } }
}
