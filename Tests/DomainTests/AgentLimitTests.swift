import Domain
import Testing

/// An agent that met its provider's limit.
struct AgentLimitTests {
  private func end(_ limit: AgentLimit, attempt: Int = 1) -> DelegationCommand {
    var end = Sample.end(attempt, .agentLimited)
    end.limit = limit
    return .endAttempt(end)
  }

  private func wait(until time: Timestamp, number: Int = 1) -> DelegationEvent {
    .stepFailed(
      StepFailed(
        step: .generate, attemptedTry: number, code: .agentLimited, retryAt: time,
        ambiguous: false, message: "demo met its provider's limit"))
  }

  @Test func itWaitsUntilTheLimitEnds() throws {
    let reset = Sample.now + .seconds(3600)
    let then = try given(Sample.generating).when(end(AgentLimit(reset: reset)))
    #expect(
      then == .events([Sample.released(1, .agentLimited, limitEnds: reset), wait(until: reset)]))
    guard case .events(let events) = then else { return }
    let state = try given(Sample.generating + events).state
    #expect(state.nextIntent == .dispatch && state.nextIntentDue == reset)
    // It is no failure of the agent, and none of a machine.
    #expect(state.delegation?.attemptsUsed == 0)
    #expect(state.delegation?.infrastructureFailures == 0)
    #expect(state.delegation?.agentLimits == 1)
  }

  /// The time is what an agent wrote.
  @Test func theWaitHasBounds() throws {
    for (reset, due) in [
      (Sample.now - .seconds(60), Sample.now + .seconds(5)),
      (Sample.now + .seconds(365 * 86_400), Sample.now + .seconds(8 * 86_400)),
    ] {
      #expect(
        try given(Sample.generating).when(end(AgentLimit(reset: reset)))
          == .events([Sample.released(1, .agentLimited, limitEnds: due), wait(until: due)]))
    }
    guard
      case .events(let events) = try given(Sample.generating).when(end(AgentLimit(reset: nil))),
      case .stepFailed(let unknown)? = events.last
    else {
      Issue.record("it does not wait")
      return
    }
    let span = (unknown.retryAt - Sample.now).count
    #expect((Milliseconds.seconds(450).count...Milliseconds.seconds(900).count).contains(span))
  }

  @Test func anotherAgentGoesOn() throws {
    let then = try given(Sample.generating).when(end(AgentLimit(reset: nil, nextAgent: "other")))
    guard case .events(let events) = then, events.count == 1 else {
      Issue.record("\(then)")
      return
    }
    let state = try given(Sample.generating + events).state
    #expect(state.delegation?.agent == "other" && state.delegation?.request.agent == "demo")
    #expect(state.nextIntent == .dispatch && state.nextIntentDue == nil)
  }

  @Test func oneThatDidNotMeetItWaitsOrGoesOnWithTheNext() throws {
    let end = Sample.now + .seconds(60)
    guard
      case .events(let waits) = try given(Sample.prepared).when(
        .awaitAgent(until: end, nextAgent: nil)),
      case .events(let goesOn) = try given(Sample.prepared).when(
        .awaitAgent(until: end, nextAgent: "other"))
    else {
      Issue.record("refused")
      return
    }
    let waiting = try given(Sample.prepared + waits).state
    #expect(waiting.nextIntent == .dispatch && waiting.nextIntentDue == end)
    #expect(waiting.delegation?.agentLimits == 0 && waiting.delegation?.attempt == 0)
    let other = try given(Sample.prepared + goesOn).state
    #expect(other.delegation?.agent == "other" && other.nextIntentDue == Sample.now)
    for events in [Sample.based, Sample.generating, Sample.prepared + [.cancelRequested]] {
      #expect(
        try given(events).when(.awaitAgent(until: end, nextAgent: nil))
          == .rejected(
            .notAllowed(command: "await-agent", state: try given(events).state.name)))
    }
  }

  @Test func itDoesNotWaitForEver() throws {
    var events = Sample.prepared
    for number in 1..<agentLimitsMax {
      events += [
        .dispatched(Sample.dispatch(number)), .generating(Sample.start(number)),
        Sample.released(number, .agentLimited), wait(until: Sample.now, number: number),
      ]
    }
    events += [
      .dispatched(Sample.dispatch(agentLimitsMax)), .generating(Sample.start(agentLimitsMax)),
    ]
    let last = end(AgentLimit(reset: Sample.now), attempt: agentLimitsMax)
    guard case .events(let ended) = try given(events).when(last),
      case .failed(let failed)? = ended.first
    else {
      Issue.record("it waits for ever")
      return
    }
    #expect(failed.code == .agentFailed && failed.retryable)
    let retried = try given(events + ended + [.retryRequested]).state
    #expect(retried.delegation?.agentLimits == 0)
  }

  @Test func aCancellationComesFirst() throws {
    let then = try given(Sample.generating + [.cancelRequested]).when(
      end(AgentLimit(reset: Sample.now)))
    guard case .events(let events) = then, case .failed(let failed)? = events.first else {
      Issue.record("\(then)")
      return
    }
    #expect(failed.code == .cancelled)
  }
}
