// Carries out what the core decides and reports the results to it.
//
// Inputs come through one stream and are taken one by one. Each thing under way (a call, a
// checkout, an agent) is a Swift task that ends with one input, and an agent's output has at most
// one input waiting, so the stream is bounded by what is under way.

import Glibc
import HTTPClient
import Logging
import Synchronization
import SystemCalls
import WorkerProtocol

final class WorkerShell: Sendable {
  let configuration: WorkerConfiguration
  let files: WorkerFiles
  let logger: Logger
  let warm = WarmAgents()
  private let link: ServerLink
  let workspace: Workspace
  let sessions: SessionStore
  let sandbox: Sandbox?
  private let journal: Journal
  private let inputs: AsyncStream<QueuedInput>
  let queue: AsyncStream<QueuedInput>.Continuation
  private let clock = ContinuousClock()
  private let began: ContinuousClock.Instant

  init(
    _ configuration: WorkerConfiguration, files: WorkerFiles, sandbox: Sandbox?, logger: Logger
  ) throws {
    self.configuration = configuration
    self.sandbox = sandbox
    self.files = files
    self.logger = logger
    link = try ServerLink(
      worker: configuration.id, address: configuration.server, token: configuration.token,
      version: configuration.version)
    workspace = Workspace(files: files, link: link, logger: logger)
    sessions = SessionStore(
      files, workspace.trash, configuration.sessions, logger: logger)
    journal = Journal(path: files.journal)
    (inputs, queue) = AsyncStream.makeStream(of: QueuedInput.self)
    began = clock.now
  }

  /// What is under way, so that it can be called off.
  struct UnderWay: Sendable {
    var calls = CallsUnderWay()
    var checkout: Task<Void, Never>?
    var agent: Task<Void, Never>?
    var pickUp: Task<Void, Never>?
    /// The last thing that was asked of the workspace; the next one waits for it.
    var workspace: Task<Void, Never>?
    var search: Task<Void, Never>?
    var timer: (moment: Duration, task: Task<Void, Never>)?
    var collected: Duration?

    /// Starts work on the workspace, which waits for the work before it.
    mutating func enqueue(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
      let task = Task { [before = workspace] in
        await before?.value
        await work()
      }
      workspace = task
      return task
    }
  }

  /// Calls of the server, each until it has ended: one that is abandoned meanwhile is cancelled.
  struct CallsUnderWay: Sendable {
    private var tasks: [CallID: Task<Void, Never>] = [:]

    var count: Int { tasks.count }

    mutating func begin(_ id: CallID, _ task: Task<Void, Never>) { tasks[id] = task }

    /// Its answer has come, whatever it is.
    mutating func ended(_ id: CallID) { tasks[id] = nil }

    mutating func abandon(_ id: CallID) { tasks.removeValue(forKey: id)?.cancel() }

    mutating func abandonAll() {
      for task in tasks.values { task.cancel() }
      tasks = [:]
    }
  }

  private static let collectionInterval = Duration.seconds(3600)
  /// How often the server is asked which pull requests have ended.
  private static let endsInterval = Duration.seconds(10)

  func run(signals: AsyncStream<WorkerSignal>) async throws -> WorkerExit {
    var core = WorkerCore(settings: settings)
    var underWay = UnderWay()
    let listening = Task { [queue] in
      for await signal in signals {
        switch signal {
        case .drain: queue.yield(.input(.drain))
        case .halt: queue.yield(.input(.halt))
        }
      }
    }
    defer { listening.cancel() }
    let pruning = Task { try await keepSessionsShort() }
    defer { pruning.cancel() }
    let recovered = await recover()
    queue.yield(.input(.began(recovered: recovered)))
    for await queued in inputs {
      if case .input(.answered(let id, _)) = queued { underWay.calls.ended(id) }
      let isFirst = !core.wasRegistered
      let actions = core.step(queued.input, now: now)
      if isFirst, core.wasRegistered { ProgramPages.release() }
      for action in actions {
        logger.debug("\(action)")
        if case .exit(let exit) = action {
          await leave(core, exit)
          await wind(up: underWay)
          return exit
        }
        try carryOut(action, &underWay)
      }
      arm(core.wakeAt, &underWay)
    }
    await wind(up: underWay)
    return .halted
  }

  /// Removes conversations that are not needed any more, also of an idle worker: those that are
  /// too old, and those of pull requests that have ended. The server is asked which those are, so
  /// nothing is missed if one of the two was away.
  private func keepSessionsShort() async throws {
    while true {
      try await clock.sleep(for: Self.endsInterval)
      await sessions.prune()
      let kept = await sessions.pullRequests
      if !kept.isEmpty { await sessions.forget(await link.endedPullRequests(among: kept)) }
    }
  }

  private var settings: WorkerCore.Settings {
    WorkerCore.Settings(
      worker: configuration.id, host: configuration.host, version: configuration.version,
      agents: configuration.agents, local: configuration.isLocal,
      desertedAfter: configuration.isLocal ? configuration.desertedAfter : nil)
  }

  private var now: Duration { clock.now - began }

  // MARK: Beginning and ending

  /// Ends what a former life left running, and finds what of it can still be handed in.
  private func recover() async -> JournalRecord? {
    var record = journal.read()
    if let agent = record?.agent, ProcessTable.identity(of: agent.processID) == agent {
      kill(-agent.processID, SIGKILL)
    }
    for folder in [files.attempts, files.agents, files.sessions] {
      if await !ProcessTable.end(.beneath(folder)) {
        logger.error("processes of a former life could not be ended")
      }
    }
    let key = record.map { AttemptKey($0.lease) }
    let pack = key.flatMap { files.attempt($0)?.pack }
    let hasPack = record?.made != nil && pack.map { DurableFile.exists($0) } ?? false
    await sessions.sweep(keeping: hasPack ? key : nil)
    await workspace.sweep(keeping: hasPack ? key : nil)
    if !hasPack { record?.made = nil }
    return record
  }

  /// Reports to the server that this life ends in good order. The server sees by itself how a
  /// local worker ends.
  private func leave(_ core: WorkerCore, _ exit: WorkerExit) async {
    guard !configuration.isLocal, case .registered(let incarnation) = core.membership else {
      return
    }
    switch exit {
    case .drained, .halted: await link.leave(incarnation: incarnation)
    case .deserted, .unauthorized: break
    }
  }

  /// Calls off what is under way and waits until it has ended, the agent above all.
  private func wind(up underWay: UnderWay) async {
    underWay.timer?.task.cancel()
    var calls = underWay.calls
    calls.abandonAll()
    underWay.search?.cancel()
    underWay.agent?.cancel()
    underWay.checkout?.cancel()
    underWay.pickUp?.cancel()
    await underWay.search?.value
    await underWay.agent?.value
    await underWay.checkout?.value
    await underWay.workspace?.value
    await workspace.trash.close()
    await warm.endAll()
    queue.finish()
    link.client.shutdown()
  }

  private func arm(_ moment: Duration?, _ underWay: inout UnderWay) {
    guard underWay.timer?.moment != moment else { return }
    underWay.timer?.task.cancel()
    underWay.timer = moment.map { moment in
      let task = Task { [clock, queue, began] in
        do { try await clock.sleep(until: began + moment) } catch { return }
        queue.yield(.input(.tick))
      }
      return (moment, task)
    }
  }

  // MARK: Carrying out

  private func carryOut(_ action: Action, _ underWay: inout UnderWay) throws {
    switch action {
    case .send(let id, let request): send(id, request, &underWay)
    case .abandon(let id): underWay.calls.abandon(id)
    case .lookForAgents(let agents):
      let search = AgentSearch(
        home: files.agents, sandbox: sandbox, egress: configuration.egress)
      underWay.search = Task { [queue] in
        let findings = await search.look(for: agents) { early in
          queue.yield(.input(.lookedForAgents(early)))
        }
        queue.yield(.input(.lookedForAgents(findings)))
      }
    case .checkOut(let assignment): checkOut(assignment, &underWay)
    case .stopCheckout: underWay.checkout?.cancel()
    case .startAgent(let assignment): startAgent(assignment, &underWay)
    case .stopAgent: underWay.agent?.cancel()
    case .pickUp(let assignment):
      underWay.pickUp = underWay.enqueue { [queue, workspace] in
        let pickUp = await workspace.pickUp(assignment)
        queue.yield(.input(.pickedUp(AttemptKey(assignment.lease), pickUp)))
      }
    case .stopPickUp: underWay.pickUp?.cancel()
    case .salvage(let assignment):
      underWay.pickUp = underWay.enqueue { [queue, workspace, logger] in
        let key = AttemptKey(assignment.lease)
        do {
          let hasPatch = try await workspace.salvage(assignment)
          queue.yield(.input(.salvaged(key, hasPatch: hasPatch)))
        } catch {
          logger.warning("no patch is kept: \(error)", metadata: ["attempt": "\(key)"])
          queue.yield(.input(.salvaged(key, hasPatch: false)))
        }
      }
    case .drop(let key, let repository, let keepsSession):
      // Nothing is checked out then; the next assignment waits for it at most once an hour.
      let isDue = underWay.collected.map { now - $0 >= Self.collectionInterval } ?? true
      if isDue { underWay.collected = now }
      _ = underWay.enqueue { [workspace, sessions, limits = configuration.cache] in
        await sessions.settle(key, isAccepted: keepsSession)
        await workspace.drop(key, repository: repository)
        if isDue { await workspace.collect(limits) }
      }
    case .writeJournal(let record): try journal.write(record)
    case .exit: break
    }
  }

  private func send(_ id: CallID, _ request: Request, _ underWay: inout UnderWay) {
    let attempt = request.lease.flatMap { files.attempt(AttemptKey($0)) }
    let task = Task { [queue, link, logger, grants = configuration.grants] in
      let answer = grants.granted(await link.answer(to: request, files: attempt))
      switch answer {
      case .failed(.unreachable(let detail)): logger.debug("unreachable: \(detail)")
      case .failed(.unauthorized(let detail)): logger.warning("unauthorized: \(detail)")
      case .failed(.revoked(let detail)): logger.warning("\(detail)")
      case .output(.refused(let detail)), .pack(.refused(let detail)),
        .patch(.refused(let detail)):
        logger.warning("refused: \(detail)")
      case .failed(.unknownLife), .agents, .registered, .desired, .heartbeat, .generating,
        .output, .pack, .patch, .result:
        break
      }
      queue.yield(.input(.answered(id, answer)))
    }
    underWay.calls.begin(id, task)
  }

  private func checkOut(_ assignment: Assignment, _ underWay: inout UnderWay) {
    let key = AttemptKey(assignment.lease)
    underWay.checkout = underWay.enqueue { [queue, workspace] in
      do throws(CheckoutFault) {
        try await workspace.checkOut(assignment)
        queue.yield(.input(.checkedOut(key)))
      } catch {
        queue.yield(.input(.checkoutFailed(key, error)))
      }
    }
  }
}
