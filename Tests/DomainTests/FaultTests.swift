import Domain
import Testing

/// Steps that fail: durable waits, limits, and what ends a delegation.
struct FaultTests {
  private func fail(
    _ fault: StepFault, after events: [DelegationEvent], policy: RetryPolicy = Sample.policy
  ) throws -> Then {
    try given(events).when(.failStep(fault, policy))
  }

  @Test func aPassingFaultWaits() throws {
    let then = try fail(Sample.fault(.createBranch, .unavailable), after: Sample.based)
    let delay = Sample.policy.delay(after: 1, of: Sample.id, step: .createBranch)
    #expect(
      then
        == .events([
          .stepFailed(
            StepFailed(
              step: .createBranch, attemptedTry: 1, code: .unavailable,
              retryAt: Sample.now + delay, ambiguous: false, message: "as it was told"))
        ]))
    let state = try given(Sample.based + then.made).state
    #expect(state.nextIntent == .createBranch)
    #expect(state.nextIntentDue == Sample.now + delay)
  }

  @Test func triesAreCountedUpToTheLimit() throws {
    var events = Sample.based
    for attempted in 1..<Sample.policy.triesMax {
      events += try fail(Sample.fault(.createBranch, .noAnswer, ambiguous: true), after: events)
        .made
      #expect(try given(events).state.delegation?.failedTry?.tries == attempted)
    }
    let last = try fail(Sample.fault(.createBranch, .noAnswer), after: events)
    guard case .events(let made) = last, case .failed(let failed)? = made.first else {
      Issue.record("\(last)")
      return
    }
    #expect(failed.code == .forgeRefused && failed.retryable && failed.step == .createBranch)
  }

  @Test func anAnswerThatWasLostStaysOpenThroughLaterFaults() throws {
    var events = Sample.based
    events += try fail(Sample.fault(.createBranch, .noAnswer, ambiguous: true), after: events).made
    events += try fail(Sample.fault(.createBranch, .unreachable), after: events).made
    #expect(try given(events).state.delegation?.failedTry?.ambiguous == true)
  }

  @Test func aPushThatNeverGetsThroughIsRejected() throws {
    let once = RetryPolicy(firstDelay: .seconds(1), maximumDelay: .seconds(1), triesMax: 1)
    let then = try fail(Sample.fault(.push, .noAnswer), after: Sample.generated, policy: once)
    guard case .failed(let failed)? = then.made.first else {
      Issue.record("\(then)")
      return
    }
    #expect(failed.code == .pushRejected && failed.step == .push)
  }

  @Test func aLimitIsObeyedAndUsesUpNoTry() throws {
    let reset = Sample.now + .seconds(3600)
    var events = Sample.based
    for _ in 0..<10 {
      let then = try fail(
        Sample.fault(.createBranch, .rateLimited, notBefore: reset), after: events)
      guard case .stepFailed(let failed)? = then.made.first else {
        Issue.record("\(then)")
        return
      }
      #expect(failed.retryAt >= reset)
      events += then.made
    }
  }

  @Test func aForgeThatIsLeftAloneUsesUpNoTry() throws {
    var events = Sample.based
    for _ in 0..<30 {
      events += try fail(
        Sample.fault(.createBranch, .forgeDown, notBefore: Sample.now), after: events
      ).made
    }
    #expect(try given(events).state.name == .requested)
    let then = try fail(Sample.fault(.createBranch, .unreachable), after: events)
    guard case .stepFailed(let failed)? = then.made.first else {
      Issue.record("\(then)")
      return
    }
    #expect(failed.attemptedTry <= 2)
  }

  @Test func triesOfAnotherStepDoNotCount() throws {
    let events = Sample.generating + [Sample.stepFailed(.prepare, tries: 2)]
    let then = try fail(Sample.fault(.push, .unavailable), after: events)
    guard case .stepFailed(let failed)? = then.made.first else {
      Issue.record("\(then)")
      return
    }
    #expect(failed.attemptedTry == 1)
  }

  @Test func aMilestoneClearsTheFailedTryOfTheStepBefore() throws {
    let events =
      Sample.based + [
        Sample.stepFailed(.createBranch),
        .branchCreated(BranchCreated(sha: Sample.base, adopted: true)),
      ]
    #expect(try given(events).state.delegation?.failedTry == nil)
    #expect(try given(events).state.nextIntentDue == nil)
  }

  @Test func aFinalFaultEndsInEveryStateThatIsNotOver() throws {
    let fault = StepFault(
      step: .push, kind: .final(.branchDiverged, retryable: false), message: "moved", hint: "h")
    let failed = DelegationEvent.failed(
      Failed(
        step: .push, code: .branchDiverged, retryable: false, message: "moved", hint: "h"))
    for events in [
      Sample.requested, Sample.based, Sample.branched, Sample.committed, Sample.prepared,
      Sample.dispatched, Sample.generating, Sample.generated,
    ] { #expect(try fail(fault, after: events) == .events([failed])) }
    for events in [[], Sample.pushed, Sample.failed] {
      #expect(try fail(fault, after: events).isRejected)
    }
  }

  @Test func aFailureAfterACancellationIsReportedAsCancelled() throws {
    let events = Sample.branched + [.cancelRequested]
    let final = StepFault(
      step: .commitTask, kind: .final(.forgeRefused, retryable: false), message: "403", hint: nil)
    let cancelled = Sample.cancelled(
      .commitTask, "cancelled on request, while a step failed: 403")
    #expect(try fail(final, after: events) == .events([cancelled]))
    let once = RetryPolicy(firstDelay: .seconds(1), maximumDelay: .seconds(1), triesMax: 1)
    let passing = try fail(
      Sample.fault(.commitTask, .noAnswer), after: events, policy: once)
    #expect(
      passing
        == .events([
          Sample.cancelled(
            .commitTask, "cancelled on request, while a step failed: as it was told")
        ]))
  }
}
