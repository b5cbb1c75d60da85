import Domain
import EventLog
import Projections
import Workflows

/// The worker protocol's calls to the engine. Reports of workers are compared with the log in the
/// append. Earlier checks save work; safety does not depend on them.
extension Engine {
  /// Begins a life of a worker.
  /// - Returns: its incarnation, and for each attempt of the journal whether it continues.
  package func register(
    _ registration: WorkerRegistration
  ) async throws(WorkerFault) -> (incarnation: Int, goesOn: [Bool]) {
    let id = registration.id
    let command = WorkerCommand.register(
      host: registration.host, version: registration.version, agents: registration.agents,
      local: registration.local)
    let reply = await reply {
      .worker(id, .command(command, Actor(kind: .worker, name: id.rawValue), $0))
    }
    guard case .done = reply, let incarnation = core.workers[id]?.incarnation else {
      throw .unavailable("the registration could not be recorded")
    }
    let goesOn = core.goesOn(registration.journal, of: id)
    step(.registered(id, journal: registration.journal, local: registration.local))
    return (incarnation, goesOn)
  }

  /// Handles a worker's heartbeat.
  /// - Parameter used: the agent's usage so far.
  package func heard(
    _ id: WorkerID, incarnation: Int, agentSilence: Milliseconds?,
    used: EngineCore.LeaseUse? = nil
  ) throws(WorkerFault) {
    try core.check(id, incarnation)
    let isNews = used.map { used in
      used.usage[.cost] != core.workers[id]?.usage(under: used.token)?[.cost]
    }
    step(.heard(id, agentSilence: agentSilence, used: used))
    if isNews ?? false { compareCosts() }
  }

  /// A worker of an operator ends regularly. The end of a worker of the server is seen from its
  /// process.
  package func left(_ id: WorkerID, incarnation: Int) async throws(WorkerFault) {
    try core.check(id, incarnation)
    guard core.workers[id]?.process == .remote else { return }
    _ = await reply { .worker(id, .command(.stop, Actor(kind: .worker, name: id.rawValue), $0)) }
  }

  /// Waits, at most `limit`, for an order newer than `revision`.
  package func order(
    for id: WorkerID, incarnation: Int, after revision: Int64, limit: Milliseconds
  ) async throws(WorkerFault) -> WorkerOrder {
    try heard(id, incarnation: incarnation, agentSilence: core.workers[id]?.agentSilence)
    if let order = core.order(for: id, overrides), order.revision > revision { return order }
    await planChange(of: id, limit: limit)
    try core.check(id, incarnation)
    guard let order = core.order(for: id, overrides) else {
      throw .unavailable("its attempt is being looked up")
    }
    return order
  }

  // MARK: Reports

  /// Records that the agent started.
  /// - Parameter report: its head is the commit that the worker has checked out.
  package func generating(
    _ report: GenerationStarted, of id: DelegationID, by worker: WorkerID
  ) async throws(WorkerFault) {
    let start = try core.started(report, of: id)
    try outcome(of: await command(id, .startGenerating(start), by: actor(worker)))
  }

  /// Unpacks the pack of a hand-in into the mirror. The commit is checked and kept there; `finish`
  /// accepts it.
  /// - Parameters:
  ///   - pack: the path of a file with the pack.
  ///   - usage: the usage that the agent reported. If the change breaks a rule, the attempt ends
  ///     here.
  ///   - keep: keeps the patch of a refused change for people, before the attempt ends, and says
  ///     whether it could.
  package func accept(
    commit: ObjectID, pack: String, of id: DelegationID, attempt: Int, token: FencingToken,
    by worker: WorkerID, usage: AgentUsage = AgentUsage(),
    keep: @Sendable ([UInt8]) async -> Bool = { _ in false }
  ) async throws(WorkerFault) {
    let handIn = try core.handIn(commit, of: id, attempt: attempt, token: token)
    do throws(HandInRefusal) {
      try await mirrors.accept(handIn, pack: pack)
    } catch {
      var refusal = error
      if case .refused(let message, let hint, let patch?) = error,
        core.holds(id, attempt: attempt, token: token), await keep(patch)
      {
        refusal = .refused(message: message, hint: Self.noting(aPatchOf: id, after: hint))
      }
      throw await fault(refusal, of: handIn, token: token, by: worker, usage)
    }
  }

  /// The hint of an attempt whose change is kept as a patch.
  package static func noting(aPatchOf id: DelegationID, after hint: String? = nil) -> String {
    let note = "What the agent had made is kept: aipm logs --patch \(id)"
    return hint.map { "\($0) \(note)" } ?? note
  }

  /// The result of an attempt that made a commit. Its changes are counted in the mirror, so nothing
  /// is kept in memory between `accept` and this call.
  /// - Throws: `packMissing` if the mirror does not have the commit: it was lost since, or the pack
  ///   never came.
  package func finish(
    commit: ObjectID, report: RunReport, of id: DelegationID, attempt: Int, token: FencingToken,
    by worker: WorkerID
  ) async throws(WorkerFault) {
    if core.isAccepted(commit, of: id, attempt: attempt, token: token) { return }
    let handIn = try core.handIn(commit, of: id, attempt: attempt, token: token)
    let change: HandInFigures?
    do throws(HandInRefusal) {
      change = try await mirrors.figures(of: handIn)
    } catch {
      throw await fault(error, of: handIn, token: token, by: worker, report.usage)
    }
    guard let change else { throw .packMissing }
    let accept = DelegationCommand.acceptCommit(handIn.generated(change, report, token: token))
    try await record(accept, report.network, of: id, attempt: attempt, token: token, by: worker)
  }

  /// The response to a refused hand-in. If the change breaks a rule, this ends the attempt.
  private func fault(
    _ refusal: HandInRefusal, of handIn: HandIn, token: FencingToken, by worker: WorkerID,
    _ usage: AgentUsage
  ) async -> WorkerFault {
    switch refusal {
    case .malformed(let message): return .malformed(message)
    case .unavailable(let message): return .unavailable(message)
    case .refused(let message, let hint, _):
      let end = AttemptEnd(
        attempt: handIn.attempt, token: token, outcome: .refused, message: message, hint: hint,
        usage: usage)
      let reply = await command(handIn.delegation, .endAttempt(end), by: actor(worker))
      return WorkerFault(reply) ?? .refused(message)
    }
  }

  /// An attempt that ended without a commit.
  package func end(
    _ end: AttemptEnd, of id: DelegationID, by worker: WorkerID, network: NetworkUse? = nil
  ) async throws(WorkerFault) {
    var end = end
    if end.limit != nil { end.limit?.nextAgent = core.nextAgent(of: id, clock.now().wall) }
    try await record(
      .endAttempt(end), network, of: id, attempt: end.attempt, token: end.token, by: worker)
  }

  /// The agent was stopped because of a cancellation.
  package func stopped(
    attempt: Int, token: FencingToken, usage: AgentUsage = AgentUsage(), of id: DelegationID,
    by worker: WorkerID, network: NetworkUse? = nil
  ) async throws(WorkerFault) {
    try await record(
      .confirmStopped(attempt: attempt, token: token, usage: usage), network, of: id,
      attempt: attempt, token: token, by: worker)
  }

  /// Records the end of an attempt, in one append with its network use.
  private func record(
    _ report: DelegationCommand, _ network: NetworkUse?, of id: DelegationID, attempt: Int,
    token: FencingToken, by worker: WorkerID
  ) async throws(WorkerFault) {
    let whole =
      network.map {
        DelegationCommand.recordNetwork(
          NetworkUsed(attempt: attempt, token: token, use: $0), then: report)
      } ?? report
    try outcome(of: await command(id, whole, by: actor(worker)))
  }

  /// Whether this is the current lease of the delegation.
  package func holds(_ id: DelegationID, attempt: Int, token: FencingToken) -> Bool {
    core.holds(id, attempt: attempt, token: token)
  }

  /// Whether another worker has the current lease of the delegation.
  package func isLeased(_ id: DelegationID, toOtherThan worker: WorkerID) -> Bool {
    core.executors[id]?.state.lease.map { $0.worker != worker } ?? false
  }

  /// What a worker may check out: the start of its lease; nil if the lease is not the worker's.
  package func checkout(
    of id: DelegationID, attempt: Int, token: FencingToken, by worker: WorkerID
  ) -> Checkout? {
    guard let plan = core.workers[worker]?.plan, plan.delegation == id,
      plan.lease.attempt == attempt, plan.lease.token == token,
      let repository = core.executors[id]?.state.delegation?.request.repository
    else { return nil }
    return Checkout(
      repository: repository, head: plan.start.head, merge: plan.start.merge)
  }

  /// Makes sure that the mirror has a checkout.
  package nonisolated func provide(
    _ checkout: Checkout, of id: DelegationID
  ) async throws(MirrorFault) {
    try await mirrors.provide(checkout, of: id)
  }

  /// The most bytes of output that an attempt may keep; nil if the lease is not the current one.
  package func outputLimit(_ id: DelegationID, _ attempt: Int, _ token: FencingToken) -> Int? {
    guard holds(id, attempt: attempt, token: token) else { return nil }
    return core.executors[id]?.workflow?.limits.outputBytesMax
  }

  private func actor(_ worker: WorkerID) -> Actor { Actor(kind: .worker, name: worker.rawValue) }

  private func outcome(of reply: CommandReply) throws(WorkerFault) {
    if let fault = WorkerFault(reply) { throw fault }
  }

  // MARK: Workers for display

  /// When each worker was last heard from, and how long its agent has been silent.
  package func signsOfLife() -> [WorkerID: (heardAt: Timestamp, agentSilence: Milliseconds?)] {
    core.workers.compactMapValues { keeper in
      keeper.lastHeardAt.map { ($0, keeper.agentSilence) }
    }
  }

  /// The time limit of one generation of a workflow; nil if the workflow is not known.
  package func generationLimit(digest: String) -> Milliseconds? {
    overrides.agentTimeout ?? core.workflows[digest]?.agentTimeout
  }

  /// The names of a workflow's agents; empty if the workflow is not known.
  package func agents(digest: String) -> [String] {
    core.workflows[digest].map { $0.agents.keys.sorted() } ?? []
  }

  /// Starts a local worker again: at once if it was parked or stopped, otherwise when it has
  /// drained.
  package func restart(_ id: WorkerID) { step(.workerRestartAsked(id)) }

  /// The agents that the present workers have found.
  package func agentsFound() -> Set<String> {
    core.dispatcher.openAgents
  }

  /// Checks that an agent is available.
  /// - Returns: the workers, if none of them has the agent; nil if some worker has it, if there is
  ///   no worker yet, or if one has not reported its agents yet.
  package func workersWithout(_ agent: String) -> [WorkerID]? {
    if core.dispatcher.isOpen(agent) { return nil }
    var without: [WorkerID] = []
    for keeper in core.workers.values {
      switch keeper.state {
      case .registered(let life), .unhealthy(let life):
        if life.registration.agents.contains(agent) { return nil }
        without.append(keeper.id)
      case .absent, .starting, .draining, .parked, .stopped, .lost:
        switch keeper.process {
        case .starting, .running, .waiting: return nil
        case .remote, .ended: continue
        }
      }
    }
    return without.isEmpty ? nil : without.sorted()
  }

  /// The limit of a patch that people look at, in bytes.
  package static let patchBytesMax = 8 << 20

  /// The limit of a file that people look at, in bytes.
  package static let fileBytesMax = 4 << 20

  /// The patch between two commits of the mirror: its first `patchBytesMax` bytes.
  package func patch(
    _ repository: RepositoryName, _ change: MirrorChange
  ) async -> Result<[UInt8], MirrorFault> {
    do throws(MirrorFault) {
      return .success(
        try await mirrors.patch(repository, change, limit: Self.patchBytesMax))
    } catch {
      return .failure(error)
    }
  }

  /// A file that differs between two commits of the mirror, if it has at most `fileBytesMax` bytes.
  package func file(
    _ path: String, _ side: ChangeSide, of change: MirrorChange, in repository: RepositoryName
  ) async -> Result<ChangedFile, MirrorFault> {
    do throws(MirrorFault) {
      return .success(
        try await mirrors.file(
          path, side, of: change, in: repository, limit: Self.fileBytesMax))
    } catch {
      return .failure(error)
    }
  }
}
