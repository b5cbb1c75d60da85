import Domain
import EventLog

/// Keeps one worker: its stream, its signs of life, and, for a local one, its process.
///
/// Signs of life are not facts: they are kept here, on a clock that never steps, and are gone with
/// the server; each start counts every worker as heard from at that moment.
package struct WorkerKeeper: Sendable {
  /// What happened.
  package enum Input: Sendable {
    case recorded([RecordedEvent])
    case notRecorded(AppendFault)
    case reloaded([RecordedEvent])
    /// The stream cannot be read: what is asked of the worker is refused until it is read.
    case unreadable(CorruptStream)
    case command(WorkerCommand, Actor, ReplyID?)
  }

  /// The process of a local worker.
  package enum Process: Equatable, Sendable {
    /// Started elsewhere.
    case remote
    case starting
    case running
    case waiting(until: Timestamp)
    case ended
  }

  package let id: WorkerID
  package private(set) var state = WorkerState.absent
  package var process = Process.remote
  /// When it was heard from last, on the monotonic clock.
  package var lastHeard: Milliseconds
  package var lastHeardAt: Timestamp?
  package var agentSilence: Milliseconds?
  private var used: EngineCore.LeaseUse?
  /// When the process ended, oldest first, as far as the policy looks back.
  package var ends: [Timestamp] = []
  /// The revision of what it should be doing.
  package var revision: Int64
  package var plan: WorkerPlan?
  /// It ends for good when it is idle.
  package var leaves = false
  /// It is started again when it has drained.
  package var restartAsked = false

  /// What the worker was told last.
  package var toldToDrain = false

  private var writer = StreamWriter<WorkerCommand>()
  /// Why its stream cannot be read.
  private var corrupt: CorruptStream?

  package init(id: WorkerID, heardAt: Milliseconds, revision: Int64) {
    self.id = id
    lastHeard = heardAt
    self.revision = revision
  }

  /// May be given work.
  package var isFree: Bool {
    guard case .registered = state, writer.isIdle, !leaves, corrupt == nil else { return false }
    return true
  }

  /// It is there, or will soon be: somebody has its agents.
  var isPresent: Bool {
    switch state {
    case .registered, .draining, .unhealthy, .starting: true
    case .absent, .parked, .stopped, .lost:
      // A local worker whose process runs has not registered yet, and will have what it had.
      switch process {
      case .starting, .running, .waiting: true
      case .remote, .ended: false
      }
    }
  }

  /// A worker of another machine has ended in good order. If it comes back, it registers, and its
  /// stream is read then.
  var hasLeft: Bool {
    guard case .stopped = state, process == .remote, writer.isIdle else { return false }
    return true
  }

  /// Is to end when it has nothing in hand.
  package var drains: Bool {
    if case .draining = state { return true }
    return leaves
  }

  package var incarnation: Int? { state.life?.registration.incarnation }

  /// Whether it matters when it was heard from: a silence would change its state or end a lease.
  func isMissed(whileOccupied isOccupied: Bool) -> Bool {
    switch state {
    case .registered, .draining, .unhealthy: true
    // `absent` and occupied: its stream cannot be read.
    case .absent, .starting, .parked, .stopped, .lost: isOccupied
    }
  }

  /// Takes note of a sign of life.
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

  /// What the agent of a lease had used when the worker was last heard from; nil if unknown.
  func usage(under token: FencingToken) -> AgentUsage? {
    used?.token == token ? used?.usage : nil
  }

  /// What follows the end of a local worker's process.
  enum Sequel: Equatable, Sendable {
    case stop
    case restart(after: Milliseconds)
    case park
  }

  /// Takes note that its process has ended.
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

  /// Takes note of what it should be doing now.
  /// - Returns: whether that is something else than before; the revision has risen then.
  mutating func follow(_ plan: WorkerPlan?) -> Bool {
    guard self.plan != plan || toldToDrain != drains else { return false }
    self.plan = plan
    toldToDrain = drains
    revision += 1
    return true
  }

  /// Takes an input in, and says what is to be done.
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
      // What the log could not take is seen again by the next tick; who waits is told.
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
      // A stream of a worker that does not fold is shown by the view; the worker registers anew.
      if let next = try? state.evolve(event, at: recorded.time) { state = next }
    }
  }
}

/// What a worker should be doing, in the engine's words.
package struct WorkerPlan: Equatable, Sendable {
  package var delegation: DelegationID
  package var lease: Lease
  package var head: ObjectID
  package var cancel: Bool
}
