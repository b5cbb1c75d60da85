import Domain
import Testing

/// What a follow-up writes to its pull request when it has ended.
struct FollowUpTests {
  private func followUp(threads: [Int64]) -> Requested {
    Sample.request(
      .followUp(
        FollowUp(
          pullRequest: 123, first: Sample.roundID(0), follows: Sample.roundID(0),
          threads: threads)))
  }

  @Test func aFollowUpAnswersEachThreadOnce() throws {
    var events = Sample.pushed
    events[0] = .requested(followUp(threads: [7, 8]))
    var markers: [String] = []
    while case .act(let notice)? = try given(events).state.nextIntent {
      markers.append(notice.marker)
      events.append(.actionDone(ActionDone(marker: notice.marker)))
    }
    #expect(markers == ["reply-7", "reply-8", "summary"])
  }

  @Test func noChangeIsAnAnswer() throws {
    var events = Sample.generating
    events[0] = .requested(followUp(threads: [7]))
    let end = AttemptEnd(
      attempt: 1, token: Sample.token(1), outcome: .released(.noChanges), message: "no change",
      words: "It is right as it is.")
    guard case .events(let ended) = try given(events).when(.endAttempt(end)),
      case .failed(let failed)? = ended.first
    else {
      Issue.record("the first attempt is the last")
      return
    }
    #expect(failed.code == .noChanges)
    #expect(failed.words == "It is right as it is.")
    #expect(
      try given(events + ended).state.nextIntent
        == .act(Notice(.reply(thread: 7), marker: "reply-7")))
  }

  @Test func aFailureIsSaidInTheSummary() throws {
    var events = Sample.generating
    events[0] = .requested(followUp(threads: [7]))
    events.append(.failed(Sample.failure(.generate, .agentFailed)))
    #expect(
      try given(events).state.nextIntent
        == .act(Notice(.summary, marker: "summary-failed-1")))
    events[events.count - 1] = .failed(Sample.failure(.generate, .cancelled))
    #expect(try given(events).state.nextIntent == nil)
  }
}
