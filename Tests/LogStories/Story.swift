import Domain
import EventLog

/// The parts that logs in tests are told with: one delegation's good day, its worker, its words.
package enum Story {
  package static let start = Timestamp(milliseconds: 1_733_356_800_000)
  package static let repository = RepositoryName(owner: "ebaejun", name: "tools")
  package static let worker = WorkerID("worker-1")
  package static let user = Actor(kind: .user, name: "local")

  /// The id of the `n`th delegation.
  package static func id(_ n: Int) -> DelegationID {
    let digits = String(n, radix: 16)
    let zeros = String(repeating: "0", count: 12 - digits.count)
    return DelegationID("01890a5d-ac96-774b-bcce-" + zeros + digits)
  }

  /// The stamp of the `n`th delegation.
  package static func stamp(_ n: Int) -> Stamp {
    Stamp(milliseconds: start.milliseconds + Int64(n))
  }

  package static func sha(_ n: Int) -> ObjectID {
    let digits = String(n, radix: 16)
    return ObjectID(String(repeating: "a", count: 40 - digits.count) + digits)
  }

  package static let words = TaskText(
    title: "Add export button", objective: "User can export data",
    pullRequestTitle: "feat: Add export button",
    constraints: .text("Use existing button patterns"),
    acceptanceCriteria: ["Button appears", "Export works"])

  /// - Parameter n: tells the delegation, and with it the stamp and the branch.
  package static func request(
    _ n: Int, kind: Requested.Kind = .delegate, repository: RepositoryName = repository,
    requester: String = "local", key: Requested.IdempotencyKey? = nil, text: TaskText? = words
  ) -> Requested {
    Requested(
      kind: kind, stamp: stamp(n), repository: repository,
      branch: "feature/add-export-\(stamp(n).milliseconds)", baseBranch: nil,
      requester: requester, priority: 5, agent: "demo",
      workflow: .init(name: "personal-delegate", digest: "77"), draft: false, attemptsMax: 2,
      idempotencyKey: key, text: text, notices: n % 5 == 4 ? [.pushed, .failed] : [])
  }

  package static func pullRequestURL(_ number: Int) -> String {
    "https://github.com/\(repository)/pull/\(number)"
  }

  package static func token(_ counter: Int64) -> FencingToken {
    FencingToken(epoch: 1, counter: counter)
  }

  /// How far a good day goes.
  package enum Milestone: Int, CaseIterable, Comparable, Sendable {
    case requested, based, branched, committed, prepared, dispatched, generating, generated, pushed
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  }

  /// The events of a good day up to `end`.
  package static func goodDay(
    _ n: Int, to end: Milestone = .pushed, request: Requested? = nil, number: Int? = nil,
    worker: WorkerID = worker
  ) -> [DelegationEvent] {
    let number = number ?? 100 + n
    let token = token(Int64(n + 1))
    let all: [DelegationEvent] = [
      .requested(request ?? self.request(n)),
      .baseResolved(BaseResolved(branch: "main", sha: sha(1), taskBlob: nil)),
      .branchCreated(BranchCreated(sha: sha(1), adopted: false)),
      .taskCommitted(TaskCommitted(sha: sha(1000 + n), adopted: false)),
      .pullRequestCreated(
        PullRequestCreated(number: number, url: pullRequestURL(number), adopted: false)),
      .dispatched(Dispatched(worker: worker, incarnation: 1, attempt: 1, token: token)),
      .generating(
        GenerationStarted(
          attempt: 1, token: token, agent: "demo", session: nil, head: sha(1000 + n))),
      .generated(
        Generated(
          attempt: 1, token: token, sha: sha(2000 + n), parent: sha(1000 + n), figures: figures)),
      .pushed(Pushed(sha: sha(2000 + n), adopted: false)),
    ]
    return Array(all[...end.rawValue])
  }

  /// What somebody says about a pull request.
  package static func feedback(_ number: Int, _ source: FeedbackSource) -> Feedback {
    Feedback(
      id: FeedbackID(source, number), source: source, author: "ann",
      thread: source == .reviewComment ? Int64(number) : nil, commit: sha(3), line: 7,
      saidAt: start,
      text: FeedbackText(body: "Rename \"it\".\n", path: "src/é.js", hunk: "@@ -1 +1 @@\n-a\n+b"))
  }

  package static let figures = GenerationFigures(
    filesChanged: 2, insertions: 30, deletions: 4, duration: .seconds(12), outputSize: 812,
    outputDigest: String(repeating: "0f", count: 32), usageText: "1.2 credits")

  package static let network = NetworkUse(
    hostsReached: 3, hostsRefused: 2, connections: 9, bytesUp: 4096, bytesDown: 1 << 40,
    refusedHosts: [
      .init(host: "pypi.org", port: 443, code: "host-unlisted"),
      .init(host: "files.example.org", port: 8443, code: "host-unlisted"),
      .init(host: "files.example.org", port: 80, code: "name-unresolved"),
    ])

  package static func failed(
    _ step: Step, _ code: FailureCode, message: String? = nil, hint: String? = nil
  ) -> DelegationEvent {
    .failed(Failed(step: step, code: code, retryable: true, message: message, hint: hint))
  }

  package static let registered = WorkerEvent.registered(
    WorkerRegistered(
      incarnation: 1, host: "build-1", version: "0.1.0", agents: ["claude", "demo"], local: true))

  // MARK: Appends

  package static func append(
    _ events: [DelegationEvent], to n: Int, after version: Int64 = 0, actor: Actor = user
  ) -> Append {
    Append(
      stream: .delegation(id(n)), expectedVersion: version,
      events: events.map { .delegation($0) }, actor: actor, correlation: id(n).rawValue,
      causation: nil)
  }

  package static func append(
    _ events: [WorkerEvent], to worker: WorkerID = worker, after version: Int64 = 0
  ) -> Append {
    Append(
      stream: .worker(worker), expectedVersion: version, events: events.map { .worker($0) },
      actor: Actor(kind: .worker, name: worker.rawValue), correlation: worker.rawValue,
      causation: nil)
  }

  package static func append(_ events: [SystemEvent], after version: Int64 = 0) -> Append {
    Append(
      stream: .system, expectedVersion: version, events: events.map { .system($0) },
      actor: .system, correlation: nil, causation: nil)
  }
}

extension EventSealer {
  /// The events of an append as they will stand in the log.
  /// - Throws: where the append's causation is no id.
  package mutating func record(_ append: Append, at now: Timestamp) throws -> [RecordedEvent] {
    guard let sealed = seal(append, at: time(at: now)) else {
      throw CodecFault(type: "append", reason: "its causation is no id")
    }
    return sealed.map(\.recorded)
  }
}
