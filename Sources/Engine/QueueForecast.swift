// The order in which waiting delegations get a worker, and when. It runs a copy of the dispatcher,
// so the rules are the same: the workers end what they have, one after another, and each takes what
// the dispatcher gives it.

import Domain

/// The place of a delegation that waits for a worker.
package struct QueuePlace: Equatable, Sendable {
  package var delegation: DelegationID
  package var repository: RepositoryName
  /// 1 for the next one.
  package var place: Int
  /// When it is expected to get a worker; nil if that is not known.
  package var startsAt: Timestamp?
}

/// How long workers had delegations of an agent lately.
package struct WorkSpans: Sendable {
  private let sorted: [Milliseconds]

  package init(_ spans: [Milliseconds]) { sorted = spans.sorted() }

  /// The median of those that are longer; nil without one.
  func median(beyond elapsed: Milliseconds) -> Milliseconds? {
    let longer = sorted[(sorted.firstIndex { $0 > elapsed } ?? sorted.endIndex)...]
    return longer.isEmpty ? nil : longer[longer.startIndex + longer.count / 2]
  }
}

extension EngineCore {
  /// The delegations that get the next workers, in their order. One that waits for something else,
  /// such as another delegation of its branch, has no place.
  /// - Parameters:
  ///   - work: how long workers have a delegation, by agent; an agent that is not there is unknown.
  ///   - limit: the most places.
  package func forecast(work: [String: WorkSpans], now: Moment, limit: Int) -> [QueuePlace] {
    var dispatcher = dispatcher
    guard dispatcher.hasWaiting else { return [] }
    var ends = KeyedHeap<WorkerID, Int64>()
    func end(of agent: String, from start: Int64) -> Int64 {
      // One that works already takes as long as those that took longer than it has taken so far. If
      // none did, it may take any time.
      let elapsed = Milliseconds(max(0, now.wall.milliseconds - start))
      guard start != .max, let span = work[agent]?.median(beyond: elapsed) else { return .max }
      return start + span.count
    }
    for (worker, id) in occupied {
      guard let d = executors[id]?.state.delegation else { continue }
      ends.set(worker, to: end(of: d.request.agent, from: d.stateSince.milliseconds))
    }
    var places: [QueuePlace] = []
    func assign(at start: Int64) {
      for pairing in dispatcher.choose() {
        guard let waiting = self.dispatcher.candidate(pairing.delegation) else { continue }
        places.append(
          QueuePlace(
            delegation: pairing.delegation, repository: waiting.repository,
            place: places.count + 1,
            startsAt: start == .max || isDraining ? nil : Timestamp(milliseconds: start)))
        ends.set(pairing.worker, to: waiting.agent.map { end(of: $0, from: start) } ?? .max)
      }
    }
    if dispatcher.hasOpenWorkers {
      assign(at: now.wall.milliseconds)
    } else {
      // The order is known, the time is not.
      dispatcher.addImaginaryWorker()
      assign(at: .max)
    }
    while places.count < limit, let (worker, start) = ends.first {
      ends.remove(worker)
      dispatcher.occupy(worker, by: nil)
      assign(at: start)
    }
    return places
  }
}

extension Engine {
  /// See `EngineCore.forecast`.
  package func queueForecast(work: [String: WorkSpans], limit: Int) -> [QueuePlace] {
    core.forecast(work: work, now: clock.now(), limit: limit)
  }
}
