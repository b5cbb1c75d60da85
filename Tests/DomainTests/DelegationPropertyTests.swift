import Randomness
import Testing

@testable import Domain

/// Whatever is asked, in whatever order: what is decided is what the state takes, and what only
/// rises only rises.
struct DelegationPropertyTests {
  @Test(arguments: 0..<400)
  func randomCommands(seed: Int) throws {
    var walk = Walk(random: Seeded(seed), adopts: seed % 5 == 0)
    for _ in 0..<250 { try walk.step() }
    #expect(walk.pushes <= 1)
    #expect(walk.requests == 1)
  }

  /// The walks are no good if they all end early: between them they see every event.
  @Test func theWalksSeeEveryEvent() throws {
    var seen: Set<String> = []
    for seed in 0..<400 {
      var walk = Walk(random: Seeded(seed), adopts: seed % 5 == 0)
      for _ in 0..<250 { try walk.step() }
      seen.formUnion(walk.seen)
    }
    #expect(seen == Set(StateTable.events.compactMap { $0.first?.name }))
  }
}

/// A delegation to which random things are said, and what is watched of it.
private struct Walk {
  var random: Seeded
  let adopts: Bool
  var state = DelegationState.absent
  var now = Sample.start
  var tokens: Int64 = 0
  var commits = 0
  var seen: Set<String> = []
  var pushes = 0
  var requests = 0

  init(random: Seeded, adopts: Bool) {
    self.random = random
    self.adopts = adopts
  }

  mutating func step() throws {
    now = now + Milliseconds(Int64.random(in: 0...5000, using: &random))
    // Most of what is said fits the state: else no walk would get far.
    let command = Bool.random(using: &random) ? fitting() : anything()
    let events: [DelegationEvent]
    do throws(Rejection) {
      events = try state.decide(command, at: now)
    } catch {
      return
    }
    for event in events { try take(event, after: command) }
    // Decided once, it holds: the same again makes nothing of its own, or is refused.
    if let again = try? state.decide(command, at: now), state.name?.isTerminal == true {
      // Each failed try of a conversation's step is a fact of its own.
      let isTry = events.contains { if case .stepFailed = $0 { true } else { false } }
      #expect(again.isEmpty || command == .retry || isTry, "\(command) twice")
    }
  }

  private mutating func take(_ event: DelegationEvent, after command: DelegationCommand) throws {
    let before = state
    state = try before.evolve(event, id: Sample.id, at: now)
    seen.insert(event.name)
    let (was, becomes) = (before.delegation, state.delegation)
    #expect((becomes?.attempt ?? 0) >= (was?.attempt ?? 0), "attempts rise")
    #expect((becomes?.accepted.count ?? 0) >= (was?.accepted.count ?? 0))
    if let old = was?.token { #expect(becomes.map { $0.token ?? old >= old } ?? false) }
    if case .dispatched(let e) = event {
      #expect(was?.token.map { $0 < e.token } ?? true, "tokens rise")
    }
    if case .pushed(let e) = event {
      pushes += 1
      #expect(becomes?.accepted.contains(e.sha) == true)
    }
    if case .requested = event { requests += 1 }
    if was?.branchSHA != nil { #expect(was?.branchSHA == becomes?.branchSHA) }
    if was?.pullRequest != nil {
      #expect(was?.pullRequest?.number == becomes?.pullRequest?.number)
    }
    let hasEnded = state.name?.isTerminal ?? true
    if !hasEnded { #expect(state.nextIntent != nil) }
    if hasEnded, becomes?.conversation == Conversation() { #expect(state.nextIntent == nil) }
    if state.name?.isTerminal == true { #expect(becomes?.cancelRequested == false) }
  }

  // MARK: What is said

  private mutating func fitting() -> DelegationCommand {
    switch state.nextIntent {
    case nil: return state.name == nil ? request : .retry
    case .resolveBase: return .recordBase(Sample.baseFact)
    case .createBranch: return .recordBranch(BranchCreated(sha: Sample.base, adopted: coin))
    case .commitTask: return .recordTaskCommit(TaskCommitted(sha: Sample.task, adopted: coin))
    case .openPullRequest: return .recordPullRequest(Sample.pullRequest)
    case .adopt:
      return .recordAdoption(
        Adoption(base: Sample.baseFact, head: Sample.head, pullRequest: Sample.pullRequest))
    case .dispatch:
      return .dispatch(worker: worker, incarnation: 1, token: nextToken)
    case .awaitWorker(let lease), .stopAgent(let lease): return workersWord(lease)
    case .push(let commit):
      return coin ? .recordPush(Pushed(sha: commit.sha, adopted: coin)) : fault
    case .act(let notice): return .recordAction(marker: notice.marker)
    case .settle, .cancel: return .settleCancellation
    case .examineFeedback(let id, _):
      return .conversation(
        .judge(id, coin ? .counts(gather: Milliseconds(0)) : .ignore(.noPermission)))
    case .startRound:
      let number = state.delegation?.conversation.rounds.count ?? 0
      return .conversation(
        .startRound(
          DelegationID("round-\(number)"), RoundLimits(maximum: 4, checks: 1)))
    case .awaitRounds(let rounds):
      return .conversation(
        .endRound(RoundEnded(delegation: rounds[0], commit: Sample.commit, failure: nil)))
    }
  }

  private mutating func workersWord(_ lease: Lease) -> DelegationCommand {
    let word = report(lease)
    guard coin else { return word }
    return .recordNetwork(
      NetworkUsed(attempt: lease.attempt, token: lease.token, use: nil), then: word)
  }

  private mutating func report(_ lease: Lease) -> DelegationCommand {
    switch Int.random(in: 0..<7, using: &random) {
    case 0:
      return .resume(
        worker: lease.worker, incarnation: lease.incarnation + 1, attempt: lease.attempt,
        token: nextToken)
    case 1, 2:
      return .startGenerating(
        GenerationStarted(
          attempt: lease.attempt, token: lease.token, agent: "demo", session: nil,
          head: Sample.head))
    case 3, 4: return .acceptCommit(commit(attempt: lease.attempt, token: lease.token))
    case 5:
      return .endAttempt(
        AttemptEnd(
          attempt: lease.attempt, token: lease.token,
          outcome: .released(ReleaseCause.allCases.randomElement(using: &random) ?? .drained),
          message: nil))
    case _: return .confirmStopped(attempt: lease.attempt, token: lease.token)
    }
  }

  private mutating func anything() -> DelegationCommand {
    let lease = Lease(
      worker: worker, incarnation: 1, attempt: Int.random(in: 0...4, using: &random),
      token: FencingToken(
        epoch: 1, counter: Int64.random(in: 0...(tokens + 1), using: &random)))
    switch Int.random(in: 0..<18, using: &random) {
    case 15: return .conversation(.hear([heard]))
    case 16: return ask
    case 17:
      let known = state.delegation?.conversation.rounds.map(\.delegation) ?? []
      return .conversation(.resumeRound(known.randomElement(using: &random) ?? Sample.roundID(1)))
    case 0: return request
    case 1: return .recordBase(Sample.baseFact)
    case 2: return .recordBranch(BranchCreated(sha: Sample.base, adopted: coin))
    case 3: return .recordTaskCommit(TaskCommitted(sha: Sample.task, adopted: coin))
    case 4: return .recordPullRequest(Sample.pullRequest)
    case 5: return .recordFound(commit: Sample.commit, parent: Sample.head, attempt: 1)
    case 6: return .recordPush(Pushed(sha: Sample.commit, adopted: coin))
    case 7, 8: return fault
    case 9: return .dropCommit(message: "m")
    case 10: return .settleCancellation
    case 11: return workersWord(lease)
    case 12: return .cancel
    case 13:
      return .updatePullRequest(PullRequestState.allCases.randomElement(using: &random) ?? .open)
    case _: return .recordAction(marker: "m\(Int.random(in: 0...2, using: &random))")
    }
  }

  private var heard: HeardFeedback {
    mutating get {
      let number = Int.random(in: 0..<1000, using: &random)
      let source: FeedbackSource = coin ? .check : .reviewComment
      let feedback = Sample.feedback(number, source, commit: coin ? Sample.commit : nil)
      return HeardFeedback(feedback, coin ? .counts(gather: Milliseconds(0)) : .examine)
    }
  }

  private var ask: DelegationCommand {
    mutating get {
      let number = Int.random(in: 0..<1000, using: &random)
      return .conversation(
        .ask(
          FollowUpRequest(
            delegation: DelegationID("asked-\(number)"),
            feedback: [Sample.feedback(1000 + number, .ask)], requester: "bob", agent: nil,
            mayQueue: coin, key: nil)))
    }
  }

  private var request: DelegationCommand {
    .request(Sample.request(adopts ? .adopt(pullRequest: 123) : .delegate, attemptsMax: 3))
  }

  private var fault: DelegationCommand {
    mutating get {
      let step = Step.allCases.randomElement(using: &random) ?? .push
      let final = StepFault(
        step: step, kind: .final(.forgeRefused, retryable: coin), message: "m", hint: nil)
      let code = FaultCode.allCases.randomElement(using: &random) ?? .local
      let passing = Sample.fault(step, code, ambiguous: coin, notBefore: coin ? now : nil)
      return .failStep(Int.random(in: 0..<8, using: &random) == 0 ? final : passing, Sample.policy)
    }
  }

  private mutating func commit(attempt: Int, token: FencingToken) -> Generated {
    if coin { commits += 1 }
    return Generated(
      attempt: attempt, token: token, sha: ObjectID("d\(commits)"), parent: Sample.head,
      figures: nil)
  }

  private var coin: Bool { mutating get { Bool.random(using: &random) } }
  private var worker: WorkerID {
    mutating get { coin ? Sample.worker : WorkerID("worker-2") }
  }
  private var nextToken: FencingToken {
    mutating get {
      tokens += 1
      return FencingToken(epoch: 1, counter: tokens)
    }
  }
}
