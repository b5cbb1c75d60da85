import Domain

/// What people call the condition of a task. Raw values are the names in the API.
package enum TaskPhase: String, CaseIterable, Sendable {
  /// No worker has it yet.
  case queued
  /// A worker has it, up to the push.
  case working
  /// Its commit is on the branch, and its pull request is open.
  case ready
  case merged
  case closed
  case failed
  case cancelled

  /// - Parameters:
  ///   - failure: nil unless the state is `failed`.
  ///   - pullRequest: the state of its pull request; nil if it has none.
  package init(
    _ state: DelegationStateName, failure: FailureCode?, pullRequest: PullRequestState?
  ) {
    switch state {
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated: self = .queued
    case .dispatched, .generating: self = .working
    case .pushed: self = .ready
    case .failed: self = failure == .cancelled ? .cancelled : .failed
    }
    if let pullRequest { follow(pullRequest) }
  }

  /// Takes the state of its pull request into account. People end a failed task by closing it.
  package mutating func follow(_ pullRequest: PullRequestState) {
    switch (self, pullRequest) {
    case (.queued, _), (.working, _), (.cancelled, _), (.failed, .open): break
    case (.ready, .merged), (.merged, .merged), (.closed, .merged), (.failed, .merged):
      self = .merged
    case (.ready, .closed), (.merged, .closed), (.closed, .closed), (.failed, .closed):
      self = .closed
    case (.ready, .open), (.merged, .open), (.closed, .open): self = .ready
    }
  }

  /// For people.
  package var words: String {
    switch self {
    case .queued: "Queued"
    case .working: "Working"
    case .ready: "Ready for review"
    case .merged: "Merged"
    case .closed: "Closed"
    case .failed: "Failed"
    case .cancelled: "Cancelled"
    }
  }
}

extension TaskPhase: TextColumnType {}

/// Who or what a task waits for. Raw values are the names in the API.
package enum TaskNeed: String, CaseIterable, Sendable {
  /// A person: it failed, or its pull request is to be reviewed.
  case you
  /// An agent works on it.
  case working
  case queued
  case done

  package var phases: Set<TaskPhase> {
    switch self {
    case .you: [.failed, .ready]
    case .working: [.working]
    case .queued: [.queued]
    case .done: [.merged, .closed, .cancelled]
    }
  }
}

extension DelegationRow {
  package var phase: TaskPhase {
    TaskPhase(state, failure: failureCode, pullRequest: prState)
  }
}
