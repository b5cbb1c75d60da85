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
      let text = executor.text, let d = executor.state.delegation,
      let message = executor.generatedCommitMessage(attempt: plan.lease.attempt)
    else { return nil }
    let agent = Self.profile(d.agent, in: workflow, overrides)
    let merge = plan.start.merge.flatMap { merge in
      d.base.map {
        MergeText(branch: $0.branch, commit: merge.base, conflicts: plan.start.conflicts)
      }
    }
    return WorkerAssignment(
      delegation: plan.delegation, lease: plan.lease, repository: d.request.repository,
      branch: d.request.branch, head: plan.start.head, merge: plan.start.merge,
      costMax: plan.start.costMax,
      prompt: workflow.prompt(text, id: plan.delegation, merge: merge),
      commitMessage: message,
      agent: agent,
      timeout: overrides.agentTimeout ?? workflow.agentTimeout, workflow: workflow,
      base: d.base, taskFile: workflow.restoredTaskFile(d.request),
      taskFileBase: d.taskFileBase,
      session: Self.session(agent, workflow, text, merge, d))
  }

  private static func session(
    _ agent: AgentProfile, _ workflow: Workflow, _ text: TaskText, _ merge: MergeText?,
    _ d: Delegation
  ) -> WorkerAssignment.Session? {
    guard agent.continuesConversations, workflow.keepSession.count > 0 else { return nil }
    return WorkerAssignment.Session(
      first: d.firstOfPullRequest, keep: workflow.keepSession,
      prompt: workflow.resumePrompt(text, id: d.id, merge: merge))
  }

  /// Whether the delegation is an earlier one of the same pull request.
  private func isEarlierRound(_ other: DelegationID, of id: DelegationID) -> Bool {
    guard let request = executors[id]?.state.delegation?.request,
      case .followUp(let followUp) = request.kind, other != id
    else { return false }
    if other == followUp.first || other == followUp.follows { return true }
    let rounds = executors[followUp.first]?.state.delegation?.conversation.rounds ?? []
    return rounds.contains { $0.delegation == other }
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

  /// The start of an attempt as it is recorded.
  /// - Parameter report: its head is the commit that the worker has checked out.
  /// - Throws: `superseded` if this server has not assigned that commit.
  package func started(
    _ report: GenerationStarted, of id: DelegationID
  ) throws(WorkerFault) -> GenerationStarted {
    guard let executor = executors[id], var started = executor.started(report) else {
      throw .superseded
    }
    if let other = started.continues, !isEarlierRound(other, of: id) { started.continues = nil }
    return started
  }

  // MARK: Hand-ins

  /// The requirements for a worker's commit.
  /// - Throws: `superseded` or `cancelled` if the commit is no longer needed.
  package func handIn(
    _ commit: ObjectID, of id: DelegationID, attempt: Int, token: FencingToken
  ) throws(WorkerFault) -> HandIn {
    guard let executor = executors[id], case .generating(let d, let generation) = executor.state,
      generation.lease.token == token, generation.lease.attempt == attempt,
      let workflow = executor.workflow,
      let message = executor.generatedCommitMessage(attempt: attempt)
    else { throw .superseded }
    if d.cancelRequested { throw .cancelled }
    return HandIn(
      repository: d.request.repository, delegation: id, attempt: attempt, commit: commit,
      parent: generation.head, merge: generation.merge, message: message,
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
