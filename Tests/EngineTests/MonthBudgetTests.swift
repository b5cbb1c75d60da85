import Domain
import InstantWorld
import LogStories
import Testing
import Workflows

@testable import Engine

/// Agents that are at work at the same time share what is left of a month's budget.
@Suite struct MonthBudgetTests {
  private static let fleet = CoreRig.Fleet("w", 3, agents: ["demo"])
  let rig: CoreRig

  /// Ann has two delegations at work and Bob one, with $5 a month each.
  init() throws {
    var workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    workflow.budget.requesterPerMonth = 5_000_000
    rig = try CoreRig(workflow: workflow, fleets: [Self.fleet])
    for (n, requester) in [(1, "ann"), (2, "ann"), (3, "bob")] {
      rig.submit(n, requester: requester, repository: "r\(n)")
    }
    try rig.settle()
    for n in 0..<3 {
      let plan = try #require(rig.core.workers[Self.fleet.id(n)]?.plan)
      let start = GenerationStarted(
        attempt: 1, token: plan.lease.token, agent: "demo", session: nil, head: plan.start.head)
      _ = rig.command(.startGenerating(start), plan.delegation)
    }
    try rig.settle()
  }

  private func report(_ n: Int, _ cost: Int64) throws {
    let worker = Self.fleet.id(n)
    let token = try #require(rig.core.workers[worker]?.plan?.lease.token)
    let used = AgentUsage([.cost: cost])
    rig.feed(.heard(worker, agentSilence: nil, used: .init(token: token, usage: used)))
    try rig.settle()
  }

  /// What each may cost, after `recorded` of Ann's delegations is in the log.
  private func limits(_ recorded: Int64) throws -> [Int64?] {
    var costs = MonthCosts()
    costs.add(recorded, requester: "ann", repository: "acme/r9")
    rig.feed(.costsRecorded(costs))
    try rig.settle()
    return (0..<3).map { rig.core.workers[Self.fleet.id($0)]?.plan?.start.costMax }
  }

  @Test func theyAreEndedIfTheirSumIsMoreThanIsLeft() throws {
    try report(0, 1_500_000)
    try report(1, 1_000_000)
    try report(2, 4_000_000)
    #expect(try limits(2_500_000) == [5_000_000, 5_000_000, 5_000_000])
    try report(1, 1_500_000)
    #expect(try limits(2_500_000) == [1_000_000, 1_000_000, 5_000_000])
  }

  @Test func oneThatReportedNothingIsNotEnded() throws {
    try report(0, 100_000)
    #expect(try limits(6_000_000) == [0, 5_000_000, 5_000_000])
  }

  @Test func whatIsUnderWayCountsBeforeAnotherStarts() throws {
    try report(0, 1_500_000)
    try report(2, 4_000_000)
    var costs = MonthCosts()
    costs.add(1_000_000, requester: "ann", repository: "acme/r1")
    rig.core.addCostsUnderWay(to: &costs)
    let of = costs.of(requester: "ann", repository: RepositoryName(owner: "Acme", name: "R1"))
    #expect(of == MonthCost(requester: 2_500_000, repository: 2_500_000))
  }
}
