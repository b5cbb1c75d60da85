import Domain
import EventLog
import InstantWorld
import LogStories
import Testing
import Workflows

@testable import Engine

/// What an agent used is recorded although its worker does not report the end of the attempt.
@Suite struct UsageTests {
  private static let fleet = CoreRig.Fleet("demo", 1, agents: ["demo"])
  private static let used = AgentUsage([.inputTokens: 1200, .cost: 12_345])

  let rig: CoreRig
  let id: DelegationID
  let lease: Lease

  /// A worker has the delegation.
  init() throws {
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    rig = try CoreRig(workflow: workflow, fleets: [Self.fleet])
    id = rig.submit(1)
    try rig.settle()
    lease = try #require(rig.core.workers[Self.fleet.id(0)]?.plan?.lease)
  }

  private func released() -> [Released] {
    rig.events(of: id).compactMap { event in
      if case .released(let released) = event { released } else { nil }
    }
  }

  @Test func theLastHeartbeatOfAWorkerThatIsLost() throws {
    rig.feed(
      .heard(
        Self.fleet.id(0), agentSilence: nil, used: .init(token: lease.token, usage: Self.used)))
    try rig.wait(seconds: 60)
    #expect(released().map(\.cause) == [.workerLost])
    #expect(released().map(\.usage) == [Self.used])
  }

  /// A worker names the delegation of its report, and may name one that does not exist.
  @Test func aReportOnADelegationThatNobodyRequested() throws {
    for name in ["d", "01a22636-77c0-7000-bb84-5515c4bf5126"] {
      let reply = rig.command(
        .confirmStopped(attempt: 1, token: lease.token, usage: Self.used), DelegationID(name))
      try rig.settle()
      #expect(rig.replies[reply] == .rejected(.notAllowed(command: "this", state: nil)))
    }
    #expect(rig.core.workers[Self.fleet.id(0)]?.plan?.lease == lease)
  }

  @Test func notThatOfAnotherLease() throws {
    let other = FencingToken(epoch: 1, counter: 1)
    rig.feed(
      .heard(Self.fleet.id(0), agentSilence: nil, used: .init(token: other, usage: Self.used)))
    try rig.wait(seconds: 60)
    #expect(released().map(\.usage) == [AgentUsage()])
  }

  @Test func theJournalOfAWorkerThatStartedAgain() throws {
    let held = EngineCore.HeldAttempt(
      delegation: id, attempt: lease.attempt, hasCommit: false, usage: Self.used)
    rig.feed(.registered(Self.fleet.id(0), journal: [held], local: false))
    try rig.settle()
    #expect(released().map(\.cause) == [.workerCrashed])
    #expect(released().map(\.usage) == [Self.used])
  }
}
