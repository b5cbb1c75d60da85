import Domain
import Testing

/// From an accepted commit to `Pushed`, and what happens to one that no longer fits.
struct PushTests {
  @Test func theAcceptedCommitIsWhatIsPushed() throws {
    let pushed = Pushed(sha: Sample.commit, adopted: false)
    #expect(try given(Sample.generated).when(.recordPush(pushed)) == .events([.pushed(pushed)]))
    let other = Pushed(sha: ObjectID("ee"), adopted: false)
    #expect(try given(Sample.generated).when(.recordPush(other)).isRejected)
    #expect(try given(Sample.generating).when(.recordPush(pushed)).isRejected)
    #expect(try given(Sample.pushed).when(.recordPush(pushed)).isRejected)
    #expect(throws: CorruptStream.self) { try given(Sample.generated + [.pushed(other)]) }
  }

  /// An earlier accepted commit may be found on the branch; no other may.
  @Test func anEarlierAcceptedCommitIsAdopted() throws {
    let second = ObjectID("d9")
    let events =
      Sample.unpushed + [
        .released(Released(attempt: 1, token: nil, cause: .commitStale, message: nil)),
        .dispatched(Sample.dispatch(2)), .generating(Sample.start(2)),
        .generated(Sample.handIn(2, sha: second)),
      ]
    #expect(try given(events).state.delegation?.accepted == [Sample.commit, second])
    let adopted = Pushed(sha: Sample.commit, adopted: true)
    #expect(try given(events).when(.recordPush(adopted)) == .events([.pushed(adopted)]))
    #expect(
      try given(events).when(.recordPush(Pushed(sha: Sample.commit, adopted: false))).isRejected)
    #expect(
      try given(events).when(.recordPush(Pushed(sha: ObjectID("ee"), adopted: true))).isRejected)
  }

  @Test func aRetryGoesOnAtThePush() throws {
    let state = try given(Sample.unpushed).state
    #expect(state.name == .pullRequestCreated)
    #expect(state.commitToPush == Sample.handIn(1))
    #expect(state.lease == nil)
    #expect(state.step == .push)
  }

  @Test func aCommitThatDoesNotFitAnyMoreIsGivenUp() throws {
    let drop = DelegationCommand.dropCommit(message: "the branch moved")
    let kept = try given(Sample.unpushed).when(drop)
    #expect(
      kept
        == .events([
          .released(
            Released(attempt: 1, token: nil, cause: .commitStale, message: "the branch moved"))
        ]))
    let state = try given(Sample.unpushed + kept.made).state
    #expect(state.nextIntent == .dispatch)
    let leased = try given(Sample.generated).when(drop)
    #expect(
      leased
        == .events([
          .released(
            Released(
              attempt: 1, token: Sample.token(1), cause: .commitStale,
              message: "the branch moved"))
        ]))
    #expect(try given(Sample.prepared).when(drop).isRejected)
    #expect(try given(Sample.generating).when(drop).isRejected)
  }

  @Test func commitsAreNotGivenUpForEver() throws {
    var events = Sample.prepared
    for attempt in 1..<infrastructureFailuresMax {
      events += [
        .dispatched(Sample.dispatch(attempt)), .generating(Sample.start(attempt)),
        .generated(Sample.handIn(attempt, sha: ObjectID("d\(attempt)"))),
      ]
      events += try given(events).when(.dropCommit(message: "gone")).made
    }
    events += [
      .dispatched(Sample.dispatch(20)), .generating(Sample.start(20)),
      .generated(Sample.handIn(20, sha: ObjectID("d20"))),
    ]
    guard
      case .failed(let failed)? = try given(events).when(.dropCommit(message: "gone")).made.first
    else {
      Issue.record("it goes on for ever")
      return
    }
    #expect(failed.code == .attemptsExhausted && failed.step == .push)
  }

  @Test func thereIsOnePush() throws {
    for event in [
      DelegationEvent.generated(Sample.handIn(1)),
      .pushed(Pushed(sha: Sample.commit, adopted: false)),
      .pushed(Pushed(sha: Sample.commit, adopted: true)), .retryRequested,
      .dispatched(Sample.dispatch(2)),
    ] { #expect(throws: CorruptStream.self) { try given(Sample.pushed + [event]) } }
  }
}
