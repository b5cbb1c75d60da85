import Domain
import Engine

/// What `Dispatcher` must choose, found by a look at all that is ready and all who are free. It is
/// the model that the dispatcher is held against; its cost is no concern.
struct ScanningDispatcher {
  typealias Candidate = Dispatcher.Candidate
  typealias Running = Dispatcher.Running

  private var turn: Int64 = 0
  private var servedAt: [String: Int64] = [:]

  /// Pairs what is ready with who is free.
  /// - Parameters:
  ///   - free: workers with nothing in hand.
  ///   - found: the agents that some present worker has, free or not.
  mutating func choose(
    ready: [Candidate], free: [Dispatcher.Worker], found: Set<String>, running: [Running]
  ) -> [Dispatcher.Pairing] {
    guard !ready.isEmpty, !free.isEmpty else { return [] }
    var free = free.sorted { $0.id < $1.id }
    var waiting = ready.sorted { $0.delegation < $1.delegation }
    var perRepository: [RepositoryName: Int] = [:]
    var perRequester: [String: Int] = [:]
    for one in running {
      perRepository[one.repository, default: 0] += 1
      perRequester[one.requester, default: 0] += 1
    }
    func suits(_ worker: Dispatcher.Worker, _ candidate: Candidate) -> Bool {
      guard let agent = candidate.agent, found.contains(agent) else { return true }
      return worker.agents.contains(agent)
    }
    var pairings: [Dispatcher.Pairing] = []
    while !free.isEmpty {
      let possible = waiting.filter { candidate in
        candidate.repositoryLimit.map { perRepository[candidate.repository, default: 0] < $0 }
          ?? true
          && (candidate.requesterLimit.map {
            perRequester[candidate.requester, default: 0] < $0
          } ?? true)
          && free.contains { suits($0, candidate) }
      }
      let best = possible.min { a, b in
        rank(a, perRequester) < rank(b, perRequester)
      }
      guard let best, let first = free.firstIndex(where: { suits($0, best) }) else { break }
      let former = free.firstIndex {
        $0.id == best.formerWorker && $0.agents == free[first].agents
      }
      let worker = free.remove(at: former ?? first)
      pairings.append(
        Dispatcher.Pairing(
          delegation: best.delegation, worker: worker.id, incarnation: worker.incarnation))
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

  private mutating func forgetIdleRequesters(
    _ waiting: [Candidate], _ perRequester: [String: Int]
  ) {
    guard servedAt.count > 1000 else { return }
    let present = Set(waiting.map(\.requester)).union(perRequester.keys)
    servedAt = servedAt.filter { present.contains($0.key) }
  }
}
