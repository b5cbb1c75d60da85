import Domain
import Engine
import InstantWorld
import LogStories
import Testing
import Workflows

/// The forecast of the queue is what happens then.
@Suite struct QueueForecastTests {
  let workflow: Workflow

  init() throws { workflow = try #require(try WorkflowCatalog()["personal-delegate"]) }

  private static let busy = CoreRig.Fleet("busy", 2, agents: ["busy"])
  private static let minute = Milliseconds(60_000)

  private func forecast(
    _ rig: CoreRig, work: [String: WorkSpans] = ["busy": WorkSpans([minute])], limit: Int = 100
  ) -> [QueuePlace] {
    rig.core.forecast(work: work, now: rig.now, limit: limit)
  }

  @Test func placesAreTheOrderInWhichWorkersAreGiven() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.busy])
    // Two run; the rest waits. Ann has more, and Bob's turn comes between hers.
    for n in 1...6 { rig.submit(n, requester: "ann", repository: "r\(n)", agent: "busy") }
    for n in 7...8 { rig.submit(n, requester: "bob", repository: "r\(n)", agent: "busy") }
    try rig.settle()
    let expected = forecast(rig).map(\.delegation)
    #expect(expected.count == 6)
    #expect(forecast(rig).map(\.place) == Array(1...6))
    #expect(forecast(rig, limit: 2).map(\.delegation) == Array(expected.prefix(2)))
    var given: [DelegationID] = []
    for _ in 0..<6 {
      let held = (0..<2).map { rig.core.workers[Self.busy.id($0)]?.plan?.delegation }
      // The one that has worked longest ends first.
      let worker = given.count.isMultiple(of: 2) ? 0 : 1
      rig.work(Self.busy.id(worker))
      try rig.settle()
      let now = (0..<2).compactMap { rig.core.workers[Self.busy.id($0)]?.plan?.delegation }
      given += now.filter { !held.contains($0) }
    }
    #expect(given == expected)
  }

  @Test func aStartIsWhenAWorkerIsExpectedToBeFree() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.busy])
    for n in 1...5 { rig.submit(n, agent: "busy") }
    try rig.settle()
    let began = rig.now.wall
    rig.wait(20_000)
    let starts = forecast(rig).map { $0.startsAt.map { $0.milliseconds - began.milliseconds } }
    #expect(starts == [60_000, 60_000, 120_000])
  }

  @Test func anUnknownTimeIsLeftOut() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.busy])
    for n in 1...4 { rig.submit(n, agent: "busy") }
    try rig.settle()
    #expect(forecast(rig, work: [:]).map(\.startsAt) == [nil, nil])
    #expect(forecast(rig, work: [:]).map(\.place) == [1, 2])
    // Both take longer than any before: they may end at any time.
    let began = rig.now.wall
    rig.wait(61_000)
    #expect(forecast(rig).map(\.startsAt) == [nil, nil])
    // Those that took longer say how long it may be.
    let spans = WorkSpans([1, 1, 1, 2, 5, 20].map { Milliseconds($0 * Self.minute.count) })
    let starts = forecast(rig, work: ["busy": spans]).map { $0.startsAt?.milliseconds }
    #expect(starts == [5, 5].map { began.milliseconds + $0 * Self.minute.count })
    // Nobody takes work any more.
    rig.feed(.drain)
    try rig.settle()
    #expect(forecast(rig).allSatisfy { $0.startsAt == nil })
  }

  @Test func theOrderIsKnownWithoutAWorker() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [])
    let ids = (1...3).map { rig.submit($0) }
    try rig.settle()
    #expect(forecast(rig).map(\.delegation) == ids)
    #expect(forecast(rig).allSatisfy { $0.startsAt == nil })
  }

  @Test func aQueueThatIsEmptyHasNoPlaces() throws {
    let rig = try CoreRig(workflow: workflow, fleets: [Self.busy])
    #expect(forecast(rig).isEmpty)
  }
}
