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

  func handInRequest(_ handIn: HandIn, _ worker: String) -> Request {
    if let commit = handIn.commit, !handIn.packIsTaken {
      return .pack(lease, commit: commit, used: usage)
    }
    if handIn.patchIsDue { return .patch(lease) }
    return .result(
      ResultReport(
        worker: worker, lease: lease, outcome: handIn.outcome,
        commit: handIn.commit, durationMs: handIn.durationMs, outputBytes: handIn.outputBytes,
        outputDigest: handIn.outputDigest, message: handIn.message, hint: handIn.hint,
        used: usage, network: handIn.network))
  }
}

extension WorkerCore {
  mutating func takeCheckedOut(_ key: AttemptKey, _ actions: inout [Action]) {
    guard let attempt, attempt.key == key, attempt.stage == .checkingOut,
      let assignment = attempt.assignment
    else { return }
    guard attempt.stopReason == nil else { return conclude(nil, &actions) }
    self.attempt?.stage = .launching
    actions.append(.startAgent(assignment))
  }

  mutating func takeCheckoutFailed(
    _ key: AttemptKey, _ fault: CheckoutFault, now: Duration, _ actions: inout [Action]
  ) {
    guard let attempt, attempt.key == key, attempt.stage == .checkingOut else { return }
    guard attempt.stopReason == nil else { return conclude(nil, &actions) }
    if fault.isTooLarge { return handIn(.agentFailed, nil, fault.message, &actions) }
    let failures = attempt.checkoutFailures
    if !fault.isUnreachable, failures + 1 >= settings.checkoutTriesMax {
      return handIn(.workerFault, nil, fault.message, &actions)
    }
    if !fault.isUnreachable { self.attempt?.checkoutFailures += 1 }
    let moment =
      now + backoff(after: failures + 2, .session, atMost: settings.backoffMaximum)
    self.attempt?.stage = .awaitingCheckout(at: moment)
  }

  mutating func takeAgentStarted(
    _ key: AttemptKey, _ identity: AgentIdentity, session: String?, now: Duration,
    _ actions: inout [Action]
  ) {
    guard let attempt, attempt.key == key, attempt.stage == .launching else { return }
    self.attempt?.session = session
    self.attempt?.stage = .generating(.init(since: now, heard: now))
    self.attempt?.agent = identity
    self.attempt?.announcement = .due
    if let record = self.attempt?.journalRecord { actions.append(.writeJournal(record)) }
  }

  mutating func takeAgentSaid(
    _ key: AttemptKey, bytes: Int, records: Int, usage: AgentUsage, now: Duration,
    _ actions: inout [Action]
  ) {
    guard let attempt, attempt.key == key else { return }
    self.attempt?.output.written = max(attempt.output.written, bytes)
    self.attempt?.records.written = max(attempt.records.written, records)
    if case .generating(var run) = attempt.stage {
      run.heard = now
      self.attempt?.stage = .generating(run)
      take(usage: usage, now: now, &actions)
    }
  }

  mutating func takeAgentEnded(
    _ key: AttemptKey, _ end: AgentEnd, _ output: OutputSummary, now: Duration,
    _ actions: inout [Action]
  ) {
    guard let attempt, attempt.key == key, let assignment = attempt.assignment else { return }
    let since: Duration
    switch attempt.stage {
    case .launching: since = now
    case .generating(let run): since = run.since
    case .checkingOut, .awaitingCheckout, .pickingUp, .salvaging, .handingIn: return
    }
    self.attempt?.agent = nil
    self.attempt?.output.written = max(attempt.output.written, output.bytes)
    self.attempt?.records.written = max(attempt.records.written, output.records)
    take(usage: output.usage, isFinal: true, now: now, &actions)
    let run = Attempt.FinishedRun(duration: now - since, output: output)
    // An agent that was to be stopped and came to its end before is not held against it, unless
    // nobody waits for its work any more.
    switch (attempt.stopReason, end) {
    case (nil, .finished), (.timedOut, .finished), (.stalled, .finished):
      self.attempt?.stopReason = nil
      self.attempt?.stage = .pickingUp(run)
      actions.append(.pickUp(assignment))
    case (.timedOut, _), (.stalled, _):
      self.attempt?.stage = .salvaging(run)
      actions.append(.salvage(assignment))
    case (.some, _): conclude(run, &actions)
    case (nil, _): takeFailure(end, run, &actions)
    }
  }

  private mutating func takeFailure(
    _ end: AgentEnd, _ run: Attempt.FinishedRun, _ actions: inout [Action]
  ) {
    let said = run.output.messageSuffix
    switch end {
    case .finished: break
    case .failed(let detail): handIn(.agentFailed, run, "\(detail)\(said)", &actions)
    case .exited(let code):
      handIn(.agentFailed, run, "the agent ended with exit code \(code)\(said)", &actions)
    case .signalled(let signal):
      handIn(.agentFailed, run, "the agent was ended by signal \(signal)\(said)", &actions)
    case .stopped: handIn(.agentFailed, run, "the agent was ended\(said)", &actions)
    case .notFound(let detail): handIn(.agentNotFound, run, detail, &actions)
    case .unverified(let detail): handIn(.verifyFailed, run, detail, &actions)
    case .notStarted(let detail), .exceeded(let detail), .unprepared(let detail):
      handIn(.agentFailed, run, detail, &actions)
    case .lost(let detail): handIn(.workerFault, run, detail, &actions)
    }
  }

  mutating func takePickedUp(_ key: AttemptKey, _ pickUp: PickUp, _ actions: inout [Action]) {
    guard let attempt, attempt.key == key, case .pickingUp(let run) = attempt.stage else {
      return
    }
    switch (attempt.stopReason, pickUp) {
    case (.superseded, _), (.cancelled, _), (.halted, .fault): conclude(run, &actions)
    case (_, .committed(let commit)):
      handIn(.committed, commit: commit, run, nil, &actions)
    case (_, .noChanges):
      let said = run.output.messageSuffix
      handIn(.noChanges, run, "the agent ended well and changed no file\(said)", &actions)
    case (_, .ignoredAlone(let names)):
      let said = run.output.messageSuffix
      handIn(
        .noChanges, run,
        """
        the agent ended well, and changed nothing but what .gitignore leaves out of a commit: \
        \(names)\(said)
        """, &actions)
    case (_, .unfit(let detail)): handIn(.agentFailed, run, detail, &actions)
    case (_, .refused(let message, let hint)):
      handIn(.refused, run, message, hint: hint, &actions)
    case (_, .fault(let detail)): handIn(.workerFault, run, detail, &actions)
    }
  }

  mutating func takeSalvaged(_ key: AttemptKey, hasPatch: Bool, _ actions: inout [Action]) {
    guard let attempt, attempt.key == key, case .salvaging(let run) = attempt.stage else {
      return
    }
    conclude(run, &actions)
    self.attempt?.updateHandIn { $0.patchIsDue = hasPatch && $0.outcome == .agentTimeout }
  }

  // MARK: The server's answers

  /// An answer about the present lease.
  mutating func takeReportAnswer(
    _ answer: CallAnswer, to request: Request, _ actions: inout [Action]
  ) {
    switch answer {
    case .failed, .heartbeat, .agents, .registered, .desired: break
    case .generating(let answer):
      switch answer {
      case .recorded: attempt?.announcement = .made
      case .over: end(.superseded, &actions)
      }
    case .output(let answer):
      if case .output(_, let part, let offset) = request {
        takeOutputAnswer(answer, part, offset: offset, &actions)
      }
    case .pack(let answer): takePackAnswer(answer, &actions)
    case .patch(let answer):
      switch answer {
      case .over: forget(&actions)
      // A patch that cannot be kept must not hold the result back.
      case .taken, .refused: attempt?.updateHandIn { $0.patchIsDue = false }
      }
    case .result(let answer):
      switch answer {
      case .over: forget(&actions)
      case .packMissing: attempt?.packIsToBeSent()
      }
    }
  }

  private mutating func takeOutputAnswer(
    _ answer: OutputOutcome, _ part: OutputPart, offset: Int, _ actions: inout [Action]
  ) {
    let progress: WritableKeyPath<Attempt, OutputProgress>
    switch part {
    case .text: progress = \.output
    case .records: progress = \.records
    }
    switch answer {
    case .over: end(.superseded, &actions)
    case .refused: attempt?[keyPath: progress].fruitless = .max
    case .end(let end): attempt?[keyPath: progress].take(end: end, after: offset)
    }
  }

  private mutating func takePackAnswer(_ answer: UploadOutcome, _ actions: inout [Action]) {
    switch answer {
    case .over: forget(&actions)
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
