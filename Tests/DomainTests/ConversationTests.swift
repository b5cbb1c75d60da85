import Domain
import Testing

/// The conversation on a pull request: what is recorded, what counts, and which rounds start.
struct ConversationTests {
  private let gather = Milliseconds.seconds(30)
  private let limits = RoundLimits(maximum: 10, checks: 2)

  private func hear(_ numbers: Int..., verdict: FeedbackVerdict? = nil) -> DelegationCommand {
    .conversation(
      .hear(
        numbers.map { HeardFeedback(Sample.feedback($0), verdict ?? .counts(gather: gather)) }))
  }

  private func start(_ number: Int, _ limits: RoundLimits? = nil) -> DelegationCommand {
    .conversation(.startRound(Sample.roundID(number), limits ?? self.limits))
  }

  // MARK: Recording

  @Test func feedbackIsRecordedOnce() throws {
    let pushed = try given(Sample.pushed)
    let due = Sample.now + gather
    #expect(
      pushed.when(hear(1, 1, 2))
        == .events([Sample.said(1, .counts, startAt: due), Sample.said(2, .counts, startAt: due)]))
    let later = try given(Sample.pushed + [Sample.said(1, .ignored(.noPermission))])
    #expect(later.when(hear(1)) == .nothing, "also if it was ignored")
  }

  @Test func anEditAfterwardsChangesNothing() throws {
    var edited = Sample.feedback(1)
    edited.text?.body = "Something else."
    let known = try given(Sample.pushed + [Sample.said(1, .counts)])
    #expect(
      known.when(.conversation(.hear([HeardFeedback(edited, .counts(gather: gather))])))
        == .nothing)
  }

  @Test func withoutAPullRequestNothingIsHeard() throws {
    #expect(
      try given(Sample.committed).when(hear(1))
        == .rejected(.notAllowed(command: "follow-up", state: .taskCommitted)))
  }

  @Test func afterTheEndItIsIgnored() throws {
    for state in [PullRequestState.merged, .closed] {
      let ended = try given(
        Sample.pushed + [.pullRequestUpdated(PullRequestUpdated(state: state))])
      #expect(
        ended.when(hear(1)) == .events([Sample.said(1, .ignored(.pullRequestEnded))]))
    }
  }

  @Test func feedbackWhileTheAgentWorksWaits() throws {
    let state = try given(Sample.generating + [Sample.said(1, .counts)]).state
    guard case .awaitWorker? = state.nextIntent else {
      Issue.record("the agent's work goes on")
      return
    }
  }

  @Test func aPullRequestHasALimitOfFeedback() throws {
    var state = try given(Sample.pushed).state
    for number in 1...Conversation.recordedMax {
      state = try state.evolve(Sample.said(number, .counts), id: Sample.id, at: Sample.now)
    }
    let full = Given(state: state)
    #expect(full.when(hear(1)) == .nothing)
    #expect(full.when(hear(Conversation.recordedMax + 1)) == .nothing)
    guard case .events = full.when(ask(1)) else {
      Issue.record("a person may still ask")
      return
    }
  }

  /// Nobody can keep others from being heard.
  @Test func whatIsIgnoredOfOneAuthorIsLimited() throws {
    let ignored = (1...Conversation.ignoredMax).map { Sample.said($0, .ignored(.noPermission)) }
    let state = try given(Sample.pushed + ignored)
    let more = Conversation.ignoredMax + 1
    #expect(state.when(hear(more, verdict: .examine)) == .nothing)
    var other = Sample.feedback(more)
    other.author = "bob"
    let said = DelegationCommand.conversation(.hear([HeardFeedback(other, .examine)]))
    guard case .events(let events) = state.when(said) else {
      Issue.record("another author is heard")
      return
    }
    #expect(events.count == 1)
  }

  /// One answer of the forge holds for all that an author said.
  @Test func anAuthorIsExaminedOnce() throws {
    let state = try given(Sample.pushed + [Sample.said(1, .examined), Sample.said(2, .examined)])
    let id = Sample.feedback(1).id
    guard case .events(let events) = state.when(.conversation(.judge(id, .ignore(.noPermission))))
    else {
      Issue.record("not judged")
      return
    }
    #expect(events.count == 2)
  }

  /// What people said to each other before AIPM came is not for it.
  @Test func whatWasSaidBeforeIsNotRecorded() throws {
    var early = Sample.feedback(1)
    early.saidAt = Sample.start - .seconds(3600)
    let state = try given(Sample.pushed)
    let command = DelegationCommand.conversation(
      .hear([HeardFeedback(early, .counts(gather: gather))]))
    #expect(state.when(command) == .nothing)
  }

  // MARK: Judging

  /// Somebody who cancelled the task wants no more of it, unless somebody asks.
  @Test func aCancelledTaskStartsNoRounds() throws {
    let state = try given(
      Sample.dispatched + [
        .failed(Sample.failure(.generate, .cancelled)), Sample.said(1, .counts),
      ])
    #expect(state.state.nextIntent == nil)
    guard case .events = state.when(ask(1)) else {
      Issue.record("a person may ask")
      return
    }
  }

  @Test func theAuthorsPermissionIsAskedFirst() throws {
    let examined = try given(Sample.pushed + [Sample.said(1, .examined)])
    let id = Sample.feedback(1).id
    #expect(examined.state.nextIntent == .examineFeedback(id, author: "ann"))
    let judged = examined.when(.conversation(.judge(id, .ignore(.noPermission))))
    let event = DelegationEvent.conversation(
      .feedbackJudged(FeedbackJudged(id: id, standing: .ignored(.noPermission))))
    #expect(judged == .events([event]))
    let after = try given(Sample.pushed + [Sample.said(1, .examined), event])
    #expect(after.state.nextIntent == nil)
    #expect(after.when(.conversation(.judge(id, .counts(gather: gather)))) == .nothing)
  }

  /// An outage of the forge loses nothing, however long it takes; a final answer ends the question.
  @Test func anOutageLosesNoFeedback() throws {
    var events = Sample.pushed + [Sample.said(1, .examined)]
    for attempt in 1...50 {
      let fault = StepFault(
        step: .examineFeedback, kind: .transient(.noAnswer, ambiguous: true, notBefore: nil),
        message: "no answer", hint: nil)
      guard case .events(let failed) = try given(events).when(.failStep(fault, Sample.policy)),
        case .stepFailed(let e)? = failed.first
      else {
        Issue.record("attempt \(attempt)")
        return
      }
      #expect(e.attemptedTry == attempt)
      events += failed
    }
    #expect(try given(events).state.nextIntentDue != nil)
    let final = StepFault(
      step: .examineFeedback, kind: .final(.forgeRefused, retryable: false), message: "no",
      hint: nil)
    #expect(
      try given(events).when(.failStep(final, Sample.policy))
        == .events([
          .conversation(
            .feedbackJudged(
              FeedbackJudged(
                id: Sample.feedback(1).id, standing: .ignored(.permissionUnknown))))
        ]))
  }

  // MARK: Rounds

  @Test func aRoundTakesAllThatWaits() throws {
    let due = Sample.now + gather
    let waiting = try given(
      Sample.pushed + [
        Sample.said(1, .counts, startAt: Sample.now), Sample.said(2, .counts, startAt: due),
        Sample.said(3, .ignored(.noPermission)),
      ])
    #expect(waiting.state.nextIntent == .startRound)
    #expect(waiting.state.nextIntentDue == due, "it waits for more after the last comment")
    #expect(waiting.when(start(1)) == .nothing)
    #expect(
      waiting.when(start(1), at: due)
        == .events([.conversation(.roundStarted(Sample.round(1, takes: [1, 2])))]))
  }

  @Test func oneRoundAtATime() throws {
    let open = try given(
      Sample.pushed + [
        Sample.said(1, .counts), .conversation(.roundStarted(Sample.round(1, takes: [1]))),
        Sample.said(2, .counts),
      ])
    #expect(open.state.nextIntent == .awaitRounds([Sample.roundID(1)]))
    #expect(open.when(start(2)) == .nothing)
    #expect(open.when(.retry) == .rejected(.notAllowed(command: "retry", state: .pushed)))
    let ended = try given(
      Sample.pushed + [
        Sample.said(1, .counts), .conversation(.roundStarted(Sample.round(1, takes: [1]))),
        Sample.said(2, .counts), Sample.ended(1),
      ])
    #expect(ended.state.nextIntent == .startRound)
    guard case .events(let events) = ended.when(start(2)),
      case .conversation(.roundStarted(let round))? = events.first
    else {
      Issue.record("no round")
      return
    }
    #expect(round.takes == [Sample.feedback(2).id], "what a round took is not taken again")
    #expect(round.follows == Sample.roundID(1))
  }

  @Test(arguments: [PullRequestState.merged, .closed])
  func noneAfterTheEnd(_ state: PullRequestState) throws {
    let ended = try given(
      Sample.pushed + [
        Sample.said(1, .counts), .pullRequestUpdated(PullRequestUpdated(state: state)),
      ])
    #expect(ended.state.nextIntent == nil)
    #expect(ended.when(start(1)) == .nothing)
    #expect(ended.when(ask(1)) == .rejected(.pullRequestEnded(state)))
  }

  @Test func aRetryWaitsForTheRound() throws {
    let open = try given(
      Sample.generating + [
        Sample.failure(1), Sample.said(1, .counts),
        .conversation(.roundStarted(Sample.round(1, takes: [1]))),
      ])
    #expect(open.when(.retry) == .rejected(.branchInUse(by: Sample.roundID(1))))
  }

  @Test func limitsStopRounds() throws {
    var events = Sample.pushed
    for number in 1...2 {
      events += [
        Sample.said(number, .counts),
        .conversation(.roundStarted(Sample.round(number, takes: [number]))), Sample.ended(number),
      ]
    }
    events.append(Sample.said(3, .counts))
    let full = try given(events)
    let stopped = DelegationEvent.conversation(
      .roundsStopped(RoundsStopped(reason: .maximum, drops: [Sample.feedback(3).id])))
    #expect(full.when(start(3, RoundLimits(maximum: 2, checks: 2))) == .events([stopped]))
    let after = try given(events + [stopped])
    #expect(
      after.state.nextIntent == .act(Notice(.stop(.maximum), marker: "stop-maximum-2")),
      "it says so")
    let said = try given(events + [stopped, .actionDone(ActionDone(marker: "stop-maximum-2"))])
    #expect(said.state.nextIntent == nil)
    #expect(said.when(start(3)) == .nothing, "what was dropped is not taken later")
    guard case .events(let asked) = said.when(ask(3)) else {
      Issue.record("a person may still ask")
      return
    }
    #expect(asked.count == 2)
  }

  // MARK: Asking

  private func ask(
    _ number: Int, mayQueue: Bool = false, key: Requested.IdempotencyKey? = nil
  ) -> DelegationCommand {
    let id = Sample.roundID(number)
    let feedback = Feedback(
      id: FeedbackID(.ask, "\(id)/1"), source: .ask, author: "bob",
      text: FeedbackText(body: "Use a table."))
    return .conversation(
      .ask(
        FollowUpRequest(
          delegation: id, feedback: [feedback], requester: "bob", agent: nil, mayQueue: mayQueue,
          key: key)))
  }

  @Test func anAskStartsARoundAtOnce() throws {
    let pushed = try given(Sample.pushed + [Sample.said(1, .counts, startAt: Sample.now + gather)])
    guard case .events(let events) = pushed.when(ask(1)),
      case .conversation(.roundStarted(let round))? = events.last
    else {
      Issue.record("no round")
      return
    }
    #expect(round.takes == [Sample.feedback(1).id, FeedbackID(.ask, "\(Sample.roundID(1))/1")])
    #expect(round.requester == "bob")
    let after = try given(Sample.pushed + [Sample.said(1, .counts)] + events)
    #expect(after.when(ask(1)) == .nothing, "the same request again")
  }

  @Test func aKeyStandsForOneBody() throws {
    let key = Requested.IdempotencyKey(key: "k", body: "1")
    guard case .events(let events) = try given(Sample.pushed).when(ask(1, key: key)) else {
      Issue.record("no round")
      return
    }
    let after = try given(Sample.pushed + events)
    #expect(after.when(ask(1, key: key)) == .nothing)
    #expect(after.when(ask(1, key: .init(key: "k", body: "2"))) == .rejected(.keyReused))
  }

  @Test func anAskMayQueue() throws {
    for events in [
      Sample.generating,
      Sample.pushed + [
        Sample.said(1, .counts), .conversation(.roundStarted(Sample.round(1, takes: [1]))),
      ],
    ] {
      let busy = try given(events)
      guard case .rejected(.branchInUse) = busy.when(ask(2)) else {
        Issue.record("it is busy")
        return
      }
      guard case .events(let asked) = busy.when(ask(2, mayQueue: true)) else {
        Issue.record("it may queue")
        return
      }
      #expect(asked.count == 2)
    }
  }

  // MARK: Corrupt streams

  @Test func aStreamIsCorruptIf() throws {
    let taken =
      Sample.pushed + [
        Sample.said(1, .counts), .conversation(.roundStarted(Sample.round(1, takes: [1]))),
      ]
    let wrong: [[DelegationEvent]] = [
      Sample.pushed + [Sample.said(1, .counts), Sample.said(1, .counts)],
      Sample.committed + [Sample.said(1, .counts)],
      taken + [.conversation(.roundStarted(Sample.round(2, takes: [1])))],
      taken + [Sample.said(2, .counts), .conversation(.roundStarted(Sample.round(1, takes: [2])))],
      Sample.pushed + [.conversation(.roundStarted(Sample.round(1, takes: [])))],
      Sample.pushed + [
        Sample.said(1, .examined), .conversation(.roundStarted(Sample.round(1, takes: [1]))),
      ],
      Sample.pushed + [
        Sample.said(1, .counts), .pullRequestUpdated(PullRequestUpdated(state: .merged)),
        .conversation(.roundStarted(Sample.round(1, takes: [1]))),
      ],
      taken + [Sample.ended(1), Sample.ended(1)], taken + [Sample.ended(2)],
      taken + [.conversation(.roundResumed(Sample.roundID(1)))],
    ]
    for events in wrong {
      #expect(throws: CorruptStream.self) { try given(events) }
    }
  }
}

extension Sample {
  /// The last attempt's agent failed.
  fileprivate static func failure(_ attempt: Int) -> DelegationEvent {
    .failed(failure(.generate, .agentFailed))
  }
}
