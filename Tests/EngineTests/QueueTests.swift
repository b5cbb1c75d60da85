import Domain
import Engine
import InstantWorld
import LogStories
import Testing
import Workflows

/// The queue for workers: each delegation gets a worker that may have it, and no other.
@Suite struct QueueTests {
  let workflow: Workflow

  init() throws { workflow = try #require(try WorkflowCatalog()["personal-delegate"]) }

  private static let demo = CoreRig.Fleet("demo", 2, agents: ["demo"])
  private static let busy = CoreRig.Fleet("busy", 1, agents: ["busy"])

  private func held(_ worker: WorkerID, in rig: CoreRig) -> DelegationID? {
    rig.core.workers[worker]?.plan?.delegation
  }

  @Test func aDelegationGoesFromItsRequestToItsPush() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo])
    rig.working = "demo"
    let id = rig.submit(1)
    try rig.settle()
    #expect(rig.pushed == [id])
    #expect(rig.core.executors.isEmpty && rig.core.nextWake == nil)
  }

  @Test func aQueueForABusyAgentHoldsUpNobodyAndIsWorkedOffByAge() throws {
    let standing = Standing(.agent("busy"), count: 30)
    let rig = try CoreRig(
      workflow: workflow, fleets: [Self.demo, Self.busy], standing: standing)
    rig.working = "demo"
    #expect(held(Self.busy.id(0), in: rig) == standing.id(0))
    let others = (1...5).map { rig.submit($0) }
    try rig.settle()
    #expect(Set(rig.pushed) == Set(others))

    // One that was cancelled is not handed out, whether it stood first or in the middle.
    let cancelled = [1, 2, 17].map { standing.id($0) }
    for id in cancelled { _ = rig.command(.cancel, id) }
    try rig.settle()
    rig.working = "busy"
    rig.work(Self.busy.id(0))
    try rig.settle()
    let rest = (0..<30).map { standing.id($0) }.filter { !cancelled.contains($0) }
    #expect(Array(rig.pushed.dropFirst(5)) == rest)
    #expect(rig.core.executors.isEmpty)
    #expect(held(Self.busy.id(0), in: rig) == nil)
  }

  @Test func whatACancellationEndsFreesItsWorker() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.busy])
    let first = rig.submit(1, agent: "busy")
    let second = rig.submit(2, agent: "busy")
    try rig.settle()
    let lease = try #require(rig.core.workers[Self.busy.id(0)]?.plan?.lease)
    #expect(held(Self.busy.id(0), in: rig) == first)
    _ = rig.command(.cancel, first)
    try rig.settle()
    #expect(rig.core.workers[Self.busy.id(0)]?.plan?.cancel == true)
    _ = rig.command(.confirmStopped(attempt: lease.attempt, token: lease.token), first)
    try rig.settle()
    #expect(held(Self.busy.id(0), in: rig) == second)
  }

  /// The built-in workflow lets a requester have eight at once.
  @Test func aRequesterAtTheLimitGetsTheNextAsSoonAsOneEnds() throws {
    let fleet = CoreRig.Fleet("demo", 16, agents: ["demo"])
    let rig = try CoreRig(workflow: workflow, fleets: [fleet])
    for n in 1...20 { rig.submit(n, requester: "ann", repository: "r\(n)") }
    try rig.settle()
    func busy() -> [WorkerID] { (0..<16).map(fleet.id).filter { held($0, in: rig) != nil } }
    #expect(busy().count == 8)
    let other = rig.submit(99, requester: "bob")
    try rig.settle()
    #expect(busy().count == 9)
    #expect(busy().contains { held($0, in: rig) == other })
    for done in 1...11 {
      let worker = try #require(busy().first { held($0, in: rig) != other })
      rig.work(worker)
      try rig.settle()
      #expect(rig.pushed.count == done)
      #expect(busy().count == 9)
    }
    rig.working = "demo"
    for worker in busy() { rig.work(worker) }
    try rig.settle()
    #expect(rig.pushed.count == 21 && busy().isEmpty)
  }

  @Test func aWorkerThatDrainsGetsNothingAndOneThatComesWithTheAgentDoes() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo, Self.busy])
    for n in 0..<2 { rig.command(.drain, Self.demo.id(n)) }
    try rig.settle()
    #expect(Set(rig.planChanges) == [Self.demo.id(0), Self.demo.id(1)])
    let id = rig.submit(1)
    try rig.settle()
    #expect((0..<2).allSatisfy { held(Self.demo.id($0), in: rig) == nil })
    // What only draining workers have is an agent that somebody has: it waits for one.
    #expect(held(Self.busy.id(0), in: rig) == nil)
    rig.command(
      .register(host: "build", version: "0.1.0", agents: ["busy", "demo"], local: false),
      Self.busy.id(0))
    try rig.settle()
    #expect(held(Self.busy.id(0), in: rig) == id)
    #expect(rig.core.workers[Self.busy.id(0)]?.plan?.lease.incarnation == 2)
  }

  @Test func anAgentThatNobodyHasGoesToAnybody() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo])
    let id = rig.submit(1, agent: "nowhere")
    try rig.settle()
    #expect(held(Self.demo.id(0), in: rig) == id)
  }

  @Test(arguments: [
    WorkerCommand.stop, .lose(reason: "silent"), .park(reason: "it keeps ending"),
  ])
  func anAgentThatOnlyAWorkerHadWhichIsGoneGoesToAnybody(end: WorkerCommand) throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo, Self.busy])
    rig.command(end, Self.busy.id(0))
    try rig.settle()
    let id = rig.submit(1, agent: "busy")
    try rig.settle()
    #expect(held(Self.demo.id(0), in: rig) == id)
  }

  /// What waited for an agent when its last worker went is not left waiting.
  @Test func whatWaitedForAWorkerThatGoesGoesToAnybody() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo, Self.busy])
    rig.submit(1, agent: "busy")
    let second = rig.submit(2, agent: "busy")
    try rig.settle()
    #expect(held(Self.demo.id(0), in: rig) == nil)
    rig.command(.lose(reason: "silent"), Self.busy.id(0))
    try rig.settle()
    #expect(held(Self.demo.id(0), in: rig) == second)
  }

  /// After a start, a local worker is stopped in the log until it has registered.
  @Test func aLocalWorkerThatIsBeingStartedIsWaitedFor() throws {
    let rig = try CoreRig(
      workflow: workflow, fleets: [Self.demo, Self.busy], local: [Self.busy.id(0)])
    rig.command(.stop, Self.busy.id(0))
    try rig.settle()
    rig.submit(1, agent: "busy")
    try rig.settle()
    #expect((0..<2).allSatisfy { held(Self.demo.id($0), in: rig) == nil })
  }

  @Test func aWorkerThatLeftIsForgottenAndMayComeBack() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.busy])
    let id = Self.busy.id(0)
    rig.command(.stop, id)
    try rig.settle()
    #expect(rig.core.workers[id] == nil)
    rig.command(.register(host: "build", version: "0.1.0", agents: ["busy"], local: false), id)
    try rig.settle()
    #expect(rig.core.workers[id]?.incarnation == 2)
    rig.feed(.registered(id, journal: [], local: false))
    let delegation = rig.submit(1, agent: "busy")
    try rig.settle()
    #expect(held(id, in: rig) == delegation)
  }

  /// It may have ended together with the server. Until it counts as lost, its work would wait.
  @Test func aWorkerGetsWorkOnceItWasHeardFromSinceTheStart() throws {
    let rig = try CoreRig(
      workflow: workflow, fleets: [Self.demo], standing: Standing(.agent("demo"), count: 3),
      workersAnswer: false)
    let ids = (0..<2).map { Self.demo.id($0) }
    #expect(ids.allSatisfy { held($0, in: rig) == nil })
    rig.feed(.heard(ids[1], agentSilence: nil))
    try rig.settle()
    #expect(held(ids[0], in: rig) == nil && held(ids[1], in: rig) != nil)
    // One that stays silent is lost, as before.
    try rig.wait(seconds: 120, hearing: [ids[1]])
    guard case .lost = rig.core.workers[ids[0]]?.state else {
      Issue.record("\(String(describing: rig.core.workers[ids[0]]?.state))")
      return
    }
  }

  @Test func aDrainedServerGivesNothingOut() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo])
    rig.feed(.drain)
    rig.submit(1)
    try rig.settle()
    #expect((0..<2).allSatisfy { held(Self.demo.id($0), in: rig) == nil })
    #expect(Set(rig.planChanges) == [Self.demo.id(0), Self.demo.id(1)])
    #expect(rig.core.workers[Self.demo.id(0)]?.drains == true)
  }
}
