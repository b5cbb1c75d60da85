import EventLog
import HTTPTypes
import Testing

@testable import Server

/// The problems that a client gets for faults of the log.
struct ProblemTests {
  @Test("a log that takes no events now is no fault of the client, who hears when to come again")
  func unavailable() {
    let problem = Problem(AppendFault.unavailable("the log waits for its replica"))
    #expect(problem.status == .serviceUnavailable)
    #expect(problem.retryAfter == 5)
    #expect(problem.detail == "Nothing can be recorded now: the log waits for its replica.")
  }

  @Test("a client who asks too much at once gets the status for that")
  func overloaded() {
    let problem = Problem(AppendFault.overloaded)
    #expect(problem.status == .tooManyRequests)
    #expect(problem.retryAfter == 1)
  }
}
