import Domain
import Testing

/// Cancel and retry, in every state.
struct CancelAndRetryTests {
  @Test func cancelIsTakenUntilACommitWasAccepted() throws {
    for events in [
      Sample.requested, Sample.based, Sample.branched, Sample.committed, Sample.prepared,
      Sample.dispatched, Sample.generating,
    ] {
      #expect(try given(events).when(.cancel) == .events([.cancelRequested]))
      #expect(try given(events + [.cancelRequested]).when(.cancel) == .nothing)
    }
    #expect(try given(Sample.generated).when(.cancel) == .rejected(.pushUnderWay))
    #expect(try given(Sample.unpushed).when(.cancel) == .rejected(.pushUnderWay))
    #expect(try given().when(.cancel) == .rejected(.notAllowed(command: "cancel", state: nil)))
    #expect(
      try given(Sample.pushed).when(.cancel)
        == .rejected(.notAllowed(command: "cancel", state: .pushed)))
    #expect(
      try given(Sample.failed).when(.cancel)
        == .rejected(.notAllowed(command: "cancel", state: .failed)))
  }

  @Test func withoutALeaseItEndsAtOnce() throws {
    let stages: [([DelegationEvent], Step)] = [
      (Sample.requested, .resolveBase), (Sample.based, .createBranch),
      (Sample.branched, .commitTask), (Sample.committed, .openPullRequest),
      (Sample.prepared, .prepare),
    ]
    for (events, step) in stages {
      let asked = try given(events + [.cancelRequested])
      #expect(asked.state.nextIntent == .cancel)
      #expect(asked.when(.settleCancellation) == .events([Sample.cancelled(step)]))
      #expect(try given(events).when(.settleCancellation).isRejected)
    }
  }

  @Test func anEndWaitsForNoRetry() throws {
    let waiting = Sample.branched + [Sample.stepFailed(.commitTask), .cancelRequested]
    #expect(try given(waiting).state.nextIntent == .cancel)
    #expect(try given(waiting).state.nextIntentDue == nil)
  }

  @Test func aWriteWhoseAnswerWasLostIsSettledFirst() throws {
    let events =
      Sample.branched + [Sample.stepFailed(.commitTask, ambiguous: true), .cancelRequested]
    #expect(try given(events).state.nextIntent == .settle(.commitTask))
    let found = try given(events).when(
      .recordTaskCommit(TaskCommitted(sha: Sample.task, adopted: true)))
    let state = try given(events + found.made).state
    #expect(state.name == .taskCommitted)
    #expect(state.nextIntent == .cancel)
  }

  @Test func theWorkersAnswerOrTheEndOfItsLeaseEndsIt() throws {
    for events in [Sample.dispatched, Sample.generating] {
      let asked = try given(events + [.cancelRequested])
      let lease = try #require(asked.state.lease)
      #expect(asked.state.nextIntent == .stopAgent(lease))
      #expect(asked.when(.settleCancellation).isRejected)
      let cancelled = Then.events([Sample.cancelled(.generate)])
      #expect(asked.when(.confirmStopped(attempt: 1, token: Sample.token(1))) == cancelled)
      #expect(
        asked.when(.confirmStopped(attempt: 1, token: Sample.token(9))) == .rejected(.superseded))
      for cause in ReleaseCause.allCases {
        #expect(asked.when(.endAttempt(Sample.end(1, cause))) == cancelled)
      }
      #expect(
        try given(events).when(.confirmStopped(attempt: 1, token: Sample.token(1))).isRejected)
    }
  }

  @Test func cancelAgainstHandInIsSettledByTheLog() throws {
    let first = Sample.generating + [.cancelRequested]
    #expect(
      try given(first).when(.acceptCommit(Sample.handIn(1))) == .rejected(.cancelled))
    #expect(throws: CorruptStream.self) { try given(first + [.generated(Sample.handIn(1))]) }
    #expect(try given(Sample.generated).when(.cancel) == .rejected(.pushUnderWay))
    #expect(throws: CorruptStream.self) { try given(Sample.generated + [.cancelRequested]) }
  }

  @Test func aWorkerThatJustBeganHearsItByItsPlanNotByARefusal() throws {
    let events = Sample.dispatched + [.cancelRequested]
    #expect(try given(events).when(.startGenerating(Sample.start(1))) == .nothing)
    #expect(
      try given(events).when(
        .resume(worker: Sample.worker, incarnation: 2, attempt: 1, token: Sample.token(2)))
        == .rejected(.cancelled))
  }

  @Test func aCancellationThatFoundItsCommitPushedIsPushed() throws {
    let events = Sample.prepared + [.cancelRequested]
    let then = try given(events).when(
      .recordFound(commit: Sample.commit, parent: Sample.head, attempt: 1))
    let pushed = try given(events + then.made)
    #expect(pushed.state.name == .pushed)
    #expect(pushed.state.delegation?.cancelRequested == false)
    #expect(pushed.when(.settleCancellation).isRejected)
  }

  @Test func retryIsForTheFailedAlone() throws {
    for events in [
      [], Sample.requested, Sample.branched, Sample.prepared, Sample.generating, Sample.generated,
      Sample.pushed,
    ] { #expect(try given(events).when(.retry).isRejected) }
    #expect(try given(Sample.failed).when(.retry) == .events([.retryRequested]))
  }

  @Test func retryGoesOnAtTheLastMilestone() throws {
    let failed = DelegationEvent.failed(Sample.failure(.push, .forgeRefused))
    let stages: [([DelegationEvent], DelegationStateName)] = [
      (Sample.requested, .requested), (Sample.based, .requested),
      (Sample.branched, .branchCreated), (Sample.committed, .taskCommitted),
      (Sample.prepared, .pullRequestCreated), (Sample.dispatched, .pullRequestCreated),
      (Sample.generating, .pullRequestCreated), (Sample.generated, .pullRequestCreated),
    ]
    for (events, state) in stages {
      let again = try given(events + [failed, .retryRequested])
      #expect(again.state.name == state)
      #expect(again.state.delegation?.base == (try given(events).state.delegation?.base))
      #expect(
        again.state.delegation?.pullRequest == (try given(events).state.delegation?.pullRequest))
      #expect((again.state.commitToPush != nil) == (try given(events).state.commitToPush != nil))
    }
  }

  @Test func retryClearsTheCancellationAndTheFailedTry() throws {
    let events =
      Sample.branched + [
        Sample.stepFailed(.commitTask), .cancelRequested, Sample.cancelled(.commitTask),
        .retryRequested,
      ]
    let state = try given(events).state
    #expect(state.nextIntent == .commitTask)
    #expect(state.nextIntentDue == nil)
    #expect(state.delegation?.cancelRequested == false)
  }

  @Test func attemptsAreCountedAnewAfterARetryAndNumberedOn() throws {
    let events =
      Sample.generating + [
        Sample.released(1, .agentFailed), .dispatched(Sample.dispatch(2)),
        .generating(Sample.start(2)), .failed(Sample.failure(.generate, .agentFailed)),
        .retryRequested,
      ]
    let state = try given(events).state
    #expect(state.delegation?.attemptsUsed == 0)
    #expect(
      try given(events).when(
        .dispatch(worker: Sample.worker, incarnation: 1, token: Sample.token(3)))
        == .events([.dispatched(Sample.dispatch(3))]))
  }
}
