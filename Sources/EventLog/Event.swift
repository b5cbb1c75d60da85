import Domain

/// Any event of the log.
package enum Event: Equatable, Sendable {
  case delegation(DelegationEvent)
  case worker(WorkerEvent)
  case system(SystemEvent)

  package var name: String {
    switch self {
    case .delegation(let event): event.name
    case .worker(let event): event.name
    case .system(let event): event.name
    }
  }
}

/// The types of events by their numbers in the log. A number is never reused for another type.
package enum EventType: Int, CaseIterable, Sendable {
  case requested = 1
  case branchCreated = 2
  case taskCommitted = 3
  case pullRequestCreated = 4
  case dispatched = 5
  case generating = 6
  case pushed = 7
  case failed = 8
  case baseResolved = 9
  case generated = 10
  case stepFailed = 11
  case released = 12
  case cancelRequested = 13
  case retryRequested = 14
  case pullRequestUpdated = 15
  case actionDone = 16
  case networkUsed = 17
  case feedbackRecorded = 18
  case feedbackJudged = 19
  case roundStarted = 20
  case roundEnded = 21
  case roundResumed = 22
  case roundsStopped = 23

  case workerRegistered = 32
  case workerUnhealthy = 33
  case workerRecovered = 34
  case workerRestarted = 35
  case workerParked = 36
  case workerDraining = 37
  case workerStopped = 38
  case workerLost = 39

  case systemStarted = 64
  case systemRecovered = 65
  case systemRestored = 66
  case systemRedacted = 67
  case workflowDefined = 68
  case tokenCreated = 69
  case tokenRevoked = 70

  /// The name in the envelope.
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
    case .feedbackRecorded: "delegation.feedback-recorded"
    case .feedbackJudged: "delegation.feedback-judged"
    case .roundStarted: "delegation.round-started"
    case .roundEnded: "delegation.round-ended"
    case .roundResumed: "delegation.round-resumed"
    case .roundsStopped: "delegation.rounds-stopped"
    case .workerRegistered: "worker.registered"
    case .workerUnhealthy: "worker.unhealthy"
    case .workerRecovered: "worker.recovered"
    case .workerRestarted: "worker.restarted"
    case .workerParked: "worker.parked"
    case .workerDraining: "worker.draining"
    case .workerStopped: "worker.stopped"
    case .workerLost: "worker.lost"
    case .systemStarted: "system.started"
    case .systemRecovered: "system.recovered"
    case .systemRestored: "system.restored"
    case .systemRedacted: "system.redacted"
    case .workflowDefined: "system.workflow-defined"
    case .tokenCreated: "system.token-created"
    case .tokenRevoked: "system.token-revoked"
    }
  }

  private static let byName = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0.name, $0) })

  /// The type with this name; nil if no type has it.
  package init?(name: String) {
    guard let known = Self.byName[name] else { return nil }
    self = known
  }
}
