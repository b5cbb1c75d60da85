import Domain
import EventLog

/// The dispatcher's side of the core: which worker gets which delegation.
extension EngineCore {
  /// Updates the dispatcher with the changed workers.
  mutating func followWorkers() {
    for id in table.touched {
      guard let keeper = workers[id], let registration = keeper.state.life?.registration else {
        continue
      }
      dispatcher.update(
        Dispatcher.Worker(
          id: id, incarnation: registration.incarnation, agents: registration.agents,
          takesWork: keeper.isFree, isPresent: keeper.isPresent))
    }
  }

  mutating func dispatch(_ now: Moment, _ actions: inout [Action]) {
    guard !isDraining else { return }
    for pairing in dispatcher.choose() {
      let assignee = Executor.Assignee(
        worker: pairing.worker, incarnation: pairing.incarnation, token: nextToken())
      feed(pairing.delegation, .assign(assignee), now, &actions)
      // If the clock was set back, the delegation is not ready after all.
      if occupied[pairing.worker] == nil { dispatcher.occupy(pairing.worker, by: nil) }
    }
  }

  /// The candidate with the worker that may have its agent's conversation.
  func preferring(_ candidate: Dispatcher.Candidate) -> Dispatcher.Candidate {
    var candidate = candidate
    let first = executors[candidate.delegation]?.conversation
    candidate.formerWorker = first.flatMap { formerWorkers[$0] }
    return candidate
  }

  mutating func nextToken() -> FencingToken {
    tokenCounter += 1
    return FencingToken(epoch: configuration.epoch, counter: tokenCounter)
  }

  /// Updates the plans of the changed workers.
  mutating func plan(_ actions: inout [Action]) {
    for id in table.touched {
      let plan = occupied[id].flatMap { executors[$0]?.plan }
      let isNew = table.update(id) { $0.follow(plan) }
      if isNew ?? false { actions.append(.planChanged(id)) }
      table.watch(id, isOccupied: occupied[id] != nil, configuration.leases)
      // Workers that have left for good must not be kept for the life of this process.
      if occupied[id] == nil, workers[id]?.hasLeft ?? false {
        table.remove(id)
        dispatcher.forget(id)
      }
    }
    table.forgetTouched()
  }
}
