import Domain
import Synchronization

/// One at a time for each repository, in the order of asking; different repositories do not wait
/// for each other. What runs under a lock has a time limit of its own, so a wait ends too.
final class RepositoryLocks: Sendable {
  /// A repository is a key while it is locked; the value is who waits.
  private let waiting = Mutex<[String: [CheckedContinuation<Void, Never>]]>([:])

  func withLock<Value: Sendable, Failure: Error>(
    _ repository: RepositoryName, _ body: () async throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    // GitHub's names do not differ by case alone.
    let key = repository.description.lowercased()
    await lock(key)
    defer { unlock(key) }
    return try await body()
  }

  private func lock(_ key: String) async {
    await withCheckedContinuation { continuation in
      let isFree = waiting.withLock { waiting in
        guard waiting[key] != nil else {
          waiting[key] = []
          return true
        }
        waiting[key]?.append(continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  private func unlock(_ key: String) {
    let next: CheckedContinuation<Void, Never>? = waiting.withLock { waiting in
      guard var line = waiting[key], !line.isEmpty else {
        waiting[key] = nil
        return nil
      }
      let first = line.removeFirst()
      waiting[key] = line
      return first
    }
    next?.resume()
  }
}
