import Domain
import Testing

/// The events that each state allows, and the next state. Any other event means a corrupt stream.
struct AllPairsTests {
  static let expected = """
    absent
      requested -> Requested
    Requested
      base-resolved -> Requested+base
      failed -> Failed
      cancel-requested -> Requested+cancel
      stays: step-failed action-done
    Requested+base
      branch-created -> BranchCreated
      failed -> Failed
      cancel-requested -> Requested+cancel
      stays: step-failed action-done
    BranchCreated
      task-committed -> TaskCommitted
      failed -> Failed
      cancel-requested -> BranchCreated+cancel
      stays: step-failed action-done
    TaskCommitted
      pr-created -> PRCreated
      failed -> Failed
      cancel-requested -> TaskCommitted+cancel
      stays: step-failed action-done
    PRCreated
      dispatched -> Dispatched
      generated -> PRCreated+commit
      failed -> Failed
      cancel-requested -> PRCreated+cancel
      stays: step-failed pull-request-updated action-done feedback-recorded
    PRCreated+cancel
      generated -> PRCreated+commit
      failed -> Failed
      stays: step-failed cancel-requested pull-request-updated action-done feedback-recorded
    PRCreated+commit
      pushed -> Pushed
      released -> PRCreated
      failed -> Failed
      stays: step-failed pull-request-updated action-done feedback-recorded
    Dispatched
      generating -> Generating
      released -> PRCreated
      failed -> Failed
      cancel-requested -> Dispatched+cancel
      stays: dispatched step-failed pull-request-updated action-done network-used feedback-recorded
    Generating
      dispatched -> Dispatched
      generated -> Generating+commit
      released -> PRCreated
      failed -> Failed
      cancel-requested -> Generating+cancel
      stays: step-failed pull-request-updated action-done network-used feedback-recorded
    Generating+cancel
      dispatched -> Dispatched+cancel
      released -> PRCreated+cancel
      failed -> Failed
      stays: step-failed cancel-requested pull-request-updated action-done network-used \
    feedback-recorded
    Generating+commit
      pushed -> Pushed
      released -> PRCreated
      failed -> Failed
      stays: step-failed pull-request-updated action-done network-used feedback-recorded
    Pushed
      feedback-recorded -> Pushed+feedback
      stays: pull-request-updated action-done
    Pushed+feedback
      stays: pull-request-updated action-done feedback-recorded feedback-judged \
    round-started round-ended round-resumed rounds-stopped
    Failed
      retry-requested -> Requested+base
      stays: action-done
    """

  @Test func everyPairIsAsWrittenHere() throws {
    let actual = try StateTable.text()
    for (found, wanted) in zip(Self.lines(actual), Self.lines(Self.expected)) where found != wanted
    {
      Issue.record("is:     \(found)\nshould: \(wanted)")
    }
    #expect(actual == Self.expected)
  }

  @Test func theTableKnowsEveryEvent() {
    #expect(Set(StateTable.events.compactMap { $0.first?.name }).count == 23)
    for forms in StateTable.events { #expect(Set(forms.map(\.name)).count == 1) }
  }

  @Test func everyStateIsReached() throws {
    let reached = try StateTable.situations.map { try Sample.state($0.events).name }
    for name in DelegationStateName.allCases { #expect(reached.contains(name), "\(name)") }
  }

  private static func lines(_ text: String) -> [Substring] { text.split(separator: "\n") }
}
