import Domain
import Testing

/// Failed checks as feedback: only those of AIPM's last commit count, and rounds for them alone are
/// limited.
struct FailedCheckTests {
  private func start(_ number: Int) -> DelegationCommand {
    .conversation(.startRound(Sample.roundID(number), RoundLimits(maximum: 10, checks: 2)))
  }

  private func check(_ number: Int, _ commit: ObjectID) -> DelegationCommand {
    .conversation(
      .hear([
        HeardFeedback(
          Sample.feedback(number, .check, commit: commit), .counts(gather: Milliseconds(0)))
      ]))
  }

  @Test func checksOfOtherCommitsAreIgnored() throws {
    let pushed = try given(Sample.pushed)
    #expect(
      pushed.when(check(1, Sample.commit))
        == .events([
          Sample.said(1, .counts, .check, commit: Sample.commit, startAt: Sample.now)
        ]))
    #expect(
      pushed.when(check(1, Sample.task))
        == .events([
          Sample.said(1, .ignored(.commitOutdated), .check, commit: Sample.task)
        ]))
  }

  @Test func checksThatAPushOvertookAreDropped() throws {
    let next = ObjectID("e3")
    let state = try given(
      Sample.pushed + [
        Sample.said(1, .counts), .conversation(.roundStarted(Sample.round(1, takes: [1]))),
        Sample.said(2, .counts, .check, commit: Sample.commit), Sample.ended(1, commit: next),
      ])
    #expect(
      state.when(start(2))
        == .events([
          .conversation(
            .feedbackJudged(
              FeedbackJudged(
                id: Sample.feedback(2, .check).id, standing: .ignored(.commitOutdated))))
        ]))
  }

  @Test func roundsForChecksAloneAreLimited() throws {
    var events = Sample.pushed
    var head = Sample.commit
    for number in 1...2 {
      let takes = RoundStarted(
        delegation: Sample.roundID(number), follows: Sample.id,
        takes: [Sample.feedback(number, .check).id])
      let next = ObjectID("a\(number)")
      events += [
        Sample.said(number, .counts, .check, commit: head),
        .conversation(.roundStarted(takes)), Sample.ended(number, commit: next),
      ]
      head = next
    }
    let failing = events + [Sample.said(3, .counts, .check, commit: head)]
    #expect(
      try given(failing).when(start(3))
        == .events([
          .conversation(
            .roundsStopped(
              RoundsStopped(reason: .checks, drops: [Sample.feedback(3, .check).id])))
        ]))
    guard case .events(let both) = try given(failing + [Sample.said(4, .counts)]).when(start(3)),
      case .conversation(.roundStarted)? = both.first
    else {
      Issue.record("a person's comment starts a round all the same")
      return
    }
  }
}
