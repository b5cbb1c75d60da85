// How the state of the attempt changes by what the adapters report and the server answers.

import Domain
import WorkerProtocol

extension Attempt {
  /// The result goes last: after the agent was announced and its output is at the server.
  var handInIsDue: Bool {
    guard isConfirmed, case .handingIn = stage else { return false }
    if case .due = announcement { return false }
    return !output.isPending && !records.isPending
  }

  /// Whether the next round may continue its agent's conversation, once the result is recorded: the
  /// agent came to its end, and what it did is on the branch, or it said why it did nothing.
  var keepsSession: Bool {
    guard case .handingIn(let handIn) = stage else { return false }
    switch handIn.outcome {
    case .committed: return true
    case .noChanges: return handIn.run.output.words != nil
    case .stopped, .drained, .agentFailed, .agentTimeout, .agentNotFound, .verifyFailed, .refused,
      .workerFault:
      return false
    }
  }

  func handInRequest(_ handIn: HandIn, _ worker: String) -> Request {
    if let commit = handIn.commit, !handIn.packIsTaken {
      return .pack(lease, commit: commit, used: usage)
    }
    if handIn.patchIsDue { return .patch(lease) }
    return .result(
      ResultReport(
        worker: worker, lease: lease, outcome: handIn.outcome, commit: handIn.commit,
        durationMs: handIn.run.duration.wholeMilliseconds, outputBytes: handIn.run.output.bytes,
        outputDigest: handIn.run.output.digest, message: handIn.message, hint: handIn.hint,
        used: usage, network: handIn.run.output.network, words: handIn.run.output.words,
        limit: handIn.limit))
  }
}

extension WorkerCore {
  mutating func takeCheckedOut(_ key: AttemptKey) {
    guard let attempt, attempt.key == key, attempt.stage == .checkingOut,
      let assignment = attempt.assignment
    else { return }
    guard attempt.stopReason == nil else { return conclude(nil) }
    self.attempt?.stage = .launching
    actions.append(.startAgent(assignment))
  }

  mutating func takeCheckoutFailed(_ key: AttemptKey, _ fault: CheckoutFault) {
    guard let attempt, attempt.key == key, attempt.stage == .checkingOut else { return }
    guard attempt.stopReason == nil else { return conclude(nil) }
    if fault.isTooLarge { return handIn(.agentFailed, nil, fault.message) }
    let failures = attempt.checkoutFailures
    if !fault.isUnreachable, failures + 1 >= settings.checkoutTriesMax {
      return handIn(.workerFault, nil, fault.message)
    }
    if !fault.isUnreachable { self.attempt?.checkoutFailures += 1 }
    let moment =
      now + backoff(after: failures + 2, .session, atMost: settings.backoffMaximum)
    self.attempt?.stage = .awaitingCheckout(at: moment)
  }

  mutating func takeAgentStarted(
    _ key: AttemptKey, _ identity: AgentIdentity, session: String?, mayContinue: Bool
  ) {
    guard let attempt, attempt.key == key, attempt.stage == .launching else { return }
    self.attempt?.session = session
    self.attempt?.stage = .generating(.init(since: now, heard: now))
    self.attempt?.agent = identity
    // The log says whether it continued a conversation, so that is awaited: it takes seconds.
    if !mayContinue { self.attempt?.announcement = .due }
    if let record = self.attempt?.journalRecord { actions.append(.writeJournal(record)) }
  }

  mutating func takeConversation(_ key: AttemptKey, session: String?, continues: String?) {
    guard let attempt, attempt.key == key, case .generating = attempt.stage,
      attempt.announcement == .none
    else { return }
    self.attempt?.session = session
    self.attempt?.continues = continues
    self.attempt?.announcement = .due
    if let record = self.attempt?.journalRecord { actions.append(.writeJournal(record)) }
  }

  mutating func takeAgentSaid(_ key: AttemptKey, bytes: Int, records: Int, usage: AgentUsage) {
    guard let attempt, attempt.key == key else { return }
    self.attempt?.output.written = max(attempt.output.written, bytes)
    self.attempt?.records.written = max(attempt.records.written, records)
    if case .generating(var run) = attempt.stage {
      run.heard = now
      self.attempt?.stage = .generating(run)
      take(usage: usage)
    }
  }

  mutating func takeAgentEnded(_ key: AttemptKey, _ end: AgentEnd, _ output: OutputSummary) {
    guard let attempt, attempt.key == key, let assignment = attempt.assignment else { return }
    let since: Duration
    switch attempt.stage {
    case .launching: since = now
    case .generating(let run): since = run.since
    case .checkingOut, .awaitingCheckout, .pickingUp, .salvaging, .handingIn: return
    }
    self.attempt?.agent = nil
    if case .generating = attempt.stage, attempt.announcement == .none {
      self.attempt?.announcement = .due
    }
    self.attempt?.output.written = max(attempt.output.written, output.bytes)
    self.attempt?.records.written = max(attempt.records.written, output.records)
    take(usage: output.usage, isFinal: true)
    let run = Attempt.FinishedRun(duration: now - since, output: output)
    // An agent that was to be stopped and came to its end before is not held against it, unless
    // nobody waits for its work any more.
    switch (attempt.stopReason, end) {
    case (nil, .finished), (.timedOut, .finished), (.stalled, .finished), (.overBudget, .finished):
      self.attempt?.stopReason = nil
      self.attempt?.stage = .pickingUp(run)
      actions.append(.pickUp(assignment))
    case (.timedOut, _), (.stalled, _), (.overBudget, _):
      salvage(run)
    case (.some, _): conclude(run)
    case (nil, _): takeFailure(end, run)
    }
  }

  private mutating func takeFailure(_ end: AgentEnd, _ run: Attempt.FinishedRun) {
    let said = run.output.messageSuffix
    switch end {
    case .finished: break
    case .failed(let detail): salvage(run, .agentFailed, "\(detail)\(said)")
    case .limited(let detail, let limit): salvage(run, .agentFailed, detail, limit: limit)
    case .exited(let code):
      salvage(run, .agentFailed, "the agent ended with exit code \(code)\(said)")
    case .signalled(let signal):
      salvage(run, .agentFailed, "the agent was ended by signal \(signal)\(said)")
    case .stopped: salvage(run, .agentFailed, "the agent was ended\(said)")
    case .notFound(let detail): handIn(.agentNotFound, run, detail)
    case .unverified(let detail): salvage(run, .verifyFailed, detail)
    case .exceeded(let detail): salvage(run, .agentFailed, detail)
    case .notStarted(let detail), .unprepared(let detail): handIn(.agentFailed, run, detail)
    case .lost(let detail): handIn(.workerFault, run, detail)
    }
  }

  mutating func takePickedUp(_ key: AttemptKey, _ pickUp: PickUp) {
    guard let attempt, attempt.key == key, case .pickingUp(let run) = attempt.stage else {
      return
    }
    switch (attempt.stopReason, pickUp) {
    case (.superseded, _), (.cancelled, _), (.halted, .fault): conclude(run)
    case (_, .committed(let commit)): handIn(.committed, commit: commit, run, nil)
    case (_, .noChanges):
      let said = run.output.messageSuffix
      handIn(.noChanges, run, "the agent ended well and changed no file\(said)")
    case (_, .ignoredAlone(let names)):
      let said = run.output.messageSuffix
      handIn(
        .noChanges, run,
        """
        the agent ended well, and changed nothing but what .gitignore leaves out of a commit: \
        \(names)\(said)
        """)
    case (_, .unfit(let detail)): salvage(run, .agentFailed, detail)
    case (_, .refused(let message, let hint)): salvage(run, .refused, message, hint: hint)
    case (_, .fault(let detail)): handIn(.workerFault, run, detail)
    }
  }

  /// Saves what the agent had made, then hands in how it ended.
  /// - Parameter outcome: nil if the agent was stopped.
  private mutating func salvage(
    _ run: Attempt.FinishedRun, _ outcome: ResultReport.Outcome? = nil, _ message: String? = nil,
    hint: String? = nil, limit: AgentLimitReport? = nil
  ) {
    guard let assignment = attempt?.assignment else { return }
    let result = outcome.map {
      Attempt.HandIn(outcome: $0, run: run, message: message, hint: hint, limit: limit)
    }
    attempt?.stage = .salvaging(run, result: result)
    actions.append(.salvage(assignment))
  }

  mutating func takeSalvaged(_ key: AttemptKey, hasPatch: Bool) {
    guard let attempt, attempt.key == key, case .salvaging(let run, let result) = attempt.stage
    else { return }
    switch (attempt.stopReason, result) {
    // One that is given back has ended by itself.
    case (nil, let result?), (.halted, let result?): self.attempt?.stage = .handingIn(result)
    case _: conclude(run)
    }
    // Nobody waits for what a cancelled agent had made.
    self.attempt?.updateHandIn { $0.patchIsDue = hasPatch && $0.outcome != .stopped }
  }

  // MARK: The server's answers

  /// An answer about the present lease.
  mutating func takeReportAnswer(_ answer: CallAnswer, to request: Request) {
    switch answer {
    case .failed, .heartbeat, .agents, .registered, .desired: break
    case .generating(let answer):
      switch answer {
      case .taken: attempt?.announcement = .made
      case .over, .refused: end(.superseded)
      }
    case .output(let answer):
      if case .output(_, let part, let offset) = request {
        takeOutputAnswer(answer, part, offset: offset)
      }
    case .pack(let answer): takePackAnswer(answer)
    case .patch(let answer):
      switch answer {
      case .over: forget()
      // A patch that cannot be kept must not hold the result back.
      case .taken, .refused: attempt?.updateHandIn { $0.patchIsDue = false }
      }
    case .result(let answer):
      switch answer {
      case .taken: forget(keepsSession: attempt?.keepsSession ?? false)
      case .over: forget()
      case .packMissing: attempt?.packIsToBeSent()
      }
    }
  }

  private mutating func takeOutputAnswer(_ answer: OutputOutcome, _ part: OutputPart, offset: Int) {
    switch answer {
    case .over: end(.superseded)
    case .refused: attempt?[keyPath: part.progress].fruitless = .max
    case .end(let end): attempt?[keyPath: part.progress].take(end: end, after: offset)
    }
  }

  private mutating func takePackAnswer(_ answer: UploadOutcome) {
    switch answer {
    case .over: forget()
    case .refused(let detail):
      // If the change breaks a rule, the server ends the attempt itself. Any other refusal is about
      // how the pack was made, which is this machine's fault.
      attempt?.updateHandIn {
        $0.outcome = .workerFault
        $0.message = "the server did not take the pack: \(detail)"
        $0.commit = nil
      }
    case .taken: attempt?.updateHandIn { $0.packIsTaken = true }
    }
  }
}
