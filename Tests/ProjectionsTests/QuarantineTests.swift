import Domain
import EventLog
import LogStories
import Projections
import Randomness
import Testing
import Text

/// An event that cannot have happened stops its own stream, and nothing else.
struct QuarantineTests {
  private func apply(
    _ events: [DelegationEvent], to n: Int, in projector: inout Projector, from version: Int64 = 1
  ) -> [RowChange] {
    events.enumerated().flatMap { index, event in
      projector.apply(
        .delegation(event), stream: .delegation(Story.id(n)), version: version + Int64(index),
        position: version + Int64(index), time: Story.start)
    }
  }

  @Test func theRowSaysWhyAndStaysAsItWas() throws {
    var projector = Projector()
    _ = apply(Story.goodDay(1, to: .branched), to: 1, in: &projector)
    let before = try #require(projector.delegations[Story.id(1)]?.row)
    var digests = projector.digests
    let impossible = DelegationEvent.pushed(Pushed(sha: Story.sha(1), adopted: false))
    let changes = apply([impossible], to: 1, in: &projector, from: 4)
    var marked = before
    marked.quarantine = "delegation.pushed in state BranchCreated: not allowed"
    #expect(changes.count == 1)
    for change in changes { digests.follow(change) }
    #expect(digests == projector.digests)
    #expect(changes.first?.new as? DelegationRow == marked)
    #expect(projector.delegations[Story.id(1)]?.row == marked)
  }

  @Test func laterEventsChangeNothing() {
    var projector = Projector()
    _ = apply(Story.goodDay(1, to: .branched), to: 1, in: &projector)
    _ = apply([.retryRequested], to: 1, in: &projector, from: 4)
    let digests = projector.digests
    // It would be allowed, had the one before it not been there.
    #expect(apply([Story.goodDay(1)[3]], to: 1, in: &projector, from: 5).isEmpty)
    #expect(projector.digests == digests)
    let error = #expect(throws: CorruptStream.self) {
      try projector.check([Story.goodDay(1)[3]], on: Story.id(1), at: Story.start)
    }
    #expect(error?.event == "delegation.retry-requested")
  }

  @Test func otherStreamsGoOn() throws {
    var projector = Projector()
    _ = apply(Story.goodDay(1, to: .branched), to: 1, in: &projector)
    _ = apply([.retryRequested], to: 1, in: &projector, from: 4)
    _ = apply(Story.goodDay(2), to: 2, in: &projector)
    #expect(projector.delegations[Story.id(2)]?.row?.state == .pushed)
    #expect(projector.delegations[Story.id(2)]?.row?.quarantine == nil)
  }

  @Test func aStreamThatBeginsWrongHasNoRow() throws {
    var projector = Projector()
    #expect(apply([.cancelRequested], to: 1, in: &projector).isEmpty)
    #expect(projector.rows(of: "delegations").isEmpty)
    #expect(apply(Story.goodDay(1), to: 1, in: &projector, from: 2).isEmpty)
    #expect(throws: CorruptStream.self) {
      try projector.check(Story.goodDay(1), on: Story.id(1), at: Story.start)
    }
  }

  /// An append whose events are not all allowed leaves the projector as it was.
  @Test(arguments: [
    [DelegationEvent.retryRequested], Array(Story.goodDay(1)[3...4]) + [.retryRequested],
  ])
  func aRefusedAppendChangesNothing(events: [DelegationEvent]) throws {
    var projector = Projector()
    var digests: [ViewName: ViewDigest] = .empty
    var hasher = RowHasher()
    var sealer = EventSealer(last: nil, random: Seeded(1))
    func append(_ events: [DelegationEvent], to n: Int, after version: Int64) throws {
      let append = Story.append(events, to: n, after: version)
      let recorded = try sealer.record(append, at: Story.start)
      let changes = try projector.apply(recorded, look: { _ in nil }, &hasher)
      for change in changes { digests.follow(change) }
    }
    try append(Array(Story.goodDay(1)[..<3]), to: 1, after: 0)
    #expect(digests == projector.digests)
    #expect(throws: CorruptStream.self) { try append(events, to: 1, after: 3) }
    #expect(throws: CorruptStream.self) { try append([.cancelRequested], to: 2, after: 0) }
    #expect(digests == projector.digests)
    #expect(projector.delegations.count == 1)
    #expect(projector.delegations[Story.id(1)]?.corrupt == nil)
    try append(Array(Story.goodDay(1)[3...]), to: 1, after: 3)
    #expect(digests == projector.digests)
    #expect(projector.delegations[Story.id(1)]?.row?.state == .pushed)
    // One that was quarantined before takes no append.
    _ = projector.quarantine(.delegation(Story.id(1)), CorruptStream(unreadable: "a test"))
    #expect(throws: CorruptStream.self) {
      try append([.pullRequestUpdated(PullRequestUpdated(state: .merged))], to: 1, after: 9)
    }
  }

  @Test func aWorkersStream() throws {
    var projector = Projector()
    func apply(_ event: WorkerEvent, _ version: Int64) -> [RowChange] {
      projector.apply(
        .worker(event), stream: .worker(Story.worker), version: version, position: version,
        time: Story.start)
    }
    #expect(apply(Story.registered, 1).count == 1)
    #expect(apply(.recovered, 2).isEmpty)
    #expect(apply(.draining, 3).isEmpty)
    #expect(projector.workers[Story.worker]?.row?.state == .idle)
    #expect(throws: CorruptStream.self) {
      try projector.check([.worker(.stopped)], on: .worker(Story.worker), at: Story.start)
    }
  }

  /// A stored event that cannot be read does the same.
  @Test func anEventThatCannotBeRead() throws {
    var sealer = EventSealer(last: nil, random: Seeded(1))
    let sealed = try sealer.record(Story.append(Story.goodDay(1), to: 1), at: Story.start)
    var log = try sealed.map { try StoredEvent(exported: $0.json.canonical) }
    log[3].facts.put(.sha, nil as String?)
    var fold = LogFold(isChecking: false)
    for event in log { fold.take(event) }
    let row = try #require(fold.projector.delegations[Story.id(1)]?.row)
    #expect(row.state == .branchCreated && row.version == 3)
    #expect(row.quarantine?.contains("sha is absent") == true)
    #expect(fold.faults.isEmpty, "nobody checked")
    var checked = LogFold(isChecking: true)
    for event in log { checked.take(event) }
    #expect(checked.faults.count == 1)
  }

  @Test func aStreamWithoutAName() throws {
    var sealer = EventSealer(last: nil, random: Seeded(1))
    let sealed = try sealer.record(Story.append(Story.goodDay(1), to: 1), at: Story.start)
    var event = try StoredEvent(exported: sealed[0].json.canonical)
    event.stream = .init("nonsense")
    var fold = LogFold(isChecking: true)
    #expect(fold.takeReturningChanges(event).isEmpty)
    #expect(fold.faults.count == 1)
  }
}
