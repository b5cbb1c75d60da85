// Reports of a worker: its heartbeat, a running agent, and the end of an attempt.

import Domain
import NetworkRules

/// How an attempt ended on the worker.
package struct ResultReport: Codable, Equatable, Sendable {
  /// The attempt's outcome.
  package enum Outcome: String, Codable, Sendable {
    case committed
    /// The agent was ended because the delegation was cancelled.
    case stopped
    /// The worker shuts down and returns the attempt.
    case drained
    case agentFailed
    case agentTimeout
    case agentNotFound
    case noChanges
    /// A command that verifies the change failed in every round.
    case verifyFailed
    /// The change breaks a rule that the worker checks. The attempt is over, as if the server had
    /// refused the pack.
    case refused
    /// Something on the worker failed that the agent did not cause: disk, git, the network.
    case workerFault
  }
  package var worker: String
  package var lease: LeaseReference
  package var outcome: Outcome
  /// For `committed`.
  package var commit: String?
  package var durationMs: Int64
  package var outputBytes: Int
  /// The SHA-256 of the output as it was sent, in hex.
  package var outputDigest: String
  /// The failure, for people.
  package var message: String?
  /// A remedy, for people.
  package var hint: String?
  /// The usage that the agent reported; nil if it is unknown.
  package var used: AgentUsage?
  /// The usage as a sentence. Only workers from before `used` send it.
  package var usage: String?
  /// The hosts that the agent reached and those that it was refused; nil if it tried none.
  package var network: NetworkRecord?
  /// The agent's last words; nil if it gave none.
  package var words: String?
  /// For `agentFailed`: the agent met its provider's limit, which is no failure of its own. Servers
  /// from before it see a failure.
  package var limit: AgentLimitReport?
  package init(
    worker: String, lease: LeaseReference, outcome: Outcome, commit: String?,
    durationMs: Int64, outputBytes: Int, outputDigest: String, message: String?,
    hint: String? = nil, used: AgentUsage = AgentUsage(), network: NetworkRecord? = nil,
    words: String? = nil, limit: AgentLimitReport? = nil
  ) {
    self.limit = limit
    self.words = words
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

/// When a provider's limit ends, as the agent said it; empty if it did not say.
package struct AgentLimitReport: Codable, Equatable, Sendable {
  /// Milliseconds since 1970.
  package var resetAtMs: Int64?
  /// From the end of the agent on.
  package var resetInMs: Int64?
  package init(resetAtMs: Int64? = nil, resetInMs: Int64? = nil) {
    self.resetAtMs = resetAtMs
    self.resetInMs = resetInMs
  }
}

/// Reports that this incarnation of the worker ends.
package struct Leaving: Codable, Equatable, Sendable {
  package var worker: String
  package var incarnation: Int
  package init(worker: String, incarnation: Int) {
    self.worker = worker
    self.incarnation = incarnation
  }
}

/// A heartbeat. It is not recorded in the log.
package struct Heartbeat: Codable, Equatable, Sendable {
  package var worker: String
  package var incarnation: Int
  /// How long the agent has written nothing; nil if no agent runs.
  package var agentSilentMs: Int64?
  /// The usage of the agent so far; nil if it is unknown. If the worker is lost, the log records
  /// this usage for the attempt.
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

/// The usage of a lease's agent so far.
package struct LeaseUsage: Codable, Equatable, Sendable {
  package var lease: LeaseReference
  package var usage: AgentUsage
  package init(lease: LeaseReference, usage: AgentUsage) {
    self.lease = lease
    self.usage = usage
  }
}

/// Reports that the agent runs on this head.
package struct GeneratingReport: Codable, Equatable, Sendable {
  package var worker: String
  package var lease: LeaseReference
  package var agent: String
  package var session: String?
  package var head: String
  /// The delegation whose conversation the agent continues; nil: it began a new one.
  package var continues: String?
  package init(
    worker: String, lease: LeaseReference, agent: String, session: String?, head: String,
    continues: String? = nil
  ) {
    self.continues = continues
    self.worker = worker
    self.lease = lease
    self.agent = agent
    self.session = session
    self.head = head
  }
}

/// The length of the output on the server: the offset of the next bytes.
package struct OutputAnswer: Codable, Equatable, Sendable {
  package var offset: Int
  package init(offset: Int) { self.offset = offset }
}
