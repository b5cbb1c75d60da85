import Domain
import Testing

/// Rounds that merge the base branch: when they start, and the commits that they may record.
struct BaseMergeTests {
  private let limits = RoundLimits(maximum: 2, checks: 2)
  private let base = ObjectID(String(repeating: "b", count: 40))
  private let start = ObjectID(String(repeating: "c", count: 40))

  private var merge: BaseMerge { BaseMerge(base: base, start: start) }

  private func hear(_ number: Int, _ source: FeedbackSource) -> DelegationCommand {
    .conversation(
      .hear([HeardFeedback(Sample.feedback(number, source), .counts(gather: Milliseconds(0)))]))
  }

  private func round(_ number: Int, _ source: FeedbackSource) -> DelegationEvent {
    .conversation(
      .roundStarted(
        RoundStarted(
          delegation: Sample.roundID(number), follows: Sample.id,
          takes: [Sample.feedback(number, source).id])))
  }

  // MARK: When rounds start

  @Test(arguments: [FeedbackSource.conflict, .behind])
  func whatAPushWillChangeIsNotRecorded(_ source: FeedbackSource) throws {
    let pushed = try given(Sample.pushed)
    guard case .events = pushed.when(hear(1, source)) else {
      Issue.record("nobody is at work")
      return
    }
    let busy = [
      Sample.generating,
      Sample.pushed + [
        Sample.said(6, .counts), .conversation(.roundStarted(Sample.round(6, takes: [6]))),
      ],
    ]
    for events in busy { #expect(try given(events).when(hear(1, source)) == .nothing) }
    // What people say is recorded all the same.
    for events in busy {
      guard case .events = try given(events).when(hear(1, .comment)) else {
        Issue.record("a comment is lost")
        continue
      }
    }
  }

  @Test func updatesDoNotCountForTheMaximum() throws {
    var events = Sample.pushed
    for number in 1...4 {
      events += [
        Sample.said(number, .counts, .behind), round(number, .behind), Sample.ended(number),
      ]
    }
    events.append(Sample.said(5, .counts, .behind))
    let command = DelegationCommand.conversation(.startRound(Sample.roundID(5), limits))
    let started = RoundStarted(
      delegation: Sample.roundID(5), follows: Sample.roundID(4),
      takes: [Sample.feedback(5, .behind).id])
    #expect(
      try given(events).when(command) == .events([.conversation(.roundStarted(started))]))
    // A conflict counts as what people ask.
    events = Sample.pushed
    for number in 1...2 {
      events += [
        Sample.said(number, .counts, .conflict), round(number, .conflict), Sample.ended(number),
      ]
    }
    events.append(Sample.said(5, .counts, .conflict))
    #expect(
      try given(events).when(command)
        == .events([
          .conversation(
            .roundsStopped(
              RoundsStopped(reason: .maximum, drops: [Sample.feedback(5, .conflict).id])))
        ]))
  }

  @Test func anUpdateBetweenFailedChecksResetsNothing() throws {
    var events = Sample.pushed
    for (number, source) in [(1, FeedbackSource.check), (2, .behind), (3, .check)] {
      events += [Sample.said(number, .counts, source), round(number, source), Sample.ended(number)]
    }
    #expect(try given(events).state.delegation?.conversation.checkRoundsInARow == 2)
  }

  // MARK: Commits

  private var prepared: [DelegationEvent] {
    var events = Sample.prepared
    events[0] = .requested(
      Sample.request(
        .followUp(
          FollowUp(
            pullRequest: 123, first: Sample.roundID(0), follows: Sample.roundID(0), merge: .alone)))
    )
    return events
  }

  private func generated(_ merge: BaseMerge?) -> Generated {
    Generated(
      attempt: 1, token: nil, sha: Sample.commit, parent: Sample.head, merge: merge, figures: nil)
  }

  @Test func aMergeOfTheServerIsPushedNext() throws {
    let made = generated(merge)
    #expect(try given(prepared).when(.recordMerge(made)) == .events([.generated(made)]))
    #expect(try given(prepared + [.generated(made)]).state.nextIntent == .push(made))
    // Only a merge needs no lease, and a cancellation comes first.
    #expect(try given(prepared).when(.recordMerge(generated(nil))).isRejected)
    #expect(try given(prepared + [.cancelRequested]).when(.recordMerge(made)).isRejected)
    #expect(try given(Sample.generating).when(.recordMerge(made)).isRejected)
  }

  @Test func aHandInIsTheMergeThatWasBegun() throws {
    var begun = Sample.start(1)
    begun.merge = merge
    let events = prepared + [.dispatched(Sample.dispatch(1)), .generating(begun)]
    var handIn = Sample.handIn(1)
    #expect(try given(events).when(.acceptCommit(handIn)).isRejected)
    handIn.merge = BaseMerge(base: start, start: base)
    #expect(try given(events).when(.acceptCommit(handIn)).isRejected)
    handIn.merge = merge
    #expect(try given(events).when(.acceptCommit(handIn)) == .events([.generated(handIn)]))
    #expect(throws: CorruptStream.self) {
      var other = handIn
      other.merge = nil
      _ = try given(events + [.generated(other)])
    }
  }

  /// A worker that reconnects names only the commit that it checked out.
  @Test func theStartOfAMergeIsKept() throws {
    var begun = Sample.start(1)
    begun.merge = merge
    let resumed = try given(
      prepared + [
        .dispatched(Sample.dispatch(1)), .generating(begun),
        .dispatched(Sample.dispatch(1, token: 2)),
      ]
    ).state.delegation?.begun
    #expect(resumed?.merge == merge && resumed?.head == begun.head && resumed?.attempt == 1)
  }

  @Test func aBranchThatIsUpToDateIsAnsweredToNobody() throws {
    let nothing = DelegationEvent.failed(Sample.failure(.prepare, .noChanges))
    #expect(try given(prepared + [nothing]).state.nextIntent == nil)
    let failed = DelegationEvent.failed(Sample.failure(.prepare, .agentFailed))
    #expect(try given(prepared + [failed]).state.nextIntent != nil)
  }
}
