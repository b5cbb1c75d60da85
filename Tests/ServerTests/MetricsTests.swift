import Domain
import EventLog
import Hummingbird
import LogStories
import Projections
import Prometheus
import Testing

@testable import Server

/// What is counted of delegations and requests.
struct MetricsTests {
  /// Folds events a second apart, and returns the lines of the metrics afterwards.
  private func lines(
    _ streams: [[DelegationEvent]], live: [DelegationStateName: Int] = [:]
  ) throws -> Set<String> {
    let metrics = DelegationMetrics(agents: ["demo"])
    metrics.begin(live)
    for (n, events) in streams.enumerated() {
      var state = DelegationState.absent
      for (second, event) in events.enumerated() {
        let time = Story.start + .seconds(Int64(second))
        let before = state
        try state.take(event, id: Story.id(n), at: time)
        metrics.observe(event, at: time, from: before, to: state)
      }
    }
    var exposition = Exposition(.text)
    metrics.write(to: &exposition)
    return Set(exposition.text.split(separator: "\n").map(String.init))
  }

  private func usage(_ figures: [UsageFigure: Int64]) -> AgentUsage { AgentUsage(figures) }

  /// The eight events before `generated`, then a release with usage, and another attempt.
  private var released: [DelegationEvent] {
    let second = Story.token(50)
    return Story.goodDay(1, to: .generating) + [
      .released(
        Released(
          attempt: 1, token: Story.token(2), cause: .agentTimeout, message: nil,
          usage: usage([.inputTokens: 100, .cost: 1_500_000]))),
      .dispatched(
        Dispatched(worker: Story.worker, incarnation: 1, attempt: 2, token: second)),
      .generating(
        GenerationStarted(
          attempt: 2, token: second, agent: "demo", session: nil, head: Story.sha(1001))),
      .generated(
        Generated(
          attempt: 2, token: second, sha: Story.sha(7), parent: Story.sha(1001), figures: nil,
          usage: usage([.inputTokens: 20, .outputTokens: 3]))),
      .pushed(Pushed(sha: Story.sha(7), adopted: false)),
    ]
  }

  @Test func eachAttemptHasOneOutcomeAndItsUsageIsAdded() throws {
    let lines = try lines([released])
    let expected = [
      #"aipm_attempts_total{agent="demo",outcome="agent-timeout"} 1"#,
      #"aipm_attempts_total{agent="demo",outcome="committed"} 1"#,
      #"aipm_agent_tokens_total{agent="demo",kind="input"} 120"#,
      #"aipm_agent_tokens_total{agent="demo",kind="output"} 3"#,
      #"aipm_agent_cost_dollars_total{agent="demo"} 1.5"#,
      #"aipm_tokens_total{kind="input"} 120"#, "aipm_cost_dollars_total 1.5",
      #"aipm_generation_duration_seconds_sum{outcome="agent-timeout"} 1"#,
      #"aipm_generation_duration_seconds_count{outcome="committed"} 1"#,
      "aipm_queue_wait_seconds_count 2", "aipm_queue_wait_seconds_sum 2",
      #"aipm_state_duration_seconds_count{state="PRCreated"} 2"#,
      #"aipm_delegation_duration_seconds_sum{result="pushed"} 11"#,
    ]
    #expect(Set(expected).subtracting(lines) == [])
    // Cached tokens were never reported.
    #expect(!lines.contains { $0.contains("cached") })
    #expect(lines.count { $0.hasPrefix("aipm_attempts_total") } == 2)
  }

  @Test func aTakeOverEndsNoAttempt() throws {
    let lines = try lines([
      Story.goodDay(1, to: .generating) + [
        .dispatched(
          Dispatched(
            worker: Story.worker, incarnation: 2, attempt: 1, token: Story.token(50)))
      ]
    ])
    #expect(!lines.contains { $0.hasPrefix("aipm_attempts_total") })
  }

  /// A failure at the push is not the attempt's: its commit was accepted.
  @Test func aFailureAfterTheHandInEndsNoSecondAttempt() throws {
    let lines = try lines([
      Story.goodDay(1, to: .generated) + [Story.failed(.push, .pushRejected)],
      Story.goodDay(2, to: .dispatched) + [Story.failed(.generate, .cancelled)],
    ])
    let expected = [
      #"aipm_attempts_total{agent="demo",outcome="committed"} 1"#,
      #"aipm_attempts_total{agent="demo",outcome="cancelled"} 1"#,
      #"aipm_delegation_failures_total{code="push-rejected"} 1"#,
      #"aipm_delegation_duration_seconds_count{result="failed"} 1"#,
      #"aipm_delegation_duration_seconds_count{result="cancelled"} 1"#,
    ]
    #expect(Set(expected).subtracting(lines) == [])
    #expect(lines.count { $0.hasPrefix("aipm_attempts_total") } == 2)
  }

  @Test func anAgentThatNoWorkflowDescribesIsOther() throws {
    var request = Story.request(1)
    request.agent = "whatever somebody wrote"
    let lines = try lines([Story.goodDay(1, request: request)])
    #expect(lines.contains(#"aipm_attempts_total{agent="other",outcome="committed"} 1"#))
    #expect(!lines.contains { $0.contains("whatever") })
  }

  @Test func liveDelegationsFollowFromTheStartAndTheEvents() throws {
    let lines = try lines(
      [
        Story.goodDay(1), Story.goodDay(2, to: .dispatched),
        Story.goodDay(3, to: .branched) + [
          Story.failed(.commitTask, .forgeRefused), .retryRequested,
        ],
      ], live: [.pullRequestCreated: 4, .branchCreated: 1])
    let expected = [
      "Requested": 0, "BranchCreated": 2, "TaskCommitted": 0, "PRCreated": 4, "Dispatched": 1,
      "Generating": 0,
    ]
    let live = lines.filter { $0.hasPrefix("aipm_delegations_live") }
    #expect(live == Set(expected.map { "aipm_delegations_live{state=\"\($0)\"} \($1)" }))
  }

  /// The counters of the whole log.
  private func totals(of metrics: DelegationMetrics) -> [Substring] {
    var exposition = Exposition(.text)
    metrics.write(to: &exposition)
    let names = ["aipm_tokens_total", "aipm_cost_dollars_total", "aipm_delegations_ended_total"]
    return exposition.text.split(separator: "\n").filter { line in
      names.contains { line.hasPrefix($0) }
    }
  }

  /// Stories of every kind: what is counted as live is what is live, and a restart continues the
  /// counters of the whole log.
  @Test(arguments: 1...20) func countsOfRandomLogsAreRight(seed: Int) throws {
    let metrics = DelegationMetrics(agents: [])
    metrics.begin([:])
    var projector = Projector()
    var (log, states) = (RandomLog(seed: seed), [DelegationID: DelegationState]())
    for _ in 0..<300 {
      let append = log.next()
      guard case .delegation(let id) = append.stream else { continue }
      for case .delegation(let event) in append.events {
        let before = states[id] ?? .absent
        let after = try before.evolve(event, id: id, at: log.now)
        metrics.observe(event, at: log.now, from: before, to: after)
        states[id] = after
        _ = projector.apply(
          .delegation(event), stream: append.stream, version: 0, position: 0, time: log.now)
      }
    }
    let continued = DelegationMetrics(agents: [])
    continued.restore(projector.rows(RepositoryUsage.self))
    #expect(totals(of: metrics) == totals(of: continued))
    var exposition = Exposition(.text)
    metrics.write(to: &exposition)
    for state in DelegationStateName.allCases where !state.isTerminal {
      let count = states.values.count { $0.name == state }
      let line = "aipm_delegations_live{state=\"\(state.rawValue)\"} \(count)"
      #expect(exposition.text.contains("\n\(line)\n"))
    }
  }

  @Test(arguments: ["", "/prod"]) func routesHaveTheNamesOfTheirOperations(prefix: String) {
    let names = OperationNames()
    names.take([.readyz, .drainWorker], prefix: prefix)
    #expect(names.name(.get, "\(prefix)/readyz") == "getReadiness")
    #expect(names.name(.head, "\(prefix)/readyz") == "getReadiness")
    #expect(names.name(.post, "\(prefix)/api/workers/{id}/drain") == "drainWorker")
    #expect(names.name(.post, "\(prefix)/worker/v1/heartbeat") == "workerHeartbeat")
    #expect(names.name(.get, "\(prefix)/app.js") == "page")
    #expect(names.name(.get, nil) == "none")
    #expect(names.name(.get, "NotFound") == "none")
  }
}
