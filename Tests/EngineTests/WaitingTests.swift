import Domain
import EventLog
import InstantWorld
import LogStories
import Testing
import Workflows

@testable import Engine

/// Delegations that wait have no executor, and do what the others do.
@Suite struct WaitingTests {
  let workflow: Workflow

  init() throws { workflow = try #require(try WorkflowCatalog()["personal-delegate"]) }

  private static let busy = CoreRig.Fleet("busy", 1, agents: ["busy"])
  private static let later = Story.start + .seconds(60)

  private func held(_ rig: CoreRig) -> DelegationID? {
    rig.core.workers[Self.busy.id(0)]?.plan?.delegation
  }

  /// A worker with the agent comes.
  private func register(_ rig: CoreRig) {
    rig.command(
      .register(host: "build", version: "0.1.0", agents: ["busy"], local: false), Self.busy.id(0))
    rig.feed(.registered(Self.busy.id(0), journal: [], local: false))
  }

  @Test func aStartReadsOnlyThoseWhoseTurnItIs() throws {
    let standing = Standing(.agent("busy"), count: 30)
    let rig = try CoreRig(workflow: workflow, fleets: [Self.busy], standing: standing)
    #expect(Array(rig.core.executors.keys) == [standing.id(0)])
    #expect((0..<30).allSatisfy { rig.core.isTracked(standing.id($0)) })
    #expect(held(rig) == standing.id(0))
    rig.working = "busy"
    rig.work(Self.busy.id(0))
    try rig.settle()
    #expect(rig.pushed == (0..<30).map { standing.id($0) })
    #expect(rig.core.executors.isEmpty)
    #expect(!(0..<30).contains { rig.core.isTracked(standing.id($0)) })
  }

  @Test func whoWaitsForATimeIsReadAtThatTime() throws {
    let standing = Standing(.retry(at: Self.later), count: 5)
    let rig = try CoreRig(workflow: workflow, fleets: [], standing: standing)
    #expect(rig.core.executors.isEmpty && rig.core.nextWake == Self.later)
    try rig.wait(seconds: 59)
    #expect(rig.core.executors.isEmpty)
    try rig.wait(seconds: 1)
    #expect(rig.core.executors.count == 5 && rig.core.nextWake == nil)
    #expect(rig.core.executors.values.allSatisfy { $0.state.name == .pullRequestCreated })
  }

  /// A time that has passed, a cancellation and a later attempt need the stream.
  @Test func whatHasSomethingToDoIsReadAtOnce() throws {
    let standing = Standing(.retry(at: Story.start - .seconds(1)), count: 3)
    let rig = try CoreRig(workflow: workflow, fleets: [], standing: standing)
    #expect(rig.core.executors.count == 3)
    #expect(rig.core.executors.values.allSatisfy { $0.state.name == .pullRequestCreated })
  }

  @Test func beyondTheirNumberExecutorsThatWaitAreDropped() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.busy], residentsMax: 2)
    let ids = (1...6).map { rig.submit($0, agent: "busy") }
    try rig.settle()
    #expect(rig.core.executors.values.count { $0.worker == nil } == 2 && held(rig) == ids[0])
    #expect(ids.allSatisfy { rig.core.isTracked($0) })
    rig.working = "busy"
    rig.work(Self.busy.id(0))
    try rig.settle()
    #expect(rig.pushed == ids && rig.core.executors.isEmpty)
  }

  @Test func oneThatIsCancelledGetsNoWorker() throws {
    let standing = Standing(.agent("busy"), count: 3)
    let rig = try CoreRig(workflow: workflow, fleets: [], standing: standing)
    let reply = rig.command(.cancel, standing.id(0))
    try rig.settle()
    #expect(rig.replies[reply] == .done(changed: true))
    register(rig)
    try rig.settle()
    #expect(held(rig) == standing.id(1))
  }

  /// The cancellation waits for the stream when the worker comes, and goes first.
  @Test func aWorkerThatWasReservedInVainIsFreeForOthers() throws {
    let standing = Standing(.agent("busy"), count: 2)
    let rig = try CoreRig(workflow: workflow, fleets: [], standing: standing)
    register(rig)
    rig.isReading = false
    _ = rig.command(.cancel, standing.id(0))
    try rig.settle()
    #expect(rig.core.occupied[Self.busy.id(0)] == standing.id(0))
    rig.isReading = true
    try rig.settle()
    #expect(rig.events(of: standing.id(0)).contains(.cancelRequested))
    #expect(held(rig) == standing.id(1))
  }

  /// A command that changes nothing is answered between the reservation and the assignment, when
  /// there are too many executors already.
  @Test func aReservedWorkerIsKeptWhileOtherInputsArePassedOn() throws {
    let standing = Standing(.agent("busy"), count: 2)
    let rig = try CoreRig(workflow: workflow, fleets: [], standing: standing, residentsMax: 0)
    rig.isReading = false
    let reply = rig.command(.retry, standing.id(0))
    register(rig)
    try rig.settle()
    #expect(rig.core.occupied[Self.busy.id(0)] == standing.id(0))
    rig.isReading = true
    try rig.settle()
    #expect(rig.replies[reply] != nil)
    #expect(held(rig) == standing.id(0))
    let given = (0..<2).map { standing.id($0) }.filter { id in
      rig.events(of: id).contains { if case .dispatched = $0 { true } else { false } }
    }
    #expect(given == [standing.id(0)])
  }

  @Test func aStreamThatCannotBeReadIsFoundWhenItsTurnComes() throws {
    let standing = Standing(.agent("busy"), count: 2)
    let rig = try CoreRig(workflow: workflow, fleets: [], standing: standing)
    rig.unreadable = [.delegation(standing.id(0))]
    #expect(rig.core.unreadable.isEmpty)
    register(rig)
    try rig.settle()
    #expect(rig.core.unreadable == [.delegation(standing.id(0)): "the disk is gone"])
    #expect(!rig.core.isTracked(standing.id(0)))
    #expect(held(rig) == standing.id(1))
  }

  @Test func whoFollowsOneWaitsForItsPullRequest() throws {
    let standing = Standing(.retry(at: Self.later), count: 1)
    let rig = try CoreRig(workflow: workflow, fleets: [], standing: standing)
    rig.feed(.follow(standing.id(0), until: rig.now.wall + .seconds(90), ReplyID(901)))
    try rig.settle()
    #expect(rig.progress.isEmpty)
    try rig.wait(seconds: 60)
    let progress = try #require(rig.progress[ReplyID(901)] ?? nil)
    #expect(progress.pullRequest != nil)
  }

  @Test func theQueueKnowsThoseWithoutExecutors() throws {
    let standing = Standing(.agent("busy"), count: 4)
    let rig = try CoreRig(workflow: workflow, fleets: [Self.busy], standing: standing)
    let work = ["busy": WorkSpans([.seconds(60)])]
    let places = rig.core.forecast(work: work, now: rig.now, limit: 10)
    #expect(places.map(\.delegation) == (1..<4).map { standing.id($0) })
    #expect(places.allSatisfy { $0.startsAt != nil })
  }
}
