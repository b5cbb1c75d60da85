import Domain
import EventLog

/// Workers: their streams, processes and silence.
extension EngineCore {
  mutating func feed(
    _ id: WorkerID, _ input: WorkerKeeper.Input, _ now: Moment, _ actions: inout [Action]
  ) {
    if workers[id] == nil { table.insert(makeKeeper(id, now)) }
    actions += table.update(id) { $0.step(input) } ?? []
  }

  mutating func command(
    _ id: WorkerID, _ command: WorkerCommand, _ now: Moment, _ actions: inout [Action]
  ) {
    feed(id, .command(command, .system, nil), now, &actions)
  }

  /// A worker began a new life. The attempt of its last life continues if it made a commit, and is
  /// released otherwise.
  mutating func reconcile(
    _ id: WorkerID, journal: [HeldAttempt], local: Bool, _ now: Moment,
    _ actions: inout [Action]
  ) {
    table.update(id) { keeper in
      keeper.lastHeard = now.monotonic
      keeper.lastHeardAt = now.wall
      if local { keeper.process = .running }
    }
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
      release(
        lease, of: delegation, .workerCrashed, "its worker started anew", usage: held?.usage, now,
        &actions)
    }
  }

  /// - Parameter usage: from the worker's journal; nil for that of its last heartbeat.
  mutating func release(
    _ lease: Lease, of delegation: DelegationID, _ cause: ReleaseCause, _ message: String,
    usage: AgentUsage? = nil, _ now: Moment, _ actions: inout [Action]
  ) {
    let end = AttemptEnd(
      attempt: lease.attempt, token: lease.token, outcome: .released(cause), message: message,
      usage: usage ?? workers[lease.worker]?.usage(under: lease.token) ?? AgentUsage())
    feed(delegation, .command(.endAttempt(end), .system, nil), now, &actions)
  }

  mutating func heard(
    _ id: WorkerID, _ silence: Milliseconds?, _ used: LeaseUse?, _ now: Moment,
    _ actions: inout [Action]
  ) {
    if table.hear(id, at: now, agentSilence: silence, used: used) {
      command(id, .markRecovered, now, &actions)
    }
  }

  mutating func follow(
    _ id: WorkerID, _ news: ProcessNews, _ now: Moment, _ actions: inout [Action]
  ) {
    switch news {
    case .started: table.update(id) { $0.process = .running }
    case .ended(let reason):
      let restarts = configuration.restarts
      let end = table.update(id) { ($0.end(at: now.wall, restarts), $0.state.life != nil) }
      guard let (sequel, hasLife) = end else { return }
      switch sequel {
      case .stop:
        command(id, .stop, now, &actions)
        return
      case .restart(let delay):
        if hasLife { command(id, .restart(delay: delay, reason: reason), now, &actions) }
      case .park:
        if hasLife {
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
    for id in table.takeRestarts(at: now.wall) { startProcess(id, &actions) }
  }

  mutating func startProcess(_ id: WorkerID, _ actions: inout [Action]) {
    table.update(id) { $0.process = .starting }
    actions.append(.startProcess(id))
  }

  /// Judges silences. A late tick means that this process was stopped, not the workers: all count
  /// as heard from at that time.
  mutating func tick(_ now: Moment, _ actions: inout [Action]) {
    defer { lastTick = now.monotonic }
    startDue(now, &actions)
    let late = lastTick.map { now.monotonic - $0 > .seconds(2) } ?? true
    if late { table.hearAll(at: now.monotonic) }
    for id in table.takeSilent(at: now.monotonic, configuration.leases) {
      if let keeper = workers[id] { judge(keeper, now, &actions) }
      // If the log refuses it now, the next tick judges again.
      table.touch(id)
    }
  }

  mutating func judge(
    _ keeper: WorkerKeeper, _ now: Moment, _ actions: inout [Action]
  ) {
    let silence = table.silence(of: keeper, at: now.monotonic)
    let reason = "silent for \(silence.count / 1000) s"
    switch (configuration.leases.verdict(silence: silence), keeper.state) {
    case (.alive, _): break
    case (.unhealthy, .registered), (.unhealthy, .draining):
      command(keeper.id, .markUnhealthy(reason: reason), now, &actions)
    case (.lost, .registered), (.lost, .draining), (.lost, .unhealthy):
      command(keeper.id, .lose(reason: reason), now, &actions)
      loseLease(of: keeper.id, .workerLost, "its worker was \(reason)", now, &actions)
    case (.lost, .absent), (.lost, .starting), (.lost, .lost), (.lost, .stopped), (.lost, .parked):
      // Its process ended, or it was given up, and it has not returned.
      loseLease(of: keeper.id, .workerLost, "its worker did not come back", now, &actions)
    case (.unhealthy, _): break
    }
  }
}
