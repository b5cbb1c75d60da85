import Domain
import EventLog
import Projections
import Testing

@testable import Server

struct TaskWordsTests {
  private let now = Timestamp(milliseconds: 1_800_000_000_000)

  private func status(_ place: Int, in seconds: Int64?) -> String {
    TaskWords.status(
      DelegationRow(),
      QueuedPlace(
        place: place,
        startsAt: seconds.map { Timestamp(milliseconds: now.milliseconds + $0 * 1000) }),
      now: now)
  }

  @Test func placesInWords() {
    #expect(status(3, in: 125) == "Queued (third, about 2 min)")
    #expect(status(1, in: -5) == "Queued (first, less than a minute)")
    #expect(status(10, in: nil) == "Queued (tenth)")
    #expect(status(11, in: nil) == "Queued (11th)")
    #expect(status(21, in: nil) == "Queued (21st)")
    #expect(status(112, in: 3 * 3600) == "Queued (112th, about 3 h)")
    #expect(TaskWords.status(DelegationRow(), nil, now: now) == "Queued")
  }

  @Test func aFailureIsOneSentenceAndItsRemedyAnother() {
    #expect(
      TaskWords.summary(.forgeRefused, message: "the repository acme/nope was not found")
        == "The forge refused: the repository acme/nope was not found.")
    #expect(
      TaskWords.summary(.agentFailed, message: "the agent ended with exit code 1; it said: no")
        == "The agent ended with exit code 1; it said: no.")
    #expect(
      TaskWords.summary(.verifyFailed, message: "line\nline")
        == "The checks after the agent did not pass.")
    #expect(
      TaskWords.summary(.cancelled, message: "cancelled on request")
        == "It was cancelled on request.")
    #expect(TaskWords.remedy(.forgeRefused, hint: "check the name") == "Check the name.")
    for code in FailureCode.allCases {
      #expect(TaskWords.summary(code, message: nil).hasSuffix("."))
      #expect(TaskWords.remedy(code, hint: nil).hasSuffix("."))
    }
  }

  @Test func everyConditionHasOnePhase() {
    for state in DelegationStateName.allCases where state != .failed {
      for pullRequest in PullRequestState.allCases {
        let phase = TaskPhase(state, failure: nil, pullRequest: pullRequest)
        #expect((phase == .queued || phase == .working) == (state != .pushed))
      }
    }
    #expect(TaskPhase(.pushed, failure: nil, pullRequest: nil) == .ready)
    #expect(TaskPhase(.pushed, failure: nil, pullRequest: .merged) == .merged)
    #expect(TaskPhase(.failed, failure: .noChanges, pullRequest: .open) == .failed)
    #expect(TaskPhase(.failed, failure: .noChanges, pullRequest: .closed) == .closed)
    #expect(TaskPhase(.failed, failure: .cancelled, pullRequest: .open) == .cancelled)
    let needed = TaskNeed.allCases.flatMap { Array($0.phases) }
    #expect(Set(needed) == Set(TaskPhase.allCases) && needed.count == TaskPhase.allCases.count)
  }
}
