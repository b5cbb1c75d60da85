import Domain
import EventLog
import Workflows

/// The agents whose providers allow no more for now. It is folded from the log: what one delegation
/// met holds for all that would call the same agent in the same way, so none of them starts it in
/// vain.
struct AgentLimits: Sendable {
  /// A limit that a delegation met.
  struct Met: Equatable, Sendable {
    var agent: String
    /// When other delegations try the agent again.
    var end: Timestamp

    /// - Returns: nil if the event ended no attempt with a known limit.
    init?(_ event: DelegationEvent, agent: String?, at time: Timestamp) {
      guard case .released(let released) = event, released.cause == .agentLimited,
        let end = released.limitEnds, let agent
      else { return nil }
      self.agent = agent
      self.end = min(end, time + AgentLimitWait.sharedMax)
    }
  }

  private var limits: [(agent: AgentProfile, end: Timestamp)] = []

  /// - Returns: false if that was known or is over.
  mutating func note(_ agent: AgentProfile, until end: Timestamp, now: Timestamp) -> Bool {
    limits.removeAll { $0.end <= now }
    guard end > now, self.end(for: agent, at: now).map({ $0 < end }) ?? true else { return false }
    limits.removeAll { $0.agent == agent }
    limits.append((agent, end))
    return true
  }

  var isEmpty: Bool { limits.isEmpty }

  /// When the limit of an agent's provider ends; nil if none is known.
  func end(for agent: AgentProfile, at now: Timestamp) -> Timestamp? {
    limits.first { $0.agent == agent && $0.end > now }?.end
  }
}

/// Delegations that wait for an agent's provider.
extension EngineCore {
  /// Notes a limit that a delegation met. Those that wait for a worker with that agent are looked
  /// at again.
  mutating func note(_ met: AgentLimits.Met, by id: DelegationID, _ now: Timestamp) {
    guard let agent = executors[id]?.workflow?.agents[met.agent],
      limits.note(agent, until: met.end, now: now)
    else { return }
    for waiting in dispatcher.waiting(for: met.agent) where isLimited(waiting, now) {
      dispatcher.remove(waiting)
      limited.insert(waiting)
    }
  }

  /// Whether the agent of a delegation is known to have met its provider's limit.
  func isLimited(_ id: DelegationID, _ now: Timestamp) -> Bool {
    limitEnd(of: id, now) != nil
  }

  private func limitEnd(of id: DelegationID, _ now: Timestamp) -> Timestamp? {
    guard !limits.isEmpty, let executor = executors[id],
      let name = executor.state.delegation?.agent,
      let agent = executor.workflow?.agents[name]
    else { return nil }
    return limits.end(for: agent, at: now)
  }

  /// Has those whose agent is at its limit wait for it, or go on with the next agent.
  mutating func awaitAgents(_ now: Moment, _ actions: inout [Action]) {
    guard !limited.isEmpty, !isDraining else { return }
    for id in limited.sorted() {
      limited.remove(id)
      guard let end = limitEnd(of: id, now.wall) else {
        feed(id, .wake, now, &actions)
        continue
      }
      let wait = DelegationCommand.awaitAgent(until: end, nextAgent: nextAgent(of: id, now.wall))
      feed(id, .command(wait, .system, nil), now, &actions)
    }
  }

  /// The agent that goes on if the delegation's one met its provider's limit: the next one of the
  /// workflow's list that a worker has, and that is at no limit.
  /// - Returns: nil if the workflow waits, or there is no other.
  func nextAgent(of id: DelegationID, _ now: Timestamp) -> String? {
    guard let executor = executors[id], let d = executor.state.delegation,
      let workflow = executor.workflow, workflow.whenLimited == .nextAgent,
      let index = workflow.agentPreference.firstIndex(of: d.agent)
    else { return nil }
    return workflow.agentPreference[(index + 1)...].first { name in
      guard name != d.agent, dispatcher.isOpen(name) else { return false }
      return workflow.agents[name].flatMap { limits.end(for: $0, at: now) } == nil
    }
  }
}
