import Domain
import Workflows

// The types between the engine and the worker protocol.

/// Why a worker's call was refused.
package enum WorkerFault: Error, Equatable, Sendable {
  /// This life of the worker is unknown: it has to register.
  case unknown
  /// Another worker has the attempt, or it is over.
  case superseded
  case cancelled
  /// The change breaks a rule; the attempt is over.
  case refused(String)
  /// The pack or the report does not match its description.
  case malformed(String)
  /// This server does not have the pack of the commit: it must be sent before the result.
  case packMissing
  /// Try again later.
  case unavailable(String)
}

/// The data that a worker registers with.
package struct WorkerRegistration: Sendable {
  package var id: WorkerID
  package var host: String
  package var version: String
  package var agents: [String]
  package var local: Bool
  package var journal: [EngineCore.HeldAttempt]
  package init(
    id: WorkerID, host: String, version: String, agents: [String], local: Bool,
    journal: [EngineCore.HeldAttempt]
  ) {
    self.id = id
    self.host = host
    self.version = version
    self.agents = agents
    self.local = local
    self.journal = journal
  }
}

/// The work of a worker.
package struct WorkerOrder: Sendable {
  package var revision: Int64
  package var assignment: WorkerAssignment?
  package var cancel: Bool
  package var drain: Bool
}

/// One attempt, with all data that a worker needs for it.
package struct WorkerAssignment: Sendable {
  package var delegation: DelegationID
  package var lease: Lease
  package var repository: RepositoryName
  package var branch: String
  package var head: ObjectID
  /// The merge that the attempt completes; nil if it starts from the head itself.
  package var merge: BaseMerge?
  /// What the attempt may cost, in millionths of a US dollar; nil for no limit.
  package var costMax: Int64?
  package var prompt: String
  package var commitMessage: String
  package var agent: AgentProfile
  package var timeout: Milliseconds
  package var workflow: Workflow
  /// The commit that the branch was made from.
  package var base: BaseResolved?
  /// The path of the task file, if the commit must restore its content from the base.
  package var taskFile: String?
  /// That commit of the base.
  package var taskFileBase: ObjectID?
  /// nil if no conversation of the agent is kept.
  package var session: Session?

  /// The agent's conversation on a pull request.
  package struct Session: Equatable, Sendable {
    /// The pull request's first delegation.
    package var first: DelegationID
    package var keep: Milliseconds
    /// The prompt for an agent that continues its conversation; nil: it begins a new one.
    package var prompt: String?
  }
}
