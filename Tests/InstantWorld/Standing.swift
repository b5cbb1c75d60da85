import Domain
import EventLog
import LogStories

/// Delegations that stand in the log and wait for something that does not come.
package struct Standing: Sendable {
  /// What they wait for.
  package enum Reason: Sendable {
    /// A worker with this agent.
    case agent(String)
    /// The moment of their next try.
    case retry(at: Timestamp)
  }

  package var reason: Reason
  package var count: Int
  /// They differ in their requesters, so that no requester's limit holds them.
  package static let requesters = 100

  package init(_ reason: Reason, count: Int) {
    self.reason = reason
    self.count = count
  }

  /// Numbers that no other delegation of a test has.
  private static let first = 1_000_000

  package func id(_ n: Int) -> DelegationID { Story.id(Self.first + n) }

  /// The events of the `n`th of them.
  /// - Parameter digest: of a workflow that is known.
  package func append(_ n: Int, workflow digest: String) -> Append {
    let number = Self.first + n
    var request = Story.request(
      number, repository: RepositoryName(owner: "acme", name: "queue-\(n % 20)"),
      requester: "queue-\(n % Self.requesters)")
    request.workflow.digest = digest
    request.notices = []
    let events: [DelegationEvent]
    switch reason {
    case .agent(let agent):
      request.agent = agent
      events = Story.goodDay(number, to: .prepared, request: request)
    case .retry(let moment):
      events = [
        .requested(request),
        .stepFailed(
          StepFailed(
            step: .resolveBase, attemptedTry: 1, code: .unavailable, retryAt: moment,
            ambiguous: false, message: nil)),
      ]
    }
    return Story.append(events, to: number)
  }
}
