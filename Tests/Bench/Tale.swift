import Domain
import EventLog
import Text

/// One delegation as it happens in a team: most go well, some have trouble with the forge, with a
/// worker or with the agent, and most pull requests are merged in the end. The same number tells
/// the same tale.
struct Tale {
  static let workers = 8
  private static let repositories = ["tools", "web-client", "billing", "mobile", "infrastructure"]
  private static let people = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "local"]
  private static let objectives = [
    "User can export data as CSV from every table", "The login page remembers the last account",
    "Invoices show the tax of each line", "Slow queries are logged with their parameters",
    "The upload is resumed after the connection was lost",
    "Notifications can be switched off for each project",
  ]

  let n: Int
  let id: DelegationID
  private let stamp: Int64
  private let actor: Actor

  init(_ n: Int) {
    self.n = n
    stamp = 1_767_225_600_000 + Int64(n) * 1100
    id = DelegationID(UUIDText.encode(Self.uuid(n, stamp)))
    actor = Actor(kind: .user, name: Self.people[n % Self.people.count])
  }

  private static func uuid(_ n: Int, _ time: Int64) -> [UInt8] {
    var bytes = (0..<6).map { UInt8(truncatingIfNeeded: time >> Int64(40 - 8 * $0)) }
    let tail = mixed(n, 1)
    bytes += [0x70 | UInt8(truncatingIfNeeded: tail & 15), UInt8(truncatingIfNeeded: tail >> 8)]
    let rest = mixed(n, 2)
    bytes += (0..<8).map { UInt8(truncatingIfNeeded: rest >> UInt64(8 * $0)) }
    bytes[8] = 0x80 | bytes[8] & 0x3f
    return bytes
  }

  /// SplitMix64 of the tale's number and of what is wanted from it.
  private static func mixed(_ n: Int, _ salt: Int) -> UInt64 {
    var z = UInt64(bitPattern: Int64(n &* 1_000_003 &+ salt)) &* 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  private func sha(_ what: Int) -> ObjectID {
    var digits = ""
    for part in 0..<3 {
      let hex = String(Self.mixed(n, 100 + 10 * what + part), radix: 16)
      digits += String(repeating: "0", count: 16 - hex.count) + hex
    }
    return ObjectID(String(digits.prefix(40)))
  }

  private var repository: RepositoryName {
    RepositoryName(owner: "acme", name: Self.repositories[n % Self.repositories.count])
  }

  // MARK: The events

  private static let worker = Actor(kind: .worker, name: "worker")
  private static let forge = Actor(kind: .forge, name: "github")

  var events: [(Actor, DelegationEvent)] {
    var told: [(Actor, DelegationEvent)] = [(actor, .requested(request))]
    func add(_ event: DelegationEvent, by actor: Actor = .system) { told.append((actor, event)) }
    add(.baseResolved(BaseResolved(branch: "main", sha: sha(1), taskBlob: nil)))
    add(.branchCreated(BranchCreated(sha: sha(1), adopted: false)))
    if n % 12 == 0 {
      add(
        .stepFailed(
          StepFailed(
            step: .commitTask, attemptedTry: 1, code: .noAnswer,
            retryAt: Timestamp(milliseconds: stamp + 4000), ambiguous: true,
            message: "no answer within 10 s")))
    }
    add(.taskCommitted(TaskCommitted(sha: sha(2), adopted: n % 12 == 0)))
    let number = 1 + n / Self.repositories.count
    add(
      .pullRequestCreated(
        PullRequestCreated(
          number: number, url: "https://github.com/\(repository)/pull/\(number)", adopted: false)))
    var attempt = 1
    attemptStarts(attempt, add)
    if n % 9 == 0 {
      add(
        .released(
          Released(
            attempt: attempt, token: token(attempt), cause: .workerLost,
            message: "worker-\(worker(attempt)) was silent for 30 s")))
      attempt += 1
      attemptStarts(attempt, add)
    }
    if n % 11 == 0 {
      add(
        .failed(
          Failed(
            step: .generate, code: .agentTimeout, retryable: true,
            message: "the agent ran into its timeout of 10 minutes",
            hint: "give it more time with --agent-timeout, or a smaller objective")))
      return told
    }
    add(
      .generated(
        Generated(
          attempt: attempt, token: token(attempt), sha: sha(3), parent: sha(2), figures: figures)),
      by: Self.worker)
    add(.pushed(Pushed(sha: sha(3), adopted: false)))
    if n % 4 != 0 { add(.pullRequestUpdated(PullRequestUpdated(state: .merged)), by: Self.forge) }
    return told
  }

  private func worker(_ attempt: Int) -> Int { 1 + (n + attempt) % Self.workers }

  private func token(_ attempt: Int) -> FencingToken {
    FencingToken(epoch: 1, counter: Int64(2 * n + attempt))
  }

  private func attemptStarts(_ attempt: Int, _ add: (DelegationEvent, Actor) -> Void) {
    add(
      .dispatched(
        Dispatched(
          worker: WorkerID("worker-\(worker(attempt))"), incarnation: 1, attempt: attempt,
          token: token(attempt))), .system)
    add(
      .generating(
        GenerationStarted(
          attempt: attempt, token: token(attempt), agent: "claude",
          session: "session-\(n)-\(attempt)", head: sha(2))), Self.worker)
  }

  private var request: Requested {
    let objective = Self.objectives[n % Self.objectives.count]
    return Requested(
      kind: .delegate, stamp: Stamp(milliseconds: stamp), repository: repository,
      branch: "feature/change-\(n % 997)-\(stamp)", baseBranch: nil, requester: actor.name,
      priority: n % 10, agent: "claude",
      workflow: .init(name: "personal-delegate", digest: String(repeating: "7f", count: 32)),
      draft: false, attemptsMax: 2,
      idempotencyKey: n % 3 == 0
        ? .init(key: sha(8).rawValue + "-key", body: sha(9).rawValue) : nil,
      text: TaskText(
        title: "Change \(n): \(objective)", objective: objective,
        pullRequestTitle: "feat: change \(n)",
        constraints: .text("Use existing patterns; keep the public interface as it is"),
        acceptanceCriteria: ["The tests pass", "Number \(n) is shown", objective]))
  }

  private var figures: GenerationFigures {
    GenerationFigures(
      filesChanged: 1 + n % 7, insertions: 10 + n % 200, deletions: n % 40,
      duration: Milliseconds(Int64(20_000 + n % 90_000)), outputSize: 2000 + n % 5000,
      outputDigest: sha(5).rawValue + String(sha(6).rawValue.prefix(24)),
      usageText: "0.\(n % 90) credits")
  }
}

extension Tale {
  /// Appends the events, one after the other.
  /// - Parameter observe: given when each append began and ended.
  /// - Returns: how many events it was.
  @discardableResult
  func append(
    to store: any EventStore,
    observe: (_ began: ContinuousClock.Instant, _ ended: ContinuousClock.Instant) -> Void = {
      _, _ in
    }
  ) async throws -> Int {
    var version: Int64 = 0
    var causation: String?
    for (actor, event) in events {
      let began = ContinuousClock.now
      let recorded = try await store.append(
        Append(
          stream: .delegation(id), expectedVersion: version, events: [.delegation(event)],
          actor: actor, correlation: id.rawValue, causation: causation))
      observe(began, .now)
      version += 1
      causation = recorded.last?.id
    }
    return Int(version)
  }
}
