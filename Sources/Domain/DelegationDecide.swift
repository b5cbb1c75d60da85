// The effect of each command: the events that it leads to, or the reason for its refusal. This is
// one half of the state machine; `evolve` is the other.

extension DelegationState {
  /// The events that `command` leads to; empty if nothing would change.
  /// - Parameter now: the time of the decision; waits are counted from it.
  /// - Throws: `Rejection` if the state forbids the command; the state is unchanged.
  package func decide(
    _ command: DelegationCommand, at now: Timestamp
  ) throws(Rejection) -> [DelegationEvent] {
    switch command {
    case .request(let request):
      guard case .absent = self else { throw refusal("request") }
      return [.requested(request)]

    case .recordBase(let base):
      guard case .requested(let d) = self, d.base == nil else { throw refusal("record-base") }
      return [.baseResolved(base)]
    case .recordBranch(let branch):
      guard case .requested(let d) = self, d.base != nil else { throw refusal("record-branch") }
      return [.branchCreated(branch)]
    case .recordTaskCommit(let commit):
      guard case .branchCreated = self else { throw refusal("record-task-commit") }
      return [.taskCommitted(commit)]
    case .recordPullRequest(let pullRequest):
      guard case .taskCommitted = self else { throw refusal("record-pull-request") }
      return [.pullRequestCreated(pullRequest)]
    case .recordAdoption(let adoption):
      guard case .requested(let d) = self, d.base == nil else { throw refusal("adopt") }
      return [
        .baseResolved(adoption.base),
        .branchCreated(BranchCreated(sha: adoption.head, adopted: true)),
        .taskCommitted(TaskCommitted(sha: adoption.head, adopted: true)),
        .pullRequestCreated(adoption.pullRequest),
      ]
    case .recordFound(let commit, let parent, let attempt):
      guard case .pullRequestCreated(let d) = self, d.unpushed == nil else {
        throw refusal("record-found")
      }
      return [
        .generated(
          Generated(attempt: attempt, token: nil, sha: commit, parent: parent, figures: nil)),
        .pushed(Pushed(sha: commit, adopted: true)),
      ]
    case .recordMerge(let merge):
      guard case .pullRequestCreated(let d) = self, d.unpushed == nil, !d.cancelRequested,
        merge.token == nil, merge.merge != nil
      else { throw refusal("record-merge") }
      return [.generated(merge)]
    case .recordPush(let pushed):
      guard let d = delegation, let commit = commitToPush else { throw refusal("record-push") }
      guard pushed.sha == commit.sha || (pushed.adopted && d.accepted.contains(pushed.sha)) else {
        throw refusal("record-push")
      }
      return [.pushed(pushed)]

    case .failStep(let fault, let policy): return try afterFault(fault, policy, at: now)
    case .dropCommit(let message):
      guard let d = delegation, let commit = commitToPush else { throw refusal("drop-commit") }
      if let times = d.exhaustion(by: .commitStale) { return [exhausted(.push, times, message)] }
      return [
        .released(
          Released(
            attempt: commit.attempt, token: lease?.token, cause: .commitStale, message: message))
      ]
    case .settleCancellation:
      guard let d = delegation, let name, !name.isTerminal, d.cancelRequested, lease == nil else {
        throw refusal("settle-cancellation")
      }
      return [cancelled()]

    case .dispatch(let worker, let incarnation, let token):
      guard case .pullRequestCreated(let d) = self, d.unpushed == nil, !d.cancelRequested else {
        throw refusal("dispatch")
      }
      if let last = d.token, token <= last { throw .superseded }
      return [
        .dispatched(
          Dispatched(
            worker: worker, incarnation: incarnation, attempt: d.attempt + 1, token: token))
      ]
    case .awaitAgent(let end, let next):
      guard case .pullRequestCreated(let d) = self, d.unpushed == nil, !d.cancelRequested,
        next != d.agent
      else { throw refusal("await-agent") }
      return [
        .stepFailed(
          StepFailed(
            step: .generate, attemptedTry: max(1, d.agentLimits), code: .agentLimited,
            retryAt: next == nil ? end : now, ambiguous: false,
            message: "\(d.agent) met its provider's limit in another delegation",
            nextAgent: next))
      ]
    case .resume(let worker, let incarnation, let attempt, let token):
      guard let lease, commitToPush == nil else { throw .superseded }
      guard lease.worker == worker, lease.attempt == attempt, token > lease.token else {
        throw .superseded
      }
      if delegation?.cancelRequested == true { throw .cancelled }
      return [
        .dispatched(
          Dispatched(worker: worker, incarnation: incarnation, attempt: attempt, token: token))
      ]
    case .startGenerating(let start):
      let d = try holder(of: start.token, attempt: start.attempt)
      // The worker's plan asks it to stop. Nothing is recorded until it reports that it has
      // stopped.
      if d.cancelRequested { return [] }
      if case .generating = self { return [] }
      return [.generating(start)]
    case .acceptCommit(let generated): return try afterHandIn(generated)
    case .endAttempt(let end): return try afterAttempt(end, at: now)
    case .confirmStopped(let attempt, let token, let usage):
      let d = try holder(of: token, attempt: attempt)
      guard d.cancelRequested, commitToPush == nil else { throw refusal("confirm-stopped") }
      return [cancelled(usage: usage)]
    case .recordNetwork(let used, let report):
      // If the report is refused, its record is refused too.
      let events = try decide(report, at: now)
      return try afterNetworkUse(used) + events

    case .cancel:
      guard let d = delegation, let name, !name.isTerminal else { throw refusal("cancel") }
      if d.cancelRequested { return [] }
      guard commitToPush == nil else { throw .pushUnderWay }
      return [.cancelRequested]
    case .retry:
      guard case .failed(let d, _) = self else { throw refusal("retry") }
      if let round = d.conversation.openRounds.first { throw .branchInUse(by: round) }
      if case .followUp = d.request.kind, let state = d.pullRequest?.state, state != .open {
        throw .pullRequestEnded(state)
      }
      return [.retryRequested]
    case .updatePullRequest(let state, let asOf):
      guard let known = delegation?.pullRequest else { throw refusal("update-pull-request") }
      // Merged is final. The forge's messages may arrive twice and in any order.
      if known.state == .merged { return [] }
      if let asOf, let last = known.asOf, asOf < last { return [] }
      let isNews = asOf.map { $0 > known.asOf ?? $0 - Milliseconds(1) } ?? false
      if known.state == state, !isNews { return [] }
      return [.pullRequestUpdated(PullRequestUpdated(state: state, asOf: asOf))]
    case .recordAction(let marker, let failure):
      guard let d = delegation else { throw refusal("record-action") }
      return d.actionsDone.contains(marker)
        ? [] : [.actionDone(ActionDone(marker: marker, failure: failure))]
    case .conversation(let command):
      return try decide(command, at: now).map { .conversation($0) }
    }
  }

  private func afterFault(
    _ fault: StepFault, _ policy: RetryPolicy, at now: Timestamp
  ) throws(Rejection) -> [DelegationEvent] {
    if fault.step == .act { return afterNoticeFault(fault, policy, at: now) }
    if fault.step.isOfConversation { return afterConversationFault(fault, policy, at: now) }
    guard let d = delegation, let name, !name.isTerminal else { throw refusal("fail-step") }
    // After a cancellation the delegation ends as cancelled, not with a failure that happened
    // meanwhile.
    let endsCancelled = d.cancelRequested && commitToPush == nil
    switch fault.kind {
    case .final(let code, let retryable):
      if endsCancelled { return [cancelled(fault.message)] }
      return [
        .failed(
          Failed(
            step: fault.step, code: code, retryable: retryable, message: fault.message,
            hint: fault.hint))
      ]
    case .transient(let code, let ambiguous, let notBefore):
      let before = d.failedTry.flatMap { $0.step == fault.step ? $0 : nil }
      // A limit is a queue, not a failure: waiting for it uses up no try.
      let tries = max((before?.tries ?? 0) + (code.isQueue ? 0 : 1), 1)
      if !code.isQueue, tries >= policy.triesMax {
        if endsCancelled { return [cancelled(fault.message)] }
        return [
          .failed(
            Failed(
              step: fault.step, code: fault.step == .push ? .pushRejected : .forgeRefused,
              retryable: true, message: "given up after \(tries) tries: \(fault.message)",
              hint: fault.hint ?? "When the forge answers again, retry."))
        ]
      }
      let due = now + policy.delay(after: tries, of: d.id, step: fault.step)
      return [
        .stepFailed(
          StepFailed(
            step: fault.step, attemptedTry: tries, code: code,
            retryAt: max(due, notBefore ?? due),
            ambiguous: ambiguous || (before?.ambiguous ?? false),
            message: fault.message))
      ]
    }
  }

  /// A failed notice is no reason to fail the delegation: it is given up, and that is recorded.
  private func afterNoticeFault(
    _ fault: StepFault, _ policy: RetryPolicy, at now: Timestamp
  ) -> [DelegationEvent] {
    // If the state changed meanwhile, the notice is looked at again in its turn.
    guard let d = delegation, let notice = pendingNotice else { return [] }
    func givenUp(_ tries: Int) -> [DelegationEvent] {
      let after = tries > 1 ? "after \(tries) tries: " : ""
      return [
        .actionDone(ActionDone(marker: notice.marker, failure: after + fault.message))
      ]
    }
    switch fault.kind {
    case .final: return givenUp(1)
    case .transient(let code, let ambiguous, let notBefore):
      let before = d.failedTry.flatMap { $0.step == .act ? $0 : nil }
      let tries = max((before?.tries ?? 0) + (code.isQueue ? 0 : 1), 1)
      if !code.isQueue, tries >= policy.triesMax { return givenUp(tries) }
      let due = now + policy.delay(after: tries, of: d.id, step: .act)
      return [
        .stepFailed(
          StepFailed(
            step: .act, attemptedTry: tries, code: code, retryAt: max(due, notBefore ?? due),
            ambiguous: ambiguous || (before?.ambiguous ?? false), message: fault.message))
      ]
    }
  }

  /// The conversation waits until the forge answers: feedback is never lost to an outage. Only a
  /// final answer ends it.
  private func afterConversationFault(
    _ fault: StepFault, _ policy: RetryPolicy, at now: Timestamp
  ) -> [DelegationEvent] {
    guard let d = delegation, let name, name.isTerminal, nextIntent != nil else { return [] }
    let before = d.failedTry.flatMap { $0.step == fault.step ? $0 : nil }
    let tries = (before?.tries ?? 0) + 1
    var code = FaultCode.local
    var notBefore: Timestamp?
    switch fault.kind {
    case .transient(let given, _, let time): (code, notBefore) = (given, time)
    case .final:
      if fault.step == .examineFeedback, let waiting = d.conversation.toExamine {
        return [
          .conversation(
            .feedbackJudged(
              FeedbackJudged(id: waiting.id, standing: .ignored(.permissionUnknown))))
        ]
      }
    }
    let due = now + policy.delay(after: tries, of: d.id, step: fault.step)
    return [
      .stepFailed(
        StepFailed(
          step: fault.step, attemptedTry: tries, code: code, retryAt: max(due, notBefore ?? due),
          ambiguous: false, message: fault.message))
    ]
  }

  private func afterHandIn(_ generated: Generated) throws(Rejection) -> [DelegationEvent] {
    guard let token = generated.token else { throw .superseded }
    let d = try holder(of: token, attempt: generated.attempt)
    if let known = commitToPush {
      // The same hand-in again, because its response was lost.
      if known.sha == generated.sha { return [] }
      throw .superseded
    }
    guard !d.cancelRequested else { throw .cancelled }
    guard case .generating(_, let generation) = self, generated.parent == generation.head,
      generated.merge == generation.merge
    else { throw refusal("hand-in") }
    return [.generated(generated)]
  }

  private func afterAttempt(
    _ end: AttemptEnd, at now: Timestamp
  ) throws(Rejection) -> [DelegationEvent] {
    let d = try holder(of: end.token, attempt: end.attempt)
    guard commitToPush == nil else { throw .pushUnderWay }
    if d.cancelRequested { return [cancelled(usage: end.usage)] }
    func failed(_ code: FailureCode, _ message: String?) -> [DelegationEvent] {
      [
        .failed(
          Failed(
            step: .generate, code: code, retryable: true, message: message, hint: end.hint,
            usage: end.usage, words: end.words))
      ]
    }
    switch end.outcome {
    case .refused: return failed(.changeRefused, end.message)
    case .released(let cause):
      if cause.usesAttempt, d.attemptsUsed + 1 >= d.request.attemptsMax || d.accepts(cause) {
        return failed(cause.failureCode, end.message)
      }
      if cause == .agentLimited, d.agentLimits + 1 >= agentLimitsMax {
        return failed(cause.failureCode, end.message)
      }
      if let times = d.exhaustion(by: cause) {
        return [exhausted(.generate, times, end.message, end.usage)]
      }
      let waits = d.agentLimits + 1
      let limitEnds =
        cause == .agentLimited
        ? AgentLimitWait.end(end.limit?.reset, waits: waits, of: d.id, at: now) : nil
      let released = DelegationEvent.released(
        Released(
          attempt: end.attempt, token: end.token, cause: cause, message: end.message,
          usage: end.usage, nextAgent: end.limit?.nextAgent, limitEnds: limitEnds))
      guard let limitEnds, end.limit?.nextAgent == nil else { return [released] }
      return [
        released,
        .stepFailed(
          StepFailed(
            step: .generate, attemptedTry: waits, code: .agentLimited, retryAt: limitEnds,
            ambiguous: false, message: "\(d.agent) met its provider's limit")),
      ]
    }
  }

  /// A report is repeated if its response was lost: it is recorded once for each token.
  private func afterNetworkUse(_ used: NetworkUsed) throws(Rejection) -> [DelegationEvent] {
    let d = try holder(of: used.token, attempt: used.attempt)
    return d.networkToken == used.token ? [] : [.networkUsed(used)]
  }

  /// The delegation, if `token` and `attempt` are those of its lease.
  private func holder(
    of token: FencingToken, attempt: Int
  ) throws(Rejection) -> Delegation {
    guard let d = delegation, let lease, lease.token == token, lease.attempt == attempt else {
      throw .superseded
    }
    return d
  }

  /// - Parameter reason: the fault of the step in progress, if it failed.
  private func cancelled(
    _ reason: String? = nil, usage: AgentUsage = AgentUsage()
  ) -> DelegationEvent {
    let message = reason.map { "cancelled on request, while a step failed: \($0)" }
    return .failed(
      Failed(
        step: step, code: .cancelled, retryable: true, message: message ?? "cancelled on request",
        hint: "Retry goes on with the same branch and pull request.", usage: usage))
  }

  private func exhausted(
    _ step: Step, _ times: Int, _ last: String?, _ usage: AgentUsage = AgentUsage()
  ) -> DelegationEvent {
    .failed(
      Failed(
        step: step, code: .attemptsExhausted, retryable: true,
        message: "machines failed it \(times) times, last: \(last ?? "-")",
        hint: "When the workers and the server run well again, retry.", usage: usage))
  }

  private func refusal(_ command: String) -> Rejection {
    .notAllowed(command: command, state: name)
  }
}

extension Delegation {
  /// Whether an agent may end so without being run again: to change nothing may be the right answer
  /// to what people say about a change.
  fileprivate func accepts(_ cause: ReleaseCause) -> Bool {
    guard case .followUp = request.kind else { return false }
    return cause == .noChanges
  }

  /// How often machines have failed the delegation, this time included, if the limit is reached;
  /// nil if another attempt follows.
  fileprivate func exhaustion(by cause: ReleaseCause) -> Int? {
    if cause.usesAttempt || cause == .agentLimited { return nil }
    let (before, most) =
      cause == .workerFault
      ? (machineFaults, machineFaultsMax) : (infrastructureFailures, infrastructureFailuresMax)
    return before + 1 >= most ? before + 1 : nil
  }
}

extension ReleaseCause {
  /// The failure of the delegation if this was the last attempt.
  var failureCode: FailureCode {
    switch self {
    case .workerLost, .workerCrashed, .drained, .commitStale, .workerFault: .attemptsExhausted
    case .agentFailed, .agentLimited: .agentFailed
    case .agentTimeout: .agentTimeout
    case .agentNotFound: .agentNotFound
    case .noChanges: .noChanges
    case .verifyFailed: .verifyFailed
    }
  }
}
