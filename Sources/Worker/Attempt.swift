// One attempt at one delegation, from the assignment to the server's word that it is over.
//
//   checkingOut → launching → generating → pickingUp → handingIn → (over)
//                                        ↘    ↓     ↗
//                                          salvaging
//
// An attempt that ends early (`StopReason`) goes through the same states: what is under way is
// stopped, and then the attempt is handed in with another outcome, or dropped.
//
// What the agent used is kept in the attempt from the first report on, so that every way to end
// reports it. It is in the journal before the attempt is handed in, and about once a second before:
// if the worker dies, its next life reports it.

import Domain
import WorkerProtocol
import Workflows

struct Attempt: Sendable {
  enum Stage: Equatable, Sendable {
    case checkingOut
    /// The last checkout failed; the next comes at a moment.
    case awaitingCheckout(at: Duration)
    case launching
    case generating(Run)
    case pickingUp(FinishedRun)
    /// What the agent had made is saved before an attempt without a commit is reported. The result
    /// is nil if the agent was stopped: then the reason for that says how it ended.
    case salvaging(FinishedRun, result: HandIn?)
    case handingIn(HandIn)
  }

  struct Run: Equatable, Sendable {
    var since: Duration
    var heard: Duration
  }

  /// A run of the agent that has ended.
  struct FinishedRun: Equatable, Sendable {
    var duration = Duration.zero
    var output = OutputSummary.nothing
  }

  struct HandIn: Equatable, Sendable {
    var outcome: ResultReport.Outcome
    var commit: String?
    var packIsTaken = false
    /// A patch is on disk that the server does not have.
    var patchIsDue = false
    var run = FinishedRun()
    var message: String?
    var hint: String?
    var limit: AgentLimitReport?
  }

  enum StopReason: Equatable, Sendable {
    case superseded
    case cancelled
    case halted
    case timedOut
    case stalled
    /// It cost more than it may.
    case overBudget
  }

  /// Whether the start of the agent was reported to the server.
  enum Announcement: Equatable, Sendable { case none, due, made }

  var lease: LeaseReference
  let repository: String
  /// nil: of a former life, not yet assigned again.
  var assignment: Assignment?
  /// The commit that was checked out; a take-over may name a later one.
  let head: String
  /// Whether the server named this attempt, with this token, in the present membership.
  var isConfirmed: Bool
  var stage: Stage
  var stopReason: StopReason?
  var agent: AgentIdentity?
  /// What the agent calls its session, where it has such.
  var session: String?
  /// The delegation whose conversation it continues; nil if it began a new one.
  var continues: String?
  var announcement = Announcement.none
  var output = OutputProgress()
  var records = OutputProgress()
  var checkoutFailures = 0
  var usage = AgentUsage()
  /// What the journal says of it, and when that was written.
  var journaledUsage: (usage: AgentUsage, at: Duration)?

  init(assignment: Assignment) {
    lease = assignment.lease
    repository = assignment.repository
    self.assignment = assignment
    head = assignment.head
    isConfirmed = true
    stage = .checkingOut
  }

  /// - Parameter recovered: a record with a commit; without one there is nothing to go on with.
  init?(recovered: JournalRecord) {
    guard let made = recovered.made else { return nil }
    lease = recovered.lease
    repository = recovered.repository
    head = made.head
    isConfirmed = false
    announcement = .due
    self.output = OutputProgress(written: made.outputBytes)
    records = OutputProgress(written: made.recordBytes ?? 0)
    var output = OutputSummary(
      bytes: made.outputBytes, digest: made.outputDigest, lastLines: "")
    output.network = made.network
    output.words = made.words
    let run = FinishedRun(duration: .milliseconds(made.durationMs), output: output)
    stage = .handingIn(HandIn(outcome: .committed, commit: made.commit, run: run))
    usage = recovered.used ?? AgentUsage()
    continues = recovered.continues
  }

  var key: AttemptKey { AttemptKey(lease) }

  /// The commit, where there is one that can be handed in.
  var commit: String? {
    guard case .handingIn(let handIn) = stage else { return nil }
    return handIn.commit
  }

  var journalEntry: JournalEntry { JournalEntry(lease: lease, commit: commit, used: usage) }

  var journalRecord: JournalRecord {
    var record = JournalRecord(
      lease: lease, repository: repository, agent: agent, used: usage, continues: continues)
    if case .handingIn(let handIn) = stage, let commit = handIn.commit {
      record.made = .init(
        commit: commit, head: head, durationMs: handIn.run.duration.wholeMilliseconds,
        outputBytes: handIn.run.output.bytes, outputDigest: handIn.run.output.digest,
        recordBytes: records.written, network: handIn.run.output.network,
        words: handIn.run.output.words)
    }
    return record
  }

  /// The server confirms this attempt, maybe under a new token. With a new token the log begins the
  /// attempt again, and what was reported under the old token is reported again.
  mutating func confirm(_ wanted: Assignment) {
    if wanted.lease != lease {
      if announcement == .made { announcement = .due }
      packIsToBeSent()
    }
    lease = wanted.lease
    // A server that started meanwhile does not know what was left of the budget.
    let costMax = assignment?.costMax
    assignment = wanted
    assignment?.costMax = wanted.costMax ?? costMax
    // The branch may have moved; this attempt keeps the commit that was checked out.
    assignment?.head = head
    isConfirmed = true
  }

  /// Changes the hand-in, where there is one.
  mutating func updateHandIn(_ change: (inout HandIn) -> Void) {
    guard case .handingIn(var handIn) = stage else { return }
    change(&handIn)
    stage = .handingIn(handIn)
  }

  /// The server has not taken the pack, or not under this lease.
  mutating func packIsToBeSent() { updateHandIn { $0.packIsTaken = false } }

  func agentSilence(now: Duration) -> Duration? {
    guard case .generating(let run) = stage else { return nil }
    return now - run.heard
  }

  /// When the agent's time is over, and why.
  var limit: (moment: Duration, reason: StopReason)? {
    guard stopReason == nil, case .generating(let run) = stage, let assignment else { return nil }
    let total = run.since + .milliseconds(assignment.timeoutMs)
    guard let stallMs = assignment.stallMs else { return (total, .timedOut) }
    let stall = run.heard + .milliseconds(stallMs)
    return stall < total ? (stall, .stalled) : (total, .timedOut)
  }
}

extension OutputPart {
  var progress: WritableKeyPath<Attempt, OutputProgress> {
    switch self {
    case .text: \.output
    case .records: \.records
    }
  }
}

// MARK: - The core's handling of its attempt

extension WorkerCore {
  /// The moments at which the attempt wants to be looked at again.
  var attemptMoments: [Duration] {
    guard let attempt else { return [] }
    var moments: [Duration] = []
    if let limit = attempt.limit { moments.append(limit.moment) }
    if case .awaitingCheckout(let moment) = attempt.stage { moments.append(moment) }
    guard attempt.isConfirmed, case .registered = membership else { return moments }
    if case .due = attempt.announcement, attempt.stopReason != .superseded,
      let moment = freeMoment(of: .generating)
    {
      moments.append(moment)
    }
    for part in OutputPart.allCases {
      let progress = attempt[keyPath: part.progress]
      guard progress.isPending, let moment = freeMoment(of: part.slot) else { continue }
      moments.append(max(moment, progress.notBefore))
    }
    if attempt.handInIsDue, let moment = freeMoment(of: .handIn) { moments.append(moment) }
    return moments
  }

  /// Takes up what the server assigned, unless that is over already.
  mutating func beginAssigned() {
    guard let desired, let assignment = desired.assignment else { return }
    var attempt = Attempt(assignment: assignment)
    if let known = over.last(where: { $0.lease == assignment.lease }) {
      // A word that was on its way lags behind. One that was asked for since means that both sides
      // would wait for each other: the attempt is given back, and counts as this machine's fault,
      // so that it is not begun again and again.
      guard desiredCall > known.call else { return }
      attempt.stage = .handingIn(
        .init(outcome: .workerFault, message: "the worker had dropped the attempt"))
    } else if let missing = missingAgent(assignment.agent.name) {
      attempt.stage = .handingIn(.init(outcome: .agentNotFound, message: missing))
    } else if desired.cancel {
      attempt.stage = .handingIn(.init(outcome: .stopped))
    } else {
      lost = nil
      actions.append(.writeJournal(attempt.journalRecord))
      actions.append(.checkOut(assignment))
    }
    self.attempt = attempt
  }

  /// Forgets an attempt that is over, if its result got no answer.
  mutating func forgetUnanswered() {
    guard let attempt, attempt.stopReason == .superseded, case .handingIn = attempt.stage,
      slots[.handIn]?.inFlight == nil
    else { return }
    forget()
  }

  /// Asks for what the attempt lacks.
  mutating func driveAttempt() {
    guard let attempt else { return }
    if let limit = attempt.limit, now >= limit.moment { end(limit.reason) }
    if case .awaitingCheckout(let moment) = attempt.stage, now >= moment,
      let assignment = attempt.assignment
    {
      self.attempt?.stage = .checkingOut
      actions.append(.checkOut(assignment))
    }
    guard attempt.isConfirmed, case .registered = membership else { return }
    if case .due = attempt.announcement, attempt.stopReason != .superseded,
      let assignment = attempt.assignment
    {
      let report = GeneratingReport(
        worker: settings.worker, lease: attempt.lease, agent: assignment.agent.name,
        session: attempt.session, head: attempt.head, continues: attempt.continues)
      send(.generating(report))
    }
    for part in OutputPart.allCases {
      let progress = attempt[keyPath: part.progress]
      guard progress.isPending, now >= progress.notBefore,
        send(.output(attempt.lease, part, offset: progress.acknowledged))
      else { continue }
      self.attempt?[keyPath: part.progress].notBefore = now + settings.outputInterval
    }
    if attempt.handInIsDue, case .handingIn(let handIn) = attempt.stage {
      send(attempt.handInRequest(handIn, settings.worker))
    }
  }

  /// Ends the attempt early: stops what is under way. `conclude` follows when it has stopped.
  mutating func end(_ reason: Attempt.StopReason) {
    guard let attempt, attempt.stopReason != reason, attempt.stopReason != .superseded else {
      return
    }
    let wasStopping = attempt.stopReason != nil
    self.attempt?.stopReason = reason
    switch attempt.stage {
    case .checkingOut: if !wasStopping { actions.append(.stopCheckout(attempt.key)) }
    case .launching, .generating: if !wasStopping { actions.append(.stopAgent(attempt.key)) }
    case .pickingUp, .salvaging:
      // One that is given back may finish: that takes less time than another run of the agent.
      if reason != .halted { actions.append(.stopPickUp(attempt.key)) }
    case .awaitingCheckout: conclude(nil)
    case .handingIn(let handIn): endHandIn(handIn, reason)
    }
  }

  /// A commit that is on its way is taken back where its result was not sent yet; a halt leaves it
  /// in the journal.
  private mutating func endHandIn(_ handIn: Attempt.HandIn, _ reason: Attempt.StopReason) {
    switch reason {
    case .superseded:
      // A server that has the result gives no more orders for it. Its answer says whether it took
      // it, and may arrive later.
      if case .result? = slots[.handIn]?.inFlight?.request { return }
      forget()
    case .cancelled:
      if case .result? = slots[.handIn]?.inFlight?.request { return }
      guard handIn.outcome != .stopped else { return }
      if let inFlight = slots[.handIn]?.inFlight { actions.append(.abandon(inFlight.id)) }
      slots[.handIn] = nil
      conclude(nil)
    case .halted, .timedOut, .stalled, .overBudget: break
    }
  }

  /// What was under way has stopped: hands in how it ended, or drops it if it was superseded.
  mutating func conclude(_ run: Attempt.FinishedRun?) {
    guard let reason = attempt?.stopReason else { return }
    switch reason {
    case .superseded: forget()
    case .cancelled: handIn(.stopped, run, nil)
    case .halted: handIn(.drained, run, nil)
    case .timedOut:
      let limit = attempt?.assignment?.timeoutMs ?? 0
      handIn(.agentTimeout, run, "the agent did not end within \(seconds(limit))")
    case .stalled:
      let limit = attempt?.assignment?.stallMs ?? 0
      handIn(.agentTimeout, run, "the agent said nothing for \(seconds(limit))")
    case .overBudget:
      let cost = Budget.dollars(attempt?.usage[.cost] ?? 0)
      let most = Budget.dollars(attempt?.assignment?.costMax ?? 0)
      handIn(
        .agentFailed, run, "the agent cost \(cost), more than the \(most) that were left",
        hint: "Raise the budget in the workflow or of the server, and retry.")
    }
  }

  private func seconds(_ milliseconds: Int64) -> String {
    milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
  }

  mutating func handIn(
    _ outcome: ResultReport.Outcome, commit: String? = nil, _ run: Attempt.FinishedRun?,
    _ message: String?, hint: String? = nil, limit: AgentLimitReport? = nil
  ) {
    attempt?.stage = .handingIn(
      .init(
        outcome: outcome, commit: commit, run: run ?? Attempt.FinishedRun(), message: message,
        hint: hint, limit: limit))
    if commit != nil, let record = attempt?.journalRecord { actions.append(.writeJournal(record)) }
  }

  /// Takes what the agent has used so far, and writes it into the journal if that is due.
  /// - Parameter isFinal: the agent has ended; otherwise the journal is written once a second.
  mutating func take(usage: AgentUsage, isFinal: Bool = false) {
    attempt?.usage.replace(by: usage)
    if !isFinal { checkCost() }
    guard let attempt, attempt.usage != attempt.journaledUsage?.usage ?? AgentUsage() else {
      return
    }
    let last = attempt.journaledUsage?.at
    guard isFinal || last.map({ now - $0 >= settings.usageInterval }) ?? true else { return }
    self.attempt?.journaledUsage = (attempt.usage, now)
    actions.append(.writeJournal(attempt.journalRecord))
  }

  /// Ends an agent that has reported more than it may cost.
  mutating func checkCost() {
    guard let attempt, case .generating = attempt.stage, attempt.stopReason == nil,
      let most = attempt.assignment?.costMax, let cost = attempt.usage[.cost], cost > most
    else { return }
    end(.overBudget)
  }

  /// The attempt is over, as far as this worker goes.
  mutating func forget(keepsSession: Bool = false) {
    guard let attempt else { return }
    abandonAttemptCalls()
    actions.append(
      .drop(attempt.key, repository: attempt.repository, keepsSession: keepsSession))
    actions.append(.writeJournal(nil))
    over.append((attempt.lease, lastCall))
    if over.count > 64 { over.removeFirst() }
    self.attempt = nil
  }
}
