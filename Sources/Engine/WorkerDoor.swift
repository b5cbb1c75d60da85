import Domain
import EventLog
import Projections
import Workflows

/// What the worker protocol asks of the engine. Whatever a worker says is compared with the log in
/// the append; what is checked before is checked to save work, not to be safe.
extension Engine {
  /// Why a worker's call was refused.
  package enum WorkerFault: Error, Equatable, Sendable {
    /// This life of the worker is not known: it is to register.
    case unknown
    /// The attempt is somebody else's now, or over.
    case superseded
    case cancelled
    /// The change breaks a rule; the attempt is over.
    case refused(String)
    /// The pack or the report is not what it says it is.
    case malformed(String)
    /// Come again.
    case unavailable(String)
  }

  /// What a worker registers with.
  package struct WorkerRegistration: Sendable {
    package var id: WorkerID
    package var host: String
    package var version: String
    package var agents: [String]
    package var local: Bool
    package var journal: [EngineCore.HeldAttempt]
    package init(
      id: WorkerID, host: String, version: String, agents: [String], local: Bool,
      journal: [EngineCore.HeldAttempt]
    ) {
      self.id = id
      self.host = host
      self.version = version
      self.agents = agents
      self.local = local
      self.journal = journal
    }
  }

  /// Begins a life of a worker.
  /// - Returns: its incarnation, and for each attempt of the journal whether it goes on.
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
    let held = core.executors.values.compactMap { executor in
      executor.state.workingLease.map { (executor.id, $0) }
    }.filter { $0.1.worker == id }
    let goesOn = registration.journal.map { entry in
      entry.hasCommit
        && held.contains { $0.0 == entry.delegation && $0.1.attempt == entry.attempt }
    }
    step(.registered(id, journal: registration.journal, local: registration.local))
    return (incarnation, goesOn)
  }

  /// Takes note that a worker lives.
  package func heard(
    _ id: WorkerID, incarnation: Int, agentSilence: Milliseconds?
  ) throws(WorkerFault) {
    try check(id, incarnation)
    step(.heard(id, agentSilence: agentSilence))
  }

  private func check(_ id: WorkerID, _ incarnation: Int) throws(WorkerFault) {
    guard let keeper = core.workers[id], keeper.incarnation == incarnation else { throw .unknown }
    switch keeper.state {
    case .registered, .draining, .unhealthy: return
    case .absent, .starting, .parked, .stopped, .lost: throw .unknown
    }
  }

  /// What a worker should be doing.
  package struct WorkerOrder: Sendable {
    package var revision: Int64
    package var assignment: WorkerAssignment?
    package var cancel: Bool
    package var drain: Bool
  }

  /// One attempt, with everything that a worker needs for it.
  package struct WorkerAssignment: Sendable {
    package var delegation: DelegationID
    package var lease: Lease
    package var repository: RepositoryName
    package var branch: String
    package var head: ObjectID
    package var prompt: String
    package var commitMessage: String
    package var agent: AgentProfile
    package var timeout: Milliseconds
    package var workflow: Workflow
  }

  /// Waits, at most `limit`, for an order newer than `revision`.
  package func order(
    for id: WorkerID, incarnation: Int, after revision: Int64, limit: Milliseconds
  ) async throws(WorkerFault) -> WorkerOrder {
    try heard(id, incarnation: incarnation, agentSilence: core.workers[id]?.agentSilence)
    let signals = planSignal(of: id)
    let (first, order) = (core.workers[id]?.revision ?? 0, order(for: id))
    if first > revision { return order }
    let expiry = Task { [clock] in try? await clock.sleep(limit) }
    defer { expiry.cancel() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await _ in signals { return } }
      group.addTask { _ = await expiry.value }
      await group.next()
      group.cancelAll()
      expiry.cancel()
    }
    try check(id, incarnation)
    return self.order(for: id)
  }

  private func order(for id: WorkerID) -> WorkerOrder {
    guard let keeper = core.workers[id] else {
      return WorkerOrder(revision: 0, assignment: nil, cancel: false, drain: false)
    }
    return WorkerOrder(
      revision: keeper.revision, assignment: keeper.plan.flatMap { assignment($0) },
      cancel: keeper.plan?.cancel ?? false, drain: keeper.drains)
  }

  private func assignment(_ plan: WorkerPlan) -> WorkerAssignment? {
    guard let executor = core.executors[plan.delegation], let workflow = executor.workflow,
      let text = executor.text, let d = executor.state.delegation
    else { return nil }
    return WorkerAssignment(
      delegation: plan.delegation, lease: plan.lease, repository: d.request.repository,
      branch: d.request.branch, head: plan.head,
      prompt: workflow.prompt(text, id: plan.delegation),
      commitMessage: workflow.generatedCommitMessage(
        text, id: plan.delegation, attempt: plan.lease.attempt),
      agent: profile(d.request.agent, in: workflow),
      timeout: overrides.agentTimeout ?? workflow.agentTimeout, workflow: workflow)
  }

  /// An agent that no workflow describes and no flag names is called by its bare name: the worker
  /// will say that there is no such program.
  private func profile(_ name: String, in workflow: Workflow) -> AgentProfile {
    if let custom = overrides.customAgent, custom.name == name { return custom }
    return workflow.agents[name]
      ?? AgentProfile(
        name: name, description: "",
        kind: .command(
          AgentCommand(arguments: [.literal(name)], promptOnStandardInput: true)))
  }

  // MARK: Reports

  /// Records that the agent runs.
  package func generating(
    _ start: GenerationStarted, of id: DelegationID, by worker: WorkerID
  ) async throws(WorkerFault) {
    try outcome(of: await command(id, .startGenerating(start), by: actor(worker)))
  }

  /// Takes the pack of a hand-in into the mirror. The commit is checked and kept there; it is
  /// accepted only with `finish`.
  /// - Parameter pack: the path of a file that holds the pack.
  package func accept(
    commit: ObjectID, pack: String, of id: DelegationID, attempt: Int, token: FencingToken,
    by worker: WorkerID
  ) async throws(WorkerFault) {
    guard let executor = core.executors[id],
      case .generating(let d, let generation) = executor.state,
      generation.lease.token == token, generation.lease.attempt == attempt,
      let workflow = executor.workflow, let text = executor.text
    else { throw .superseded }
    if d.cancelRequested { throw .cancelled }
    let handIn = HandIn(
      repository: d.request.repository, delegation: id, attempt: attempt, commit: commit,
      parent: generation.head,
      message: workflow.generatedCommitMessage(text, id: id, attempt: attempt),
      refusedPaths: workflow.refusedPaths, fileBytesMax: workflow.limits.changedBytesMax,
      filesMax: workflow.limits.changedFilesMax)
    do throws(HandInRefusal) {
      figures[AcceptedPack(delegation: id, token: token, commit: commit)] =
        try await mirrors.accept(handIn, pack: pack)
    } catch {
      switch error {
      case .malformed(let message): throw .malformed(message)
      case .unavailable(let message): throw .unavailable(message)
      case .refused(let message, let hint):
        let end = AttemptEnd(
          attempt: attempt, token: token, outcome: .refused, message: message, hint: hint)
        try outcome(of: await command(id, .endAttempt(end), by: actor(worker)))
        throw .refused(message)
      }
    }
  }

  /// The result of an attempt that made a commit: its pack must have been accepted by this server.
  package func finish(
    commit: ObjectID, figures told: GenerationFigures, of id: DelegationID, attempt: Int,
    token: FencingToken, by worker: WorkerID
  ) async throws(WorkerFault) {
    let key = AcceptedPack(delegation: id, token: token, commit: commit)
    guard let executor = core.executors[id], let lease = executor.state.lease,
      lease.token == token, lease.attempt == attempt
    else { throw .superseded }
    guard case .generating(_, let generation) = executor.state else { throw .superseded }
    if generation.accepted?.sha == commit { return }
    guard let counted = figures[key] else { throw .unavailable("its pack is to be sent again") }
    var all = told
    all.filesChanged = counted.filesChanged
    all.insertions = counted.insertions
    all.deletions = counted.deletions
    let generated = Generated(
      attempt: attempt, token: token, sha: commit, parent: generation.head, figures: all)
    let reply = await command(id, .acceptCommit(generated), by: actor(worker))
    figures[key] = nil
    try outcome(of: reply)
  }

  /// An attempt that ended without a commit.
  package func end(
    _ end: AttemptEnd, of id: DelegationID, by worker: WorkerID
  ) async throws(WorkerFault) {
    try outcome(of: await command(id, .endAttempt(end), by: actor(worker)))
  }

  /// The agent was ended because of a cancellation.
  package func stopped(
    attempt: Int, token: FencingToken, of id: DelegationID, by worker: WorkerID
  ) async throws(WorkerFault) {
    try outcome(
      of: await command(id, .confirmStopped(attempt: attempt, token: token), by: actor(worker)))
  }

  /// Whether this is the present lease of that delegation.
  package func holds(_ id: DelegationID, attempt: Int, token: FencingToken) -> Bool {
    guard let lease = core.executors[id]?.state.lease else { return false }
    return lease.token == token && lease.attempt == attempt
  }

  /// How many bytes of output an attempt may keep; nil where the lease is not the present one.
  package func outputLimit(_ id: DelegationID, _ attempt: Int, _ token: FencingToken) -> Int? {
    guard holds(id, attempt: attempt, token: token) else { return nil }
    return core.executors[id]?.workflow?.limits.outputBytesMax
  }

  private func actor(_ worker: WorkerID) -> Actor { Actor(kind: .worker, name: worker.rawValue) }

  private func outcome(of reply: CommandReply) throws(WorkerFault) {
    switch reply {
    case .done: return
    case .rejected(.cancelled): throw .cancelled
    case .rejected: throw .superseded
    case .failed(let fault): throw .unavailable("\(fault)")
    }
  }

  // MARK: What is shown of workers

  /// When each worker was heard from last, and for how long its agent has said nothing.
  package func signsOfLife() -> [WorkerID: (heardAt: Timestamp, agentSilence: Milliseconds?)] {
    core.workers.compactMapValues { keeper in
      keeper.lastHeardAt.map { ($0, keeper.agentSilence) }
    }
  }

  /// How long one generation of a workflow may take; nil where the workflow is not known.
  package func generationLimit(digest: String) -> Milliseconds? {
    overrides.agentTimeout ?? core.workflows[digest]?.agentTimeout
  }

  /// Starts a local worker again: at once where it was parked or stopped, else when it has drained.
  package func restart(_ id: WorkerID) { step(.workerRestartAsked(id)) }

  /// The agents that the workers which are there have found.
  package func agentsFound() -> Set<String> {
    core.workers.values.reduce(into: []) { agents, keeper in
      guard keeper.isFree else { return }
      agents.formUnion(keeper.state.life?.registration.agents ?? [])
    }
  }

  /// The patch between two commits of the mirror, at most 8 MiB of it.
  package func patch(
    _ repository: RepositoryName, from: ObjectID, to: ObjectID
  ) async -> Result<[UInt8], GitFault> {
    do throws(GitFault) {
      return .success(try await mirrors.patch(repository, from: from, to: to, limit: 8 << 20))
    } catch {
      return .failure(error)
    }
  }
}
