import Domain
import InstantWorld
import LogStories
import Testing
import Workflows

@testable import Engine

/// A provider's limit that one delegation met holds for all that would call the same agent.
@Suite struct AgentLimitTests {
  private static let fleet = CoreRig.Fleet("w", 2, agents: ["claude", "codex"])
  var workflow: Workflow

  init() throws { workflow = try #require(try WorkflowCatalog()["personal-delegate"]) }

  /// One of two delegations at work with claude, of four in all, has met a limit.
  private func limited(
    until seconds: Int64, _ whenLimited: WhenLimited = .wait, in workflow: Workflow? = nil,
    residentsMax: Int = 1024
  ) throws -> CoreRig {
    var workflow = workflow ?? self.workflow
    workflow.whenLimited = whenLimited
    let rig = try CoreRig(
      workflow: workflow, fleets: [Self.fleet], residentsMax: residentsMax)
    for n in 1...4 { rig.submit(n, repository: "r\(n)", agent: "claude") }
    try rig.settle()
    let plan = try #require(rig.core.workers[Self.fleet.id(0)]?.plan)
    #expect(plan.delegation == Story.id(1))
    let end = AttemptEnd(
      attempt: 1, token: plan.lease.token, outcome: .released(.agentLimited), message: "limit",
      limit: AgentLimit(
        reset: rig.now.wall + .seconds(seconds),
        nextAgent: rig.core.nextAgent(of: plan.delegation, rig.now.wall)))
    _ = rig.command(.endAttempt(end), plan.delegation)
    try rig.settle()
    return rig
  }

  private func waits(_ rig: CoreRig, _ n: Int) -> [StepFailed] {
    rig.events(of: Story.id(n)).compactMap { event in
      if case .stepFailed(let failed) = event { failed } else { nil }
    }
  }

  private func starts(_ rig: CoreRig, _ n: Int) -> Int {
    rig.events(of: Story.id(n)).count { event in
      if case .dispatched = event { true } else { false }
    }
  }

  /// Also those that have no executor while they wait.
  @Test(arguments: [1024, 0]) func othersWaitWithoutAStart(residentsMax: Int) throws {
    let rig = try limited(until: 1800, residentsMax: residentsMax)
    let end = rig.now.wall + .seconds(1800)
    for n in [1, 3, 4] {
      #expect(waits(rig, n).map(\.retryAt) == [end] && waits(rig, n).map(\.code) == [.agentLimited])
    }
    #expect(starts(rig, 3) == 0 && starts(rig, 4) == 0 && waits(rig, 2).isEmpty)
    // A new one waits, too; one of another agent does not.
    rig.submit(5, repository: "r5", agent: "claude")
    rig.submit(6, repository: "r6", agent: "codex")
    try rig.settle()
    #expect(waits(rig, 5).map(\.retryAt) == [end] && starts(rig, 5) == 0)
    #expect(rig.core.workers[Self.fleet.id(0)]?.plan?.delegation == Story.id(6))
    rig.work(Self.fleet.id(0))
    rig.work(Self.fleet.id(1))
    try rig.settle()
    #expect([1, 3, 4, 5].allSatisfy { rig.core.executors[Story.id($0)]?.state.lease == nil })
    // All go on when it ends.
    rig.wait(1_800_000)
    rig.working = "w"
    rig.feed(.wake)
    try rig.settle()
    #expect([1, 3, 4, 5].allSatisfy { rig.pushed.contains(Story.id($0)) })
  }

  @Test(arguments: [1024, 0]) func theNextAgentGoesOnWithoutAStart(residentsMax: Int) throws {
    let rig = try limited(until: 1800, .nextAgent, residentsMax: residentsMax)
    // Those without an executor learn of the limit when it is their turn.
    for n in [3, 4] where residentsMax > 0 {
      #expect(waits(rig, n).map(\.nextAgent) == ["codex"])
      #expect(rig.core.executors[Story.id(n)]?.state.delegation?.agent == "codex")
    }
    rig.working = "w"
    rig.work(Self.fleet.id(0))
    rig.work(Self.fleet.id(1))
    try rig.settle()
    #expect((1...4).allSatisfy { rig.pushed.contains(Story.id($0)) })
    for n in [3, 4] { #expect(starts(rig, n) == 1 && waits(rig, n).map(\.nextAgent) == ["codex"]) }
  }

  /// The limit is not in the log yet when the next agent is chosen, and a workflow may list an
  /// agent twice.
  @Test func theNextAgentIsAnotherOne() throws {
    var twice = workflow
    twice.agentPreference = ["claude", "claude", "codex"]
    let rig = try limited(until: 1800, .nextAgent, in: twice)
    for n in [1, 3, 4] {
      #expect(rig.core.executors[Story.id(n)]?.state.delegation?.agent == "codex")
    }
    #expect(waits(rig, 1).isEmpty)
  }

  /// What an agent says may come from a repository that wants all others to wait.
  @Test func othersDoNotTrustALongLimit() throws {
    let rig = try limited(until: 7 * 86_400)
    #expect(waits(rig, 1).map(\.retryAt) == [rig.now.wall + .seconds(7 * 86_400)])
    #expect(waits(rig, 3).map(\.retryAt) == [rig.now.wall + AgentLimitWait.sharedMax])
  }

  /// Another workflow may call an agent of the same name with other credentials.
  @Test func anotherProfileHasAnotherLimit() throws {
    let claude = try #require(workflow.agents["claude"])
    var other = claude
    other.environment = ["OTHER_KEY"]
    let now = Story.request(1).stamp
    let start = Timestamp(milliseconds: now.milliseconds)
    var limits = AgentLimits()
    let news = [1, 2].map { _ in limits.note(claude, until: start + .seconds(60), now: start) }
    #expect(news == [true, false])
    #expect(limits.end(for: claude, at: start) == start + .seconds(60))
    #expect(limits.end(for: other, at: start) == nil)
    #expect(limits.end(for: claude, at: start + .seconds(60)) == nil)
  }
}
