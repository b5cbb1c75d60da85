import Domain
import EventLog
import LogStories
import Projections
import Testing

extension EventStoreConformance {
  static let reads: [ConformanceCheck] = [
    ConformanceCheck("the log is read in pages", logInPages),
    ConformanceCheck("a stream is read by type, and its end", streamsByType),
    ConformanceCheck("the views are in step with each append", viewsInStep),
    ConformanceCheck(
      "a delegation has the words of its request and of its failure", wordsOfDelegations),
    ConformanceCheck("workers are told by name, with what becomes of them", lifeOfWorkers),
    ConformanceCheck("marks are the largest stamp and epoch that were given out", marks),
  ]

  private static func logInPages(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1)
    let log = try await subject.log()
    var paged: [RecordedEvent] = []
    while true {
      let page = try await subject.store.read(after: paged.last?.position ?? 0, limit: 4)
      #expect(page.count <= 4)
      if page.isEmpty { break }
      paged += try page.map { try $0.recorded() }
    }
    #expect(paged == log)
    #expect(try await subject.store.read(after: 9, limit: 4).isEmpty)
    #expect(try await subject.store.read(after: 1_000_000, limit: 4).isEmpty)
    #expect(try await subject.store.read(after: 0, limit: 0).isEmpty)
  }

  private static func streamsByType(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1)
    let stream = StreamName.delegation(Story.id(1))
    let all = try await subject.store.read(stream)
    let wanted: [EventType] = [.requested, .pushed]
    let some = try await subject.store.read(stream, types: wanted)
    let names = wanted.map(\.name)
    #expect(some == all.filter { names.contains($0.event.name) } && some.count == 2)
    #expect(try await subject.store.read(stream, types: []).isEmpty)
    #expect(try await subject.store.read(stream, types: [.systemStarted]).isEmpty)
    #expect(try await subject.store.last(of: stream)?.recorded() == all.last)
    #expect(try await subject.store.last(of: .system)?.position == nil)
  }

  private static func viewsInStep(_ subject: StoreUnderTest) async throws {
    let states: [DelegationStateName] = [
      .requested, .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
      .generating, .generating, .pushed,
    ]
    _ = try await subject.store.append(Story.append([Story.registered]))
    for (index, event) in Story.goodDay(1).enumerated() {
      try await subject.tell([event], to: 1, after: Int64(index))
      let row = try #require(try await subject.store.delegation(.id(Story.id(1)))?.row)
      #expect(row.state == states[index], "after \(event.name)")
      #expect(row.version == Int64(index + 1) && row.position == Int64(index + 2))
      #expect(try await subject.store.digests().position == row.position)
      let worker = try #require(try await subject.store.workers().first)
      let isBusy = (5...6).contains(index)
      #expect(worker.state == (isBusy ? .busy : .idle), "after \(event.name)")
      #expect(worker.delegation == (isBusy ? Story.id(1) : nil))
    }
    let row = try #require(try await subject.store.delegation(.id(Story.id(1)))?.row)
    #expect(row.commitSHA == Story.sha(2001).rawValue && row.worker == "worker-1")
    #expect(row.taskCommitSHA == Story.sha(1001).rawValue && row.pr == 101)
    #expect(row.updatedAt == subject.clock.now.milliseconds && row.nextIntent == nil)
  }

  private static func wordsOfDelegations(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1, to: .based)
    let told = try await subject.store.delegation(.id(Story.id(1)))
    #expect(told?.text == Story.words && told?.failureMessage == nil)
    let failed = Story.failed(.createBranch, .forgeRefused, message: "no right", hint: "grant it")
    try await subject.tell([failed], to: 1, after: 2)
    let broken = try await subject.store.delegation(.id(Story.id(1)))
    #expect(broken?.failureMessage == "no right" && broken?.failureHint == "grant it")
    #expect(broken?.row.failureCode == .forgeRefused && broken?.row.failureRetryable == true)
    #expect(broken?.row.failureStep == .createBranch)
    try await subject.tell([.retryRequested], to: 1, after: 3)
    let retried = try await subject.store.delegation(.id(Story.id(1)))
    #expect(retried?.failureMessage == nil && retried?.row.failureCode == nil)
  }

  private static func lifeOfWorkers(_ subject: StoreUnderTest) async throws {
    for name in ["worker-2", "worker-1", "worker-10"] {
      _ = try await subject.store.append(
        Story.append([Story.registered], to: WorkerID(name)))
    }
    #expect(
      try await subject.store.workers().map(\.id.rawValue)
        == ["worker-1", "worker-10", "worker-2"])
    let lives: [(WorkerEvent, WorkerStateName)] = [
      (.unhealthy(reason: "silent"), .unhealthy), (.recovered, .idle),
      (.restarted(delay: .seconds(1), reason: nil), .starting), (Story.registered, .idle),
      (.parked(reason: nil), .parked), (Story.registered, .idle), (.draining, .draining),
      (.stopped, .stopped), (Story.registered, .idle), (.lost(reason: "silent"), .lost),
    ]
    for (index, life) in lives.enumerated() {
      subject.clock.step(1000)
      _ = try await subject.store.append(Story.append([life.0], after: Int64(index + 1)))
      let row = try #require(try await subject.store.workers().first)
      #expect(row.state == life.1, "after \(life.0.name)")
      #expect(row.since == subject.clock.now.milliseconds)
    }
    let row = try #require(try await subject.store.workers().first)
    #expect(row.restarts == 1 && row.host == "build-1" && row.agents == ["claude", "demo"])
  }

  private static func marks(_ subject: StoreUnderTest) async throws {
    try await subject.tell(7, to: .requested)
    try await subject.tell(3, to: .requested)
    _ = try await subject.store.append(
      Story.append([
        .started(epoch: 4, version: "1"), .started(epoch: 2, version: "1"),
        .recovered(inFlight: 9, duration: .seconds(1)),
      ]))
    #expect(try await subject.store.marks() == (Story.stamp(7).milliseconds, 4))
  }
}
