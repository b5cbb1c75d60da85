// Who may do what: roles, what each permits, and the repositories that it holds for.
//
// A decision follows from the values alone, without a clock, a file or a request. What no role
// permits is refused, so a new permission is nobody's until a role names it. A refusal says which
// role would permit the request.

/// What a token, or a person who signed in, is trusted with.
package enum Role: String, CaseIterable, Codable, Sendable {
  /// Submits delegations, and sees and ends its own.
  case submit
  /// Sees everything, and changes nothing.
  case support
  /// Support, which also cancels, retries and manages workers.
  case `operator`
  /// Everything, tokens and redactions included.
  case admin
  /// Speaks the worker protocol, and can do nothing else.
  case worker

  /// The permissions of the role.
  package var permissions: Set<Permission> {
    switch self {
    case .submit: [.read, .submit, .changeOwn]
    case .support: [.read, .readLog]
    case .operator: [.read, .readLog, .changeOwn, .changeAll, .manageWorkers]
    case .admin:
      [.read, .readLog, .submit, .changeOwn, .changeAll, .manageWorkers, .administer]
    case .worker: [.work]
    }
  }

  /// A short description for people.
  package var summary: String {
    switch self {
    case .submit: "submits, and cancels, retries and follows up its own"
    case .support: "reads everything: delegations, the log, audit, exports"
    case .operator: "support, and cancels and retries all, and manages workers"
    case .admin: "everything, also tokens, redaction and rebuilds"
    case .worker: "the worker protocol, and nothing else"
    }
  }
}

/// What a request needs. Each route of the API names one.
package enum Permission: String, CaseIterable, Sendable {
  /// See delegations and pull requests of permitted repositories, agents and workflows.
  case read
  /// Submit to a permitted repository.
  case submit
  /// Cancel, retry or follow up a delegation that one requested.
  case changeOwn = "change-own"
  /// The same with everybody's.
  case changeAll = "change-all"
  /// See what belongs to all repositories: the whole log, audit, exports, workers, figures.
  case readLog = "read-log"
  /// Drain and restart workers.
  case manageWorkers = "manage-workers"
  /// Redact, rebuild, and manage tokens.
  case administer
  /// Speak the worker protocol.
  case work

  /// Whether it holds for single repositories. The others see or change what belongs to all of
  /// them, so a principal that is limited to some repositories does not have them.
  package var isLimitedByRepository: Bool {
    switch self {
    case .read, .submit, .changeOwn, .changeAll: true
    case .readLog, .manageWorkers, .administer, .work: false
    }
  }
}
