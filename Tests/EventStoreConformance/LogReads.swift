import Domain
import EventLog
import LogStories
import Projections
import Synchronization
import Testing
import Text

extension EventStoreConformance {
  static let logReads: [ConformanceCheck] = [
    ConformanceCheck("the log is read as it is stored", storedAsRecorded),
    ConformanceCheck("a replay folds the log to the head, or up to a bound", replays),
    ConformanceCheck("a replay finds the live views identical", comparisons),
    ConformanceCheck("a whole store is verified as sound", verification),
    ConformanceCheck("a redacted text is explained by the log", verifiedRedactions),
    ConformanceCheck("a bundle of what is read can be checked", bundles),
  ]

  private static func storedAsRecorded(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1)
    _ = try await subject.store.append(Story.append([Story.registered]))
    let stored = try await subject.stored()
    let told = subject.heard.events
    #expect(try stored.map { try $0.recorded() } == told)
    #expect(stored.map(\.json) == told.map(\.json))
    #expect(stored.map(\.json) == told.map { StoredEvent($0).json })
    let stream = StreamName.delegation(Story.id(1))
    #expect(
      try await subject.store.events(of: stream).map(\.json)
        == told.filter { $0.stream == stream }.map(\.json))
    #expect(try await subject.store.events(of: .delegation(Story.id(2))).isEmpty)
    #expect(try await subject.store.last(of: .worker(Story.worker))?.position == 10)
    #expect(try await subject.store.unfitStreams().isEmpty)
  }

  private static func replays(_ subject: StoreUnderTest) async throws {
    let empty = try await subject.store.replay(ReplayPlan()) { _ in }
    #expect(empty.fold.events == 0 && empty.fold.head == .empty && empty.comparison == nil)
    try await fill(subject, seed: 3, appends: 150)
    let log = try await subject.stored()
    let progress = Mutex<[Int]>([])
    let whole = try await subject.store.replay(ReplayPlan()) { count in
      progress.withLock { $0.append(count) }
    }
    #expect(whole.fold.faults.isEmpty && whole.fold.events == log.count)
    #expect(whole.fold.head == (try await subject.store.head()))
    #expect(whole.fold.projector.digests == (try await subject.store.digests().digests))
    let told = progress.withLock { $0 }
    #expect(told.last == log.count && told == told.sorted())
    for count in [0, 1, log.count / 2, log.count + 7] {
      let plan = ReplayPlan(end: .position(Int64(count)))
      let part = try await subject.store.replay(plan) { _ in }.fold
      #expect(part.events == min(count, log.count))
      let last = log.prefix(count).last
      #expect(part.head.position == last?.position ?? 0)
      #expect(part.projector.digests == folded(log.prefix(count)).projector.digests)
    }
    let time = log[log.count / 3].time
    let part = try await subject.store.replay(ReplayPlan(end: .time(time))) { _ in }.fold
    #expect(part.events == log.count { $0.time <= time })
  }

  private static func folded(_ events: some Sequence<StoredEvent>) -> LogFold {
    var fold = LogFold(isChecking: true)
    for event in events { fold.take(event) }
    return fold
  }

  private static func comparisons(_ subject: StoreUnderTest) async throws {
    try await fill(subject, seed: 4, appends: 150)
    let plan = ReplayPlan(isChecking: false, comparesViews: true)
    let replayed = try await subject.store.replay(plan) { _ in }
    #expect(replayed.comparison?.isIdentical == true)
    #expect(replayed.fold.head == (try await subject.store.head()))
  }

  private static func verification(_ subject: StoreUnderTest) async throws {
    try await fill(subject, seed: 6, appends: 150)
    let found = try await subject.store.verify { _ in }
    #expect(found.isSound, "\(found.faults)")
    #expect(found.events == (try await subject.stored()).count)
    #expect(found.head == (try await subject.store.head()))
    #expect(found.digests == (try await subject.store.digests().digests))
  }

  private static func verifiedRedactions(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1)
    _ = try await subject.store.redact([1], reason: "r", by: Story.user)
    let found = try await subject.store.verify { _ in }
    #expect(found.isSound, "\(found.faults)")
    #expect(try await subject.stored().first?.isRedacted == true)
    // Up to before the redaction the log does not say why the text is gone.
    let part = try await subject.store.replay(ReplayPlan(end: .position(9))) { _ in }.fold
    #expect(part.unexplainedRedactions == [1])
  }

  private static func bundles(_ subject: StoreUnderTest) async throws {
    for n in 1...3 { try await subject.tell(n) }
    let log = try await subject.stored()
    let own = try await subject.store.events(of: .delegation(Story.id(2)))
    let header = BundleHeader(
      delegation: Story.id(2), before: .empty, head: try await subject.store.head(), redacted: [],
      workflow: nil)
    var writer = BundleWriter(delegation: Story.id(2), positions: own.map(\.position))
    var text = header.json.canonicalText + "\n"
    for event in log { text += writer.take(event) }
    text += writer.flush()
    var check = BundleCheck()
    for line in text.split(separator: "\n") { check.take(Array(line.utf8)) }
    check.finish()
    #expect(check.faults.isEmpty, "\(check.faults)")
    #expect(check.events.map(\.position) == own.map(\.position))
  }
}
