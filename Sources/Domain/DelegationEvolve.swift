// What each event makes of a delegation. An event that its state does not allow is a sign that the
// log was hurt or written by something else: it is thrown, and quarantines the stream.

/// The log holds an event that cannot have happened.
package struct CorruptStream: Error, Equatable, Sendable, CustomStringConvertible {
  package let event: String
  package let state: String
  package let reason: String

  package init(event: String, state: String, reason: String) {
    self.event = event
    self.state = state
    self.reason = reason
  }

  package var description: String { "\(event) in state \(state): \(reason)" }
}

extension DelegationState {
  /// The state after `event`.
  /// - Parameters:
  ///   - id: the delegation's, from the name of its stream.
  ///   - time: the event's own time.
  /// - Throws: `CorruptStream` where the state does not allow the event.
  package func evolve(
    _ event: DelegationEvent, id: DelegationID, at time: Timestamp
  ) throws(CorruptStream) -> DelegationState {
    switch event {
    case .requested(let e):
      guard case .absent = self else { throw corrupt(event) }
      return .requested(Delegation(id: id, request: e, requestedAt: time))

    case .baseResolved(let e):
      guard case .requested(var d) = self, d.base == nil else { throw corrupt(event) }
      d.base = e
      d.trouble = nil
      return .requested(d)

    case .branchCreated(let e):
      guard case .requested(var d) = self, d.base != nil else { throw corrupt(event) }
      d.branchSHA = e.sha
      return .branchCreated(d.entered(at: time))

    case .taskCommitted(let e):
      guard case .branchCreated(var d) = self else { throw corrupt(event) }
      d.taskCommit = e.sha
      return .taskCommitted(d.entered(at: time))

    case .pullRequestCreated(let e):
      guard case .taskCommitted(var d) = self else { throw corrupt(event) }
      d.pullRequest = PullRequest(number: e.number, url: e.url, state: .open)
      return .pullRequestCreated(d.entered(at: time))

    case .dispatched(let e): return try afterDispatched(e, event, at: time)
    case .generating(let e): return try afterGenerating(e, event, at: time)
    case .generated(let e): return try afterGenerated(e, event)
    case .released(let e): return try afterReleased(e, event, at: time)

    case .pushed(let e):
      guard let d = delegation, let commit = commitToPush else { throw corrupt(event) }
      guard commit.sha == e.sha || (e.adopted && d.accepted.contains(e.sha)) else {
        throw corrupt(event, "no accepted commit \(e.sha)")
      }
      var done = d.entered(at: time)
      done.unpushed = nil
      // What was found on the branch was pushed, whatever was asked for since.
      done.cancelRequested = false
      return .pushed(done, e.sha)

    case .failed(let e):
      guard var d = delegation, let name, !name.isTerminal else { throw corrupt(event) }
      d.unpushed = commitToPush
      d.cancelRequested = false
      return .failed(
        d.entered(at: time), Failure(step: e.step, code: e.code, retryable: e.retryable))

    case .stepFailed(let e):
      guard let name, !name.isTerminal || (e.step == .act && owedNotice != nil) else {
        throw corrupt(event)
      }
      let trouble = Trouble(
        step: e.step, tries: e.attemptedTry, code: e.code, retryAt: e.retryAt,
        ambiguous: e.ambiguous)
      return mapDelegation { $0.trouble = trouble }

    case .cancelRequested:
      guard let name, !name.isTerminal, commitToPush == nil else { throw corrupt(event) }
      return mapDelegation { $0.cancelRequested = true }

    case .retryRequested:
      guard case .failed(let d, _) = self else { throw corrupt(event) }
      return d.resumed(at: time)

    case .pullRequestUpdated(let e):
      guard delegation?.pullRequest != nil else { throw corrupt(event) }
      return mapDelegation {
        $0.pullRequest?.state = e.state
        if let asOf = e.asOf { $0.pullRequest?.asOf = asOf }
      }

    case .actionDone(let e):
      guard delegation != nil else { throw corrupt(event) }
      return mapDelegation {
        $0.actionsDone.insert(e.marker)
        if $0.trouble?.step == .act { $0.trouble = nil }
      }
    }
  }

  private func afterDispatched(
    _ e: Dispatched, _ event: DelegationEvent, at time: Timestamp
  ) throws(CorruptStream) -> DelegationState {
    let lease = Lease(
      worker: e.worker, incarnation: e.incarnation, attempt: e.attempt, token: e.token)
    switch self {
    case .pullRequestCreated(var d):
      guard d.unpushed == nil, !d.cancelRequested, e.attempt == d.attempt + 1 else {
        throw corrupt(event, "attempt \(e.attempt) after \(d.attempt)")
      }
      if let last = d.token, e.token <= last {
        throw corrupt(event, "a token that does not rise")
      }
      d.attempt = e.attempt
      d.token = e.token
      return .dispatched(d.entered(at: time), lease)
    case .dispatched(var d, let held):
      d.token = e.token
      return .dispatched(d.entered(at: time), try takenOver(held, by: lease, event))
    case .generating(var d, let generation):
      guard generation.accepted == nil else { throw corrupt(event) }
      d.token = e.token
      return .dispatched(d.entered(at: time), try takenOver(generation.lease, by: lease, event))
    case .absent, .requested, .branchCreated, .taskCommitted, .pushed, .failed:
      throw corrupt(event)
    }
  }

  /// A worker that came back goes on with the attempt it had, under a new token.
  private func takenOver(
    _ held: Lease, by next: Lease, _ event: DelegationEvent
  ) throws(CorruptStream) -> Lease {
    guard next.worker == held.worker, next.attempt == held.attempt, next.token > held.token else {
      throw corrupt(event, "not a take-over of attempt \(held.attempt) by \(held.worker)")
    }
    return next
  }

  private func afterGenerating(
    _ e: GenerationStarted, _ event: DelegationEvent, at time: Timestamp
  ) throws(CorruptStream) -> DelegationState {
    guard case .dispatched(let d, let lease) = self else { throw corrupt(event) }
    guard lease.token == e.token, lease.attempt == e.attempt else {
      throw corrupt(event, "a token that is not the lease's")
    }
    return .generating(
      d.entered(at: time),
      Generation(lease: lease, agent: e.agent, head: e.head, accepted: nil))
  }

  private func afterGenerated(
    _ e: Generated, _ event: DelegationEvent
  ) throws(CorruptStream) -> DelegationState {
    switch self {
    case .generating(var d, var generation):
      guard generation.accepted == nil, generation.lease.token == e.token,
        generation.lease.attempt == e.attempt, !d.cancelRequested
      else { throw corrupt(event, "a token that is not the lease's") }
      guard e.parent == generation.head else {
        throw corrupt(event, "a commit that does not stand on the head it was made on")
      }
      generation.accepted = e
      d.accepted.append(e.sha)
      d.trouble = nil
      return .generating(d, generation)
    case .pullRequestCreated(var d):
      guard e.token == nil, d.unpushed == nil else { throw corrupt(event, "no lease") }
      d.unpushed = e
      d.accepted.append(e.sha)
      d.trouble = nil
      return .pullRequestCreated(d)
    case .absent, .requested, .branchCreated, .taskCommitted, .dispatched, .pushed, .failed:
      throw corrupt(event)
    }
  }

  private func afterReleased(
    _ e: Released, _ event: DelegationEvent, at time: Timestamp
  ) throws(CorruptStream) -> DelegationState {
    guard var d = delegation else { throw corrupt(event) }
    if let lease {
      guard lease.token == e.token, lease.attempt == e.attempt else {
        throw corrupt(event, "a token that is not the lease's")
      }
    } else {
      guard case .pullRequestCreated = self, e.token == nil, d.unpushed != nil else {
        throw corrupt(event, "no lease")
      }
    }
    if e.cause.usesAttempt { d.attemptsUsed += 1 } else { d.infrastructureFailures += 1 }
    d.unpushed = nil
    return .pullRequestCreated(d.entered(at: time))
  }

  private func mapDelegation(_ change: (inout Delegation) -> Void) -> DelegationState {
    guard var d = delegation else { return self }
    change(&d)
    switch self {
    case .absent: return .absent
    case .requested: return .requested(d)
    case .branchCreated: return .branchCreated(d)
    case .taskCommitted: return .taskCommitted(d)
    case .pullRequestCreated: return .pullRequestCreated(d)
    case .dispatched(_, let lease): return .dispatched(d, lease)
    case .generating(_, let generation): return .generating(d, generation)
    case .pushed(_, let sha): return .pushed(d, sha)
    case .failed(_, let failure): return .failed(d, failure)
    }
  }

  private func corrupt(_ event: DelegationEvent, _ reason: String = "not allowed") -> CorruptStream
  {
    CorruptStream(event: event.name, state: name?.rawValue ?? "absent", reason: reason)
  }
}

extension Delegation {
  /// The same, at the start of a new state: trouble of the state before is over.
  func entered(at time: Timestamp) -> Delegation {
    var d = self
    d.stateSince = time
    d.trouble = nil
    return d
  }

  /// Where a retry goes on: at the last milestone that stands on the forge, with everything that
  /// counts against a limit back at nothing. The branch and the pull request stay.
  func resumed(at time: Timestamp) -> DelegationState {
    var d = entered(at: time)
    d.attemptsUsed = 0
    d.infrastructureFailures = 0
    d.cancelRequested = false
    if d.pullRequest != nil { return .pullRequestCreated(d) }
    if d.taskCommit != nil { return .taskCommitted(d) }
    if d.branchSHA != nil { return .branchCreated(d) }
    return .requested(d)
  }
}
