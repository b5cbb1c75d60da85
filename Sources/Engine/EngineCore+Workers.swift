import Domain
import EventLog

/// Workers: their streams, their processes, their silence.
extension EngineCore {
  mutating func feed(
    _ id: WorkerID, _ input: WorkerKeeper.Input, _ now: Moment, _ actions: inout [Action]
  ) {
    var keeper = workers.removeValue(forKey: id) ?? makeKeeper(id, now)
    for action in keeper.step(input) {
      switch action {
      case .append(let append): actions.append(.append(.worker(id), append))
      case .reload: actions.append(.read(.worker(id), loads: false))
      case .reply(let reply, let result): actions.append(.reply(reply, result))
      }
    }
    workers[id] = keeper
  }

  mutating func command(
    _ id: WorkerID, _ command: WorkerCommand, _ now: Moment, _ actions: inout [Action]
  ) {
    feed(id, .command(command, .system, nil), now, &actions)
  }

  /// A worker began a new life. What its last one was working on is taken up again where a commit
  /// was made, and released at once where none was.
  mutating func reconcile(
    _ id: WorkerID, journal: [HeldAttempt], local: Bool, _ now: Moment,
    _ actions: inout [Action]
  ) {
    workers[id]?.lastHeard = now.monotonic
    workers[id]?.lastHeardAt = now.wall
    if local { workers[id]?.process = .running }
    guard let delegation = occupied[id], let lease = executors[delegation]?.state.workingLease,
      lease.worker == id, let incarnation = workers[id]?.incarnation
    else { return }
    let held = journal.first { $0.delegation == delegation && $0.attempt == lease.attempt }
    if let held, held.hasCommit {
      let token = nextToken()
      feed(
        delegation,
        .command(
          .resume(
            worker: id, incarnation: incarnation, attempt: lease.attempt, token: token),
          .system, nil), now, &actions)
    } else {
      release(lease, of: delegation, .workerCrashed, "its worker started anew", now, &actions)
    }
  }

  mutating func release(
    _ lease: Lease, of delegation: DelegationID, _ cause: ReleaseCause, _ message: String,
    _ now: Moment, _ actions: inout [Action]
  ) {
    let end = AttemptEnd(
      attempt: lease.attempt, token: lease.token, outcome: .released(cause), message: message)
    feed(delegation, .command(.endAttempt(end), .system, nil), now, &actions)
  }

  mutating func heard(
    _ id: WorkerID, _ silence: Milliseconds?, _ now: Moment, _ actions: inout [Action]
  ) {
    guard let keeper = workers[id] else { return }
    workers[id]?.lastHeard = now.monotonic
    workers[id]?.lastHeardAt = now.wall
    workers[id]?.agentSilence = silence
    if case .unhealthy = keeper.state { command(id, .markRecovered, now, &actions) }
  }

  mutating func follow(
    _ id: WorkerID, _ news: ProcessNews, _ now: Moment, _ actions: inout [Action]
  ) {
    switch news {
    case .started: workers[id]?.process = .running
    case .ended(let reason):
      guard var keeper = workers[id] else { return }
      var leaves = keeper.leaves
      if case .draining = keeper.state, !keeper.restartAsked { leaves = true }
      keeper.restartAsked = false
      if leaves {
        workers[id]?.process = .ended
        command(id, .stop, now, &actions)
        return
      }
      keeper.ends.append(now.wall)
      keeper.ends.removeAll { now.wall - $0 > configuration.restarts.window }
      switch configuration.restarts.verdict(ends: keeper.ends) {
      case .restart(let delay):
        keeper.process = .waiting(until: now.wall + delay)
        workers[id] = keeper
        if keeper.state.life != nil {
          command(id, .restart(delay: delay, reason: reason), now, &actions)
        }
      case .park:
        keeper.process = .ended
        workers[id] = keeper
        if keeper.state.life != nil {
          command(id, .park(reason: "it keeps ending, last: \(reason)"), now, &actions)
        }
        loseLease(of: id, .workerCrashed, "its worker keeps ending", now, &actions)
      }
    }
    startDue(now, &actions)
  }

  mutating func loseLease(
    of id: WorkerID, _ cause: ReleaseCause, _ message: String, _ now: Moment,
    _ actions: inout [Action]
  ) {
    guard let delegation = occupied[id], let lease = executors[delegation]?.state.workingLease
    else { return }
    release(lease, of: delegation, cause, message, now, &actions)
  }

  mutating func startDue(_ now: Moment, _ actions: inout [Action]) {
    guard !isDraining else { return }
    for id in workers.keys.sorted() {
      if case .waiting(let until) = workers[id]?.process, until <= now.wall {
        startProcess(id, &actions)
      }
    }
  }

  mutating func startProcess(_ id: WorkerID, _ actions: inout [Action]) {
    workers[id]?.process = .starting
    actions.append(.startProcess(id))
  }

  /// Silence is judged. A tick that came late says that this process was stopped, and not the
  /// workers: they are all heard from at that moment.
  mutating func tick(_ now: Moment, _ actions: inout [Action]) {
    defer { lastTick = now.monotonic }
    startDue(now, &actions)
    let late = lastTick.map { now.monotonic - $0 > .seconds(2) } ?? true
    for id in workers.keys.sorted() {
      guard let keeper = workers[id] else { continue }
      if late {
        workers[id]?.lastHeard = now.monotonic
        continue
      }
      judge(keeper, now, &actions)
    }
  }

  mutating func judge(
    _ keeper: WorkerKeeper, _ now: Moment, _ actions: inout [Action]
  ) {
    let silence = now.monotonic - keeper.lastHeard
    let words = "silent for \(silence.count / 1000) s"
    switch (configuration.leases.verdict(silence: silence), keeper.state) {
    case (.alive, _): break
    case (.unhealthy, .registered), (.unhealthy, .draining):
      command(keeper.id, .markUnhealthy(reason: words), now, &actions)
    case (.lost, .registered), (.lost, .draining), (.lost, .unhealthy):
      command(keeper.id, .lose(reason: words), now, &actions)
      loseLease(of: keeper.id, .workerLost, "its worker was \(words)", now, &actions)
    case (.lost, .starting), (.lost, .lost), (.lost, .stopped), (.lost, .parked):
      // Its process ended, or it was given up, and it has not come back.
      loseLease(of: keeper.id, .workerLost, "its worker did not come back", now, &actions)
    case (.unhealthy, _), (.lost, .absent): break
    }
  }
}
