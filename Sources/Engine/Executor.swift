// The executor of one delegation: folds the stream, derives the next intent, performs it in a way
// that is safe to repeat, and records the outcome. Starts, restarts and take-overs use the same
// path; there is no separate recovery code.
//
// It is a state machine without I/O: `step` takes an input and returns actions.
//
// Guarantees: at most one append and one effect are in progress. Every decision is based on a state
// on disk. Every wait is in the log.
//
// Failures: an event that the state does not allow quarantines the stream, and the executor stops.

import Domain
import EventLog
import ForgePort
import Projections
import Workflows

package struct Executor: Sendable {
  /// An input.
  package enum Input: Sendable {
    /// The requested append is on disk.
    case recorded([RecordedEvent])
    case notRecorded(AppendFault)
    /// The current stream, after a conflict.
    case reloaded([RecordedEvent])
    /// The stream cannot be read: the executor stops.
    case unreadable(CorruptStream)
    case answered(ticket: Int, [Answer])
    case command(DelegationCommand, Actor, ReplyID?)
    /// A worker is free for it.
    case assign(Assignee)
    /// Somebody pushed to the branch: its head must be read again before it is assigned.
    case branchMoved
    case wake
  }

  package typealias Action = EngineCore.Action

  /// A worker that is reserved for this delegation until it is dispatched.
  package struct Assignee: Equatable, Sendable {
    package var worker: WorkerID
    package var incarnation: Int
    package var token: FencingToken
  }

  package let id: DelegationID
  package private(set) var state = DelegationState.absent
  /// The user's text; nil if it was redacted.
  package private(set) var text: TaskText?
  package private(set) var workflow: Workflow?
  let capabilities: ForgeCapabilities
  package private(set) var corrupt: CorruptStream?
  package private(set) var assignee: Assignee?
  /// What the next attempt starts from, and when it was read from the branch.
  package var prepared: (start: PreparedHead, at: Timestamp)?
  /// What the last prepared attempt may cost.
  var costMax: Int64?

  var writer = StreamWriter<DelegationCommand>()
  var effect: (any Effect)? {
    didSet { if effect == nil { (effectBegunAt, pausedUntil) = (nil, nil) } }
  }
  /// The start of this process's work at the next intent; nil if there is no such work.
  package internal(set) var effectBegunAt: Timestamp?
  /// When an effect that pauses goes on.
  var pausedUntil: Timestamp?
  var ticket = 0
  /// True if this process appended the last milestone and nothing has failed since.
  private var fresh = false
  /// The marker of the notice that was due when the stream was read: the process that wrote the
  /// stream may have begun it. Notices that become due later are begun by this process alone.
  private(set) var inheritedNotice: String?
  /// The position and hash of the branch's event, for the task commit's trailer.
  var branchRecord: (position: Int64, hash: [UInt8])?
  /// The hash of the request's event, which the log does not publish.
  var requestHash: [UInt8] = []
  /// The last accepted commit, and the last failure with its text, for comments.
  var generated: Generated?
  private(set) var failed: Failed?
  /// The last limit of its agent's provider that it met.
  private(set) var limitMet: AgentLimits.Met?
  /// The message of the last attempt's commit.
  let message = AttemptMessage()
  /// The network use of the last attempt.
  var network: NetworkUse?
  /// The rounds whose delegations this process has requested or found.
  var requestedRounds: Set<DelegationID> = []
  /// Whether another delegation is at work on the branch. Then nothing but a cancellation is done.
  package internal(set) var isHeld = false
  /// Whether the core counts it as one that uses its branch.
  var usesBranch = false
  /// The request of a submission, until it is on disk.
  var submitted: Requested?
  /// When the last step asked to be woken; nil if it waits for something else.
  package internal(set) var wakeAt: Timestamp?
  /// No append before this time, because the log takes no events.
  private var blockedUntil: Timestamp?
  /// Whether events may be in the log whose caller was refused. Nothing is done until it is known.
  private(set) var isUnsure = false

  /// An older head is read again before it is assigned.
  static let preparedFor = Milliseconds.seconds(10)

  /// - Parameter capabilities: the optional features of the forge.
  package init(id: DelegationID, workflow: Workflow?, capabilities: ForgeCapabilities = .init()) {
    self.id = id
    self.workflow = workflow
    self.capabilities = capabilities
  }

  /// The executor of a delegation, from the log.
  package init(
    id: DelegationID, events: [RecordedEvent], workflows: [String: Workflow],
    capabilities: ForgeCapabilities = .init()
  ) {
    self.init(id: id, workflow: nil, capabilities: capabilities)
    fold(events)
    inheritedNotice = state.pendingNotice?.marker
    workflow = state.delegation.flatMap { workflows[$0.request.workflow.digest] }
  }

  // MARK: Steps

  /// Handles an input and returns the actions.
  /// - Parameter now: the wall clock; waits are counted by it.
  package mutating func step(_ input: Input, now: Timestamp) -> [Action] {
    var actions: [Action] = []
    wakeAt = nil
    switch input {
    case .recorded(let events): recorded(events, &actions)
    case .notRecorded(let fault): notRecorded(fault, now, &actions)
    case .reloaded(let events): reloaded(events)
    case .unreadable(let fault):
      (corrupt, effect, blockedUntil, isUnsure) = (fault, nil, nil, false)
    case .answered(let answeredTicket, let answers):
      guard answeredTicket == ticket, effect != nil else { break }
      if let step = effect?.resume(answers) { follow(step, now, &actions) }
    case .command(let command, let actor, let reply):
      writer.enqueue(.init(command: command, actor: actor, reply: reply))
    case .assign(let assignee): if corrupt == nil { self.assignee = assignee }
    case .branchMoved: prepared = nil
    case .wake: break
    }
    endPause(now, &actions)
    proceed(now, &actions)
    return actions
  }

  private mutating func proceed(_ now: Timestamp, _ actions: inout [Action]) {
    if let blockedUntil, now < blockedUntil {
      wakeAt = blockedUntil
      return
    }
    blockedUntil = nil
    guard !isUnsure else {
      if !writer.isBusy {
        actions.append(
          .append(writer.probe(stream: .delegation(id), correlation: id.rawValue)))
      }
      return
    }
    decideNext(now, &actions)
    guard writer.isIdle, effect == nil, corrupt == nil else { return }
    guard let intent = state.nextIntent else {
      assignee = nil
      return
    }
    if let due = state.nextIntentDue, now < due {
      assignee = nil
      wakeAt = due
      return
    }
    if isHeld, !intent.isAllowedWhileHeld {
      assignee = nil
      return
    }
    // The worker is reserved until the log names it, or the next intent is another one.
    if case .dispatch = intent {} else { assignee = nil }
    begin(intent, now, &actions)
    decideNext(now, &actions)
  }

  /// Decides the waiting commands, up to the first one that leads to an append.
  private mutating func decideNext(_ now: Timestamp, _ actions: inout [Action]) {
    while let entry = writer.next() {
      if let corrupt {
        if let reply = entry.reply { actions.append(.reply(reply, .failed(.corrupt(corrupt)))) }
        continue
      }
      do {
        let events = try state.decide(entry.command, at: now)
        if events.isEmpty {
          if let reply = entry.reply { actions.append(.reply(reply, .done(changed: false))) }
          continue
        }
        let append = writer.begin(
          entry, stream: .delegation(id), events: events.map { .delegation($0) },
          correlation: id.rawValue)
        actions.append(.append(append))
      } catch {
        if let reply = entry.reply { actions.append(.reply(reply, .rejected(error))) }
      }
    }
  }

  /// Lowers what the attempt under way may cost.
  mutating func limitCost(to most: Int64) { costMax = most }

  // MARK: The log

  private mutating func recorded(_ events: [RecordedEvent], _ actions: inout [Action]) {
    if writer.isProbing {
      _ = writer.finish([])
      isUnsure = false
      return
    }
    submitted = nil
    let entry = writer.finish(events)
    fold(events)
    fresh =
      events.last.map { event in
        guard case .delegation(let event) = event.event else { return false }
        return event.isMilestone
      } ?? false
    if let reply = entry?.reply { actions.append(.reply(reply, .done(changed: true))) }
  }

  private mutating func notRecorded(
    _ fault: AppendFault, _ now: Timestamp, _ actions: inout [Action]
  ) {
    if writer.isProbing { return notProbed(fault, now, &actions) }
    guard let entry = writer.abandon() else { return }
    switch fault {
    case .full, .overloaded, .unavailable:
      guard let reply = entry.reply else {
        // The result of an effect is recorded when there is space; nothing else is done until then.
        writer.enqueueFirst(entry)
        blockedUntil = now + .seconds(1)
        return
      }
      actions.append(.reply(reply, .failed(fault)))
      if case .unavailable = fault {
        isUnsure = true
        blockedUntil = now + .seconds(1)
      }
    case .conflict:
      writer.enqueueFirst(entry)
      actions.append(.read(.delegation(id), loads: false))
    case .corrupt(let found):
      corrupt = found
      assignee = nil
      if let reply = entry.reply { actions.append(.reply(reply, .failed(fault))) }
    case .duplicate, .stampTaken:
      if let reply = entry.reply { actions.append(.reply(reply, .failed(fault))) }
    case .damaged, .io, .closed:
      end()
      if let reply = entry.reply { actions.append(.reply(reply, .failed(fault))) }
    }
  }

  /// Nothing can be recorded, so nothing more is done: the next start looks up what was done.
  private mutating func end() {
    effect = nil
    corrupt = CorruptStream(event: "-", state: "-", reason: "the log takes no events")
  }

  /// It stays unsure until the log answers again, or the stream was read.
  private mutating func notProbed(
    _ fault: AppendFault, _ now: Timestamp, _ actions: inout [Action]
  ) {
    _ = writer.abandon()
    switch fault {
    case .full, .overloaded, .unavailable, .duplicate, .stampTaken: break
    case .conflict: actions.append(.read(.delegation(id), loads: false))
    case .corrupt(let found): (corrupt, isUnsure) = (found, false)
    case .damaged, .io, .closed:
      end()
      isUnsure = false
    }
    if isUnsure { blockedUntil = now + .seconds(1) }
  }

  private mutating func reloaded(_ events: [RecordedEvent]) {
    state = .absent
    fold(events)
    inheritedNotice = state.pendingNotice?.marker
    fresh = false
    prepared = nil
    if isUnsure { (isUnsure, blockedUntil) = (false, nil) }
  }

  private mutating func fold(_ events: [RecordedEvent]) {
    writer.follow(events)
    for recorded in events {
      guard case .delegation(let event) = recorded.event, corrupt == nil else { continue }
      let agent = state.delegation?.agent
      do {
        state = try state.evolve(event, id: id, at: recorded.time)
      } catch {
        corrupt = error
        return
      }
      if case .requested(let request) = event {
        text = request.text
        requestHash = recorded.hash
      }
      if case .generated(let event) = event { generated = event }
      if case .failed(let event) = event { failed = event }
      limitMet = AgentLimits.Met(event, agent: agent, at: recorded.time) ?? limitMet
      if case .dispatched = event { network = nil }
      if case .networkUsed(let event) = event { network = event.use }
      if case .branchCreated = event { branchRecord = (recorded.position, recorded.hash) }
      // After a new lease or the end of one the head is read again.
      if case .released = event { prepared = nil }
      if case .retryRequested = event { prepared = nil }
    }
  }

  // MARK: Effects

  private mutating func begin(_ intent: Intent, _ now: Timestamp, _ actions: inout [Action]) {
    if converse(intent, now, &actions) { return }
    guard let context else {
      var fault = unreadable
      if case .act = intent { fault.step = .act }
      record(.failStep(fault, .never))
      return
    }
    switch intent {
    case .dispatch:
      // The branch is read only if a worker is free: earlier the head would be outdated when one
      // is, and a long queue would delay the delegations whose turn it is.
      guard let assignee else {
        // A merge without a conflict needs no worker.
        if state.delegation?.request.merge == .alone, prepared == nil {
          run(context.effect(for: intent, state: state, fresh: false), now, &actions)
        }
        return
      }
      if prepared.map({ now - $0.at <= Self.preparedFor }) ?? false {
        record(
          .dispatch(
            worker: assignee.worker, incarnation: assignee.incarnation, token: assignee.token))
      } else {
        run(context.effect(for: intent, state: state, fresh: fresh), now, &actions)
      }
    case .awaitWorker:
      if case .dispatched = state, prepared == nil {
        run(context.effect(for: intent, state: state, fresh: false), now, &actions)
      }
    case .stopAgent, .examineFeedback, .startRound, .awaitRounds: break
    case .cancel: record(.settleCancellation)
    case .resolveBase, .createBranch, .commitTask, .openPullRequest, .adopt, .push, .act, .settle:
      run(context.effect(for: intent, state: state, fresh: fresh), now, &actions)
    }
  }
}
