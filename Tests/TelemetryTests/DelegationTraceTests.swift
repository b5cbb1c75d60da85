import Domain
import EventLog
import LogStories
import Randomness
import Testing
import Text

@testable import Telemetry

struct DelegationTraceTests {
  private let resource = TelemetryResource(version: "1.2.3")

  /// Events of one delegation, a second apart.
  private func recorded(_ events: [DelegationEvent], of n: Int = 1) throws -> [RecordedEvent] {
    var sealer = EventSealer(last: nil, random: Seeded(n))
    return try events.enumerated().flatMap { index, event in
      try sealer.record(
        Story.append([event], to: n, after: Int64(index)),
        at: Story.start + .seconds(Int64(index)))
    }
  }

  private func trace(_ events: [DelegationEvent], of n: Int = 1) throws -> DelegationTrace {
    try #require(DelegationTrace(Story.id(n), events: recorded(events, of: n)))
  }

  private func span(_ trace: DelegationTrace, _ name: String) throws -> TraceSpan {
    let found = trace.spans.filter { $0.name == name }
    #expect(found.count == 1, "\(name)")
    return try #require(found.first)
  }

  /// The seconds after the start at which a span begins and ends.
  private func seconds(_ span: TraceSpan) -> [Int64] {
    [span.start, span.end].map { ($0 - Story.start).count / 1000 }
  }

  @Test func aGoodDayHasASpanForEachStep() throws {
    let trace = try trace(Story.goodDay(1))
    #expect(
      trace.spans.map(\.name) == [
        "delegation", "resolve-base", "create-branch", "commit-task", "open-pull-request", "queue",
        "attempt", "invoke_agent demo", "push",
      ])
    #expect(
      trace.spans.map(seconds) == [
        [0, 8], [0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 7], [6, 7], [7, 8],
      ])
    let root = trace.spans[0]
    #expect(root.parent == nil)
    #expect(root.status == .good)
    #expect(trace.isComplete)
    let attempt = try span(trace, "attempt")
    for other in trace.spans.dropFirst() where other.name != "invoke_agent demo" {
      #expect(other.parent == root.id, "\(other.name)")
      #expect(other.status == .unset)
    }
    #expect(try span(trace, "invoke_agent demo").parent == attempt.id)
    #expect(attempt.attributes["aipm.worker.name"] == .text("worker-1"))
    let generated = try span(trace, "invoke_agent demo").attributes
    #expect(generated["gen_ai.agent.name"] == .text("demo"))
    #expect(generated["aipm.change.insertions"] == .integer(30))
    #expect(root.attributes["vcs.repository.name"] == .text("tools"))
    #expect(root.attributes["vcs.owner.name"] == .text("ebaejun"))
    #expect(root.attributes["vcs.change.id"] == .text("101"))
    #expect(root.attributes["vcs.ref.head.revision"] == .text(Story.sha(2001).rawValue))
    #expect(root.attributes["aipm.delegation.state"] == .text("Pushed"))
  }

  @Test func theIdsAndTheBytesDependOnTheLogAlone() throws {
    let one = try trace(Story.goodDay(1))
    // Frozen: backends that have the trace already must find the same one.
    #expect(Hex.encode(one.id) == "e10154fb742e0f414c26ae7537d01dd0")
    #expect(try trace(Story.goodDay(1)).otlp(resource).canonical == one.otlp(resource).canonical)
    let other = try trace(Story.goodDay(2), of: 2)
    #expect(other.id != one.id)
    #expect(Set(other.spans.map(\.id)).isDisjoint(with: one.spans.map(\.id)))
  }

  @Test func aFailureIsAnErrorWithItsCode() throws {
    let trace = try trace(
      Story.goodDay(1, to: .generating) + [
        .failed(
          Failed(
            step: .generate, code: .agentTimeout, retryable: true, message: "secret text",
            hint: nil, usage: AgentUsage([.inputTokens: 12, .cost: 250_000])))
      ])
    for name in ["delegation", "attempt", "invoke_agent demo"] {
      let span = try span(trace, name)
      #expect(span.status == .bad("agent-timeout"), "\(name)")
      #expect(span.attributes["error.type"] == .text("agent-timeout"))
    }
    #expect(try span(trace, "queue").status == .unset)
    let agent = try span(trace, "invoke_agent demo").attributes
    #expect(agent["gen_ai.usage.input_tokens"] == .integer(12))
    #expect(agent["aipm.usage.cost_dollars"] == .number(0.25))
    #expect(agent["gen_ai.usage.output_tokens"] == nil)
    #expect(try span(trace, "attempt").attributes["gen_ai.usage.input_tokens"] == nil)
    #expect(!trace.otlp(resource).canonicalText.contains("secret text"))
  }

  @Test func aRetryAddsToTheSameTrace() throws {
    let failing =
      Story.goodDay(1, to: .dispatched) + [Story.failed(.generate, .attemptsExhausted)]
    let second = Story.token(50)
    let before = try trace(failing)
    let after = try trace(
      failing + [
        .retryRequested,
        .dispatched(
          Dispatched(worker: Story.worker, incarnation: 1, attempt: 2, token: second)),
        .generating(
          GenerationStarted(
            attempt: 2, token: second, agent: "demo", session: nil, head: Story.sha(1001))),
        .generated(
          Generated(
            attempt: 2, token: second, sha: Story.sha(7), parent: Story.sha(1001), figures: nil)),
        .pushed(Pushed(sha: Story.sha(7), adopted: false)),
      ])
    #expect(before.id == after.id)
    #expect(Set(before.spans.map(\.id)).isStrictSubset(of: after.spans.map(\.id)))
    // The root goes on; what had ended stays as it was.
    for span in before.spans.dropFirst() { #expect(after.spans.contains(span), "\(span.name)") }
    #expect(before.spans[0].status == .bad("attempts-exhausted"))
    #expect(after.spans[0].status == .good)
    #expect(after.spans[0].attributes["error.type"] == nil)
    #expect(after.spans[0].moments.map(\.name) == ["aipm.retry.requested"])
    #expect(after.spans.filter { $0.name == "queue" }.map(seconds) == [[4, 5], [7, 8]])
    #expect(after.spans.filter { $0.name == "attempt" }.count == 2)
  }

  @Test func failedTriesAndTakeOversAreMomentsOfTheirSpans() throws {
    let later = Story.token(9)
    let trace = try trace([
      .requested(Story.request(1)),
      .stepFailed(
        StepFailed(
          step: .resolveBase, attemptedTry: 1, code: .noAnswer, retryAt: Story.start + .seconds(5),
          ambiguous: true, message: "text of the forge")),
      .baseResolved(BaseResolved(branch: "main", sha: Story.sha(1), taskBlob: nil)),
      .branchCreated(BranchCreated(sha: Story.sha(1), adopted: true)),
      .taskCommitted(TaskCommitted(sha: Story.sha(1001), adopted: false)),
      .pullRequestCreated(
        PullRequestCreated(number: 7, url: Story.pullRequestURL(7), adopted: false)),
      .dispatched(
        Dispatched(worker: Story.worker, incarnation: 1, attempt: 1, token: Story.token(2))),
      .dispatched(
        Dispatched(worker: Story.worker, incarnation: 2, attempt: 1, token: later)),
      .released(Released(attempt: 1, token: later, cause: .workerLost, message: "gone")),
      .cancelRequested,
    ])
    let base = try span(trace, "resolve-base")
    #expect(base.moments.map(\.name) == ["aipm.try.failed"])
    #expect(base.moments.first?.attributes["error.type"] == .text("no-answer"))
    #expect(base.status == .unset)
    #expect(try span(trace, "create-branch").attributes["aipm.adopted"] == .flag(true))
    let attempt = try span(trace, "attempt")
    #expect(attempt.moments.map(\.name) == ["aipm.attempt.taken_over"])
    #expect(attempt.status == .bad("worker-lost"))
    #expect(!trace.isComplete)
    #expect(trace.spans[0].attributes["aipm.unfinished"] == .flag(true))
    #expect(trace.spans.last?.attributes["aipm.unfinished"] == .flag(true))
    let text = trace.otlp(resource).canonicalText
    #expect(!text.contains("text of the forge"))
    #expect(!text.contains("gone"))
  }

  @Test func noticesFollowTheEnd() throws {
    let trace = try trace(
      Story.goodDay(4) + [
        .stepFailed(
          StepFailed(
            step: .act, attemptedTry: 1, code: .unavailable, retryAt: Story.start, ambiguous: false,
            message: nil)),
        .actionDone(ActionDone(marker: "pushed")),
      ], of: 4)
    let act = try span(trace, "act")
    #expect(seconds(act) == [8, 10])
    #expect(act.moments.count == 1)
    #expect(seconds(trace.spans[0]) == [0, 8])
  }

  @Test func anAdoptionIsOneStep() throws {
    let events: [DelegationEvent] = [
      .requested(Story.request(1, kind: .adopt(pullRequest: 3))),
      .baseResolved(BaseResolved(branch: "main", sha: Story.sha(1), taskBlob: nil)),
      .branchCreated(BranchCreated(sha: Story.sha(1), adopted: true)),
      .taskCommitted(TaskCommitted(sha: Story.sha(1), adopted: true)),
      .pullRequestCreated(
        PullRequestCreated(number: 3, url: Story.pullRequestURL(3), adopted: true)),
    ]
    #expect(try trace(events).spans.map(\.name) == ["delegation", "adopt", "queue"])
  }

  /// What holds for each delegation that the real deciders allow, at each of its events.
  @Test(arguments: 0..<20) func everyTraceIsSound(seed: Int) throws {
    var random = RandomLog(seed: seed)
    var sealer = EventSealer(last: nil, random: Seeded(seed))
    var streams: [DelegationID: [RecordedEvent]] = [:]
    for _ in 0..<600 {
      let append = random.next()
      for event in try sealer.record(append, at: random.now) {
        guard case .delegation(let id) = event.stream else { continue }
        streams[id, default: []].append(event)
      }
    }
    var spans = 0
    for (id, events) in streams {
      var known: Set<[UInt8]> = []
      for count in 1...events.count {
        let trace = try #require(DelegationTrace(id, events: Array(events.prefix(count))))
        let ids = Set(trace.spans.map(\.id))
        #expect(ids.count == trace.spans.count, "two spans with one id")
        #expect(known.isSubset(of: ids), "a span is gone after event \(count)")
        known = ids
        #expect(trace.id.count == 16)
        for span in trace.spans {
          #expect(span.id.count == 8 && span.id.contains { $0 != 0 })
          #expect(span.start <= span.end, "\(span.name)")
          #expect(span.parent.map(ids.contains) ?? (span == trace.spans[0]))
        }
      }
      spans += known.count
      let text = try #require(DelegationTrace(id, events: events)).otlp(resource).canonicalText
      for word in [
        Story.words.title, Story.words.objective, Story.words.pullRequestTitle,
        "Use existing button patterns", "Button appears",
      ] { #expect(!text.contains(word)) }
    }
    #expect(spans > 20)
  }

  @Test func withoutARequestThereIsNoTrace() throws {
    #expect(DelegationTrace(Story.id(1), events: []) == nil)
    let events = try recorded(Story.goodDay(1))
    #expect(DelegationTrace(Story.id(1), events: Array(events.dropFirst())) == nil)
    // What comes after an event that its state does not allow is left out.
    let broken = Array(events[..<3]) + Array(events[5...])
    #expect(
      DelegationTrace(Story.id(1), events: broken)?.spans.map(\.name) == [
        "delegation", "resolve-base", "create-branch", "commit-task",
      ])
  }
}
