import Domain

/// Assigns delegations to workers. The engine updates it with the ready delegations and the
/// workers. Apart from that it remembers only which requester was served last.
///
/// Higher priority goes first. Within a priority requesters take turns: first the one with the
/// fewest running delegations, then the one that was served longest ago; within a requester the
/// oldest delegation goes first. A delegation is skipped if no free worker can take it, or its
/// repository or requester is at its limit; it delays no other. If no present worker has the agent,
/// any worker gets the delegation, and reports that the agent is missing. Of workers with the same
/// agents, the one that has the conversation of the delegation's agent gets it, if it is free; this
/// changes nothing for other delegations.
///
/// The choice does not depend on the search: the tests compare it with a search through all ready
/// delegations. For the costs see `ReadyOrder`.
package struct Dispatcher: Sendable {
  /// A delegation that is ready for a worker.
  package struct Candidate: Equatable, Sendable {
    package var delegation: DelegationID
    package var repository: RepositoryName
    package var requester: String
    package var priority: Int
    package var stamp: Stamp
    /// nil if any worker can run it.
    package var agent: String?
    package var repositoryLimit: Int?
    package var requesterLimit: Int?
    /// The worker that has the conversation of its agent; nil for none.
    package var formerWorker: WorkerID?

    package init(
      delegation: DelegationID, repository: RepositoryName, requester: String, priority: Int,
      stamp: Stamp, agent: String?, repositoryLimit: Int?, requesterLimit: Int?,
      formerWorker: WorkerID? = nil
    ) {
      self.formerWorker = formerWorker
      self.delegation = delegation
      self.repository = repository
      self.requester = requester
      self.priority = priority
      self.stamp = stamp
      self.agent = agent
      self.repositoryLimit = repositoryLimit
      self.requesterLimit = requesterLimit
    }
  }

  /// A worker that has registered.
  package struct Worker: Equatable, Sendable {
    package var id: WorkerID
    package var incarnation: Int
    /// The agents that it can run.
    package var agents: [String]
    /// Whether it may be given work, if it has none.
    package var takesWork: Bool
    /// Whether it is present or will be soon. Delegations wait for the agents of such a worker.
    package var isPresent: Bool

    package init(
      id: WorkerID, incarnation: Int, agents: [String], takesWork: Bool, isPresent: Bool = true
    ) {
      self.isPresent = isPresent
      self.id = id
      self.incarnation = incarnation
      self.agents = agents
      self.takesWork = takesWork
    }
  }

  /// A delegation that a worker has or is reserved for.
  package struct Running: Equatable, Sendable {
    package var repository: RepositoryName
    package var requester: String

    package init(repository: RepositoryName, requester: String) {
      self.repository = repository
      self.requester = requester
    }
  }

  /// An assignment of a delegation to a worker.
  package struct Pairing: Equatable, Sendable {
    package var delegation: DelegationID
    package var worker: WorkerID
    package var incarnation: Int

    package init(delegation: DelegationID, worker: WorkerID, incarnation: Int) {
      self.delegation = delegation
      self.worker = worker
      self.incarnation = incarnation
    }
  }

  private var ready = ReadyOrder()
  private var workers: [WorkerID: Worker] = [:]
  private var running: [WorkerID: Running] = [:]
  /// The workers that accept work and have none, by name: all of them, and those of each agent.
  private var free = KeyedHeap<WorkerID, WorkerID>()
  private var freeOfAgent: [String: KeyedHeap<WorkerID, WorkerID>] = [:]
  /// The number of workers with an agent: of those that are present, and of those that accept work.
  private var foundCounts: [String: Int] = [:]
  private var openCounts: [String: Int] = [:]

  package init() {}

  // MARK: Updates

  /// The delegation waits for a worker.
  package mutating func insert(_ candidate: Candidate) { ready.insert(candidate) }

  /// The delegation no longer waits for a worker; does nothing if it did not wait.
  package mutating func remove(_ delegation: DelegationID) { ready.remove(delegation) }

  /// Updates what is known of a worker.
  package mutating func update(_ worker: Worker) {
    let known = workers[worker.id]
    guard known != worker else { return }
    workers[worker.id] = worker
    if let known {
      setFree(known.id, of: known.agents, to: false)
      count(known, -1)
    }
    count(worker, 1)
    setFree(worker)
  }

  /// The worker has ended and had no work.
  package mutating func forget(_ id: WorkerID) {
    guard let known = workers.removeValue(forKey: id) else { return }
    setFree(known.id, of: known.agents, to: false)
    count(known, -1)
  }

  private mutating func count(_ worker: Worker, _ change: Int) {
    for agent in Set(worker.agents) {
      if worker.isPresent { foundCounts.add(change, to: agent) }
      if worker.takesWork { openCounts.add(change, to: agent) }
    }
  }

  /// The agents of the workers that accept work, busy or free.
  package var openAgents: Set<String> { Set(openCounts.keys) }

  /// Whether a worker that accepts work has the agent.
  package func isOpen(_ agent: String) -> Bool { openCounts[agent] != nil }

  /// The work that the worker has or is reserved for; nil for none.
  package mutating func occupy(_ id: WorkerID, by new: Running?) {
    let old = running[id]
    guard old != new else { return }
    running[id] = new
    if let old { ready.ended(old) }
    if let new { ready.began(new) }
    if let worker = workers[id] { setFree(worker) }
  }

  private mutating func setFree(_ worker: Worker) {
    setFree(worker.id, of: worker.agents, to: worker.takesWork && running[worker.id] == nil)
  }

  private mutating func setFree(_ id: WorkerID, of agents: [String], to isFree: Bool) {
    guard isFree else {
      free.remove(id)
      for agent in agents { freeOfAgent[agent]?.remove(id) }
      return
    }
    free.set(id, to: id)
    for agent in agents { freeOfAgent[agent, default: .init()].set(id, to: id) }
  }

  /// The delegations that wait for a worker with the agent. This looks at all that wait.
  func waiting(for agent: String) -> [DelegationID] { ready.waiting(for: agent) }

  // MARK: Forecasts

  package var hasWaiting: Bool { !ready.isEmpty }

  /// A delegation that waits for a worker; nil if it does not.
  func candidate(_ delegation: DelegationID) -> Candidate? { ready.candidate(delegation) }

  /// Whether a worker accepts work, busy or free.
  package var hasOpenWorkers: Bool { workers.values.contains(where: \.takesWork) }

  /// Adds a free worker that can take any delegation.
  mutating func addImaginaryWorker() {
    update(
      Worker(
        id: WorkerID("imaginary"), incarnation: 0, agents: ready.agents.compactMap { $0 },
        takesWork: true, isPresent: false))
  }

  // MARK: Choice

  /// Assigns ready delegations to free workers. They count as running from now on.
  package mutating func choose() -> [Pairing] {
    guard !free.isEmpty, !ready.isEmpty else { return [] }
    var pairings: [Pairing] = []
    while let pairing = next() { pairings.append(pairing) }
    ready.forgetIdleRequesters()
    return pairings
  }

  private mutating func next() -> Pairing? {
    guard !free.isEmpty else { return nil }
    var best: (rank: ReadyOrder.Rank, worker: WorkerID)?
    for agent in ready.agents {
      guard let worker = freeWorker(for: agent), let first = ready.first(for: agent) else {
        continue
      }
      if let best, best.rank < first { continue }
      best = (first, worker)
    }
    guard let best, let first = workers[best.worker],
      let candidate = ready.serve(best.rank.oldest.delegation)
    else { return nil }
    let worker = standIn(candidate.formerWorker, for: first)
    occupy(
      worker.id, by: Running(repository: candidate.repository, requester: candidate.requester))
    return Pairing(
      delegation: candidate.delegation, worker: worker.id, incarnation: worker.incarnation)
  }

  /// The wanted worker, if it is free and has the same agents as the chosen one.
  private func standIn(_ wanted: WorkerID?, for chosen: Worker) -> Worker {
    guard let wanted, free.rank(of: wanted) != nil, let worker = workers[wanted],
      worker.agents == chosen.agents
    else { return chosen }
    return worker
  }

  /// The first free worker that can take a delegation for `agent`.
  private func freeWorker(for agent: String?) -> WorkerID? {
    guard let agent, foundCounts[agent] != nil else { return free.first?.key }
    return freeOfAgent[agent]?.first?.key
  }
}

extension [String: Int] {
  /// Changes a count. A count of 0 is removed.
  fileprivate mutating func add(_ change: Int, to key: String) {
    let count = self[key, default: 0] + change
    self[key] = count == 0 ? nil : count
  }
}
