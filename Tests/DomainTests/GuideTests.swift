import Domain
import Foundation
import Testing

/// What the guide says of states, failures, waits and limits is what the domain does.
struct GuideTests {
  private static let root = String(#filePath.dropLast("Tests/DomainTests/GuideTests.swift".count))

  private static func page(_ name: String) throws -> String {
    try String(contentsOfFile: root + "Sources/AIPM.docc/\(name).md", encoding: .utf8)
  }

  /// As one line, however it is wrapped.
  private static func text(_ page: String) -> String {
    page.split { $0.isWhitespace }.joined(separator: " ")
  }

  /// After a change of the state machine, put what this draws between the page's markers.
  @Test func theDiagramIsTheOneThatTheCodeDraws() throws {
    let parts = try Self.page("Delegations").components(
      separatedBy: "<!-- state-diagram:begin -->")
    let shown = parts.last?.components(separatedBy: "<!-- state-diagram:end -->").first ?? ""
    let drawn = "```mermaid\n\(try StateTable.diagram())\n```"
    #expect(parts.count == 2, "the page has one marker state-diagram:begin")
    #expect(shown.trimmingCharacters(in: .whitespacesAndNewlines) == drawn, "\(drawn)")
  }

  @Test func everyStateAndFailureIsExplained() throws {
    let rows = try Self.page("Delegations").split(separator: "\n")
    let names = DelegationStateName.allCases.map(\.rawValue) + FailureCode.allCases.map(\.rawValue)
    for name in names { #expect(rows.contains { $0.hasPrefix("| `\(name)` | ") }, "\(name)") }
  }

  @Test func theLimitsOfMachinesAreSaid() throws {
    let text = Self.text(try Self.page("Delegations"))
    let lease = LeasePolicy()
    let restart = RestartPolicy()
    #expect(restart.endsMax == 6 && restart.window == .seconds(60))
    for sentence in [
      "no heartbeat for \(lease.unhealthyAfter.count / 1000) seconds; the worker gets no work",
      "no heartbeat for \(lease.lostAfter.count / 1000) seconds; the lease is released",
      "a local worker ended six times within a minute and stays down",
      "After \(infrastructureFailuresMax) such failures, or \(machineFaultsMax) faults of a "
        + "worker's disk or git",
    ] { #expect(text.contains(sentence), "\(sentence)") }
  }

  @Test func theLimitsOfARequestAreSaid() throws {
    let text = Self.text(try Self.page("API"))
    func number(_ value: Int) -> String {
      value < 1000 ? "\(value)" : "\(value / 1000),\(String(value + 1000).suffix(3))"
    }
    typealias Limit = Submission.Limit
    for row in [
      "| `taskTitle`, `prTitle` | required; one line, up to \(number(Limit.title)) characters |",
      "| `objective` | required; up to \(number(Limit.objective)) characters |",
      "| `constraints` | a text or a list, up to \(number(Limit.constraints)) characters |",
      "a list of up to \(Limit.criteria), each up to \(number(Limit.criterion)) characters |",
      "| `priority` | \(Limit.priority.lowerBound) to \(Limit.priority.upperBound), higher first; "
        + "default \(Limit.priorityDefault) |",
      "the server's agent, `\(Limit.workflowDefault)`",
    ] { #expect(text.contains(row), "\(row)") }
  }
}
