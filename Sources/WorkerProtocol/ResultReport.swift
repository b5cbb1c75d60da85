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
  /// The cost that the agent reported, for people.
  package var usage: String?
  /// The hosts that the agent reached and those that it was refused; nil if it tried none.
  package var network: NetworkRecord?
  package init(
    worker: String, lease: LeaseReference, outcome: Outcome, commit: String?,
    durationMs: Int64, outputBytes: Int, outputDigest: String, message: String?,
    hint: String? = nil, usage: String? = nil, network: NetworkRecord? = nil
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
    self.usage = usage
    self.network = network
  }
}
