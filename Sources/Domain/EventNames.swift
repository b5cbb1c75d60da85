// The names of events in the log and in the API. They never change.

extension DelegationEvent {
  package var name: String {
    switch self {
    case .requested: "delegation.requested"
    case .branchCreated: "delegation.branch-created"
    case .taskCommitted: "delegation.task-committed"
    case .pullRequestCreated: "delegation.pr-created"
    case .dispatched: "delegation.dispatched"
    case .generating: "delegation.generating"
    case .pushed: "delegation.pushed"
    case .failed: "delegation.failed"
    case .baseResolved: "delegation.base-resolved"
    case .generated: "delegation.generated"
    case .stepFailed: "delegation.step-failed"
    case .released: "delegation.released"
    case .cancelRequested: "delegation.cancel-requested"
    case .retryRequested: "delegation.retry-requested"
    case .pullRequestUpdated: "delegation.pull-request-updated"
    case .actionDone: "delegation.action-done"
    case .networkUsed: "delegation.network-used"
    case .conversation(let event): event.name
    }
  }
}

extension ConversationEvent {
  package var name: String {
    switch self {
    case .feedbackRecorded: "delegation.feedback-recorded"
    case .feedbackJudged: "delegation.feedback-judged"
    case .roundStarted: "delegation.round-started"
    case .roundEnded: "delegation.round-ended"
    case .roundResumed: "delegation.round-resumed"
    case .roundsStopped: "delegation.rounds-stopped"
    }
  }
}

extension WorkerEvent {
  package var name: String {
    switch self {
    case .registered: "worker.registered"
    case .unhealthy: "worker.unhealthy"
    case .recovered: "worker.recovered"
    case .restarted: "worker.restarted"
    case .parked: "worker.parked"
    case .draining: "worker.draining"
    case .stopped: "worker.stopped"
    case .lost: "worker.lost"
    }
  }
}

extension SystemEvent {
  package var name: String {
    switch self {
    case .started: "system.started"
    case .recovered: "system.recovered"
    case .restored: "system.restored"
    case .redacted: "system.redacted"
    case .workflowDefined: "system.workflow-defined"
    case .tokenCreated: "system.token-created"
    case .tokenRevoked: "system.token-revoked"
    }
  }
}
