import HTTPTypes
import Synchronization

/// The submissions that wait for their pull request. Each holds its request in memory, so their
/// number is limited.
final class SubmissionSlots: Sendable {
  /// The permit to wait, returned when this object is freed.
  final class Ticket: Sendable {
    private let slots: SubmissionSlots
    fileprivate init(_ slots: SubmissionSlots) { self.slots = slots }
    deinit { slots.count.withLock { $0 -= 1 } }
  }

  private let max: Int
  private let count = Mutex(0)

  init(max: Int) { self.max = max }

  /// The number of submissions that wait.
  var waiting: Int { count.withLock { $0 } }

  /// - Throws: `Problem` 503 if too many wait.
  func take() throws -> Ticket {
    let isFree = count.withLock { count in
      guard count < max else { return false }
      count += 1
      return true
    }
    guard isFree else {
      var problem = Problem(
        .serviceUnavailable, "Too much at once",
        "Nothing was accepted: \(max) submissions wait for their pull request.",
        hint: "Send it again, or send Prefer: respond-async, which waits for nothing.")
      problem.retryAfter = 2
      throw problem
    }
    return Ticket(self)
  }
}
