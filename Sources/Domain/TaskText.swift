/// The user's text, which TASK.md and the prompt contain verbatim.
package struct TaskText: Equatable, Sendable {
  /// The constraints as given: a text or a list.
  package enum Constraints: Equatable, Sendable {
    case text(String)
    case list([String])

    package var items: [String] {
      switch self {
      case .text(let text): text.isEmpty ? [] : [text]
      case .list(let items): items
      }
    }
  }

  package var title: String
  package var objective: String
  package var pullRequestTitle: String
  package var constraints: Constraints
  package var acceptanceCriteria: [String]
  /// What a follow-up answers; nil for other delegations.
  package var round: RoundText?

  package init(
    title: String, objective: String, pullRequestTitle: String, constraints: Constraints,
    acceptanceCriteria: [String], round: RoundText? = nil
  ) {
    self.round = round
    self.title = title
    self.objective = objective
    self.pullRequestTitle = pullRequestTitle
    self.constraints = constraints
    self.acceptanceCriteria = acceptanceCriteria
  }
}
