import Domain
import Testing

/// What a decider did with a command.
enum Then: Equatable {
  case events([DelegationEvent])
  case rejected(Rejection)

  static let nothing = Then.events([])
}

/// `given(events).when(command)`: the state that the events make, and what comes of the command.
struct Given {
  let state: DelegationState

  func when(_ command: DelegationCommand, at now: Timestamp = Sample.now) -> Then {
    do throws(Rejection) {
      return .events(try state.decide(command, at: now))
    } catch {
      return .rejected(error)
    }
  }
}

func given(_ events: DelegationEvent...) throws(CorruptStream) -> Given {
  Given(state: try Sample.state(events))
}

func given(_ events: [DelegationEvent]) throws(CorruptStream) -> Given {
  Given(state: try Sample.state(events))
}

/// The parts of the specifications.
enum Sample {
  static let id = DelegationID("01890a5d-ac96-774b-bcce-b302099a8057")
  static let start = Timestamp(milliseconds: 1_733_356_800_000)
  static let now = start + .seconds(60)
  static let base = ObjectID("b0")
  static let task = ObjectID("c1")
  static let head = ObjectID("c1")
  static let commit = ObjectID("d2")
  static let worker = WorkerID("worker-1")
  static let policy = RetryPolicy(
    firstDelay: .seconds(1), maximumDelay: .seconds(60), triesMax: 3)

  static let request = request(.delegate)

  static func request(_ kind: Requested.Kind, attemptsMax: Int = 2) -> Requested {
    Requested(
      kind: kind, stamp: Stamp(milliseconds: start.milliseconds),
      repository: RepositoryName(owner: "ebaejun", name: "tools"),
      branch: "feature/add-export-1733356800000", baseBranch: nil, requester: "local", priority: 5,
      agent: "demo", workflow: .init(name: "personal-delegate", digest: "77"), draft: false,
      attemptsMax: attemptsMax, idempotencyKey: nil,
      text: TaskText(
        title: "Add export button", objective: "User can export data",
        pullRequestTitle: "feat: Add export button", constraints: .list([]),
        acceptanceCriteria: []))
  }

  static func token(_ counter: Int64, epoch: Int64 = 1) -> FencingToken {
    FencingToken(epoch: epoch, counter: counter)
  }

  /// The state after `events`, one second apart.
  static func state(_ events: [DelegationEvent]) throws(CorruptStream) -> DelegationState {
    var state = DelegationState.absent
    var time = start
    for event in events {
      state = try state.evolve(event, id: id, at: time)
      time = time + .seconds(1)
    }
    return state
  }

  // MARK: Stories: the events up to a state

  static let requested: [DelegationEvent] = [.requested(request)]
  static let based: [DelegationEvent] = requested + [.baseResolved(baseFact)]
  static let branched: [DelegationEvent] =
    based + [.branchCreated(BranchCreated(sha: base, adopted: false))]
  static let committed: [DelegationEvent] =
    branched + [.taskCommitted(TaskCommitted(sha: task, adopted: false))]
  static let prepared: [DelegationEvent] = committed + [.pullRequestCreated(pullRequest)]
  static let dispatched: [DelegationEvent] = prepared + [.dispatched(dispatch(1))]
  static let generating: [DelegationEvent] = dispatched + [.generating(start(1))]
  static let generated: [DelegationEvent] = generating + [.generated(handIn(1))]
  static let pushed: [DelegationEvent] =
    generated + [.pushed(Pushed(sha: commit, adopted: false))]
  static let failed: [DelegationEvent] = based + [.failed(failure(.createBranch, .forgeRefused))]
  /// An accepted commit whose push failed, and a retry of it.
  static let unpushed: [DelegationEvent] =
    generated + [.failed(failure(.push, .pushRejected)), .retryRequested]

  // MARK: Facts

  static let baseFact = BaseResolved(branch: "main", sha: base, taskBlob: nil)
  static let pullRequest = PullRequestCreated(
    number: 123, url: "https://github.com/ebaejun/tools/pull/123", adopted: false)

  static func dispatch(
    _ attempt: Int, token counter: Int64? = nil, incarnation: Int = 1
  ) -> Dispatched {
    Dispatched(
      worker: worker, incarnation: incarnation, attempt: attempt,
      token: token(counter ?? Int64(attempt)))
  }

  static func start(_ attempt: Int, token counter: Int64? = nil) -> GenerationStarted {
    GenerationStarted(
      attempt: attempt, token: token(counter ?? Int64(attempt)), agent: "demo", session: nil,
      head: head)
  }

  static func handIn(
    _ attempt: Int, token counter: Int64? = nil, sha: ObjectID = commit
  ) -> Generated {
    Generated(
      attempt: attempt, token: token(counter ?? Int64(attempt)), sha: sha, parent: head,
      figures: nil)
  }

  static func end(
    _ attempt: Int, _ cause: ReleaseCause, token counter: Int64? = nil
  ) -> AttemptEnd {
    AttemptEnd(
      attempt: attempt, token: token(counter ?? Int64(attempt)), outcome: .released(cause),
      message: nil)
  }

  static func released(
    _ attempt: Int, _ cause: ReleaseCause, token counter: Int64? = nil,
    limitEnds: Timestamp? = nil
  ) -> DelegationEvent {
    .released(
      Released(
        attempt: attempt, token: token(counter ?? Int64(attempt)), cause: cause, message: nil,
        limitEnds: limitEnds))
  }

  static func networkUsed(_ attempt: Int, token counter: Int64? = nil) -> DelegationEvent {
    .networkUsed(used(attempt, token: counter))
  }

  static func used(_ attempt: Int, token counter: Int64? = nil) -> NetworkUsed {
    NetworkUsed(
      attempt: attempt, token: token(counter ?? Int64(attempt)),
      use: NetworkUse(
        hostsReached: 1, hostsRefused: 1, connections: 3, bytesUp: 100, bytesDown: 2000,
        refusedHosts: [.init(host: "pypi.org", port: 443, code: "host-unlisted")]))
  }

  static func failure(_ step: Step, _ code: FailureCode) -> Failed {
    Failed(step: step, code: code, retryable: true, message: nil, hint: nil)
  }

  static func fault(
    _ step: Step, _ code: FaultCode, ambiguous: Bool = false, notBefore: Timestamp? = nil
  ) -> StepFault {
    StepFault(
      step: step, kind: .transient(code, ambiguous: ambiguous, notBefore: notBefore),
      message: "as it was told", hint: nil)
  }

  static func stepFailed(
    _ step: Step, tries: Int = 1, code: FaultCode = .unavailable, ambiguous: Bool = false
  ) -> DelegationEvent {
    .stepFailed(
      StepFailed(
        step: step, attemptedTry: tries, code: code, retryAt: now + .seconds(30),
        ambiguous: ambiguous, message: nil))
  }

  static func cancelled(
    _ step: Step, _ message: String = "cancelled on request"
  ) -> DelegationEvent {
    .failed(
      Failed(
        step: step, code: .cancelled, retryable: true, message: message,
        hint: "Retry goes on with the same branch and pull request."))
  }
}
