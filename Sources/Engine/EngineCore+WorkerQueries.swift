import Domain
import EventLog
import Workflows

/// The worker protocol's queries of the core. They save work, and inform a worker early that its
/// attempt is over. Safety depends only on the comparison of tokens in the append.
extension EngineCore {
  /// - Throws: `WorkerFault.unknown` if this is not the current life of the worker.
  package func check(_ id: WorkerID, _ incarnation: Int) throws(WorkerFault) {
    guard let keeper = workers[id], keeper.incarnation == incarnation else { throw .unknown }
    switch keeper.state {
    case .registered, .draining, .unhealthy: return
    case .absent, .starting, .parked, .stopped, .lost: throw .unknown
    }
  }

  /// For each attempt of a worker's journal, whether it continues: only if it made a commit and is
  /// still the worker's.
  package func goesOn(_ journal: [HeldAttempt], of id: WorkerID) -> [Bool] {
    journal.map { entry in
      guard entry.hasCommit, let lease = executors[entry.delegation]?.state.workingLease else {
        return false
      }
      return lease.worker == id && lease.attempt == entry.attempt
    }
  }

  /// Whether this is the current lease of the delegation.
  package func holds(_ id: DelegationID, attempt: Int, token: FencingToken) -> Bool {
    guard let lease = executors[id]?.state.lease else { return false }
    return lease.token == token && lease.attempt == attempt
  }

  // MARK: Orders

  /// The worker's current order.
  /// - Returns: nil if it is not known yet: after a start the log has the lease, but the head of
  ///   the attempt is still being read. An empty order would make the worker drop its attempt.
  package func order(for id: WorkerID, _ overrides: Engine.Overrides) -> WorkerOrder? {
    guard let keeper = workers[id] else { return nil }
    if keeper.plan == nil, let held = occupied[id],
      executors[held]?.state.workingLease?.worker == id
    {
      return nil
    }
    return WorkerOrder(
      revision: keeper.revision, assignment: keeper.plan.flatMap { assignment($0, overrides) },
      cancel: keeper.plan?.cancel ?? false, drain: keeper.drains)
  }

  private func assignment(_ plan: WorkerPlan, _ overrides: Engine.Overrides) -> WorkerAssignment? {
    guard let executor = executors[plan.delegation], let workflow = executor.workflow,
      let text = executor.text, let d = executor.state.delegation
    else { return nil }
    return WorkerAssignment(
      delegation: plan.delegation, lease: plan.lease, repository: d.request.repository,
      branch: d.request.branch, head: plan.head,
      prompt: workflow.prompt(text, id: plan.delegation),
      commitMessage: workflow.generatedCommitMessage(
        text, id: plan.delegation, follows: d.request.follows, attempt: plan.lease.attempt),
      agent: Self.profile(d.request.agent, in: workflow, overrides),
      timeout: overrides.agentTimeout ?? workflow.agentTimeout, workflow: workflow,
      base: d.base, taskFile: workflow.restoredTaskFile(d.request),
      taskFileBase: d.taskFileBase)
  }

  /// An agent that no workflow describes and no flag names is called by its name alone. If there is
  /// no such program, the worker reports that.
  private static func profile(
    _ name: String, in workflow: Workflow, _ overrides: Engine.Overrides
  ) -> AgentProfile {
    if let custom = overrides.customAgent, custom.name == name { return custom }
    return workflow.agents[name]
      ?? AgentProfile(
        name: name, description: "",
        kind: .command(
          AgentCommand(arguments: [.literal(name)], promptOnStandardInput: true)))
  }

  // MARK: Hand-ins

  /// The requirements for a worker's commit.
  /// - Throws: `superseded` or `cancelled` if the commit is no longer needed.
  package func handIn(
    _ commit: ObjectID, of id: DelegationID, attempt: Int, token: FencingToken
  ) throws(WorkerFault) -> HandIn {
    guard let executor = executors[id], case .generating(let d, let generation) = executor.state,
      generation.lease.token == token, generation.lease.attempt == attempt,
      let workflow = executor.workflow, let text = executor.text
    else { throw .superseded }
    if d.cancelRequested { throw .cancelled }
    return HandIn(
      repository: d.request.repository, delegation: id, attempt: attempt, commit: commit,
      parent: generation.head,
      message: workflow.generatedCommitMessage(
        text, id: id, follows: d.request.follows, attempt: attempt),
      refusedPaths: workflow.refusedPaths, exemptions: workflow.secretExemptions,
      bytesMax: workflow.limits.changedBytesMax, filesMax: workflow.limits.changedFilesMax,
      restored: workflow.restoredTaskFile(d.request).flatMap { path in
        d.taskFileBase.map { HandIn.Restored(path: path, base: $0) }
      })
  }

  /// Whether this commit of the current lease was accepted before: its response was lost.
  package func isAccepted(
    _ commit: ObjectID, of id: DelegationID, attempt: Int, token: FencingToken
  ) -> Bool {
    guard case .generating(_, let generation)? = executors[id]?.state else { return false }
    return generation.lease.token == token && generation.lease.attempt == attempt
      && generation.accepted?.sha == commit
  }
}

extension WorkerFault {
  /// The fault for a worker whose report was refused.
  /// - Returns: nil if the report was accepted.
  package init?(_ reply: CommandReply) {
    switch reply {
    case .done: return nil
    case .rejected(.cancelled): self = .cancelled
    case .rejected: self = .superseded
    case .failed(let fault): self = .unavailable("\(fault)")
    }
  }
}
