import Domain
import EventLog
import Projections

/// The worker that last had a delegation of each pull request, so that the agent of the next round
/// may find its conversation there. It is bounded. What this process has not seen comes from the
/// log, when a round is requested and at the start. Without it, any worker gets the round.
struct FormerWorkers: Sendable {
  private var workers: [DelegationID: WorkerID] = [:]
  private var turns = KeyedHeap<DelegationID, Int64>()
  private var turn: Int64 = 0

  static let countMax = 4096

  /// - Parameter first: the pull request's first delegation.
  subscript(first: DelegationID) -> WorkerID? { workers[first] }

  mutating func note(_ worker: WorkerID, _ first: DelegationID) {
    turn += 1
    workers[first] = worker
    turns.set(first, to: turn)
    guard workers.count > Self.countMax, let oldest = turns.first?.key else { return }
    turns.remove(oldest)
    workers[oldest] = nil
  }
}

extension Engine {
  /// How many delegations before a round are looked at: a merge by the server has no worker.
  private static let recalledMax = 8

  /// Notes who had the delegations before a round, unless this process knows it.
  /// - Parameter earlier: their streams, oldest first.
  func recallWorker(of first: DelegationID, _ earlier: [[RecordedEvent]]) {
    let workers = earlier.joined().compactMap { recorded -> WorkerID? in
      guard case .delegation(.dispatched(let event)) = recorded.event else { return nil }
      return event.worker
    }
    if let last = workers.last { step(.recalled(last, of: first)) }
  }

  /// Of how many rounds that wait for a worker at a start this is looked up.
  static let recalledRoundsMax = 256

  /// The same for a round that was requested before this start.
  func recallWorker(of round: DelegationID) async throws(StoreFault) {
    var row = try await store.delegation(.id(round))?.row
    for _ in 0..<Self.recalledMax {
      guard let follows = row?.follows else { return }
      row = try await store.delegation(.id(DelegationID(follows)))?.row
      guard let worker = row?.worker else { continue }
      let events = try await store.read(.delegation(round))
      guard case .delegation(.requested(let request))? = events.first?.event,
        case .followUp(let followUp) = request.kind
      else { return }
      return step(.recalled(WorkerID(worker), of: followUp.first))
    }
  }
}
