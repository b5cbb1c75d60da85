// How each event changes a delegation. An event that its state does not allow means that the log is
// corrupt or was written by another program: `evolve` throws, and the stream is quarantined.

/// The log contains an event that its state does not allow.
package struct CorruptStream: Error, Equatable, Sendable, CustomStringConvertible {
  package let event: String
  package let state: String
  package let reason: String

  package init(event: String, state: String, reason: String) {
    self.event = event
    self.state = state
    self.reason = reason
  }

  /// For a stream whose events cannot be read.
  package init(unreadable reason: String) {
    self.init(event: "-", state: "-", reason: reason)
  }

  package var description: String { "\(event) in state \(state): \(reason)" }
}

extension DelegationState {
  /// The state after `event`.
  /// - Parameters:
  ///   - id: the delegation's id, from the name of its stream.
  ///   - time: the time of the event.
  /// - Throws: `CorruptStream` if the state does not allow the event.
  package func evolve(
    _ event: DelegationEvent, id: DelegationID, at time: Timestamp
  ) throws(CorruptStream) -> DelegationState {
    var next = self
    try next.take(event, id: id, at: time)
    return next
  }

  /// Applies an event in place. Storage that is not shared is not copied.
  /// - Parameters: as for `evolve`.
  /// - Throws: `CorruptStream` if the state does not allow the event; then the state is unchanged.
  package mutating func take(
    _ event: DelegationEvent, id: DelegationID, at time: Timestamp
  ) throws(CorruptStream) {
    // Each case checks everything before it changes anything.
    switch event {
    case .requested(let e):
      guard case .absent = self else { throw corrupt(event) }
      self = .requested(Delegation(id: id, request: e, requestedAt: time))

    case .baseResolved(let e):
      guard case .requested = self, holds({ $0.base == nil }) else { throw corrupt(event) }
      change {
        $0.base = e
        $0.failedTry = nil
      }

    case .branchCreated(let e):
      guard case .requested = self, holds({ $0.base != nil }) else { throw corrupt(event) }
      enter(DelegationState.branchCreated, at: time) { $0.branchSHA = e.sha }

    case .taskCommitted(let e):
      guard case .branchCreated = self else { throw corrupt(event) }
      enter(DelegationState.taskCommitted, at: time) { $0.taskCommit = e.sha }

    case .pullRequestCreated(let e):
      guard case .taskCommitted = self else { throw corrupt(event) }
      enter(DelegationState.pullRequestCreated, at: time) {
        $0.pullRequest = PullRequest(
          number: e.number, url: e.url, state: .open, since: time)
      }

    case .dispatched(let e): try takeDispatched(e, event, at: time)
    case .generating(let e): try takeGenerating(e, event, at: time)
    case .generated(let e): try takeGenerated(e, event)
    case .released(let e): try takeReleased(e, event, at: time)
    case .pushed(let e): try takePushed(e, event, at: time)

    case .failed(let e):
      guard let name, !name.isTerminal else { throw corrupt(event) }
      let commit = commitToPush
      let cost = e.usage[.cost] ?? 0
      enter(
        { .failed($0, DelegationFailure(step: e.step, code: e.code, retryable: e.retryable)) },
        at: time
      ) {
        $0.unpushed = commit
        $0.cancelRequested = false
        if cost > 0 { $0.cost += cost }
      }

    case .stepFailed(let e):
      guard let name, !name.isTerminal || allowsFailedTry(of: e.step) else {
        throw corrupt(event)
      }
      change {
        $0.failedTry = FailedTry(
          step: e.step, tries: e.attemptedTry, code: e.code, retryAt: e.retryAt,
          ambiguous: e.ambiguous)
        if let agent = e.nextAgent { $0.agent = agent }
      }

    case .cancelRequested:
      guard let name, !name.isTerminal, commitToPush == nil else { throw corrupt(event) }
      change { $0.cancelRequested = true }

    case .retryRequested:
      guard case .failed(let d, _) = self else { throw corrupt(event) }
      self = d.resumed(at: time)

    case .pullRequestUpdated(let e):
      guard holds({ $0.pullRequest != nil }) else { throw corrupt(event) }
      change {
        $0.pullRequest?.state = e.state
        if let asOf = e.asOf { $0.pullRequest?.asOf = asOf }
      }

    case .actionDone(let e):
      guard holds({ _ in true }) else { throw corrupt(event) }
      change {
        $0.actionsDone.insert(e.marker)
        if $0.failedTry?.step == .act { $0.failedTry = nil }
      }

    case .networkUsed(let e):
      guard let lease, lease.token == e.token, lease.attempt == e.attempt else {
        throw corrupt(event, "a token that is not the lease's")
      }
      guard holds({ $0.networkToken != e.token }) else {
        throw corrupt(event, "recorded twice under one token")
      }
      change { $0.networkToken = e.token }

    case .conversation(let e):
      guard allows(e) else { throw corrupt(event) }
      change {
        $0.conversation.take(e)
        // A failed try of the conversation ends with its next event.
        if $0.failedTry?.step.isOfConversation ?? false { $0.failedTry = nil }
      }
    }
  }

  /// Whether a step is possible after the delegation has ended.
  private func allowsFailedTry(of step: Step) -> Bool {
    if step == .act { return pendingNotice != nil }
    return step.isOfConversation && nextIntent != nil
  }

  private mutating func takeDispatched(
    _ e: Dispatched, _ event: DelegationEvent, at time: Timestamp
  ) throws(CorruptStream) {
    let lease = Lease(
      worker: e.worker, incarnation: e.incarnation, attempt: e.attempt, token: e.token)
    switch self {
    case .pullRequestCreated(let d):
      guard d.unpushed == nil, !d.cancelRequested, e.attempt == d.attempt + 1 else {
        throw corrupt(event, "attempt \(e.attempt) after \(d.attempt)")
      }
      if let last = d.token, e.token <= last {
        throw corrupt(event, "a token that does not rise")
      }
    case .dispatched(_, let held): try checkTakeOver(of: held, by: lease, event)
    case .generating(_, let generation):
      guard generation.accepted == nil else { throw corrupt(event) }
      try checkTakeOver(of: generation.lease, by: lease, event)
    case .absent, .requested, .branchCreated, .taskCommitted, .pushed, .failed:
      throw corrupt(event)
    }
    enter({ .dispatched($0, lease) }, at: time) {
      $0.attempt = e.attempt
      $0.token = e.token
    }
  }

  /// A worker that reconnects continues its attempt under a new token.
  private func checkTakeOver(
    of held: Lease, by next: Lease, _ event: DelegationEvent
  ) throws(CorruptStream) {
    guard next.worker == held.worker, next.attempt == held.attempt, next.token > held.token else {
      throw corrupt(event, "not a take-over of attempt \(held.attempt) by \(held.worker)")
    }
  }

  private mutating func takeGenerating(
    _ e: GenerationStarted, _ event: DelegationEvent, at time: Timestamp
  ) throws(CorruptStream) {
    guard case .dispatched(_, let lease) = self else { throw corrupt(event) }
    guard lease.token == e.token, lease.attempt == e.attempt else {
      throw corrupt(event, "a token that is not the lease's")
    }
    let generation = Generation(lease: lease, agent: e.agent, head: e.head, merge: e.merge)
    enter({ .generating($0, generation) }, at: time) { $0.begun = Begun(e) }
  }

  private mutating func takeGenerated(
    _ e: Generated, _ event: DelegationEvent
  ) throws(CorruptStream) {
    switch self {
    case .generating(_, let generation):
      guard generation.accepted == nil, generation.lease.token == e.token,
        generation.lease.attempt == e.attempt, holds({ !$0.cancelRequested })
      else { throw corrupt(event, "a token that is not the lease's") }
      guard e.parent == generation.head, e.merge == generation.merge else {
        throw corrupt(event, "a commit that does not stand on the head it was made on")
      }
    case .pullRequestCreated:
      guard e.token == nil, holds({ $0.unpushed == nil }) else {
        throw corrupt(event, "no lease")
      }
    case .absent, .requested, .branchCreated, .taskCommitted, .dispatched, .pushed, .failed:
      throw corrupt(event)
    }
    let generation = generation
    move({ d in generation.map { .generating(d, $0.accepting(e)) } ?? .pullRequestCreated(d) }) {
      if generation == nil { $0.unpushed = e }
      $0.accepted.append(e.sha)
      $0.failedTry = nil
      if let cost = e.usage[.cost], cost > 0 { $0.cost += cost }
    }
  }

  /// nil if no agent runs or has run under the lease.
  private var generation: Generation? {
    if case .generating(_, let generation) = self { generation } else { nil }
  }

  private mutating func takeReleased(
    _ e: Released, _ event: DelegationEvent, at time: Timestamp
  ) throws(CorruptStream) {
    guard holds({ _ in true }) else { throw corrupt(event) }
    if let lease {
      guard lease.token == e.token, lease.attempt == e.attempt else {
        throw corrupt(event, "a token that is not the lease's")
      }
    } else {
      guard case .pullRequestCreated = self, e.token == nil, holds({ $0.unpushed != nil }) else {
        throw corrupt(event, "no lease")
      }
    }
    enter(DelegationState.pullRequestCreated, at: time) {
      if e.cause.usesAttempt {
        $0.attemptsUsed += 1
      } else if e.cause == .workerFault {
        $0.machineFaults += 1
      } else if e.cause == .agentLimited {
        $0.agentLimits += 1
      } else {
        $0.infrastructureFailures += 1
      }
      $0.unpushed = nil
      if let cost = e.usage[.cost], cost > 0 { $0.cost += cost }
      if let agent = e.nextAgent { $0.agent = agent }
    }
  }

  private mutating func takePushed(
    _ e: Pushed, _ event: DelegationEvent, at time: Timestamp
  ) throws(CorruptStream) {
    guard let commit = commitToPush else { throw corrupt(event) }
    guard commit.sha == e.sha || (e.adopted && holds({ $0.accepted.contains(e.sha) })) else {
      throw corrupt(event, "no accepted commit \(e.sha)")
    }
    enter({ .pushed($0, e.sha) }, at: time) {
      $0.unpushed = nil
      // The commits found on the branch were pushed, even if a cancellation was requested since.
      $0.cancelRequested = false
    }
  }

  /// Whether there is a delegation that passes the test. It keeps no reference to the delegation,
  /// so a later change needs no copy.
  private func holds(_ test: (Delegation) -> Bool) -> Bool { delegation.map(test) ?? false }

  /// Takes the state out and leaves `absent`. The caller then has the only reference, so a change
  /// needs no copy.
  private mutating func takeOut() -> DelegationState {
    var held = DelegationState.absent
    swap(&held, &self)
    return held
  }

  private consuming func intoDelegation() -> Delegation? {
    switch consume self {
    case .absent: nil
    case .requested(let d), .branchCreated(let d), .taskCommitted(let d),
      .pullRequestCreated(let d):
      d
    case .dispatched(let d, _): d
    case .generating(let d, _): d
    case .pushed(let d, _): d
    case .failed(let d, _): d
    }
  }

  /// Changes the delegation and enters another state; does nothing if there is no delegation yet.
  private mutating func move(
    _ next: (Delegation) -> DelegationState, _ change: (inout Delegation) -> Void
  ) {
    guard var d = takeOut().intoDelegation() else { return }
    change(&d)
    self = next(d)
  }

  /// Like `move`, at the start of a new step: the failed tries of the step before are forgotten.
  private mutating func enter(
    _ next: (Delegation) -> DelegationState, at time: Timestamp,
    _ change: (inout Delegation) -> Void
  ) {
    move(next) {
      change(&$0)
      $0.stateSince = time
      $0.failedTry = nil
    }
  }

  /// Changes the delegation and keeps the state.
  private mutating func change(_ change: (inout Delegation) -> Void) {
    switch takeOut() {
    case .absent: break
    case .requested(var d):
      change(&d)
      self = .requested(d)
    case .branchCreated(var d):
      change(&d)
      self = .branchCreated(d)
    case .taskCommitted(var d):
      change(&d)
      self = .taskCommitted(d)
    case .pullRequestCreated(var d):
      change(&d)
      self = .pullRequestCreated(d)
    case .dispatched(var d, let lease):
      change(&d)
      self = .dispatched(d, lease)
    case .generating(var d, let generation):
      change(&d)
      self = .generating(d, generation)
    case .pushed(var d, let sha):
      change(&d)
      self = .pushed(d, sha)
    case .failed(var d, let failure):
      change(&d)
      self = .failed(d, failure)
    }
  }

  private func corrupt(_ event: DelegationEvent, _ reason: String = "not allowed") -> CorruptStream
  {
    CorruptStream(event: event.name, state: name?.rawValue ?? "absent", reason: reason)
  }
}

extension Delegation {
  /// The state in which a retry continues: after the last milestone that exists on the forge, with
  /// all counters that have a limit reset. The branch and the pull request stay.
  func resumed(at time: Timestamp) -> DelegationState {
    var d = self
    d.stateSince = time
    d.failedTry = nil
    d.attemptsUsed = 0
    d.infrastructureFailures = 0
    d.machineFaults = 0
    d.agentLimits = 0
    d.cancelRequested = false
    if d.pullRequest != nil { return .pullRequestCreated(d) }
    if d.taskCommit != nil { return .taskCommitted(d) }
    if d.branchSHA != nil { return .branchCreated(d) }
    return .requested(d)
  }
}
