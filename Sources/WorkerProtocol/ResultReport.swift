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
  /// What the agent told of its cost, for people.
  package var usage: String?
  /// What the agent reached and what it was refused; absent if it tried nothing.
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
