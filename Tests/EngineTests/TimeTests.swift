import Domain
import Engine
import InstantWorld
import LogStories
import Testing
import Workflows

/// What waits for a moment: the next try of a step, the next start of a worker, a sign of life.
@Suite struct TimeTests {
  let workflow: Workflow
  private static let demo = CoreRig.Fleet("demo", 3, agents: ["demo"])

  init() throws { workflow = try #require(try WorkflowCatalog()["personal-delegate"]) }

  // MARK: Tries

  @Test func aTryIsMadeAtItsMomentAndNotBefore() throws {
    let due = Story.start + .seconds(60)
    let standing = Standing(.retry(at: due), count: 20)
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo], standing: standing)
    rig.working = "demo"
    let workers = (0..<3).map(Self.demo.id)
    #expect(rig.core.nextWake == due)
    try rig.wait(seconds: 59, hearing: workers)
    #expect(rig.pushed.isEmpty)
    try rig.wait(seconds: 1, hearing: workers)
    #expect(Set(rig.pushed) == Set((0..<20).map(standing.id)))
    #expect(rig.core.nextWake == nil)
  }

  @Test func whatWasCancelledWaitsForNoMoment() throws {
    let first = Story.start + .seconds(60)
    let standing = Standing(.retry(at: first), count: 2)
    let rig = try CoreRig(workflow: workflow, fleets: [], standing: standing)
    _ = rig.command(.cancel, standing.id(0))
    try rig.settle()
    #expect(rig.core.nextWake == first)
    _ = rig.command(.cancel, standing.id(1))
    try rig.settle()
    #expect(rig.core.nextWake == nil && rig.core.executors.isEmpty)
  }

  // MARK: Starts

  private static let local = WorkerID("local-0")

  private func register(_ rig: CoreRig, local: Bool = true) throws {
    rig.command(
      .register(host: "here", version: "0.1.0", agents: ["demo"], local: local), Self.local)
    try rig.settle()
    rig.feed(.registered(Self.local, journal: [], local: local))
    try rig.settle()
  }

  /// A worker that has ended twice, the second time a moment ago: it waits for a second.
  private func waiting() throws -> CoreRig {
    let rig = try CoreRig(workflow: workflow, fleets: [], local: [Self.local])
    #expect(rig.started == [Self.local])
    rig.feed(.process(Self.local, .started))
    try register(rig)
    for _ in 0..<2 {
      rig.feed(.process(Self.local, .ended(reason: "killed")))
      try rig.settle()
    }
    #expect(rig.started.count == 2)
    #expect(rig.core.nextWake == rig.now.wall + .seconds(1))
    return rig
  }

  @Test func aWorkerIsStartedAgainAtItsMoment() throws {
    let rig = try waiting()
    rig.wait(999)
    rig.feed(.wake)
    try rig.settle()
    #expect(rig.started.count == 2)
    rig.wait(1)
    rig.feed(.wake)
    try rig.settle()
    #expect(rig.started.count == 3)
    #expect(rig.core.nextWake == nil)
    try rig.wait(seconds: 5)
    #expect(rig.started.count == 3)
  }

  @Test func aWorkerThatIsThereAlreadyIsNotStarted() throws {
    let rig = try waiting()
    try register(rig)
    #expect(rig.core.nextWake == nil)
    try rig.wait(seconds: 5)
    #expect(rig.started.count == 2)
  }

  /// A moment that nothing waits for would be asked for again and again.
  @Test func afterADrainNoStartIsWaitedFor() throws {
    let rig = try waiting()
    rig.feed(.drain)
    try rig.settle()
    #expect(rig.core.nextWake == nil)
    try rig.wait(seconds: 5)
    #expect(rig.started.count == 2)
  }

  // MARK: Silences

  private func state(_ n: Int, _ rig: CoreRig) -> WorkerStateName? {
    rig.core.workers[Self.demo.id(n)]?.state.name
  }

  @Test func aSilenceIsJudgedWhateverWasHeardOfOthers() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo])
    let id = rig.submit(1)
    try rig.settle()
    #expect(rig.core.workers[Self.demo.id(0)]?.plan?.delegation == id)
    let others = [Self.demo.id(1)]
    try rig.wait(seconds: 10, hearing: others)
    #expect((0..<3).map { state($0, rig) } == [.idle, .idle, .idle])
    try rig.wait(seconds: 1, hearing: others)
    #expect((0..<3).map { state($0, rig) } == [.unhealthy, .idle, .unhealthy])
    try rig.wait(seconds: 19, hearing: others)
    #expect((0..<3).map { state($0, rig) } == [.unhealthy, .idle, .unhealthy])
    try rig.wait(seconds: 1, hearing: others)
    #expect((0..<3).map { state($0, rig) } == [.lost, .idle, .lost])
    #expect(rig.core.workers[Self.demo.id(1)]?.plan?.delegation == id)
  }

  @Test func aWorkerThatRecoversIsJudgedByItsNextSilence() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo])
    let all = (0..<3).map(Self.demo.id)
    try rig.wait(seconds: 15, hearing: Array(all.dropFirst()))
    #expect(state(0, rig) == .unhealthy)
    try rig.wait(seconds: 3, hearing: all)
    #expect(state(0, rig) == .idle)
    try rig.wait(seconds: 10, hearing: Array(all.dropFirst()))
    #expect(state(0, rig) == .idle)
    try rig.wait(seconds: 1, hearing: Array(all.dropFirst()))
    #expect(state(0, rig) == .unhealthy)
  }

  @Test func aTickThatComesLateSaysThatEverybodyWasHeardFrom() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo])
    try rig.wait(seconds: 9)
    rig.wait(40_000)
    rig.feed(.tick)
    try rig.settle()
    try rig.wait(seconds: 10)
    #expect((0..<3).map { state($0, rig) } == [.idle, .idle, .idle])
    try rig.wait(seconds: 1)
    #expect((0..<3).map { state($0, rig) } == [.unhealthy, .unhealthy, .unhealthy])
  }

  /// Its process has ended, so no heartbeat is expected, but its lease expires.
  @Test func aLeaseOfAWorkerThatDoesNotComeBackEnds() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo])
    let id = rig.submit(1)
    try rig.settle()
    rig.command(.park(reason: "for the test"), Self.demo.id(0))
    rig.command(.park(reason: "for the test"), Self.demo.id(2))
    try rig.settle()
    #expect(state(0, rig) == .parked)
    #expect(rig.core.workers[Self.demo.id(0)]?.plan?.delegation == id)
    try rig.wait(seconds: 31, hearing: [Self.demo.id(1)])
    #expect(rig.core.workers[Self.demo.id(0)]?.plan == nil)
    #expect(rig.core.workers[Self.demo.id(1)]?.plan?.delegation == id)
    #expect((0..<3).map { state($0, rig) } == [.parked, .idle, .parked])
  }
}
