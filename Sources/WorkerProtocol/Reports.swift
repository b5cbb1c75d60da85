// What a worker reports: that it lives, that an agent runs, how an attempt ended.

import Domain
import NetworkRules

/// How an attempt ended on the worker.
package struct ResultReport: Codable, Equatable, Sendable {
  /// What came of the attempt.
  package enum Outcome: String, Codable, Sendable {
    case committed
    /// The agent was ended because the delegation was cancelled.
    case stopped
    /// The worker ends in good order and gives the attempt back.
    case drained
    case agentFailed
    case agentTimeout
    case agentNotFound
    case noChanges
    /// A command that was to verify the change failed, after all rounds.
    case verifyFailed
    /// The change breaks a rule that the worker looks after: the attempt is over, as where the
    /// server refuses a pack.
    case refused
    /// Something failed on the worker that is not the agent's doing: disk, git, the network.
    case workerFault
  }
  package var worker: String
  package var lease: LeaseReference
  package var outcome: Outcome
  /// For `committed`.
  package var commit: String?
  package var durationMs: Int64
  package var outputBytes: Int
  /// SHA-256 of the output as it was sent, in hex.
  package var outputDigest: String
  /// What went wrong, for people.
  package var message: String?
  /// What to do about it, for people.
  package var hint: String?
  /// What the agent reported that it used; absent if nothing is known.
  package var used: AgentUsage?
  /// The same as a sentence. Only workers from before `used` send it.
  package var usage: String?
  /// What the agent reached and what it was refused; absent if it tried nothing.
  package var network: NetworkRecord?
  package init(
    worker: String, lease: LeaseReference, outcome: Outcome, commit: String?,
    durationMs: Int64, outputBytes: Int, outputDigest: String, message: String?,
    hint: String? = nil, used: AgentUsage = AgentUsage(), network: NetworkRecord? = nil
  ) {
    self.hint = hint
    self.worker = worker
    self.lease = lease
    self.outcome = outcome
    self.commit = commit
    self.durationMs = durationMs
    self.outputBytes = outputBytes
    self.outputDigest = outputDigest
    self.message = message
    self.used = used.isEmpty ? nil : used
    self.network = network
  }
}

/// Says that this life of the worker ends.
package struct Leaving: Codable, Equatable, Sendable {
  package var worker: String
  package var incarnation: Int
  package init(worker: String, incarnation: Int) {
    self.worker = worker
    self.incarnation = incarnation
  }
}

/// A sign of life. It is no fact and goes into no log.
package struct Heartbeat: Codable, Equatable, Sendable {
  package var worker: String
  package var incarnation: Int
  /// How long the agent has written nothing; nil if no agent runs.
  package var agentSilentMs: Int64?
  /// What the agent has used so far; nil if nothing is known. If the worker is lost, this is what
  /// the log says of the attempt.
  package var used: LeaseUsage?
  package init(
    worker: String, incarnation: Int, agentSilentMs: Int64?, used: LeaseUsage? = nil
  ) {
    self.worker = worker
    self.incarnation = incarnation
    self.agentSilentMs = agentSilentMs
    self.used = used
  }
}

/// What the agent of a lease has used so far.
package struct LeaseUsage: Codable, Equatable, Sendable {
  package var lease: LeaseReference
  package var usage: AgentUsage
  package init(lease: LeaseReference, usage: AgentUsage) {
    self.lease = lease
    self.usage = usage
  }
}

/// The agent runs, on this head.
package struct GeneratingReport: Codable, Equatable, Sendable {
  package var worker: String
  package var lease: LeaseReference
  package var agent: String
  package var session: String?
  package var head: String
  package init(
    worker: String, lease: LeaseReference, agent: String, session: String?, head: String
  ) {
    self.worker = worker
    self.lease = lease
    self.agent = agent
    self.session = session
    self.head = head
  }
}

/// The output's length as the server has it: where the next bytes go.
package struct OutputAnswer: Codable, Equatable, Sendable {
  package var offset: Int
  package init(offset: Int) { self.offset = offset }
}
