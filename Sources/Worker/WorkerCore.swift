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
    /// Between two writes of the journal that change nothing but what the agent has used.
    package var usageInterval: Duration = .seconds(1)
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

  /// One slot of calls: at most one under way, the next not before a moment.
  struct CallSlotState: Sendable {
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
  /// An attempt of a former life that made no commit. It is over; its usage is reported to the
  /// server.
  var lost: JournalEntry?
  /// Leases that are over, and the last call that was made before; bounded.
  var over: [(lease: LeaseReference, call: Int)] = []
  var isDraining = false
  var haltsAt: Duration?
  /// Since when no call got through.
  var unreachableSince: Duration?
  var rejection: String?
  var hasBegun = false
  var hasEnded = false
  var slots: [CallSlot: CallSlotState] = [:]
  var search = AgentSearchState()
  private(set) var lastCall = 0
  /// When the current step was taken, and what it asks for so far.
  private(set) var now: Duration = .zero
  var actions: [Action] = []

  package init(settings: Settings) { self.settings = settings }

  /// Takes an input and says what to do now.
  /// - Parameter now: on a clock that never steps back, from any beginning.
  package mutating func step(_ input: Input, now: Duration) -> [Action] {
    guard !hasEnded else { return [] }
    self.now = now
    defer { actions = [] }
    take(input)
    if hasBegun { drive() }
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

  /// When the slot may be used next; nil while a call is under way in it.
  func freeMoment(of slot: CallSlot) -> Duration? {
    guard let state = slots[slot] else { return .zero }
    return state.inFlight == nil ? state.notBefore : nil
  }

  // MARK: Taking in

  private mutating func take(_ input: Input) {
    switch input {
    case .began(let recovered):
      hasBegun = true
      attempt = recovered.flatMap { Attempt(recovered: $0) }
      if let recovered, attempt == nil, let used = recovered.used {
        lost = JournalEntry(lease: recovered.lease, commit: nil, used: used)
      }
    case .answered(let id, let answer): takeAnswer(id, answer)
    case .checkedOut(let key): takeCheckedOut(key)
    case .checkoutFailed(let key, let fault): takeCheckoutFailed(key, fault)
    case .agentStarted(let key, let identity, let session, let mayContinue):
      takeAgentStarted(key, identity, session: session, mayContinue: mayContinue)
    case .conversationSettled(let key, let session, let continues):
      takeConversation(key, session: session, continues: continues)
    case .agentSaid(let key, let bytes, let records, let usage):
      takeAgentSaid(key, bytes: bytes, records: records, usage: usage)
    case .agentEnded(let key, let end, let output): takeAgentEnded(key, end, output)
    case .pickedUp(let key, let pickUp): takePickedUp(key, pickUp)
    case .salvaged(let key, let hasPatch): takeSalvaged(key, hasPatch: hasPatch)
    case .lookedForAgents(let findings): search.take(findings)
    case .drain: isDraining = true
    case .halt:
      isDraining = true
      if haltsAt == nil { haltsAt = now + settings.haltLimit }
    case .tick: break
    }
  }

  private mutating func takeAnswer(_ id: CallID, _ answer: CallAnswer) {
    guard let slot = slots.first(where: { $0.value.inFlight?.id == id })?.key,
      let request = slots[slot]?.inFlight?.request
    else { return }
    slots[slot]?.inFlight = nil
    if case .failed(let failure) = answer {
      take(failure, of: slot)
      return
    }
    if unreachableSince != nil { serverIsBack() }
    slots[slot] = CallSlotState()
    take(answer, to: request, id)
  }

  private mutating func take(_ failure: CallFailure, of slot: CallSlot) {
    switch failure {
    case .unreachable: failed(slot, reached: false)
    case .unauthorized(let detail):
      failed(slot, reached: true)
      if !wasRegistered && attempt == nil { rejection = detail }
    case .revoked(let detail):
      failed(slot, reached: true)
      // The server accepts nothing more from this worker: it ends what it has, and exits.
      rejection = detail
      if haltsAt == nil { haltsAt = now + settings.revokedLimit }
    case .unknownLife:
      failed(slot, reached: true)
      leaveMembership()
    }
  }

  private mutating func take(_ answer: CallAnswer, to request: Request, _ id: CallID) {
    switch answer {
    case .failed, .heartbeat: break
    case .agents(let inquiries): lookForAgents(inquiries)
    case .registered(let registered): takeRegistered(registered)
    case .desired(let desired):
      // If the server answers at once with nothing new, the next poll waits a little.
      if case .poll(let poll) = request, desired.revision <= poll.revision {
        slots[.session]?.notBefore = now + settings.pollPause
      }
      desiredCall = id.number
      takeDesired(desired)
    case .generating, .output, .pack, .patch, .result:
      // An answer about another lease than the present one changes nothing.
      guard let attempt, request.lease == attempt.lease else { return }
      takeReportAnswer(answer, to: request)
    }
  }

  private mutating func takeRegistered(_ registered: Registered) {
    membership = .registered(incarnation: registered.incarnation)
    wasRegistered = true
    heartbeatInterval = .milliseconds(max(registered.heartbeatMs, 100))
    nextHeartbeat = now + heartbeatInterval
    desired = nil
    pollsAfresh = true
    if let lease = attempt?.lease, registered.discard.contains(lease) {
      end(.superseded)
    }
  }

  private mutating func takeDesired(_ desired: Desired) {
    self.desired = desired
    pollsAfresh = false
    if desired.drain { isDraining = true }
    guard let attempt else { return }
    guard let wanted = desired.assignment, AttemptKey(wanted.lease) == attempt.key,
      wanted.lease.token >= attempt.lease.token
    else { return end(.superseded) }
    let isNew = wanted.lease != attempt.lease
    self.attempt?.confirm(wanted)
    if isNew, let record = self.attempt?.journalRecord { actions.append(.writeJournal(record)) }
    if desired.cancel { end(.cancelled) }
    checkCost()
  }

  /// What waits because the server was away need not wait any longer.
  private mutating func serverIsBack() {
    unreachableSince = nil
    for slot in slots.keys { slots[slot]?.notBefore = now }
  }

  /// The server does not know this life: whatever is in hand waits until it does again.
  mutating func leaveMembership() {
    guard membership != .none else { return }
    membership = .none
    desired = nil
    // Another server may know other agents.
    search.isDue = true
    attempt?.isConfirmed = false
    for (slot, state) in slots {
      if let inFlight = state.inFlight { actions.append(.abandon(inFlight.id)) }
      slots[slot]?.inFlight = nil
    }
  }

  mutating func failed(_ slot: CallSlot, reached: Bool) {
    var state = slots[slot] ?? CallSlotState()
    let isAway = settings.local && !reached && slot == .session
    let maximum = isAway ? settings.awayMaximum : settings.backoffMaximum
    state.notBefore = now + backoff(after: state.failures, slot, atMost: maximum)
    state.failures += 1
    slots[slot] = state
    if reached {
      unreachableSince = nil
    } else if unreachableSince == nil {
      unreachableSince = now
    }
    if slot == .session { pollsAfresh = true }
  }

  /// The wait after `failures` failures; workers do not wait in step.
  func backoff(after failures: Int, _ slot: CallSlot, atMost maximum: Duration) -> Duration {
    let backoff = Backoff(
      first: Milliseconds(settings.backoffFirst.wholeMilliseconds),
      maximum: Milliseconds(maximum.wholeMilliseconds))
    let wait = backoff.delay(after: failures + 1, seed: "\(settings.worker)/\(slot.rawValue)")
    return .milliseconds(wait.count)
  }

  // MARK: Driving

  /// Asks for whatever should be under way and is not.
  private mutating func drive() {
    if let exit = exit() {
      hasEnded = true
      actions.append(.exit(exit))
      return
    }
    if haltsAt != nil { end(.halted) }
    driveSearch()
    forgetUnanswered()
    if case .registered = membership, attempt == nil { beginAssigned() }
    driveAttempt()
    driveSession()
  }

  private func exit() -> WorkerExit? {
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
    guard case .register = slots[.session]?.inFlight?.request else { return false }
    return true
  }

  private mutating func driveSession() {
    switch membership {
    case .none:
      guard mayRegister else { return }
      let registration = Registration(
        worker: settings.worker, host: settings.host, version: settings.version,
        agents: settings.agents ?? search.ready, findings: search.findings,
        local: settings.local,
        journal: [attempt?.journalEntry ?? lost].compactMap { $0 })
      if send(.register(registration)) { search.registered = search.states }
    case .registered(let incarnation):
      let poll = DesiredPoll(
        worker: settings.worker, incarnation: incarnation,
        revision: pollsAfresh ? 0 : desired?.revision ?? 0,
        waitMs: settings.pollWait.wholeMilliseconds)
      send(.poll(poll))
      guard now >= nextHeartbeat else { return }
      let beat = Heartbeat(
        worker: settings.worker, incarnation: incarnation,
        agentSilentMs: attempt?.agentSilence(now: now)?.wholeMilliseconds,
        used: attempt.flatMap {
          $0.usage.isEmpty ? nil : LeaseUsage(lease: $0.lease, usage: $0.usage)
        })
      if send(.heartbeat(beat)) { nextHeartbeat = now + heartbeatInterval }
    }
  }

  /// Sends where the slot is free.
  @discardableResult
  mutating func send(_ request: Request) -> Bool {
    var state = slots[request.slot] ?? CallSlotState()
    guard state.inFlight == nil, now >= state.notBefore else { return false }
    lastCall += 1
    state.inFlight = (CallID(lastCall), request)
    slots[request.slot] = state
    actions.append(.send(CallID(lastCall), request))
    return true
  }

  /// Gives up what is under way in the slots of the attempt.
  mutating func abandonAttemptCalls() {
    for slot in [CallSlot.generating, .output, .records, .handIn] {
      if let inFlight = slots[slot]?.inFlight { actions.append(.abandon(inFlight.id)) }
      slots[slot] = nil
    }
  }
}

extension Duration {
  /// Rounded down.
  var wholeMilliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }
}
