// The worker's own life, without I/O, clock or async: `step(input, now) -> [Action]`.
//
// It is a control loop. Each step first takes the input in, then looks at what is so and what
// should be so, and asks for whatever is missing (`drive`). No step depends on having seen the one
// before it arrive: a call that failed is due again after a wait, an answer that comes twice or too
// late is not looked at, and what the server wants is read from its last `Desired` alone.
//
// What it promises:
// - One attempt at a time, and never the same lease twice in one life.
// - Nothing is reported for an attempt before the server has confirmed it in this life: a commit
//   that was made under an old token waits for its new one, and is announced under it again.
// - It never gives up on the server. While that is away the agent goes on, its output stays on
//   disk, and the hand-in is tried again and again; what ends an attempt is the server's word.
// - A commit is in the journal before it is handed in, and an attempt is dropped before it leaves
//   the journal.
//
// The attempt's own states stand in Attempt.swift.

import Domain
import WorkerProtocol

package struct WorkerCore: Sendable {
  /// What does not change in a worker's life.
  package struct Settings: Sendable {
    package var worker: String
    package var host: String
    package var version: String
    /// The agents that it has; nil: it is to look for them.
    package var agents: [String]?
    package var local: Bool
    /// How long the server may keep a poll.
    package var pollWait: Duration = .seconds(25)
    /// Before the next poll, where the last one brought nothing new.
    package var pollPause: Duration = .milliseconds(250)
    /// Between two calls that carry output.
    package var outputInterval: Duration = .milliseconds(150)
    package var backoffFirst: Duration = .milliseconds(100)
    package var backoffMaximum: Duration = .seconds(3)
    /// The same for how a local worker looks for a server that is away: a connection that this
    /// machine refuses costs next to nothing, and the server's next life is to hear of it at once.
    package var awayMaximum: Duration = .milliseconds(200)
    /// How long an idle worker waits for a server that is away; nil: for ever.
    package var desertedAfter: Duration?
    /// How often agents that could not work are looked for again.
    package var searchInterval: Duration = .seconds(30)
    /// How often those that could are: their checks cost something.
    package var recheckInterval: Duration = .seconds(300)
    /// How often a checkout is tried before it is the machine's fault; a server that is away does
    /// not count.
    package var checkoutTriesMax = 4
    /// How long a halt may take to give the attempt back.
    package var haltLimit: Duration = .seconds(5)
    /// How long ending the agent may take where the token was revoked.
    package var revokedLimit: Duration = .seconds(2)

    package init(
      worker: String, host: String, version: String, agents: [String]?, local: Bool,
      desertedAfter: Duration? = nil
    ) {
      self.worker = worker
      self.host = host
      self.version = version
      self.agents = agents
      self.local = local
      self.desertedAfter = desertedAfter
    }
  }

  /// Whether the server knows this life.
  enum Membership: Equatable, Sendable {
    case none
    case registered(incarnation: Int)
  }

  /// One lane of calls: at most one under way, the next not before a moment.
  struct LaneState: Sendable {
    var inFlight: (id: CallID, request: Request)?
    var failures = 0
    var notBefore: Duration = .zero
  }

  let settings: Settings
  var membership = Membership.none
  /// True once any registration was answered in this life.
  var wasRegistered = false
  var heartbeatInterval: Duration = .seconds(2)
  var nextHeartbeat: Duration = .zero
  /// The server's last word in this membership, and the call that it answered.
  var desired: Desired?
  var desiredCall = 0
  /// The next poll asks for an answer at once: the server may be another one by now.
  var pollsAfresh = true
  var attempt: Attempt?
  /// Leases that are over, and the last call that was made before; bounded.
  var over: [(lease: LeaseReference, call: Int)] = []
  var isDraining = false
  var haltsAt: Duration?
  /// Since when no call got through.
  var unreachableSince: Duration?
  var rejection: String?
  var hasBegun = false
  var hasEnded = false
  var lanes: [Lane: LaneState] = [:]
  var search = AgentSearchState()
  private(set) var lastCall = 0

  package init(settings: Settings) { self.settings = settings }

  /// Takes an input and says what to do now.
  /// - Parameter now: on a clock that never steps back, from any beginning.
  package mutating func step(_ input: Input, now: Duration) -> [Action] {
    guard !hasEnded else { return [] }
    var actions: [Action] = []
    take(input, now: now, &actions)
    if hasBegun { drive(now: now, &actions) }
    return actions
  }

  /// When a `tick` is due at the latest; nil: nothing waits for time alone.
  package var wakeAt: Duration? {
    guard hasBegun, !hasEnded else { return nil }
    var moments: [Duration] = []
    if mayRegister, let moment = freeMoment(of: .session) { moments.append(moment) }
    if case .registered = membership, let moment = freeMoment(of: .heartbeat) {
      moments.append(max(moment, nextHeartbeat))
    }
    if let haltsAt { moments.append(haltsAt) }
    if attempt == nil, let limit = settings.desertedAfter, let since = unreachableSince {
      moments.append(since + limit)
    }
    if let moment = searchMoment { moments.append(moment) }
    moments += attemptMoments
    return moments.min()
  }

  /// When the lane may be used next; nil while a call is under way in it.
  func freeMoment(of lane: Lane) -> Duration? {
    guard let state = lanes[lane] else { return .zero }
    return state.inFlight == nil ? state.notBefore : nil
  }

  // MARK: Taking in

  private mutating func take(_ input: Input, now: Duration, _ actions: inout [Action]) {
    switch input {
    case .began(let recovered):
      hasBegun = true
      if let recovered { attempt = Attempt(recovered: recovered) }
    case .answered(let id, let answer):
      takeAnswer(id, answer, now: now, &actions)
    case .checkedOut(let key):
      takeCheckedOut(key, &actions)
    case .checkoutFailed(let key, let fault):
      takeCheckoutFailed(key, fault, now: now, &actions)
    case .agentStarted(let key, let identity, let session):
      takeAgentStarted(key, identity, session: session, now: now, &actions)
    case .agentSaid(let key, let bytes, let records):
      takeAgentSaid(key, bytes: bytes, records: records, now: now)
    case .agentEnded(let key, let end, let output):
      takeAgentEnded(key, end, output, now: now, &actions)
    case .pickedUp(let key, let pickUp):
      takePickedUp(key, pickUp, &actions)
    case .salvaged(let key, let hasPatch):
      takeSalvaged(key, hasPatch: hasPatch, &actions)
    case .lookedForAgents(let findings): takeFindings(findings)
    case .drain: isDraining = true
    case .halt:
      isDraining = true
      if haltsAt == nil { haltsAt = now + settings.haltLimit }
    case .tick: break
    }
  }

  private mutating func takeAnswer(
    _ id: CallID, _ answer: Answer, now: Duration, _ actions: inout [Action]
  ) {
    guard let lane = lanes.first(where: { $0.value.inFlight?.id == id })?.key,
      let request = lanes[lane]?.inFlight?.request
    else { return }
    lanes[lane]?.inFlight = nil
    switch answer {
    case .unreachable: failed(lane, now: now, reached: false)
    case .unauthorized(let detail):
      failed(lane, now: now, reached: true)
      if !wasRegistered && attempt == nil { rejection = detail }
    case .revoked(let detail):
      failed(lane, now: now, reached: true)
      // Nothing that this worker says is taken any more: it ends what it has and goes.
      rejection = detail
      if haltsAt == nil { haltsAt = now + settings.revokedLimit }
    case .unknownLife:
      failed(lane, now: now, reached: true)
      leaveMembership(&actions)
    case .agents, .registered, .desired, .outputEnd, .done, .superseded, .packMissing, .refused:
      if unreachableSince != nil { serverIsBack(now: now) }
      lanes[lane] = LaneState()
      takeWord(of: request, id, answer, now: now, &actions)
    }
  }

  /// An answer that says something about what was asked.
  private mutating func takeWord(
    of request: Request, _ id: CallID, _ answer: Answer, now: Duration, _ actions: inout [Action]
  ) {
    switch request {
    case .agents:
      guard case .agents(let inquiries) = answer else {
        return failed(.agents, now: now, reached: true)
      }
      lookForAgents(inquiries, now: now, &actions)
    case .register:
      guard case .registered(let registered) = answer else {
        return failed(.session, now: now, reached: true)
      }
      takeRegistered(registered, now: now, &actions)
    case .poll(let poll):
      guard case .desired(let desired) = answer else {
        return failed(.session, now: now, reached: true)
      }
      // A server that answers at once with nothing new is not to be asked in a circle.
      if desired.revision <= poll.revision {
        lanes[.session]?.notBefore = now + settings.pollPause
      }
      desiredCall = id.number
      takeDesired(desired, &actions)
    case .heartbeat: break
    case .generating(let report):
      takeGeneratingAnswer(report.lease, answer, &actions)
    case .output(let lease, let part, let offset):
      takeOutputAnswer(lease, part, offset: offset, answer, &actions)
    case .pack(let lease, _):
      takePackAnswer(lease, answer, &actions)
    case .patch(let lease):
      takePatchAnswer(lease, answer, &actions)
    case .result(let report):
      takeResultAnswer(report.lease, answer, &actions)
    }
  }

  private mutating func takeRegistered(
    _ registered: Registered, now: Duration, _ actions: inout [Action]
  ) {
    membership = .registered(incarnation: registered.incarnation)
    wasRegistered = true
    heartbeatInterval = .milliseconds(max(registered.heartbeatMs, 100))
    nextHeartbeat = now + heartbeatInterval
    desired = nil
    pollsAfresh = true
    if let lease = attempt?.lease, registered.discard.contains(lease) {
      end(.superseded, &actions)
    }
  }

  private mutating func takeDesired(_ desired: Desired, _ actions: inout [Action]) {
    self.desired = desired
    pollsAfresh = false
    if desired.drain { isDraining = true }
    guard let attempt else { return }
    guard let wanted = desired.assignment, AttemptKey(wanted.lease) == attempt.key,
      wanted.lease.token >= attempt.lease.token
    else { return end(.superseded, &actions) }
    let isNew = wanted.lease != attempt.lease
    self.attempt?.confirm(wanted)
    if isNew, let record = self.attempt?.journalRecord { actions.append(.writeJournal(record)) }
    if desired.cancel { end(.cancelled, &actions) }
  }

  /// What waits because the server was away need not wait any longer.
  private mutating func serverIsBack(now: Duration) {
    unreachableSince = nil
    for lane in lanes.keys { lanes[lane]?.notBefore = now }
  }

  /// The server does not know this life: whatever is in hand waits until it does again.
  mutating func leaveMembership(_ actions: inout [Action]) {
    guard membership != .none else { return }
    membership = .none
    desired = nil
    // Another server may know other agents.
    search.isDue = true
    attempt?.isConfirmed = false
    for (lane, state) in lanes {
      if let inFlight = state.inFlight { actions.append(.abandon(inFlight.id)) }
      lanes[lane]?.inFlight = nil
    }
  }

  mutating func failed(_ lane: Lane, now: Duration, reached: Bool) {
    var state = lanes[lane] ?? LaneState()
    let isAway = settings.local && !reached && lane == .session
    let maximum = isAway ? settings.awayMaximum : settings.backoffMaximum
    state.notBefore = now + backoff(after: state.failures, lane, atMost: maximum)
    state.failures += 1
    lanes[lane] = state
    if reached {
      unreachableSince = nil
    } else if unreachableSince == nil {
      unreachableSince = now
    }
    if lane == .session { pollsAfresh = true }
  }

  /// Doubled each time, and spread over its upper half so that workers do not come in step.
  func backoff(after failures: Int, _ lane: Lane, atMost maximum: Duration) -> Duration {
    let doubled = settings.backoffFirst * (1 << min(failures, 16))
    let full = min(doubled, maximum)
    let draw = Jitter.draw("\(settings.worker)/\(lane.rawValue)/\(failures)") % 1000
    return full / 2 + full / 2 * Int(draw) / 1000
  }

  // MARK: Driving

  /// Asks for whatever should be under way and is not.
  private mutating func drive(now: Duration, _ actions: inout [Action]) {
    if let departure = departure(now: now) {
      hasEnded = true
      actions.append(.exit(departure))
      return
    }
    if haltsAt != nil { end(.halted, &actions) }
    driveSearch(now: now, &actions)
    if case .registered = membership, attempt == nil { beginAssigned(&actions) }
    driveAttempt(now: now, &actions)
    driveSession(now: now, &actions)
  }

  private func departure(now: Duration) -> Departure? {
    if let haltsAt, attempt == nil || now >= haltsAt {
      return rejection.map { .unauthorized($0) } ?? .halted
    }
    guard attempt == nil else { return nil }
    // The server may have taken a registration whose answer is on its way: it is to hear that this
    // life ends.
    if isDraining { return isRegistering ? nil : .drained }
    if let rejection { return .unauthorized(rejection) }
    if let limit = settings.desertedAfter, let since = unreachableSince, now >= since + limit {
      return .deserted
    }
    return nil
  }

  private var isRegistering: Bool {
    guard case .register = lanes[.session]?.inFlight?.request else { return false }
    return true
  }

  private mutating func driveSession(now: Duration, _ actions: inout [Action]) {
    switch membership {
    case .none:
      guard mayRegister else { return }
      let registration = Registration(
        worker: settings.worker, host: settings.host, version: settings.version,
        agents: settings.agents ?? search.ready, findings: search.findings,
        local: settings.local,
        journal: attempt.map { [$0.journalEntry] } ?? [])
      if send(.register(registration), now: now, &actions) { search.registered = search.states }
    case .registered(let incarnation):
      let poll = DesiredPoll(
        worker: settings.worker, incarnation: incarnation,
        revision: pollsAfresh ? 0 : desired?.revision ?? 0,
        waitMs: settings.pollWait.wholeMilliseconds)
      send(.poll(poll), now: now, &actions)
      guard now >= nextHeartbeat else { return }
      let beat = Heartbeat(
        worker: settings.worker, incarnation: incarnation,
        agentSilentMs: attempt?.agentSilence(now: now)?.wholeMilliseconds)
      if send(.heartbeat(beat), now: now, &actions) { nextHeartbeat = now + heartbeatInterval }
    }
  }

  /// Sends where the lane is free.
  @discardableResult
  mutating func send(_ request: Request, now: Duration, _ actions: inout [Action]) -> Bool {
    var state = lanes[request.lane] ?? LaneState()
    guard state.inFlight == nil, now >= state.notBefore else { return false }
    lastCall += 1
    state.inFlight = (CallID(lastCall), request)
    lanes[request.lane] = state
    actions.append(.send(CallID(lastCall), request))
    return true
  }

  /// Gives up what is under way in the lanes of the attempt.
  mutating func abandonAttemptCalls(_ actions: inout [Action]) {
    for lane in [Lane.generating, .output, .records, .handIn] {
      if let inFlight = lanes[lane]?.inFlight { actions.append(.abandon(inFlight.id)) }
      lanes[lane] = nil
    }
  }
}

extension Duration {
  /// Rounded down.
  var wholeMilliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }
}
