import Domain

/// Chooses who works on what. It is told of what is ready and who is there as that changes; what it
/// remembers besides is only whose turn it was last.
///
/// Higher priority goes first. Within a priority requesters take turns: first the one with the
/// least under way, then the one that was served longest ago; within a requester the oldest goes
/// first. A delegation that no free worker can take, or whose repository or requester is at its
/// limit, is passed over and holds nobody up. An agent that no present worker has goes to any of
/// them: it says so, and the delegation has its code.
///
/// What is chosen does not depend on how it is found: the tests hold it against a search through
/// all that is ready. What it costs does: see `ReadyOrder`.
package struct Dispatcher: Sendable {
  /// A delegation that is ready to be worked on.
  package struct Candidate: Equatable, Sendable {
    package var delegation: DelegationID
    package var repository: RepositoryName
    package var requester: String
    package var priority: Int
    package var stamp: Stamp
    /// nil: any worker will do.
    package var agent: String?
    package var repositoryLimit: Int?
    package var requesterLimit: Int?

    package init(
      delegation: DelegationID, repository: RepositoryName, requester: String, priority: Int,
      stamp: Stamp, agent: String?, repositoryLimit: Int?, requesterLimit: Int?
    ) {
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

  /// A worker that has registered at some time.
  package struct Worker: Equatable, Sendable {
    package var id: WorkerID
    package var incarnation: Int
    /// What it can run.
    package var agents: [String]
    /// Whether it may be given work, if it has none.
    package var takesWork: Bool
    /// Whether it is there, or will soon be. What waits for its agents waits for it.
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

  /// A delegation that a worker has, or that one is kept free for.
  package struct Running: Equatable, Sendable {
    package var repository: RepositoryName
    package var requester: String

    package init(repository: RepositoryName, requester: String) {
      self.repository = repository
      self.requester = requester
    }
  }

  /// Who is to work on what.
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
  /// The workers that take work and have none, by name: all of them, and those of each agent.
  private var free = KeyedHeap<WorkerID, WorkerID>()
  private var freeOfAgent: [String: KeyedHeap<WorkerID, WorkerID>] = [:]
  /// How many workers have an agent: of those that are present, and of those that take work.
  private var foundCounts: [String: Int] = [:]
  private var openCounts: [String: Int] = [:]

  package init() {}

  // MARK: What it is told

  /// The delegation waits for a worker.
  package mutating func insert(_ candidate: Candidate) { ready.insert(candidate) }

  /// The delegation does not wait for a worker any more; nothing happens where it did not.
  package mutating func remove(_ delegation: DelegationID) { ready.remove(delegation) }

  /// What is to be known of a worker, each time that it changes.
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

  /// The worker is gone, and nothing was in its hands.
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

  /// The agents of the workers that take work, whether or not they have some now.
  package var openAgents: Set<String> { Set(openCounts.keys) }

  /// Whether a worker that takes work has the agent.
  package func isOpen(_ agent: String) -> Bool { openCounts[agent] != nil }

  /// What the worker has, or is kept free for; nil: nothing.
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

  // MARK: What it chooses

  /// Pairs what is ready with who is free; what it chose is taken to be under way.
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
    guard let best, let worker = workers[best.worker],
      let candidate = ready.serve(best.rank.oldest.delegation)
    else { return nil }
    occupy(
      worker.id, by: Running(repository: candidate.repository, requester: candidate.requester))
    return Pairing(
      delegation: candidate.delegation, worker: worker.id, incarnation: worker.incarnation)
  }

  /// The first free worker that can take a delegation for `agent`.
  private func freeWorker(for agent: String?) -> WorkerID? {
    guard let agent, foundCounts[agent] != nil else { return free.first?.key }
    return freeOfAgent[agent]?.first?.key
  }
}

extension [String: Int] {
  /// Counts up or down; what comes to 0 is forgotten.
  fileprivate mutating func add(_ change: Int, to key: String) {
    let count = self[key, default: 0] + change
    self[key] = count == 0 ? nil : count
  }
}
