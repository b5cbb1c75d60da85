// The life of a worker: events, states, and decider. The delegation that it works on is recorded in
// the delegation's stream alone, so each fact is stored once.

package enum WorkerEvent: Equatable, Sendable {
  case registered(WorkerRegistered)
  case unhealthy(reason: String?)
  case recovered
  /// It ended and is started again after `delay`.
  case restarted(delay: Milliseconds, reason: String?)
  /// It keeps ending, and is not started again until a person requests it.
  case parked(reason: String?)
  case draining
  case stopped
  case lost(reason: String?)
}

/// The data that a worker registers with.
package struct WorkerRegistered: Equatable, Sendable {
  package var incarnation: Int
  package var host: String
  package var version: String
  /// The agents that it can run, by their names in workflows, sorted.
  package var agents: [String]
  /// Whether the server started it and restarts it.
  package var local: Bool
  package init(incarnation: Int, host: String, version: String, agents: [String], local: Bool) {
    self.incarnation = incarnation
    self.host = host
    self.version = version
    self.agents = agents
    self.local = local
  }
}

/// The state of a worker, independent of its work.
package enum WorkerState: Equatable, Sendable {
  case absent
  case registered(WorkerLife)
  case draining(WorkerLife)
  case unhealthy(WorkerLife)
  /// It ended, and its next life has not registered yet.
  case starting(WorkerLife)
  case parked(WorkerLife)
  case stopped(WorkerLife)
  case lost(WorkerLife)
}

/// The current or last life of a worker.
package struct WorkerLife: Equatable, Sendable {
  package var registration: WorkerRegistered
  package var since: Timestamp
  package var restarts: Int
  /// It was asked to finish its work and end. A silence does not change this.
  package var drains = false
}

/// The commands of a worker's stream.
package enum WorkerCommand: Equatable, Sendable {
  case register(host: String, version: String, agents: [String], local: Bool)
  case markUnhealthy(reason: String)
  case markRecovered
  case restart(delay: Milliseconds, reason: String)
  case park(reason: String)
  case drain
  case stop
  case lose(reason: String)
}

/// Why a command was refused.
package enum WorkerRejection: Error, Equatable, Sendable {
  case notAllowed(command: String, state: String)
}

extension WorkerState {
  package var life: WorkerLife? {
    switch self {
    case .absent: nil
    case .registered(let life), .draining(let life), .unhealthy(let life), .starting(let life),
      .parked(let life), .stopped(let life), .lost(let life):
      life
    }
  }

  /// It is alive and accepts no new work.
  package var drains: Bool {
    switch self {
    case .registered(let life), .draining(let life), .unhealthy(let life): life.drains
    case .absent, .starting, .parked, .stopped, .lost: false
    }
  }

  /// The state without regard to whether a delegation is being worked on.
  package var name: WorkerStateName? {
    switch self {
    case .absent: nil
    case .registered: .idle
    case .draining: .draining
    case .unhealthy: .unhealthy
    case .starting: .starting
    case .parked: .parked
    case .stopped: .stopped
    case .lost: .lost
    }
  }

  /// The events that `command` leads to; empty if nothing would change.
  /// - Throws: `WorkerRejection` if the state forbids the command.
  package func decide(_ command: WorkerCommand) throws(WorkerRejection) -> [WorkerEvent] {
    switch command {
    case .register(let host, let version, let agents, let local):
      let incarnation = (life?.registration.incarnation ?? 0) + 1
      return [
        .registered(
          WorkerRegistered(
            incarnation: incarnation, host: host, version: version, agents: agents.sorted(),
            local: local))
      ]
    case .markUnhealthy(let reason):
      switch self {
      case .registered, .draining: return [.unhealthy(reason: reason)]
      case .unhealthy: return []
      case .absent, .starting, .parked, .stopped, .lost: throw refusal("mark-unhealthy")
      }
    case .markRecovered:
      guard case .unhealthy = self else { throw refusal("mark-recovered") }
      return [.recovered]
    case .restart(let delay, let reason):
      guard life != nil else { throw refusal("restart") }
      return [.restarted(delay: delay, reason: reason)]
    case .park(let reason):
      guard life != nil else { throw refusal("park") }
      if case .parked = self { return [] }
      return [.parked(reason: reason)]
    case .drain:
      switch self {
      case .registered, .unhealthy: return [.draining]
      case .draining: return []
      case .absent, .starting, .parked, .stopped, .lost: throw refusal("drain")
      }
    case .stop:
      guard life != nil else { throw refusal("stop") }
      if case .stopped = self { return [] }
      return [.stopped]
    case .lose(let reason):
      switch self {
      case .registered, .draining, .unhealthy: return [.lost(reason: reason)]
      case .lost: return []
      case .absent, .starting, .parked, .stopped: throw refusal("lose")
      }
    }
  }

  /// The state after `event`.
  /// - Throws: `CorruptStream` if the state does not allow the event.
  package func evolve(
    _ event: WorkerEvent, at time: Timestamp
  ) throws(CorruptStream) -> WorkerState {
    switch event {
    case .registered(let registration):
      return .registered(
        WorkerLife(registration: registration, since: time, restarts: life?.restarts ?? 0))
    case .unhealthy:
      switch self {
      case .registered, .draining: return .unhealthy(try lived(event, at: time))
      case .absent, .unhealthy, .starting, .parked, .stopped, .lost: throw corrupt(event)
      }
    case .recovered:
      guard case .unhealthy = self else { throw corrupt(event) }
      let life = try lived(event, at: time)
      return life.drains ? .draining(life) : .registered(life)
    case .restarted:
      var life = try lived(event, at: time)
      life.restarts += 1
      return .starting(life)
    case .parked: return .parked(try lived(event, at: time))
    case .draining:
      switch self {
      case .registered, .unhealthy:
        var life = try lived(event, at: time)
        life.drains = true
        return .draining(life)
      case .absent, .draining, .starting, .parked, .stopped, .lost: throw corrupt(event)
      }
    case .stopped: return .stopped(try lived(event, at: time))
    case .lost:
      switch self {
      case .registered, .draining, .unhealthy: return .lost(try lived(event, at: time))
      case .absent, .starting, .parked, .stopped, .lost: throw corrupt(event)
      }
    }
  }

  private func lived(_ event: WorkerEvent, at time: Timestamp) throws(CorruptStream) -> WorkerLife {
    guard var life else { throw corrupt(event) }
    life.since = time
    return life
  }

  private func corrupt(_ event: WorkerEvent) -> CorruptStream {
    CorruptStream(event: event.name, state: name?.rawValue ?? "absent", reason: "not allowed")
  }

  private func refusal(_ command: String) -> WorkerRejection {
    .notAllowed(command: command, state: name?.rawValue ?? "absent")
  }
}
