import Domain
import Engine
import EventLog
import InMemoryEventStore
import LogStories
import Randomness
import Workflows

/// The engine's core with an instant world around it, one input after the other and no concurrency:
/// for tests of what a step does and for measurements of what it costs.
package final class CoreRig {
  /// A worker that stands in the log as registered.
  package struct Fleet: Sendable {
    package var prefix: String
    package var count: Int
    package var agents: [String]
    package init(_ prefix: String, _ count: Int, agents: [String]) {
      self.prefix = prefix
      self.count = count
      self.agents = agents
    }
    package func id(_ n: Int) -> WorkerID { WorkerID("\(prefix)-\(n)") }
  }

  package private(set) var core: EngineCore
  package let workflow: Workflow
  private let store: InMemoryEventStore<Seeded>
  private let clock: HandClock
  /// Waits for its turn, from `next` on.
  private var inputs: [EngineCore.Input] = []
  private var next = 0
  private var lastReply: Int64 = 0
  private var takenUp: [WorkerID: FencingToken] = [:]

  /// Workers of this kind work by themselves; the others do what a test has them do.
  package var working: String?
  /// What the forge and git answer.
  package var answer: (Call) -> Answer = Instant.answer
  /// While this is false, streams that are asked for are not read.
  package var isReading = true {
    didSet {
      guard isReading else { return }
      for stream in unread { read(stream, loads: true) }
      unread = []
    }
  }
  private var unread: [StreamName] = []
  /// While this is true, the log refuses appends, and the outcome of the first is unknown.
  package private(set) var isLogWaiting = false
  private var refused: Append?
  /// Streams that cannot be read.
  package var unreadable: Set<StreamName> = []
  package private(set) var now: Moment
  package private(set) var replies: [ReplyID: CommandReply] = [:]
  package private(set) var progress: [ReplyID: SubmissionProgress?] = [:]
  package private(set) var started: [WorkerID] = []
  package private(set) var planChanges: [WorkerID] = []
  package private(set) var pushed: [DelegationID] = []

  /// Steps of the core since the beginning, and how long they took together.
  package private(set) var steps = 0
  package private(set) var span = Duration.zero

  package init(
    workflow: Workflow, fleets: [Fleet], standing: Standing? = nil, local: [WorkerID] = [],
    residentsMax: Int = 1024, workersAnswer: Bool = true
  ) throws {
    self.workflow = workflow
    let clock = HandClock()
    self.clock = clock
    now = Moment(wall: clock.now, monotonic: Milliseconds(0))
    store = InMemoryEventStore(clock: { clock.now }, random: Seeded(1))
    var configuration = EngineCore.Configuration(localWorkers: local, epoch: 2)
    configuration.residentsMax = residentsMax
    core = EngineCore(configuration: configuration, workflows: [workflow.digest: workflow])
    var workers: [WorkerID: [RecordedEvent]] = [:]
    for fleet in fleets {
      for n in 0..<fleet.count {
        let registered = WorkerEvent.registered(
          WorkerRegistered(
            incarnation: 1, host: "build", version: "0.1.0", agents: fleet.agents, local: false))
        workers[fleet.id(n)] = try store.appendNow(Story.append([registered], to: fleet.id(n)))
      }
    }
    if let standing {
      for n in 0..<standing.count {
        _ = try store.appendNow(standing.append(n, workflow: workflow.digest))
      }
    }
    feed(
      .started(
        EngineCore.Start(
          live: store.startingPointNow().live, ended: [], leased: [:], workers: workers)))
    if workersAnswer {
      for worker in workers.keys.sorted() { feed(.heard(worker, agentSilence: nil)) }
    }
    try settle()
    (steps, span) = (0, .zero)
  }

  // MARK: Time

  /// Lets so many milliseconds go by on both clocks.
  package func wait(_ milliseconds: Int64) {
    clock.step(milliseconds)
    now = Moment(
      wall: clock.now, monotonic: Milliseconds(now.monotonic.count + milliseconds))
  }

  /// Lets time go by a second at a time, with the tick of each and the wakes in between.
  /// - Parameter hearing: workers that say every second that they live.
  package func wait(seconds: Int, hearing workers: [WorkerID] = []) throws {
    for _ in 0..<seconds {
      let end = now.wall + .seconds(1)
      while let due = core.nextWake, due <= end {
        if due > now.wall { wait((due - now.wall).count) }
        feed(.wake)
        try settle()
      }
      if end > now.wall { wait((end - now.wall).count) }
      for worker in workers { feed(.heard(worker, agentSilence: nil)) }
      feed(.tick)
      try settle()
    }
  }

  /// What the log has of a delegation.
  package func events(of id: DelegationID) -> [DelegationEvent] {
    store.readNow(.delegation(id)).compactMap { recorded in
      if case .delegation(let event) = recorded.event { event } else { nil }
    }
  }

  /// The log takes no appends from now on.
  package func beginLogWait() { isLogWaiting = true }

  /// The log takes appends again.
  /// - Parameter isWritten: whether it has the first one that it refused.
  package func endLogWait(isWritten: Bool) throws {
    isLogWaiting = false
    if isWritten, let refused { _ = try store.appendNow(refused) }
    refused = nil
  }

  // MARK: Inputs

  package func feed(_ input: EngineCore.Input) { inputs.append(input) }

  /// More steps than any test needs before nothing is left to be done.
  private static let stepsMax = 100_000

  /// What asks for a step without end.
  package struct Endless: Error {}

  /// Steps until nothing is left to be done.
  /// - Throws: `Endless` where that does not come.
  package func settle() throws {
    let limit = steps + Self.stepsMax
    while settleOne() {
      if steps > limit { throw Endless() }
    }
  }

  /// - Returns: whether there was anything to be done.
  package func settleOne() -> Bool {
    guard next < inputs.count else { return false }
    let input = inputs[next]
    next += 1
    if next == inputs.count || next == 1024 {
      inputs.removeFirst(next)
      next = 0
    }
    let began = ContinuousClock.now
    let actions = core.step(input, now: now)
    _ = core.nextWake
    span += ContinuousClock.now - began
    steps += 1
    for action in actions { perform(action) }
    return true
  }

  package func command(_ command: DelegationCommand, _ id: DelegationID) -> ReplyID {
    let reply = nextReply()
    feed(.delegation(id, .command(command, Story.user, reply)))
    return reply
  }

  package func command(_ command: WorkerCommand, _ id: WorkerID) {
    feed(.worker(id, .command(command, Story.user, nil)))
  }

  /// - Returns: the delegation's id.
  @discardableResult
  package func submit(
    _ n: Int, requester: String = "local", repository: String = "tools", agent: String = "demo",
    priority: Int = 5
  ) -> DelegationID {
    var request = Story.request(
      n, repository: RepositoryName(owner: "acme", name: repository), requester: requester)
    request.workflow.digest = workflow.digest
    request.agent = agent
    request.priority = priority
    request.notices = []
    feed(.submit(Story.id(n), request, Story.user, nextReply()))
    return Story.id(n)
  }

  private func nextReply() -> ReplyID {
    lastReply += 1
    return ReplyID(lastReply)
  }

  // MARK: Actions

  private func perform(_ action: EngineCore.Action) {
    switch action {
    case .append(let append): write(append, to: append.stream)
    case .call(let id, let ticket, let calls):
      feed(.delegation(id, .answered(ticket: ticket, calls.map(answer))))
    case .read(let stream, let loads): read(stream, loads: loads)
    case .reply(let id, let reply): replies[id] = reply
    case .progress(let id, let answer): progress[id] = answer
    case .startProcess(let id): started.append(id)
    case .planChanged(let id):
      planChanges.append(id)
      if let working, id.rawValue.hasPrefix(working) { work(id) }
    }
  }

  private func write(_ append: Append, to stream: StreamName) {
    let result = Result { () throws(AppendFault) in
      guard !isLogWaiting else {
        refused = refused ?? append
        throw .unavailable("it waits")
      }
      return try store.appendNow(append)
    }
    switch (stream, result) {
    case (.delegation(let id), .success(let events)):
      feed(.delegation(id, .recorded(events)))
      for event in events {
        if case .delegation(.pushed) = event.event { pushed.append(id) }
      }
    case (.delegation(let id), .failure(let fault)): feed(.delegation(id, .notRecorded(fault)))
    case (.worker(let id), .success(let events)): feed(.worker(id, .recorded(events)))
    case (.worker(let id), .failure(let fault)): feed(.worker(id, .notRecorded(fault)))
    case (.system, _): break
    }
  }

  private func read(_ stream: StreamName, loads: Bool) {
    if loads, !isReading {
      unread.append(stream)
      return
    }
    if unreadable.contains(stream) {
      feed(.unreadable(stream, reason: "the disk is gone"))
      return
    }
    let events = store.readNow(stream)
    switch stream {
    case .delegation(let id):
      feed(loads ? .loaded(id, events) : .delegation(id, .reloaded(events)))
    case .worker(let id): feed(.worker(id, .reloaded(events)))
    case .system: break
    }
  }

  /// The worker does at once what it should be doing.
  package func work(_ id: WorkerID) {
    guard let plan = core.workers[id]?.plan, takenUp[id] != plan.lease.token else { return }
    takenUp[id] = plan.lease.token
    let actor = Actor(kind: .worker, name: id.rawValue)
    for command in [
      DelegationCommand.startGenerating(
        GenerationStarted(
          attempt: plan.lease.attempt, token: plan.lease.token, agent: "demo", session: nil,
          head: plan.start.head)),
      .acceptCommit(Instant.generated(plan)),
    ] {
      feed(.delegation(plan.delegation, .command(command, actor, nil)))
    }
  }
}
