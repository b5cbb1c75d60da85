// The commands of a conversation, and what each leads to.

/// A command of the conversation on the delegation's pull request.
package enum ConversationCommand: Equatable, Sendable {
  /// Feedback from the forge, possibly reported before.
  case hear([HeardFeedback])
  /// The forge said whether the author may push.
  case judge(FeedbackID, FeedbackVerdict)
  /// A person asks for changes in AIPM.
  case ask(FollowUpRequest)
  /// Take what waits.
  case startRound(DelegationID, RoundLimits)
  case endRound(RoundEnded)
  /// An ended round is retried.
  case resumeRound(DelegationID)
}

/// Feedback with what the workflow says of it.
package struct HeardFeedback: Equatable, Sendable {
  package var feedback: Feedback
  package var verdict: FeedbackVerdict
  package init(_ feedback: Feedback, _ verdict: FeedbackVerdict) {
    self.feedback = feedback
    self.verdict = verdict
  }
}

/// What the workflow says of feedback.
package enum FeedbackVerdict: Equatable, Sendable {
  /// - Parameter gather: how long a round waits for more after it.
  case counts(gather: Milliseconds)
  case examine
  case ignore(FeedbackIgnored)
}

/// A person's request for changes.
package struct FollowUpRequest: Equatable, Sendable {
  /// The id of the follow-up delegation. The same request has the same id.
  package var delegation: DelegationID
  /// The message and the comments on lines, in order.
  package var feedback: [Feedback]
  package var requester: String
  /// nil for the agent of the first delegation.
  package var agent: String?
  /// Whether it may wait for another delegation of the branch.
  package var mayQueue: Bool
  package var key: Requested.IdempotencyKey?
  package init(
    delegation: DelegationID, feedback: [Feedback], requester: String, agent: String?,
    mayQueue: Bool, key: Requested.IdempotencyKey?
  ) {
    self.delegation = delegation
    self.feedback = feedback
    self.requester = requester
    self.agent = agent
    self.mayQueue = mayQueue
    self.key = key
  }
}

/// How many rounds a workflow allows.
package struct RoundLimits: Equatable, Sendable {
  /// Rounds of one pull request that the engine starts.
  package var maximum: Int
  /// Rounds in a row for failed checks alone.
  package var checks: Int
  package init(maximum: Int, checks: Int) {
    self.maximum = maximum
    self.checks = checks
  }
}

extension DelegationState {
  /// The events that a command of the conversation leads to; empty if nothing would change.
  /// - Throws: `Rejection` if the state forbids the command.
  func decide(
    _ command: ConversationCommand, at now: Timestamp
  ) throws(Rejection) -> [ConversationEvent] {
    guard let d = delegation, let pullRequest = d.pullRequest else {
      throw .notAllowed(command: "follow-up", state: name)
    }
    let conversation = d.conversation
    switch command {
    case .hear(let heard): return recorded(heard, d, at: now)
    case .judge(let id, let verdict):
      // One answer holds for everything that its author said.
      guard let asked = conversation.waiting.first(where: { $0.id == id && !$0.counts }) else {
        return []
      }
      return conversation.waiting.filter { !$0.counts && $0.author == asked.author }
        .map { judged($0.id, verdict, at: now) }
    case .ask(let ask):
      if let known = conversation.rounds.first(where: { $0.delegation == ask.delegation }) {
        guard known.request?.body == ask.key?.body else { throw .keyReused }
        return []
      }
      guard pullRequest.state == .open else { throw .pullRequestEnded(pullRequest.state) }
      if !ask.mayQueue, let busy = busyDelegation { throw .branchInUse(by: busy) }
      guard conversation.rounds.count < Conversation.roundsMax,
        conversation.openRounds.count < Self.queuedMax
      else { throw .tooMuchFeedback }
      let recorded = ask.feedback.map {
        ConversationEvent.feedbackRecorded(FeedbackRecorded(feedback: $0, standing: .counts))
      }
      let waiting = conversation.counted.filter { !isOutdated($0.source, $0.commit, d) }
      let takes = waiting.prefix(Self.takenMax).map(\.id) + ask.feedback.map(\.id)
      return recorded + [
        .roundStarted(
          RoundStarted(
            delegation: ask.delegation, follows: d.lastRound, takes: takes,
            requester: ask.requester, agent: ask.agent, request: ask.key))
      ]
    case .startRound(let id, let limits):
      guard startsRound, now >= conversation.startAt ?? now else { return [] }
      let outdated = conversation.counted.filter { isOutdated($0.source, $0.commit, d) }
      let dropped = outdated.map { judged($0.id, .ignore(.commitOutdated), at: now) }
      let taken = conversation.counted.filter { !outdated.contains($0) }
      let ids = taken.map(\.id)
      if taken.isEmpty { return dropped }
      let first = Array(ids.prefix(Self.takenMax))
      let updatesAlone = taken.allSatisfy { $0.source == .behind }
      let isFull = conversation.rounds.count >= Conversation.roundsMax
      if isFull || !updatesAlone && conversation.limitedRounds >= limits.maximum {
        return dropped + [.roundsStopped(RoundsStopped(reason: .maximum, drops: ids))]
      }
      let answersChecksAlone = taken.allSatisfy { $0.source == .check }
      if answersChecksAlone, conversation.checkRoundsInARow >= limits.checks {
        return dropped + [.roundsStopped(RoundsStopped(reason: .checks, drops: ids))]
      }
      return dropped + [
        .roundStarted(RoundStarted(delegation: id, follows: d.lastRound, takes: first))
      ]
    case .endRound(let end):
      return conversation.openRounds.contains(end.delegation) ? [.roundEnded(end)] : []
    case .resumeRound(let id):
      let isEnded = conversation.rounds.contains { $0.delegation == id && !$0.isOpen }
      return isEnded ? [.roundResumed(id)] : []
    }
  }

  /// The most rounds that may wait for their turn.
  private static let queuedMax = 20
  /// The most feedback that one round takes; the rest waits for the next one.
  private static let takenMax = 50
  /// How far the forge's clock may be behind this one.
  private static let clockDifference = Milliseconds.seconds(60)

  private func recorded(
    _ heard: [HeardFeedback], _ d: Delegation, at now: Timestamp
  ) -> [ConversationEvent] {
    var known = d.conversation.recorded
    var counts = d.conversation.ignoredByAuthor
    var ignored = counts.values.reduce(0, +)
    var events: [ConversationEvent] = []
    for item in heard where known.insert(item.feedback.id).inserted {
      // What was said before AIPM came to the pull request was not said to AIPM.
      if let saidAt = item.feedback.saidAt, let since = d.pullRequest?.since,
        saidAt < since - Self.clockDifference
      {
        continue
      }
      // Nobody can fill the log, or keep others from being heard.
      let author = item.feedback.author
      guard counts[author, default: 0] < Conversation.ignoredMax,
        known.count - ignored <= Conversation.recordedMax
      else { continue }
      var item = item
      if d.pullRequest?.state != .open { item.verdict = .ignore(.pullRequestEnded) }
      if isOutdated(item.feedback.source, item.feedback.commit, d) {
        item.verdict = .ignore(.commitOutdated)
      }
      // What a round pushes changes it. It is reported again for another head.
      if item.feedback.source.asksForBase, !isIdle { continue }
      if case .ignore = item.verdict {
        counts[author, default: 0] += 1
        ignored += 1
      }
      events.append(
        .feedbackRecorded(
          FeedbackRecorded(
            feedback: item.feedback, standing: item.verdict.standing,
            startAt: item.verdict.startAt(now))))
    }
    return events
  }

  /// Whether a check ran on another commit than the last one that AIPM pushed. Its failure is not
  /// AIPM's to repair, or was repaired since.
  private func isOutdated(
    _ source: FeedbackSource, _ commit: ObjectID?, _ d: Delegation
  ) -> Bool {
    guard source == .check else { return false }
    var own: ObjectID?
    if case .pushed(_, let sha) = self { own = sha }
    return commit == nil || commit != d.conversation.pushed ?? own
  }

  private func judged(
    _ id: FeedbackID, _ verdict: FeedbackVerdict, at now: Timestamp
  ) -> ConversationEvent {
    .feedbackJudged(
      FeedbackJudged(id: id, standing: verdict.standing, startAt: verdict.startAt(now)))
  }

  /// The delegation that is at work on the branch, as far as this conversation knows.
  private var busyDelegation: DelegationID? {
    guard let d = delegation, let name else { return nil }
    return name.isTerminal ? d.conversation.openRounds.first : d.id
  }

  /// Whether no delegation is at work on the pull request. Who cancelled the task wants no more of
  /// it, unless somebody asks.
  private var isIdle: Bool {
    guard let d = delegation, name?.isTerminal == true else { return false }
    if case .failed(_, let failure) = self, failure.code == .cancelled { return false }
    return d.conversation.openRounds.isEmpty
  }

  /// Whether feedback waits for a round and nothing is in its way but time.
  var startsRound: Bool {
    guard isIdle, let d = delegation, d.pullRequest?.state == .open else { return false }
    return d.conversation.toExamine == nil && !d.conversation.counted.isEmpty
  }
}

extension FeedbackVerdict {
  fileprivate var standing: FeedbackStanding {
    switch self {
    case .counts: .counts
    case .examine: .examined
    case .ignore(let reason): .ignored(reason)
    }
  }

  fileprivate func startAt(_ now: Timestamp) -> Timestamp? {
    if case .counts(let gather) = self { now + gather } else { nil }
  }
}

extension Delegation {
  /// The last delegation of the pull request.
  var lastRound: DelegationID { conversation.rounds.last?.delegation ?? id }
}
