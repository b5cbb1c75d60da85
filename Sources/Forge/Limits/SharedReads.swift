import Engine
import HTTPClient
import Synchronization

/// Lets those that ask the same at the same time share one answer.
///
/// Whoever shares an answer asked before the request for it went out, so nobody is told what was so
/// before they asked. The first of its kind goes out at once; while one is under way the next
/// gathers for a moment, and whoever comes in that moment goes with it.
final class SharedReads: Sendable {
  typealias Answer = Result<HTTPResponse, ForgeFault>

  private struct Reads {
    var underWay = 0
    /// Has not gone out yet: others may join.
    var gathering: Task<Answer, Never>?
  }

  private static let gatheringTime = Duration.milliseconds(10)
  private let reads = Mutex<[String: Reads]>([:])

  /// - Parameters:
  ///   - key: what is asked; the same key, the same answer.
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
