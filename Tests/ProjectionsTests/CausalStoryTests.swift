import Domain
import EventLog
import LogStories
import Projections
import Randomness
import Testing

/// What `aipm why` says.
struct CausalStoryTests {
  /// - Parameter now: seconds after the last event.
  private func story(
    _ events: [DelegationEvent], now: Int64 = 30, by actor: Actor = Story.user,
    clock: @escaping @Sendable (Timestamp) -> String = { $0.iso8601 }
  ) throws -> [String] {
    var sealer = EventSealer(last: nil, random: Seeded(1))
    var time = Story.start
    var recorded: [RecordedEvent] = []
    for (index, event) in events.enumerated() {
      if index > 0 { time = time + .seconds(2) }
      recorded += try sealer.record(
        Story.append([event], to: 1, after: Int64(index), actor: actor), at: time)
    }
    let story = CausalStory(
      of: recorded.map { StoredEvent($0) }, now: time + .seconds(now), clock: clock)
    let positions = story.sentences.compactMap(\.position)
    #expect(positions == Array(1...Int64(events.count)))
    return story.sentences.map(\.text)
  }

  @Test func aGoodDay() throws {
    #expect(
      try story(Story.goodDay(1)) == [
        "local asked for \"Add export button\" in ebaejun/tools, on a new branch "
          + "feature/add-export-1733356800001, from agent demo under workflow personal-delegate "
          + "(PR1733356800001).",
        "The base was found after 2.0 s: main at aaaaaaaaaaaa.",
        "The branch was made after 2.0 s, at aaaaaaaaaaaa.",
        "The task was committed after 2.0 s: aaaaaaaaaaaa.",
        "Pull request #101 was opened after 2.0 s: https://github.com/ebaejun/tools/pull/101",
        "Attempt 1 was given to worker worker-1 after 2.0 s.",
        "The agent demo began after 2.0 s, on aaaaaaaaaaaa.",
        "The agent's work was handed in and accepted after 2.0 s: aaaaaaaaaaaa, 2 files, +30 −4. "
          + "1.2 credits.",
        "The commit aaaaaaaaaaaa was pushed after 2.0 s.",
        "It is Pushed: nothing more will be done.",
      ])
  }

  @Test func whatItWaitsForAndUntilWhen() throws {
    let failed = DelegationEvent.stepFailed(
      StepFailed(
        step: .commitTask, attemptedTry: 1, code: .rateLimited,
        retryAt: Story.start + .seconds(600), ambiguous: true, message: "request 1A:2B was refused")
    )
    let sentences = try story(Story.goodDay(1, to: .branched) + [failed])
    #expect(
      sentences.suffix(4) == [
        "Try 1 of commit-task failed after 2.0 s: rate-limited. request 1A:2B was refused. "
          + "Whether it happened is not known, so it is looked up first. The next was due at "
          + "2024-12-05T00:10:00.000Z.",
        "It has been in BranchCreated for 32 s.", "Next TASK.md is committed.",
        "It waits until 2024-12-05T00:10:00.000Z, 9 min 24 s from now.",
      ])
    // A reader's own clock is used for every time.
    let own = try story(Story.goodDay(1, to: .branched) + [failed], clock: { _ in "at noon" })
    #expect(own.filter { $0.contains("at noon") }.count == 2 && !own.joined().contains("00Z"))
  }

  @Test func aWorkerThatHasItAndOneThatTakesTooLong() throws {
    let sentences = try story(Story.goodDay(1, to: .generating))
    #expect(
      sentences.suffix(2) == [
        "It has been in Generating for 30 s.",
        "Worker worker-1 has it (attempt 1); its result is the next thing.",
      ])
    let late = try story(Story.goodDay(1, to: .generating), now: 3600)
    #expect(late.last == "That is longer than it should take: somebody should look at it.")
  }

  @Test func attemptsCancellationsAndFailures() throws {
    let events =
      Story.goodDay(1, to: .dispatched) + [
        .released(
          Released(
            attempt: 1, token: Story.token(2), cause: .agentFailed, message: "exit 1")),
        .cancelRequested,
        Story.failed(.generate, .cancelled, message: "cancelled on request", hint: "Retry."),
      ]
    #expect(
      try story(events).suffix(4) == [
        "Attempt 1 ended without a commit after 2.0 s: agent-failed. exit 1. This used up an "
          + "attempt.",
        "local asked to cancel it after 2.0 s.",
        "It failed after 2.0 s at generate: cancelled. cancelled on request. Retry.",
        "It is Failed (cancelled): nothing more will be done unless somebody asks with `aipm retry "
          + "PR1733356800001`.",
      ])
  }

  @Test func anAttemptThatWasRefusedHosts() throws {
    let used = DelegationEvent.networkUsed(
      NetworkUsed(attempt: 1, token: Story.token(2), use: Story.network))
    let what =
      "Attempt 1 reached 3 hosts (4096 bytes sent, 1099511627776 received) and was refused "
      + "pypi.org, files.example.org:8443, files.example.org:80. To allow that, write in the "
      + "workflow: network: {allow: [pypi.org, files.example.org:8443]}"
    let suspicion =
      " It was refused pypi.org, files.example.org:8443, files.example.org:80, which may be why."
    let before = Story.goodDay(1, to: .generating) + [used]
    func ends(_ event: DelegationEvent) throws -> [String] {
      Array(try story(before + [event])[7...8])
    }
    func released(_ cause: ReleaseCause) -> DelegationEvent {
      .released(Released(attempt: 1, token: Story.token(2), cause: cause, message: nil))
    }
    #expect(
      try ends(released(.agentFailed)) == [
        what,
        "Attempt 1 ended without a commit after 4.0 s: agent-failed. This used up an attempt."
          + suspicion,
      ])
    #expect(
      try ends(Story.failed(.generate, .agentFailed))[1]
        == "It failed after 4.0 s at generate: agent-failed." + suspicion)
    // What a machine or a person did is no fault of the network.
    for event in [released(.workerLost), Story.failed(.generate, .cancelled)] {
      #expect(try !ends(event)[1].contains("which may be why"))
    }
    let pushed = try story(before + Story.goodDay(1).suffix(2))
    #expect(pushed[7] == what && !pushed.joined().contains("which may be why"))
    // The next attempt has a record of its own.
    let next = Dispatched(
      worker: Story.worker, incarnation: 1, attempt: 2, token: Story.token(3))
    let again = try story(
      before + [
        released(.workerLost), .dispatched(next), Story.failed(.generate, .agentFailed),
      ])
    #expect(!again.joined().contains("which may be why"))
  }

  /// The person who wrote on the forge is not the one who asked for the task.
  @Test func aRoundOfTheForgeIsBegunByAIPM() throws {
    let followUp = FollowUp(pullRequest: 101, first: Story.id(2), follows: Story.id(3), threads: [])
    let request = DelegationEvent.requested(Story.request(1, kind: .followUp(followUp)))
    let what =
      "\"Add export button\" %@ in ebaejun/tools, on the branch "
      + "feature/add-export-1733356800001 of pull request #101, as a follow-up of \(Story.id(3)), "
      + "from agent demo under workflow personal-delegate (PR1733356800001)."
    #expect(
      try story([request], by: .system)[0]
        == "AIPM began " + what.replacing("%@", with: "for local"))
    #expect(
      try story([request])[0]
        == "local asked for " + what.replacing(" %@", with: ""))
  }

  @Test func whichCommitAnswersWhat() throws {
    let takes = [FeedbackID(.reviewComment, 7), FeedbackID(.comment, 9)]
    let round = DelegationEvent.conversation(
      .roundStarted(RoundStarted(delegation: Story.id(2), follows: Story.id(1), takes: takes)))
    func ended(_ commit: ObjectID?, _ failure: FailureCode?) throws -> String? {
      let end = RoundEnded(delegation: Story.id(2), commit: commit, failure: failure)
      return try story(Story.goodDay(1) + [round, .conversation(.roundEnded(end))]).dropLast().last
    }
    #expect(
      try ended(Story.sha(4), nil)
        == "The round \(Story.id(2)) ended after 2.0 s with commit aaaaaaaaaaaa. That commit "
        + "answers review-comment/7, comment/9.")
    #expect(
      try ended(nil, .noChanges) == "The round \(Story.id(2)) ended after 2.0 s: no-changes.")
  }

  @Test func whatWasNotedOnThePullRequest() throws {
    func noted(_ marker: String) throws -> String? {
      try story([.actionDone(ActionDone(marker: marker))]).first
    }
    #expect(try noted("reply-7") == "The thread of review-comment/7 was answered (reply-7).")
    #expect(try noted("summary") == "It was noted on the pull request (summary).")
  }

  @Test func quarantine() throws {
    let sentences = try story(Story.goodDay(1, to: .based) + [.retryRequested])
    #expect(
      sentences.last?.hasPrefix(
        "It is in quarantine: delegation.retry-requested in state Requested")
        == true)
  }

  /// There is a sentence for each event, in whatever order they come.
  @Test func everyEventHasItsSentence() throws {
    for event in EveryEvent.delegation {
      let sentences = try story([event])
      #expect(sentences.first?.isEmpty == false)
    }
  }

  @Test func spans() {
    let texts = [0, 999, 9_900, 12_000, 184_000, 7_500_000, 356_400_000].map {
      Milliseconds($0).text
    }
    #expect(texts == ["0 ms", "999 ms", "9.9 s", "12 s", "3 min 4 s", "2 h 5 min", "4 d 3 h"])
  }
}

struct AuditTableTests {
  @Test func cells() throws {
    var sealer = EventSealer(last: nil, random: Seeded(1))
    let event = try sealer.record(
      Story.append(Story.goodDay(1, to: .requested), to: 1), at: Story.start)[0]
    let row = AuditTable.row(event.json)
    #expect(row.count == AuditTable.titles.count)
    #expect(row[0] == "1" && row[2] == "delegation.requested" && row[6] == "local")
    #expect(row[7].contains("\"Add export button\""))
  }

  /// RFC 4180, and nothing that a spreadsheet would carry out.
  @Test func lines() {
    #expect(AuditTable.line(["a", "b c", ""]) == "a,b c,\r\n")
    #expect(AuditTable.line(["a,b", "c\"d", "e\nf"]) == "\"a,b\",\"c\"\"d\",\"e\nf\"\r\n")
    #expect(AuditTable.line(["=1+1", "-x", "@y"]) == "'=1+1,'-x,'@y\r\n")
  }
}
