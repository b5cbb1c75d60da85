import Domain
import EventLog

/// Keeps one worker: its stream, its heartbeats, and, for a local one, its process.
///
/// Heartbeats are not facts: they are kept in memory, on a monotonic clock. After a start the
/// silence of every worker is counted from that time, but a worker gets work only when it was heard
/// from: what it got before would wait until it counts as lost, if it ended together with the
/// server.
package struct WorkerKeeper: Sendable {
  /// An input.
  package enum Input: Sendable {
    case recorded([RecordedEvent])
    case notRecorded(AppendFault)
    case reloaded([RecordedEvent])
    /// The stream cannot be read: commands to the worker are refused until it is read.
    case unreadable(CorruptStream)
    case command(WorkerCommand, Actor, ReplyID?)
  }

  /// The process of a local worker.
  package enum Process: Equatable, Sendable {
    /// Started by somebody else.
    case remote
    case starting
    case running
    case waiting(until: Timestamp)
    case ended
  }

  package let id: WorkerID
  package private(set) var state = WorkerState.absent
  package var process = Process.remote
  /// When it was last heard from, on the monotonic clock.
  package var lastHeard: Milliseconds
  /// nil until it is heard from in this life of the server.
  package var lastHeardAt: Timestamp?
  package var agentSilence: Milliseconds?
  private var used: EngineCore.LeaseUse?
  /// When the process ended, oldest first, within the window of the policy.
  package var ends: [Timestamp] = []
  /// The revision of its plan.
  package var revision: Int64
  package var plan: WorkerPlan?
  /// It ends for good when it is idle.
  package var leaves = false
  /// It is started again when it has drained.
  package var restartAsked = false

  /// Whether its last plan asked it to drain.
  package var drainRequested = false

  private var writer = StreamWriter<WorkerCommand>()
  /// Why its stream cannot be read.
  private var corrupt: CorruptStream?

  package init(id: WorkerID, heardAt: Milliseconds, revision: Int64) {
    self.id = id
    lastHeard = heardAt
    self.revision = revision
  }

  /// Whether it may be given work.
  package var isFree: Bool {
    guard case .registered = state, lastHeardAt != nil, writer.isIdle, !leaves, corrupt == nil
    else { return false }
    return true
  }

  /// Whether it is present or will be soon: its agents are available.
  var isPresent: Bool {
    switch state {
    case .registered, .draining, .unhealthy, .starting: true
    case .absent, .parked, .stopped, .lost:
      // A local worker whose process runs has not registered yet, and will have the same agents.
      switch process {
      case .starting, .running, .waiting: true
      case .remote, .ended: false
      }
    }
  }

  /// Whether a worker of another host has ended regularly. If it returns, it registers, and its
  /// stream is read then.
  var hasLeft: Bool {
    guard case .stopped = state, process == .remote, writer.isIdle else { return false }
    return true
  }

  /// Whether it should end when it is idle.
  package var drains: Bool {
    if case .draining = state { return true }
    return leaves
  }

  package var incarnation: Int? { state.life?.registration.incarnation }

  /// Whether its silence matters: it would change the worker's state or end a lease.
  func isMissed(whileOccupied isOccupied: Bool) -> Bool {
    switch state {
    case .registered, .draining, .unhealthy: true
    // `absent` with a delegation: its stream cannot be read.
    case .absent, .starting, .parked, .stopped, .lost: isOccupied
    }
  }

  /// Records a heartbeat.
  /// - Returns: whether the worker counts as unhealthy.
  mutating func hear(
    at now: Moment, agentSilence: Milliseconds?, used: EngineCore.LeaseUse?
  ) -> Bool {
    if let used { self.used = used }
    lastHeard = now.monotonic
    lastHeardAt = now.wall
    self.agentSilence = agentSilence
    if case .unhealthy = state { return true }
    return false
  }

  /// The agent's usage under a lease at the last heartbeat; nil if unknown.
  func usage(under token: FencingToken) -> AgentUsage? {
    used?.token == token ? used?.usage : nil
  }

  /// What follows the end of a local worker's process.
  enum Sequel: Equatable, Sendable {
    case stop
    case restart(after: Milliseconds)
    case park
  }

  /// Records that its process has ended.
  mutating func end(at now: Timestamp, _ policy: RestartPolicy) -> Sequel {
    var isLeaving = leaves
    if case .draining = state, !restartAsked { isLeaving = true }
    if isLeaving {
      process = .ended
      return .stop
    }
    restartAsked = false
    ends.append(now)
    ends.removeAll { now - $0 > policy.window }
    switch policy.verdict(ends: ends) {
    case .restart(let delay):
      process = .waiting(until: now + delay)
      return .restart(after: delay)
    case .park:
      process = .ended
      return .park
    }
  }

  /// Records its current plan.
  /// - Returns: whether the plan changed; then the revision has increased.
  mutating func follow(_ plan: WorkerPlan?) -> Bool {
    guard self.plan != plan || drainRequested != drains else { return false }
    self.plan = plan
    drainRequested = drains
    revision += 1
    return true
  }

  /// Handles an input and returns the actions.
  package mutating func step(_ input: Input) -> [EngineCore.Action] {
    var actions: [EngineCore.Action] = []
    switch input {
    case .recorded(let events):
      let entry = writer.finish(events)
      fold(events)
      if let reply = entry?.reply { actions.append(.reply(reply, .done(changed: true))) }
    case .notRecorded(let fault):
      guard let entry = writer.abandon() else { break }
      if case .conflict = fault {
        writer.enqueueFirst(entry)
        return [.read(.worker(id), loads: false)]
      }
      // If the log refused it, the next tick sees it again; a waiting caller gets the error.
      if let reply = entry.reply { actions.append(.reply(reply, .failed(fault))) }
    case .reloaded(let events):
      state = .absent
      corrupt = nil
      fold(events)
    case .unreadable(let fault): corrupt = fault
    case .command(let command, let actor, let reply):
      writer.enqueue(.init(command: command, actor: actor, reply: reply))
    }
    decideNext(&actions)
    return actions
  }

  private mutating func decideNext(_ actions: inout [EngineCore.Action]) {
    while let entry = writer.next() {
      if let corrupt {
        if let reply = entry.reply { actions.append(.reply(reply, .failed(.corrupt(corrupt)))) }
        continue
      }
      guard let events = try? state.decide(entry.command) else {
        let refusal = Rejection.notAllowed(command: "\(entry.command)", state: nil)
        if let reply = entry.reply { actions.append(.reply(reply, .rejected(refusal))) }
        continue
      }
      if events.isEmpty {
        if let reply = entry.reply { actions.append(.reply(reply, .done(changed: false))) }
        continue
      }
      actions.append(
        .append(
          writer.begin(
            entry, stream: .worker(id), events: events.map { .worker($0) },
            correlation: id.rawValue)))
    }
  }

  private mutating func fold(_ events: [RecordedEvent]) {
    writer.follow(events)
    for recorded in events {
      guard case .worker(let event) = recorded.event else { continue }
      // A worker's stream that does not fold is shown by the view; the worker registers again.
      if let next = try? state.evolve(event, at: recorded.time) { state = next }
    }
  }
}

/// A worker's plan, in the engine's types.
package struct WorkerPlan: Equatable, Sendable {
  package var delegation: DelegationID
  package var lease: Lease
  package var start: PreparedHead
  package var cancel: Bool
}
