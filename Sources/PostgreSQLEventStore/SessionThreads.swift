#if PostgreSQL

import EventLog
import PostgreSQL
import SQLiteEventStore
import SystemCalls

/// A few threads, each with its own session, and one queue of calls that wait for them.
final class SessionThreads: Sendable {
  private typealias Call = @Sendable (inout PostgreSQLConnection?) -> Void

  private let calls: BoundedQueue<Call>

  /// - Parameters:
  ///   - waitingMax: the most calls that wait.
  ///   - purpose: what they do, for the error.
  /// - Throws: `StoreFault` if no thread can be started.
  init(_ threads: Int, waitingMax: Int, for purpose: String) throws(StoreFault) {
    let calls = BoundedQueue<Call>(capacity: waitingMax, takers: threads)
    self.calls = calls
    for _ in 0..<threads {
      guard startThread({ Self.serve(calls) }) else {
        calls.close()
        throw StoreFault(operation: "open", message: "no thread for \(purpose) could be started")
      }
    }
  }

  /// Runs calls until the queue is closed.
  private static func serve(_ queue: BoundedQueue<Call>) {
    var session: PostgreSQLConnection?
    while case .items(let calls) = queue.take(max: 1, timeoutMs: nil) {
      for call in calls { call(&session) }
    }
  }

  /// Finishes the calls that wait, and refuses new ones.
  func close() { calls.close() }

  /// Runs `body` on one of the threads.
  /// - Parameters:
  ///   - failure: makes the error of a call that is not taken, from the reason.
  ///   - body: gets the thread's session, nil before the first; it can replace it.
  func run<T: Sendable, Failure: Error>(
    orThrow failure: (String) -> Failure,
    _ body: @escaping @Sendable (inout PostgreSQLConnection?) -> Result<T, Failure>
  ) async throws(Failure) -> T {
    let result = await withCheckedContinuation {
      (caller: CheckedContinuation<Result<T, Failure>, Never>) in
      switch calls.put({ session in caller.resume(returning: body(&session)) }) {
      case nil: break
      case .full: caller.resume(returning: .failure(failure("too many calls wait")))
      case .closed: caller.resume(returning: .failure(failure("the store is closed")))
      }
    }
    return try result.get()
  }
}

#endif
