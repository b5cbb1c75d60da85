// The events of a conversation. They are on the stream of the pull request's first delegation.

package enum ConversationEvent: Equatable, Sendable {
  case feedbackRecorded(FeedbackRecorded)
  case feedbackJudged(FeedbackJudged)
  case roundStarted(RoundStarted)
  case roundEnded(RoundEnded)
  /// A round that had failed is retried.
  case roundResumed(DelegationID)
  case roundsStopped(RoundsStopped)
}

/// Feedback was reported. Its text is what it was at this moment.
package struct FeedbackRecorded: Equatable, Sendable {
  package var feedback: Feedback
  package var standing: FeedbackStanding
  /// If it counts: when a round may take it.
  package var startAt: Timestamp?
  package init(feedback: Feedback, standing: FeedbackStanding, startAt: Timestamp? = nil) {
    self.feedback = feedback
    self.standing = standing
    self.startAt = startAt
  }
}

/// Whether feedback leads to a round.
package enum FeedbackStanding: Equatable, Sendable {
  case counts
  /// The forge is asked whether the author may push to the repository.
  case examined
  case ignored(FeedbackIgnored)

  var isWaiting: Bool {
    switch self {
    case .counts, .examined: true
    case .ignored: false
    }
  }
}

/// Why feedback leads to no round. The raw values are stored in the log, so they never change.
package enum FeedbackIgnored: String, CaseIterable, Sendable {
  /// The author may not push to the repository.
  case noPermission = "no-permission"
  /// The forge does not say whether the author may push.
  case permissionUnknown = "permission-unknown"
  /// The author is a program that the workflow does not list.
  case botNotListed = "bot-not-listed"
  /// The workflow does not react to such feedback.
  case sourceOff = "source-off"
  /// The pull request was merged or closed before.
  case pullRequestEnded = "pull-request-ended"
  /// The commit is not the last one that AIPM pushed to the pull request.
  case commitOutdated = "commit-outdated"
}

/// The permission of an author is known.
package struct FeedbackJudged: Equatable, Sendable {
  package var id: FeedbackID
  /// Never `.examined`.
  package var standing: FeedbackStanding
  /// If it counts: when a round may take it.
  package var startAt: Timestamp?
  package init(id: FeedbackID, standing: FeedbackStanding, startAt: Timestamp? = nil) {
    self.id = id
    self.standing = standing
    self.startAt = startAt
  }
}

/// A round takes feedback. Its delegation is requested after this event.
package struct RoundStarted: Equatable, Sendable {
  /// The id of the follow-up delegation.
  package var delegation: DelegationID
  package var follows: DelegationID
  package var takes: [FeedbackID]
  /// The person that asked in AIPM; nil if the engine started it.
  package var requester: String?
  /// The agent that was asked for; nil for that of the first delegation.
  package var agent: String?
  package var request: Requested.IdempotencyKey?
  package init(
    delegation: DelegationID, follows: DelegationID, takes: [FeedbackID], requester: String? = nil,
    agent: String? = nil, request: Requested.IdempotencyKey? = nil
  ) {
    self.delegation = delegation
    self.follows = follows
    self.takes = takes
    self.requester = requester
    self.agent = agent
    self.request = request
  }
}

/// A round's delegation has ended.
package struct RoundEnded: Equatable, Sendable {
  package var delegation: DelegationID
  /// The pushed commit; nil if it failed.
  package var commit: ObjectID?
  /// Why it failed.
  package var failure: FailureCode?
  package init(delegation: DelegationID, commit: ObjectID?, failure: FailureCode?) {
    self.delegation = delegation
    self.commit = commit
    self.failure = failure
  }
}

/// A limit of the workflow allows no further round. The feedback that waited leads to none.
package struct RoundsStopped: Equatable, Sendable {
  /// The limit. The raw values are stored in the log, so they never change.
  package enum Reason: String, CaseIterable, Sendable {
    /// As many rounds as the workflow allows.
    case maximum
    /// As many rounds in a row for failed checks alone.
    case checks
  }

  package var reason: Reason
  package var drops: [FeedbackID]
  package init(reason: Reason, drops: [FeedbackID]) {
    self.reason = reason
    self.drops = drops
  }
}
