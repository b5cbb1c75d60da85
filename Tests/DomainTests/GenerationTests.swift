import Domain
import Testing

/// Attempts, leases and tokens: who may say what of a generation.
struct GenerationTests {
  private func dispatch(token: Int64 = 1) -> DelegationCommand {
    .dispatch(worker: Sample.worker, incarnation: 1, token: Sample.token(token))
  }

  @Test func aDispatchBeginsTheNextAttempt() throws {
    #expect(
      try given(Sample.prepared).when(dispatch()) == .events([.dispatched(Sample.dispatch(1))]))
    let released = Sample.generating + [Sample.released(1, .agentFailed)]
    #expect(
      try given(released).when(dispatch(token: 2)) == .events([.dispatched(Sample.dispatch(2))]))
  }

  @Test func aDispatchIsForAPreparedDelegationAlone() throws {
    for events in [
      Sample.committed, Sample.dispatched, Sample.generating, Sample.generated, Sample.unpushed,
      Sample.pushed, Sample.failed, Sample.prepared + [.cancelRequested],
    ] { #expect(try given(events).when(dispatch(token: 9)).isRejected) }
  }

  @Test func aTokenOnlyRises() throws {
    let released = Sample.dispatched + [Sample.released(1, .workerLost)]
    #expect(try given(released).when(dispatch(token: 1)) == .rejected(.superseded))
    let later = Sample.token(0, epoch: 2)
    #expect(
      try given(released).when(.dispatch(worker: Sample.worker, incarnation: 2, token: later)).made
        .count == 1)
    #expect(throws: CorruptStream.self) {
      try given(released + [.dispatched(Sample.dispatch(2, token: 1))])
    }
  }

  @Test func aWorkerThatCameBackTakesItsAttemptOverUnderANewToken() throws {
    let resume = DelegationCommand.resume(
      worker: Sample.worker, incarnation: 2, attempt: 1, token: Sample.token(2))
    let resumed = DelegationEvent.dispatched(Sample.dispatch(1, token: 2, incarnation: 2))
    for events in [Sample.dispatched, Sample.generating] {
      #expect(try given(events).when(resume) == .events([resumed]))
      let state = try given(events + [resumed]).state
      #expect(state.name == .dispatched)
      #expect(state.lease?.token == Sample.token(2))
      #expect(state.delegation?.attempt == 1)
    }
  }

  @Test func aTakeOverNeedsTheSameWorkerAndAttemptAndARisingToken() throws {
    func resume(_ worker: WorkerID = Sample.worker, attempt: Int = 1, token: Int64 = 2) throws
      -> Then
    {
      try given(Sample.generating).when(
        .resume(
          worker: worker, incarnation: 2, attempt: attempt, token: Sample.token(token)))
    }
    #expect(try resume(WorkerID("worker-2")) == .rejected(.superseded))
    #expect(try resume(attempt: 2) == .rejected(.superseded))
    #expect(try resume(token: 1) == .rejected(.superseded))
    for events in [Sample.prepared, Sample.generated, Sample.pushed, Sample.failed] {
      #expect(
        try given(events).when(
          .resume(worker: Sample.worker, incarnation: 2, attempt: 1, token: Sample.token(2)))
          == .rejected(.superseded))
    }
    for wrong in [
      Dispatched(
        worker: WorkerID("worker-2"), incarnation: 1, attempt: 1, token: Sample.token(2)),
      Sample.dispatch(2, token: 2), Sample.dispatch(1, token: 1),
    ] {
      #expect(throws: CorruptStream.self) {
        try given(Sample.generating + [.dispatched(wrong)])
      }
    }
  }

  @Test func generatingIsReportedByTheHolderAndTwiceIsOnce() throws {
    let report = DelegationCommand.startGenerating(Sample.start(1))
    #expect(
      try given(Sample.dispatched).when(report) == .events([.generating(Sample.start(1))]))
    #expect(try given(Sample.generating).when(report) == .nothing)
    #expect(
      try given(Sample.dispatched).when(.startGenerating(Sample.start(1, token: 9)))
        == .rejected(.superseded))
    #expect(
      try given(Sample.dispatched).when(.startGenerating(Sample.start(2, token: 1)))
        == .rejected(.superseded))
    #expect(try given(Sample.prepared).when(report) == .rejected(.superseded))
  }

  @Test func aCommitIsAcceptedFromTheHolderOnce() throws {
    let handIn = DelegationCommand.acceptCommit(Sample.handIn(1))
    #expect(try given(Sample.generating).when(handIn) == .events([.generated(Sample.handIn(1))]))
    // Its answer was lost, and it comes again.
    #expect(try given(Sample.generated).when(handIn) == .nothing)
    // Another commit of the same attempt is refused.
    let other = DelegationCommand.acceptCommit(Sample.handIn(1, sha: ObjectID("e9")))
    #expect(try given(Sample.generated).when(other) == .rejected(.superseded))
    #expect(try given(Sample.dispatched).when(handIn).isRejected)
    #expect(try given(Sample.pushed).when(handIn) == .rejected(.superseded))
  }

  @Test func aZombiesHandInIsRefused() throws {
    let again =
      Sample.generating + [
        Sample.released(1, .workerLost), .dispatched(Sample.dispatch(2)),
        .generating(Sample.start(2)),
      ]
    for stale in [Sample.handIn(1), Sample.handIn(2, token: 1), Sample.handIn(1, token: 2)] {
      #expect(try given(again).when(.acceptCommit(stale)) == .rejected(.superseded))
    }
    #expect(
      try given(again).when(
        .acceptCommit(
          Generated(
            attempt: 2, token: nil, sha: Sample.commit, parent: Sample.head, figures: nil)))
        == .rejected(.superseded))
    #expect(
      try given(again).when(.endAttempt(Sample.end(1, .agentFailed))) == .rejected(.superseded))
    let resumed = Sample.generating + [.dispatched(Sample.dispatch(1, token: 2, incarnation: 2))]
    #expect(try given(resumed).when(.acceptCommit(Sample.handIn(1))) == .rejected(.superseded))
  }

  @Test func aCommitStandsOnTheHeadItWasMadeOn() throws {
    let astray = Generated(
      attempt: 1, token: Sample.token(1), sha: Sample.commit, parent: ObjectID("ff"), figures: nil)
    #expect(try given(Sample.generating).when(.acceptCommit(astray)).isRejected)
    #expect(throws: CorruptStream.self) { try given(Sample.generating + [.generated(astray)]) }
  }

  @Test func anAgentThatFailedUsesUpAnAttempt() throws {
    let causes: [(ReleaseCause, FailureCode)] = [
      (.agentFailed, .agentFailed), (.agentTimeout, .agentTimeout),
      (.agentNotFound, .agentNotFound), (.noChanges, .noChanges), (.verifyFailed, .verifyFailed),
    ]
    for (cause, code) in causes {
      let first = try given(Sample.generating).when(.endAttempt(Sample.end(1, cause)))
      #expect(first == .events([Sample.released(1, cause)]))
      let again =
        Sample.generating + first.made + [
          .dispatched(Sample.dispatch(2)), .generating(Sample.start(2)),
        ]
      let last = try given(again).when(.endAttempt(Sample.end(2, cause)))
      #expect(last == .events([.failed(Sample.failure(.generate, code))]))
    }
  }

  @Test func aMachineThatIsAliveMayFailThreeTimes() throws {
    var events = Sample.prepared
    // Deaths are counted apart.
    for (attempt, cause) in [ReleaseCause.workerFault, .workerLost, .workerFault].enumerated() {
      events.append(.dispatched(Sample.dispatch(attempt + 1)))
      let then = try given(events).when(.endAttempt(Sample.end(attempt + 1, cause)))
      #expect(then == .events([Sample.released(attempt + 1, cause)]))
      events += then.made
    }
    let delegation = try given(events).state.delegation
    #expect(delegation?.attemptsUsed == 0 && delegation?.machineFaults == 2)
    events.append(.dispatched(Sample.dispatch(4)))
    let last = try given(events).when(.endAttempt(Sample.end(4, .workerFault)))
    guard case .failed(let failed)? = last.made.first else {
      Issue.record("\(last)")
      return
    }
    #expect(failed.code == .attemptsExhausted && failed.step == .generate && failed.retryable)
    #expect(failed.message?.hasPrefix("machines failed it 3 times") == true)
    events += last.made + [.retryRequested]
    #expect(try given(events).state.delegation?.machineFaults == 0)
  }

  @Test func machinesThatFailUseUpNoAttemptUntilTheTwentiethTime() throws {
    var events = Sample.prepared
    let causes: [ReleaseCause] = [.workerLost, .workerCrashed, .drained]
    for attempt in 1..<infrastructureFailuresMax {
      events.append(.dispatched(Sample.dispatch(attempt)))
      let cause = causes[attempt % causes.count]
      let then = try given(events).when(.endAttempt(Sample.end(attempt, cause)))
      #expect(then == .events([Sample.released(attempt, cause)]))
      events += then.made
    }
    #expect(try given(events).state.delegation?.attemptsUsed == 0)
    events.append(.dispatched(Sample.dispatch(infrastructureFailuresMax)))
    let last = try given(events).when(
      .endAttempt(Sample.end(infrastructureFailuresMax, .workerLost)))
    guard case .failed(let failed)? = last.made.first else {
      Issue.record("\(last)")
      return
    }
    #expect(failed.code == .attemptsExhausted && failed.step == .generate && failed.retryable)
    // A retry counts from nothing again.
    events += last.made + [.retryRequested]
    #expect(try given(events).state.delegation?.infrastructureFailures == 0)
    #expect(try given(events).when(dispatch(token: 99)).made.count == 1)
  }

  @Test func aRefusedChangeEndsItWhateverAttemptsAreLeft() throws {
    let refused = AttemptEnd(
      attempt: 1, token: Sample.token(1), outcome: .refused, message: "holds a secret", hint: "h")
    #expect(
      try given(Sample.generating).when(.endAttempt(refused))
        == .events([
          .failed(
            Failed(
              step: .generate, code: .changeRefused, retryable: true, message: "holds a secret",
              hint: "h"))
        ]))
  }

  @Test func anAttemptWithAnAcceptedCommitCannotEndWithoutIt() throws {
    #expect(
      try given(Sample.generated).when(.endAttempt(Sample.end(1, .workerLost)))
        == .rejected(.pushUnderWay))
  }

  @Test func theWorkerIsFreeWhenItsCommitWasAccepted() throws {
    #expect(try given(Sample.generating).state.workingLease != nil)
    #expect(try given(Sample.generated).state.workingLease == nil)
    #expect(try given(Sample.generated).state.lease != nil)
  }
}
