import Domain

/// Chooses who works on what. A pure function of what is ready and who is free; what it remembers
/// is only whose turn it was last.
///
/// Higher priority goes first. Within a priority requesters take turns: first the one with the
/// least under way, then the one that was served longest ago; within a requester the oldest goes
/// first. A delegation that no free worker can take, or whose repository or requester is at its
/// limit, is passed over and holds nobody up.
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

  /// A worker with nothing in hand.
  package struct FreeWorker: Equatable, Sendable {
    package var id: WorkerID
    package var incarnation: Int
    package var agents: Set<String>

    package init(id: WorkerID, incarnation: Int, agents: Set<String>) {
      self.id = id
      self.incarnation = incarnation
      self.agents = agents
    }

    func suits(_ candidate: Candidate) -> Bool {
      candidate.agent.map { agents.contains($0) } ?? true
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
    package var worker: FreeWorker
  }

  private var turn: Int64 = 0
  private var servedAt: [String: Int64] = [:]

  package init() {}

  /// Pairs what is ready with who is free.
  package mutating func choose(
    ready: [Candidate], free: [FreeWorker], running: [Running]
  ) -> [Pairing] {
    var free = free.sorted { $0.id < $1.id }
    var waiting = ready
    var perRepository: [RepositoryName: Int] = [:]
    var perRequester: [String: Int] = [:]
    for one in running {
      perRepository[one.repository, default: 0] += 1
      perRequester[one.requester, default: 0] += 1
    }
    var pairings: [Pairing] = []
    while !free.isEmpty {
      let possible = waiting.filter { candidate in
        candidate.repositoryLimit.map { perRepository[candidate.repository, default: 0] < $0 }
          ?? true
          && (candidate.requesterLimit.map {
            perRequester[candidate.requester, default: 0] < $0
          } ?? true)
          && free.contains { $0.suits(candidate) }
      }
      let best = possible.min { a, b in
        rank(a, perRequester) < rank(b, perRequester)
      }
      guard let best, let index = free.firstIndex(where: { $0.suits(best) })
      else { break }
      pairings.append(Pairing(delegation: best.delegation, worker: free.remove(at: index)))
      waiting.removeAll { $0.delegation == best.delegation }
      perRepository[best.repository, default: 0] += 1
      perRequester[best.requester, default: 0] += 1
      turn += 1
      servedAt[best.requester] = turn
    }
    forgetIdleRequesters(waiting, perRequester)
    return pairings
  }

  private func rank(
    _ candidate: Candidate, _ perRequester: [String: Int]
  ) -> (Int, Int, Int64, Int64) {
    (
      -candidate.priority, perRequester[candidate.requester, default: 0],
      servedAt[candidate.requester, default: 0], candidate.stamp.milliseconds
    )
  }

  /// Turns are remembered only of those who have something waiting or under way.
  private mutating func forgetIdleRequesters(
    _ waiting: [Candidate], _ perRequester: [String: Int]
  ) {
    guard servedAt.count > 1000 else { return }
    let present = Set(waiting.map(\.requester)).union(perRequester.keys)
    servedAt = servedAt.filter { present.contains($0.key) }
  }
}
