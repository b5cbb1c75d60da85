import Domain
import EventLog
import Randomness

/// A log as it may come about: random commands to delegations and workers, put to the real
/// deciders, so that every append is one that a server could have made.
package struct RandomLog: Sendable {
  private struct Told: Sendable {
    var state: DelegationState
    var version: Int64
  }
  private struct Hired: Sendable {
    var state: WorkerState
    var version: Int64
  }

  package private(set) var now = Story.start
  private var random: Seeded
  private var delegations: [Told] = []
  private var workers: [Hired] = []
  private var tokens: Int64 = 0
  private var commits = 0
  private let delegationsMax: Int
  private static let workersMax = 3
  private static let policy = RetryPolicy(
    firstDelay: .seconds(1), maximumDelay: .seconds(60), triesMax: 3)

  /// - Parameter delegations: how many there will be at most.
  package init(seed: Int, delegations: Int = 12) {
    random = Seeded(seed)
    delegationsMax = delegations
  }

  /// The next append, and in `now` its time.
  package mutating func next() -> Append {
    while true {
      now = now + Milliseconds(Int64.random(in: 0...5000, using: &random))
      if let append = chance(5) ? workersWord() : delegationsWord() { return append }
    }
  }

  // MARK: Workers

  private mutating func workersWord() -> Append? {
    if workers.count < Self.workersMax, chance(2) {
      workers.append(Hired(state: .absent, version: 0))
    }
    guard let index = workers.indices.randomElement(using: &random) else { return nil }
    let hired = workers[index]
    let id = Self.worker(index)
    let command: WorkerCommand =
      hired.state.life == nil || chance(6) ? registration(index) : anything()
    guard let events = try? hired.state.decide(command), !events.isEmpty else { return nil }
    var state = hired.state
    for event in events {
      guard let next = try? state.evolve(event, at: now) else { return nil }
      state = next
    }
    workers[index] = Hired(state: state, version: hired.version + Int64(events.count))
    return Story.append(events, to: id, after: hired.version)
  }

  private static func worker(_ index: Int) -> WorkerID { WorkerID("worker-\(index + 1)") }

  private mutating func registration(_ index: Int) -> WorkerCommand {
    .register(
      host: "host-\(index)", version: "0.\(Int.random(in: 0...2, using: &random))",
      agents: chance(2) ? ["demo"] : ["kiro", "demo"], local: chance(2))
  }

  private mutating func anything() -> WorkerCommand {
    switch Int.random(in: 0..<7, using: &random) {
    case 0: .markUnhealthy(reason: "silent")
    case 1: .markRecovered
    case 2: .restart(delay: .seconds(1), reason: "exit 1")
    case 3: .park(reason: "keeps ending")
    case 4: .drain
    case 5: .stop
    case _: .lose(reason: "silent for 30 s")
    }
  }

  /// A worker that lives and has no delegation.
  private mutating func freeWorker() -> WorkerID? {
    let busy = Set(delegations.compactMap { $0.state.lease?.worker })
    let free = workers.indices.filter {
      workers[$0].state.life != nil && !busy.contains(Self.worker($0))
    }
    return free.randomElement(using: &random).map(Self.worker)
  }

  // MARK: Delegations

  private mutating func delegationsWord() -> Append? {
    if delegations.isEmpty || (delegations.count < delegationsMax && chance(8)) {
      delegations.append(Told(state: .absent, version: 0))
    }
    let live = delegations.indices.filter { !(delegations[$0].state.name?.isTerminal ?? false) }
    let index =
      chance(4) || live.isEmpty
      ? Int.random(in: delegations.indices, using: &random)
      : live.randomElement(using: &random) ?? 0
    let told = delegations[index]
    guard let command = command(for: told.state, of: index),
      let events = try? told.state.decide(command, at: now), !events.isEmpty
    else { return nil }
    var state = told.state
    for event in events {
      guard let next = try? state.evolve(event, id: Story.id(index), at: now) else { return nil }
      state = next
    }
    delegations[index] = Told(state: state, version: told.version + Int64(events.count))
    return Story.append(
      events, to: index, after: told.version, actor: chance(2) ? .system : Story.user)
  }

  private mutating func command(
    for state: DelegationState, of index: Int
  ) -> DelegationCommand? {
    if chance(6), state.name != nil { return passing(state) }
    switch state.nextIntent {
    case nil: return state.name == nil ? request(index) : .retry
    case .resolveBase:
      return .recordBase(BaseResolved(branch: "main", sha: Story.sha(1), taskBlob: nil))
    case .createBranch: return .recordBranch(BranchCreated(sha: Story.sha(1), adopted: chance(4)))
    case .commitTask:
      return .recordTaskCommit(TaskCommitted(sha: Story.sha(1000 + index), adopted: false))
    case .openPullRequest: return .recordPullRequest(pullRequest(100 + index))
    case .adopt(let number):
      return .recordAdoption(
        Adoption(
          base: BaseResolved(branch: "main", sha: Story.sha(1), taskBlob: nil),
          head: Story.sha(1000 + index), pullRequest: pullRequest(number)))
    case .dispatch:
      if chance(12) { return found() }
      return freeWorker().map { .dispatch(worker: $0, incarnation: 1, token: nextToken()) }
    case .awaitWorker(let lease), .stopAgent(let lease):
      return leaseholdersWord(lease, state, index)
    case .push(let commit):
      return chance(8)
        ? .dropCommit(message: "stale") : .recordPush(Pushed(sha: commit.sha, adopted: chance(3)))
    case .act(let notice): return .recordAction(marker: notice.marker)
    case .settle, .cancel: return .settleCancellation
    case .examineFeedback(let id, _):
      return .conversation(
        .judge(id, chance(2) ? .counts(gather: Milliseconds(0)) : .ignore(.noPermission)))
    case .startRound:
      let number = state.delegation?.conversation.rounds.count ?? 0
      return .conversation(
        .startRound(
          DelegationID("round-\(index)-\(number)"), RoundLimits(maximum: 1, checks: 1)))
    case .awaitRounds(let rounds):
      return rounds.first.map {
        .conversation(.endRound(RoundEnded(delegation: $0, commit: Story.sha(9), failure: nil)))
      }
    }
  }

  private func pullRequest(_ number: Int) -> PullRequestCreated {
    PullRequestCreated(number: number, url: Story.pullRequestURL(number), adopted: false)
  }

  private mutating func found() -> DelegationCommand {
    commits += 1
    return .recordFound(
      commit: Story.sha(5000 + commits), parent: Story.sha(1), attempt: 1)
  }

  private mutating func leaseholdersWord(
    _ lease: Lease, _ state: DelegationState, _ index: Int
  ) -> DelegationCommand {
    let report = report(lease, state, index)
    guard chance(2) else { return report }
    return .recordNetwork(
      NetworkUsed(attempt: lease.attempt, token: lease.token, use: Story.network), then: report)
  }

  private mutating func report(
    _ lease: Lease, _ state: DelegationState, _ index: Int
  ) -> DelegationCommand {
    let head = Story.sha(1000 + index)
    switch Int.random(in: 0..<8, using: &random) {
    case 0:
      return .resume(
        worker: lease.worker, incarnation: lease.incarnation + 1, attempt: lease.attempt,
        token: nextToken())
    case 1, 2:
      return .startGenerating(
        GenerationStarted(
          attempt: lease.attempt, token: lease.token, agent: "demo",
          session: chance(2) ? "s" : nil, head: head))
    case 3, 4:
      commits += 1
      return .acceptCommit(
        Generated(
          attempt: lease.attempt, token: lease.token, sha: Story.sha(5000 + commits), parent: head,
          figures: chance(2) ? Story.figures : nil, usage: usage()))
    case 5:
      return .endAttempt(
        AttemptEnd(
          attempt: lease.attempt, token: lease.token,
          outcome: .released(ReleaseCause.allCases.randomElement(using: &random) ?? .drained),
          message: "it ended", usage: usage()))
    case _:
      return .confirmStopped(attempt: lease.attempt, token: lease.token, usage: usage())
    }
  }

  /// What an agent reports: some numbers, all or none.
  private mutating func usage() -> AgentUsage {
    var usage = AgentUsage()
    for figure in UsageFigure.allCases where chance(2) {
      usage.set(figure, Int64.random(in: 0...9, using: &random))
    }
    return usage
  }

  /// What comes from outside, whatever the state.
  private mutating func passing(_ state: DelegationState) -> DelegationCommand {
    switch Int.random(in: 0..<7, using: &random) {
    case 5: return .conversation(.hear([heard()]))
    case 6: return ask(state)
    case 0: return .cancel
    case 1:
      return .updatePullRequest(PullRequestState.allCases.randomElement(using: &random) ?? .open)
    case 2: return .recordAction(marker: "m\(Int.random(in: 0...2, using: &random))")
    case _:
      let kind: StepFault.Kind =
        chance(6)
        ? .final(.forgeRefused, retryable: chance(2))
        : .transient(
          FaultCode.allCases.randomElement(using: &random) ?? .local, ambiguous: chance(2),
          notBefore: nil)
      return .failStep(
        StepFault(step: state.step, kind: kind, message: "the forge said no", hint: "ask it"),
        Self.policy)
    }
  }

  private mutating func heard() -> HeardFeedback {
    let number = Int.random(in: 0..<1000, using: &random)
    let source: FeedbackSource = chance(8) ? .check : .reviewComment
    let verdict: FeedbackVerdict =
      chance(2) ? .counts(gather: Milliseconds(0)) : chance(2) ? .examine : .ignore(.botNotListed)
    var feedback = Story.feedback(number, source)
    feedback.saidAt = nil
    return HeardFeedback(feedback, verdict)
  }

  private mutating func ask(_ state: DelegationState) -> DelegationCommand {
    let ended = state.delegation?.conversation.rounds.last { !$0.isOpen }
    if let ended, chance(2) { return .conversation(.resumeRound(ended.delegation)) }
    let number = Int.random(in: 0..<1000, using: &random)
    let id = state.delegation?.id.rawValue ?? ""
    return .conversation(
      .ask(
        FollowUpRequest(
          delegation: DelegationID("asked-\(id)-\(number)"),
          feedback: [Story.feedback(1000 + number, .ask)], requester: "bob", agent: nil,
          mayQueue: chance(2), key: nil)))
  }

  private mutating func request(_ index: Int) -> DelegationCommand {
    // Some take over the pull request of one that came before.
    let kind: Requested.Kind =
      index > 0 && chance(4)
      ? .adopt(pullRequest: 100 + Int.random(in: 0..<index, using: &random)) : .delegate
    let key = chance(2) ? Requested.IdempotencyKey(key: "key-\(index)", body: "body") : nil
    return .request(
      Story.request(
        index, kind: kind, requester: chance(2) ? "local" : "ci", key: key,
        text: TaskText(
          title: "Übung \(index) \"\u{1F600}\"", objective: "line\nline\u{2028}",
          pullRequestTitle: "feat: \(index)",
          constraints: chance(2) ? .list(["a", "b"]) : .text(""),
          acceptanceCriteria: ["it works"])))
  }

  private mutating func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &random) == 0 }

  private mutating func nextToken() -> FencingToken {
    tokens += 1
    return Story.token(tokens)
  }
}
