import Domain
import EventLog
import LogStories
import Projections
import Testing
import Text

extension EventStoreConformance {
  /// Appends a random log to both stores, and compares every answer of theirs: a store that passes
  /// answers as the model does.
  package static func compare(
    _ store: StoreUnderTest, with model: StoreUnderTest, seed: Int, appends: Int
  ) async throws {
    try await fill(store, seed: seed, appends: appends)
    try await fill(model, seed: seed, appends: appends)
    let log = try await model.stored()
    #expect(try await store.stored().map(\.shared) == log.map(\.shared))
    let now = model.clock.now + .seconds(60)
    try await compareRows(store.store, model.store, now: now)
    let commits = log.compactMap { $0.facts.text(.sha) }
    var queries = RandomQueries(seed: seed, commits: commits)
    for _ in 0..<200 {
      let text = queries.next()
      let query = try AuditQuery(text, now: now)
      let before = log.randomElement()?.position
      for (before, limit) in [(nil, 1000), (before, 3)] {
        let expected = try await model.store.audit(query, before: before, limit: limit)
        let found = try await store.store.audit(query, before: before, limit: limit)
        #expect(found.map(\.shared) == expected.map(\.shared), "\(text)")
      }
    }
  }

  private typealias Reading = ReadModels & LogReader

  private static func compareRows(
    _ store: any Reading, _ model: any Reading, now: Timestamp
  ) async throws {
    let filters: [DelegationFilter] = [
      .init(), .init(states: [.pushed, .failed]), .init(worker: "worker-1"),
      .init(repository: "ebaejun/tools", text: "export"), .init(requester: "local"),
    ]
    for filter in filters {
      let rows = try await model.delegations(filter, before: nil, limit: 100)
      #expect(try await store.delegations(filter, before: nil, limit: 100) == rows)
      guard let middle = rows.dropFirst(rows.count / 2).first else { continue }
      let before = Stamp(milliseconds: middle.row.stamp)
      #expect(
        try await store.delegations(filter, before: before, limit: 5)
          == model.delegations(filter, before: before, limit: 5))
    }
    #expect(try await store.liveDelegations() == model.liveDelegations())
    #expect(
      try await store.endedDelegationsWithWork() == model.endedDelegationsWithWork())
    let (figures, expected) = (try await store.liveFigures(), try await model.liveFigures())
    #expect(figures.states == expected.states && figures.failing == expected.failing)
    #expect(figures.oldestWaiting?.id == expected.oldestWaiting?.id)
    for minutes: Int64 in [0, 5, 20] {
      let time = now + Milliseconds(-60_000 * minutes)
      #expect(
        try await store.ended(since: time, limit: 50) == model.ended(since: time, limit: 50))
      #expect(
        try await store.texts(endedBefore: time, limit: 50)
          == model.texts(endedBefore: time, limit: 50))
    }
    var filter = TaskFilter()
    let asked: [(Set<TaskPhase>?, String)] = [
      (nil, ""), (TaskNeed.you.phases, ""), (nil, "export"), ([], ""),
    ]
    for (phases, text) in asked {
      (filter.phases, filter.text) = (phases, text)
      let tasks = try await model.tasks(filter, before: nil, limit: 50)
      #expect(try await store.tasks(filter, before: nil, limit: 50) == tasks)
      #expect(try await store.taskCounts(filter) == model.taskCounts(filter))
      for task in tasks.prefix(5) {
        #expect(try await store.task(of: task.newest.row.id) == task)
      }
    }
    let long = now + Milliseconds(-86_400_000)
    #expect(
      try await store.workTimes(since: long, limit: 9) == model.workTimes(since: long, limit: 9))
    let pullRequests = try await model.pullRequests(in: [], limit: 50)
    let found = try await store.pullRequests(in: [], limit: 50)
    #expect(found.map(\.row) == pullRequests.map(\.row))
    #expect(found.map(\.title) == pullRequests.map(\.title))
    #expect(try await store.workers() == model.workers())
    #expect(try await store.workerCounts() == model.workerCounts())
    #expect(try await store.digests() == model.digests())
    #expect(try await store.marks() == model.marks())
  }
}

extension StoredEvent {
  /// The envelope without what each store draws at random, and what follows from that.
  fileprivate var shared: JSONValue {
    var members = json.objectValue ?? [:]
    for name in ["id", "causation", "salt", "payloadHash", "hash"] { members[name] = nil }
    return .object(members)
  }
}
