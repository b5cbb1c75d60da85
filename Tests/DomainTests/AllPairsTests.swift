import Domain
import Foundation
import Testing

/// Which event each state takes, and where it leads. What this table does not list is corruption.
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
      stays: step-failed pull-request-updated action-done
    PRCreated+cancel
      generated -> PRCreated+commit
      failed -> Failed
      stays: step-failed cancel-requested pull-request-updated action-done
    PRCreated+commit
      pushed -> Pushed
      released -> PRCreated
      failed -> Failed
      stays: step-failed pull-request-updated action-done
    Dispatched
      generating -> Generating
      released -> PRCreated
      failed -> Failed
      cancel-requested -> Dispatched+cancel
      stays: dispatched step-failed pull-request-updated action-done network-used
    Generating
      dispatched -> Dispatched
      generated -> Generating+commit
      released -> PRCreated
      failed -> Failed
      cancel-requested -> Generating+cancel
      stays: step-failed pull-request-updated action-done network-used
    Generating+cancel
      dispatched -> Dispatched+cancel
      released -> PRCreated+cancel
      failed -> Failed
      stays: step-failed cancel-requested pull-request-updated action-done network-used
    Generating+commit
      pushed -> Pushed
      released -> PRCreated
      failed -> Failed
      stays: step-failed pull-request-updated action-done network-used
    Pushed
      stays: pull-request-updated action-done
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
    #expect(Set(StateTable.events.compactMap { $0.first?.name }).count == 17)
    for forms in StateTable.events { #expect(Set(forms.map(\.name)).count == 1) }
  }

  @Test func everyStateIsReached() throws {
    let reached = try StateTable.situations.map { try Sample.state($0.events).name }
    for name in DelegationStateName.allCases { #expect(reached.contains(name), "\(name)") }
  }

  /// The guide shows the diagram that the code draws. After a change, put this between its
  /// markers.
  @Test func theGuideShowsThisDiagram() throws {
    let parts = try Self.guide().components(separatedBy: "<!-- state-diagram:begin -->")
    let shown = parts.last?.components(separatedBy: "<!-- state-diagram:end -->").first ?? ""
    let drawn = "```mermaid\n\(try StateTable.diagram())\n```"
    #expect(parts.count == 2, "the guide has one marker state-diagram:begin")
    #expect(shown.trimmingCharacters(in: .whitespacesAndNewlines) == drawn, "\(drawn)")
  }

  @Test func theGuideExplainsEveryStateAndFailure() throws {
    let rows = try Self.guide().split(separator: "\n")
    let names = DelegationStateName.allCases.map(\.rawValue) + FailureCode.allCases.map(\.rawValue)
    for name in names { #expect(rows.contains { $0.hasPrefix("| `\(name)` | ") }, "\(name)") }
  }

  private static func guide() throws -> String {
    try String(contentsOfFile: root + "Sources/AIPM.docc/Delegations.md", encoding: .utf8)
  }

  private static var root: String {
    String(#filePath.dropLast("Tests/DomainTests/AllPairsTests.swift".count))
  }

  private static func lines(_ text: String) -> [Substring] { text.split(separator: "\n") }
}
