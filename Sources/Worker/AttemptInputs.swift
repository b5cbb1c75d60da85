// What the adapters and the server say of the attempt in hand, taken into its state.

import WorkerProtocol

extension Attempt {
  /// The result goes last: after the agent was announced and its output is at the server.
  var handInIsDue: Bool {
    guard isConfirmed, case .handingIn = stage else { return false }
    if case .due = announcement { return false }
    return !output.isPending && !records.isPending
  }

  func handInRequest(_ handIn: HandIn, _ worker: String) -> Request {
    if let commit = handIn.commit, !handIn.packIsTaken { return .pack(lease, commit: commit) }
    if handIn.patchIsDue { return .patch(lease) }
    return .result(
      ResultReport(
        worker: worker, lease: lease, outcome: handIn.outcome,
        commit: handIn.commit, durationMs: handIn.durationMs, outputBytes: handIn.outputBytes,
        outputDigest: handIn.outputDigest, message: handIn.message, hint: handIn.hint,
        usage: handIn.usage, network: handIn.network))
  }
}

extension WorkerCore {
  mutating func takeCheckedOut(_ key: AttemptKey, _ actions: inout [Action]) {
    guard let attempt, attempt.key == key, attempt.stage == .checkingOut,
      let assignment = attempt.assignment
    else { return }
    guard attempt.ending == nil else { return conclude(nil, &actions) }
    self.attempt?.stage = .launching
    actions.append(.startAgent(assignment))
  }

  mutating func takeCheckoutFailed(
    _ key: AttemptKey, _ fault: CheckoutFault, now: Duration, _ actions: inout [Action]
  ) {
    guard let attempt, attempt.key == key, attempt.stage == .checkingOut else { return }
    guard attempt.ending == nil else { return conclude(nil, &actions) }
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

  mutating func takeAgentSaid(_ key: AttemptKey, bytes: Int, records: Int, now: Duration) {
    guard let attempt, attempt.key == key else { return }
    self.attempt?.output.written = max(attempt.output.written, bytes)
    self.attempt?.records.written = max(attempt.records.written, records)
    if case .generating(var run) = attempt.stage {
      run.heard = now
      self.attempt?.stage = .generating(run)
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
    let ended = Attempt.Ended(duration: now - since, output: output)
    // An agent that was to be stopped and came to its end before is not held against it, unless
    // nobody waits for its work any more.
    switch (attempt.ending, end) {
    case (nil, .finished), (.timedOut, .finished), (.stalled, .finished):
      self.attempt?.ending = nil
      self.attempt?.stage = .pickingUp(ended)
      actions.append(.pickUp(assignment))
    case (.timedOut, _), (.stalled, _):
      self.attempt?.stage = .salvaging(ended)
      actions.append(.salvage(assignment))
    case (.some, _): conclude(ended, &actions)
    case (nil, _): takeFailure(end, ended, &actions)
    }
  }

  private mutating func takeFailure(
    _ end: AgentEnd, _ ended: Attempt.Ended, _ actions: inout [Action]
  ) {
    let said = ended.output.told
    switch end {
    case .finished: break
    case .failed(let detail): handIn(.agentFailed, ended, "\(detail)\(said)", &actions)
    case .exited(let code):
      handIn(.agentFailed, ended, "the agent ended with exit code \(code)\(said)", &actions)
    case .signalled(let signal):
      handIn(.agentFailed, ended, "the agent was ended by signal \(signal)\(said)", &actions)
    case .stopped: handIn(.agentFailed, ended, "the agent was ended\(said)", &actions)
    case .notFound(let detail): handIn(.agentNotFound, ended, detail, &actions)
    case .unverified(let detail): handIn(.verifyFailed, ended, detail, &actions)
    case .notStarted(let detail), .exceeded(let detail), .unprepared(let detail):
      handIn(.agentFailed, ended, detail, &actions)
    case .lost(let detail): handIn(.workerFault, ended, detail, &actions)
    }
  }

  mutating func takePickedUp(_ key: AttemptKey, _ pickUp: PickUp, _ actions: inout [Action]) {
    guard let attempt, attempt.key == key, case .pickingUp(let ended) = attempt.stage else {
      return
    }
    switch (attempt.ending, pickUp) {
    case (.superseded, _), (.cancelled, _), (.halted, .fault): conclude(ended, &actions)
    case (_, .committed(let commit)):
      handIn(.committed, commit: commit, ended, nil, &actions)
    case (_, .noChanges):
      let said = ended.output.told
      handIn(.noChanges, ended, "the agent ended well and changed no file\(said)", &actions)
    case (_, .ignoredAlone(let names)):
      let said = ended.output.told
      handIn(
        .noChanges, ended,
        """
        the agent ended well, and changed nothing but what .gitignore leaves out of a commit: \
        \(names)\(said)
        """, &actions)
    case (_, .unfit(let detail)): handIn(.agentFailed, ended, detail, &actions)
    case (_, .refused(let message, let hint)):
      handIn(.refused, ended, message, hint: hint, &actions)
    case (_, .fault(let detail)): handIn(.workerFault, ended, detail, &actions)
    }
  }

  mutating func takeSalvaged(_ key: AttemptKey, hasPatch: Bool, _ actions: inout [Action]) {
    guard let attempt, attempt.key == key, case .salvaging(let ended) = attempt.stage else {
      return
    }
    conclude(ended, &actions)
    self.attempt?.updateHandIn { $0.patchIsDue = hasPatch && $0.outcome == .agentTimeout }
  }

  // MARK: The server's answers

  /// The attempt in hand, where `lease` is still its lease.
  private func isInHand(_ lease: LeaseReference) -> Bool { attempt?.lease == lease }

  mutating func takeGeneratingAnswer(
    _ lease: LeaseReference, _ answer: Answer, _ actions: inout [Action]
  ) {
    guard isInHand(lease) else { return }
    switch answer {
    case .superseded, .refused: end(.superseded, &actions)
    case .agents, .registered, .desired, .outputEnd, .done, .unknownLife, .packMissing,
      .unauthorized, .revoked, .unreachable:
      attempt?.announcement = .made
    }
  }

  mutating func takeOutputAnswer(
    _ lease: LeaseReference, _ part: OutputPart, offset: Int, _ answer: Answer,
    _ actions: inout [Action]
  ) {
    guard isInHand(lease) else { return }
    let progress: WritableKeyPath<Attempt, OutputProgress>
    switch part {
    case .text: progress = \.output
    case .records: progress = \.records
    }
    switch answer {
    case .superseded: end(.superseded, &actions)
    case .refused: attempt?[keyPath: progress].fruitless = .max
    case .outputEnd(let end): attempt?[keyPath: progress].take(end: end, after: offset)
    case .agents, .registered, .desired, .done, .unknownLife, .packMissing, .unauthorized,
      .revoked, .unreachable:
      break
    }
  }

  mutating func takePackAnswer(
    _ lease: LeaseReference, _ answer: Answer, _ actions: inout [Action]
  ) {
    guard isInHand(lease), case .handingIn? = attempt?.stage else { return }
    switch answer {
    case .superseded: forget(&actions)
    case .refused(let detail):
      // What the agent made is refused by the server's own record of the attempt. Any other refusal
      // is of how the pack was made, and that is this machine's doing.
      attempt?.updateHandIn {
        $0.outcome = .workerFault
        $0.message = "the server did not take the pack: \(detail)"
        $0.commit = nil
      }
    case .agents, .registered, .desired, .outputEnd, .done, .unknownLife, .packMissing,
      .unauthorized, .revoked, .unreachable:
      attempt?.updateHandIn { $0.packIsTaken = true }
    }
  }

  /// A patch that cannot be kept is no reason to keep the result back.
  mutating func takePatchAnswer(
    _ lease: LeaseReference, _ answer: Answer, _ actions: inout [Action]
  ) {
    guard isInHand(lease), case .handingIn? = attempt?.stage else { return }
    if case .superseded = answer { return forget(&actions) }
    attempt?.updateHandIn { $0.patchIsDue = false }
  }

  mutating func takeResultAnswer(
    _ lease: LeaseReference, _ answer: Answer, _ actions: inout [Action]
  ) {
    guard isInHand(lease) else { return }
    if case .packMissing = answer {
      attempt?.packIsToBeSent()
    } else {
      forget(&actions)
    }
  }
}
