import ForgePort
import HTTPClient
import Synchronization

/// Lets equal reads at the same time share one answer.
///
/// A read shares only the answer to a request that was sent after it, so no answer is older than
/// the question. The first read is sent at once. While it is under way, the next one is delayed a
/// little, and reads that arrive meanwhile join it.
final class SharedReads: Sendable {
  typealias Answer = Result<HTTPResponse, ForgeFault>

  private struct Reads {
    var underWay = 0
    /// Not sent yet: others may join.
    var gathering: Task<Answer, Never>?
  }

  private static let gatheringTime = Duration.milliseconds(10)
  private let reads = Mutex<[String: Reads]>([:])

  /// - Parameters:
  ///   - key: reads with the same key share an answer.
  ///   - read: sends the request.
  func answer(
    _ key: String, _ read: @escaping @Sendable () async -> Answer
  ) async -> Answer {
    let task = reads.withLock { reads -> Task<Answer, Never> in
      if let gathering = reads[key]?.gathering { return gathering }
      let gathers = (reads[key]?.underWay ?? 0) > 0
      reads[key, default: Reads()].underWay += 1
      let task = Task {
        if gathers {
          try? await Task.sleep(for: Self.gatheringTime)
          self.change(key) { $0.gathering = nil }
        }
        let answer = await read()
        self.change(key) { $0.underWay -= 1 }
        return answer
      }
      if gathers { reads[key]?.gathering = task }
      return task
    }
    return await task.value
  }

  private func change(_ key: String, _ body: (inout Reads) -> Void) {
    reads.withLock { reads in
      guard var found = reads[key] else { return }
      body(&found)
      reads[key] = found.underWay > 0 ? found : nil
    }
  }
}
