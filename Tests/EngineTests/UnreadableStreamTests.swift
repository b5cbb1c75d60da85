import Domain
import EventLog
import InMemoryEventStore
import InstantWorld
import LogStories
import Projections
import Randomness
import Synchronization
import Testing
import Workflows

@testable import Engine

/// Streams that cannot be read: nothing else waits for them, callers get an answer, and one that
/// can be read again continues.
@Suite(.timeLimit(.minutes(1))) struct UnreadableStreamTests {
  let workflow: Workflow

  init() throws { workflow = try #require(try WorkflowCatalog()["personal-delegate"]) }

  /// A clock that goes so many times as fast as others.
  private struct FastClock: EngineClock {
    let factor: Double
    private let start = ContinuousClock.now

    func now() -> Moment {
      let since = Int64((ContinuousClock.now - start) / .milliseconds(1) * factor)
      return Moment(wall: Story.start + Milliseconds(since), monotonic: Milliseconds(since))
    }

    func sleep(_ span: Milliseconds) async throws {
      try await Task.sleep(for: .milliseconds(Double(span.count) / factor))
    }
  }

  private struct NoLocalWorkers: WorkerLauncher {
    func run(_ worker: WorkerID, onStart: @escaping @Sendable () -> Void) async -> String { "" }
  }

  /// What the engine said of its reads.
  private final class Readings: Sendable {
    private let all = Mutex<[StreamReading]>([])
    let signals: AsyncStream<StreamReading>
    private let signal: AsyncStream<StreamReading>.Continuation

    init() { (signals, signal) = AsyncStream.makeStream(of: StreamReading.self) }

    func take(_ reading: StreamReading) {
      all.withLock { $0.append(reading) }
      signal.yield(reading)
    }

    func outcomes(of stream: StreamName) -> [StreamReading.Outcome] {
      all.withLock { $0.filter { $0.stream == stream }.map(\.outcome) }
    }

    func wait(for outcome: StreamReading.Outcome, of stream: StreamName) async {
      for await reading in signals where reading.stream == stream && reading.outcome == outcome {
        return
      }
    }
  }

  private struct Scene {
    let store: FailingStore
    let engine: Engine
    let readings: Readings
    let standing: Standing

    func stream(_ n: Int) -> StreamName { .delegation(standing.id(n)) }

    /// What is reported of the first failures of reading a stream: each wait is about twice the one
    /// before it.
    func waits(
      _ count: Int, _ tries: Engine.ReadTries, before stream: StreamName
    ) -> [StreamReading.Outcome] {
      let waits = (1...count).map { tries.backoff.delay(after: $0, seed: "\(stream)") }
      for (n, wait) in waits.enumerated() {
        let full = tries.backoff.first.count << Int64(n)
        #expect((full / 2...full).contains(wait.count))
      }
      return waits.map { .failed(again: $0) }
    }

    /// The state of the `n`th delegation.
    func state(_ n: Int) async throws -> DelegationStateName? {
      try await store.delegation(.id(standing.id(n)))?.row.state
    }
  }

  /// Three delegations and a worker are in the log.
  private func play(
    factor: Double = 1000, _ body: (Scene) async throws -> Void
  ) async throws {
    let clock = FastClock(factor: factor)
    let whole = InMemoryEventStore(clock: { clock.now().wall }, random: Seeded(1))
    let standing = Standing(.agent("demo"), count: 3)
    for n in 0..<standing.count {
      _ = try whole.appendNow(standing.append(n, workflow: workflow.digest))
    }
    let registered = WorkerEvent.registered(
      WorkerRegistered(
        incarnation: 1, host: "build", version: "0.1.0", agents: ["demo"], local: false))
    _ = try whole.appendNow(Story.append([registered], to: WorkerID("worker-a")))
    let store = FailingStore(whole)
    let readings = Readings()
    let engine = Engine(
      store: store, feed: LocalCommitFeed(), forge: InstantForge(), mirrors: InstantMirrors(),
      clock: clock, launcher: NoLocalWorkers(), configuration: .init(localWorkers: [], epoch: 2),
      workflows: [workflow], overrides: .init(), stampMark: 0, report: readings.take)
    try await body(
      Scene(store: store, engine: engine, readings: readings, standing: standing))
    await engine.stop()
  }

  @Test func oneKeepsNothingElseFromStarting() async throws {
    try await play { scene in
      scene.store.fail(scene.stream(1))
      scene.store.fail(.worker(WorkerID("worker-a")))
      let count = try await scene.engine.start()
      #expect(count == 3)
      let reply = await scene.engine.command(
        scene.standing.id(1), .cancel, by: Actor(kind: .user, name: "ann"))
      guard case .failed(.corrupt(let fault)) = reply else {
        Issue.record("\(reply)")
        return
      }
      #expect(fault.reason.contains("the disk failed"))
      let unfit = await scene.engine.quarantined()
      #expect(Set(unfit.keys) == [scene.stream(1), .worker(WorkerID("worker-a"))])
      #expect(unfit.values.allSatisfy { $0.contains("the disk failed") })
      #expect(scene.readings.outcomes(of: scene.stream(1)).last == .quarantined)
      // The others are there, and do what they are asked.
      let other = await scene.engine.command(
        scene.standing.id(0), .cancel, by: Actor(kind: .user, name: "ann"))
      #expect(other == .done(changed: true))
    }
  }

  /// A client that reads in the log that a delegation has ended may use its branch, also if the
  /// engine has not heard of that end yet.
  @Test func aBranchIsFreeOnceTheEndOfItsUserIsInTheLog() async throws {
    try await play { scene in
      _ = try await scene.engine.start()
      let ann = Actor(kind: .user, name: "ann")
      func adopt(_ n: Int) async throws -> SubmissionReply {
        let of = try #require(try await scene.store.delegation(.id(scene.standing.id(n)))?.row)
        let repository = try #require(RepositoryName(of.repository))
        var request = Story.request(50 + n, repository: repository)
        request.kind = .adopt(pullRequest: 7)
        request.branch = of.branch
        request.workflow.digest = workflow.digest
        return await scene.engine.submit(request, id: Story.id(50 + n))
      }
      #expect(try await adopt(1) == .branchTaken(by: scene.standing.id(1)))
      let (ended, signal) = AsyncStream.makeStream(of: Void.self)
      let (goOn, gate) = AsyncStream.makeStream(of: Void.self)
      scene.store.hold({ if case .delegation(.failed) = $0.event { true } else { false } }) {
        signal.finish()
        for await _ in goOn {}
      }
      async let cancelled = scene.engine.command(scene.standing.id(0), .cancel, by: ann)
      for await _ in ended {}
      #expect(try await scene.state(0) == .failed)
      async let reply = adopt(0)
      while await !scene.engine.hasAppendWaits { await Task.yield() }
      gate.finish()
      #expect(try await reply == .accepted(Story.id(50)))
      #expect(await cancelled == .done(changed: true))
    }
  }

  @Test func oneThatCanBeReadAgainIsGoneOnWith() async throws {
    try await play { scene in
      scene.store.fail(scene.stream(1))
      _ = try await scene.engine.start()
      // It is read when somebody needs it.
      #expect(await scene.engine.quarantined().isEmpty)
      let refusal = await scene.engine.command(
        scene.standing.id(1), .cancel, by: Actor(kind: .user, name: "ann"))
      guard case .failed(.corrupt) = refusal else {
        Issue.record("\(refusal)")
        return
      }
      #expect(await scene.engine.quarantined().count == 1)
      scene.store.fail(scene.stream(1), times: 0)
      await scene.readings.wait(for: .recovered, of: scene.stream(1))
      while await !scene.engine.quarantined().isEmpty { await Task.yield() }
      let reply = await scene.engine.command(
        scene.standing.id(1), .cancel, by: Actor(kind: .user, name: "ann"))
      #expect(reply == .done(changed: true))
    }
  }

  @Test func aReadThatFailsForAWhileIsMadeAgainAndHarmsNothing() async throws {
    try await play { scene in
      let worker = StreamName.worker(WorkerID("worker-a"))
      // Once with others, and twice alone.
      scene.store.fail(worker, times: 3)
      _ = try await scene.engine.start()
      #expect(await scene.engine.quarantined().isEmpty)
      #expect(
        scene.readings.outcomes(of: worker) == scene.waits(2, .brief, before: worker))
    }
  }

  /// A delegation at rest is read on request.
  @Test func whoWaitsForOneIsAnsweredWhileTheEngineRuns() async throws {
    try await play { scene in
      _ = try await scene.engine.start()
      let user = Actor(kind: .user, name: "ann")
      _ = await scene.engine.command(scene.standing.id(2), .cancel, by: user)
      while try await scene.state(2) != .failed { await Task.yield() }
      while await scene.engine.core.executors[scene.standing.id(2)] != nil { await Task.yield() }
      scene.store.fail(scene.stream(2))
      let reply = await scene.engine.command(scene.standing.id(2), .retry, by: user)
      guard case .failed(.corrupt) = reply else {
        Issue.record("\(reply)")
        return
      }
      let waits = scene.readings.outcomes(of: scene.stream(2)).dropLast()
      #expect(Array(waits) == scene.waits(5, .whileServing, before: scene.stream(2)))
      // The next caller gets the error at once.
      let again = await scene.engine.command(scene.standing.id(2), .retry, by: user)
      guard case .failed(.corrupt) = again else {
        Issue.record("\(again)")
        return
      }
      // Nothing hangs on a read that goes on for ever.
      await scene.engine.drain()
      await scene.engine.settle(limit: .seconds(3600))
      #expect(await scene.engine.isSettled)
    }
  }

  @Test func aWaitThatIsCancelledLeavesNothing() async throws {
    try await play { scene in
      _ = try await scene.engine.start()
      for n in 0..<20 {
        let waiting = Task {
          await scene.engine.planChange(of: WorkerID("worker-\(n)"), limit: .seconds(3600))
        }
        waiting.cancel()
        await waiting.value
      }
      #expect(await scene.engine.waitingWorkers == 0)
    }
  }

  @Test func aWaitEndsAtItsLimit() async throws {
    try await play { scene in
      _ = try await scene.engine.start()
      await scene.engine.planChange(of: WorkerID("worker-1"), limit: .seconds(25))
      #expect(await scene.engine.waitingWorkers == 0)
    }
  }
}

/// The same as the core sees it.
@Suite struct QuarantineTests {
  let workflow: Workflow

  init() throws { workflow = try #require(try WorkflowCatalog()["personal-delegate"]) }

  private static let demo = CoreRig.Fleet("demo", 1, agents: ["demo"])

  @Test func theWorkerOfADelegationThatCannotBeReadIsFreeForOthers() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo])
    let first = rig.submit(1)
    let second = rig.submit(2)
    try rig.settle()
    #expect(rig.core.workers[Self.demo.id(0)]?.plan?.delegation == first)
    rig.feed(.unreadable(.delegation(first), reason: "the disk is gone"))
    try rig.settle()
    #expect(rig.core.workers[Self.demo.id(0)]?.plan?.delegation == second)
    #expect(rig.core.executors[first] == nil)
    #expect(rig.core.unreadable == [.delegation(first): "the disk is gone"])
    let reply = rig.command(.cancel, first)
    try rig.settle()
    guard case .failed(.corrupt) = rig.replies[reply] else {
      Issue.record("\(String(describing: rig.replies[reply]))")
      return
    }
  }

  @Test func aWorkerThatCannotBeReadIsRefusedAndGetsNothing() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.demo])
    let stream = StreamName.worker(Self.demo.id(0))
    rig.feed(.unreadable(stream, reason: "the disk is gone"))
    rig.submit(1)
    try rig.settle()
    #expect(rig.core.workers[Self.demo.id(0)]?.plan == nil)
    #expect(rig.core.unreadable.keys.contains(stream))
    rig.feed(.worker(Self.demo.id(0), .reloaded([])))
    try rig.settle()
    #expect(rig.core.unreadable.isEmpty)
  }
}
