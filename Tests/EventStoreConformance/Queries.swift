import Domain
import EventLog
import LogStories
import Projections
import Testing

extension EventStoreConformance {
  static let queries: [ConformanceCheck] = [
    ConformanceCheck("a delegation is found by id, by code and by its pull request", references),
    ConformanceCheck("lists are newest first, by pages", pages),
    ConformanceCheck("lists are filtered by each of their terms, and all must hold", filters),
    ConformanceCheck("words are found in title, branch, repository and code", searchedWords),
    ConformanceCheck("live delegations are those that go on, oldest first", liveDelegations),
    ConformanceCheck("what ended lately is told with its times, as it stands now", ended),
    ConformanceCheck("a pull request is shown with its newest delegation", pullRequests),
    ConformanceCheck("usage is found by its days, the first and the last included", usage),
  ]

  private static func references(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1, to: .prepared, number: 55)
    try await subject.tell(2, to: .committed)
    #expect(try await subject.find(Story.id(1).rawValue) == Story.id(1))
    #expect(try await subject.find(Story.id(1).rawValue.uppercased()) == Story.id(1))
    #expect(try await subject.find(Story.stamp(2).confirmationCode) == Story.id(2))
    #expect(try await subject.find("ebaejun/tools#55") == Story.id(1))
    #expect(try await subject.find("ebaejun/tools#56") == nil)
    #expect(try await subject.find("ebaejun/other#55") == nil)
    #expect(try await subject.find(Story.id(3).rawValue) == nil)
    #expect(try await subject.find(Story.stamp(3).confirmationCode) == nil)
    // The newest of a pull request, in whatever order they reach it.
    try await adopt(5, number: 55, in: subject)
    #expect(try await subject.find("ebaejun/tools#55") == Story.id(5))
    try await adopt(4, number: 55, in: subject)
    #expect(try await subject.find("ebaejun/tools#55") == Story.id(5))
  }

  private static func pages(_ subject: StoreUnderTest) async throws {
    for n in [3, 1, 5, 2, 4] { try await subject.tell(n, to: .requested) }
    var paged: [DelegationID] = []
    var before: Stamp?
    while true {
      let page = try await subject.store.delegations(
        DelegationFilter(), before: before, limit: 2)
      guard let last = page.last else { break }
      #expect(page.count <= 2)
      paged += page.map(\.row.id)
      before = Stamp(milliseconds: last.row.stamp)
    }
    #expect(paged == [5, 4, 3, 2, 1].map(Story.id))
    let none = try await subject.store.delegations(DelegationFilter(), before: nil, limit: 0)
    #expect(none.isEmpty)
  }

  private static func filters(_ subject: StoreUnderTest) async throws {
    _ = try await subject.store.append(Story.append([Story.registered]))
    let other = RepositoryName(owner: "ebaejun", name: "site")
    try await subject.tell(1, to: .dispatched)
    try await subject.tell(2, to: .requested, request: Story.request(2, repository: other))
    try await subject.tell(
      3, to: .requested, request: Story.request(3, repository: other, requester: "ci"))
    #expect(try await subject.list(.init(states: [.requested])) == [3, 2])
    #expect(try await subject.list(.init(states: [.dispatched])) == [1])
    #expect(try await subject.list(.init(repository: "ebaejun/site")) == [3, 2])
    #expect(try await subject.list(.init(requester: "ci")) == [3])
    #expect(try await subject.list(.init(worker: "worker-1")) == [1])
    #expect(try await subject.list(.init(repository: "ebaejun/site", requester: "local")) == [2])
    #expect(try await subject.list(.init(states: [.pushed])).isEmpty)
    #expect(try await subject.list(.init(states: [.requested, .dispatched])) == [3, 2, 1])
    #expect(try await subject.list(.init(states: [.pushed, .dispatched])) == [1])
  }

  private static func usage(_ subject: StoreUnderTest) async throws {
    _ = try await subject.store.append(Story.append([Story.registered]))
    try await subject.tell(1, to: .pushed)
    let rows = try await subject.store.usage(from: nil, through: nil)
    #expect(rows.map(\.pushed) == [1] && rows.map(\.attempts) == [1])
    let day = try #require(rows.first?.day)
    let before = String(day.dropLast(2)) + "00"
    let after = String(day.dropLast(2)) + "99"
    for (first, last, count) in [
      (day, day, 1), (day, nil, 1), (nil, day, 1), (before, after, 1), (after, nil, 0),
      (nil, before, 0), (before, before, 0),
    ] as [(String?, String?, Int)] {
      let found = try await subject.store.usage(from: first, through: last)
      #expect(found.count == count, "\(first ?? "-") to \(last ?? "-")")
    }
  }

  private static func searchedWords(_ subject: StoreUnderTest) async throws {
    let titled = TaskText(
      title: "Über 100% of_it", objective: "hidden", pullRequestTitle: "hidden",
      constraints: .text(""), acceptanceCriteria: [])
    try await subject.tell(1, to: .requested)
    try await subject.tell(2, to: .requested, request: Story.request(2, text: titled))
    try await subject.tell(3, to: .requested, request: Story.request(3, text: nil))
    #expect(try await subject.list(words: "EXPORT button") == [1])
    #expect(try await subject.list(words: "feature/add") == [3, 2, 1])
    #expect(try await subject.list(words: "ebaejun/TOOLS") == [3, 2, 1])
    #expect(try await subject.list(words: Story.stamp(3).confirmationCode) == [3])
    #expect(try await subject.list(words: "100% of_it") == [2])
    #expect(try await subject.list(words: "Über") == [2])
    // No wildcard, nothing across two parts, and nothing of what is not searched.
    #expect(try await subject.list(words: "%").count == 1)
    #expect(try await subject.list(words: "f_it") == [2])
    #expect(try await subject.list(words: "fxit").isEmpty)
    #expect(try await subject.list(words: "hidden").isEmpty)
    #expect(try await subject.list(words: "tools export").count == 3)
    #expect(try await subject.list(words: "  ") == [3, 2, 1])
  }

  private static func liveDelegations(_ subject: StoreUnderTest) async throws {
    for n in [3, 1, 2] { try await subject.tell(n, to: .requested) }
    try await subject.tell([.cancelRequested], to: 1, after: 1)
    try await subject.tell([Story.failed(.resolveBase, .cancelled)], to: 1, after: 2)
    try await subject.tell(4)
    #expect(try await subject.store.liveDelegations().map(\.id) == [2, 3].map(Story.id))
    try await subject.tell([.retryRequested], to: 1, after: 3)
    #expect(try await subject.store.liveDelegations().map(\.id) == [1, 2, 3].map(Story.id))
    let rows = try await subject.store.liveDelegations()
    for row in rows {
      let same = try await subject.store.liveDelegations(branch: row.branch).map(\.id)
      #expect(same == rows.filter { $0.branch == row.branch }.map(\.id))
    }
    #expect(try await subject.store.liveDelegations(branch: "nobody/has-it").isEmpty)
    try await liveFigures(subject, rows)
    try await subject.tell(5, to: .committed)
    try await subject.tell(6, to: .prepared)
    try await subject.tell(7, to: .prepared)
    try await subject.tell(8, to: .generated)
    try await liveBatches(subject, try await subject.store.liveDelegations())
  }

  /// One state after another, in batches of one.
  private static func liveBatches(
    _ subject: StoreUnderTest, _ rows: [DelegationRow]
  ) async throws {
    for state in DelegationStateName.allCases where !state.isTerminal {
      var found: [LiveDelegation] = []
      while true {
        let batch = try await subject.store.liveDelegations(
          in: state, after: found.last?.stamp, limit: 1)
        if batch.isEmpty { break }
        #expect(batch.count == 1)
        found += batch
      }
      #expect(found == rows.filter { $0.state == state }.map { LiveDelegation($0) })
      let all = try await subject.store.liveDelegations(in: state, after: nil, limit: 100)
      #expect(all == found)
    }
    #expect(
      try await Set(subject.store.liveRepositories()) == Set(rows.map(\.repository)))
    let streams = rows.map { StreamName.delegation($0.id) } + [.delegation(DelegationID("none"))]
    var alone: [[RecordedEvent]] = []
    for stream in streams { alone.append(try await subject.store.read(stream)) }
    #expect(try await subject.store.read(streams) == alone)
  }

  private static func liveFigures(
    _ subject: StoreUnderTest, _ rows: [DelegationRow]
  ) async throws {
    let figures = try await subject.store.liveFigures()
    #expect(figures.states == Dictionary(grouping: rows, by: \.state).mapValues(\.count))
    #expect(figures.waiting == rows.count { LiveFigures.isWaiting($0.state) })
    #expect(figures.failing == rows.count { $0.troubleCode != nil })
    #expect(figures.quarantined == rows.count { $0.quarantine != nil })
    let waiting = rows.filter { LiveFigures.isWaiting($0.state) }
    let oldest = try #require(waiting.min { $0.requestedAt < $1.requestedAt })
    #expect(figures.oldestWaiting?.id == oldest.id)
    #expect(figures.oldestWaiting?.requestedAt == oldest.requestedAt)
    let workers = try await subject.store.workers()
    #expect(
      try await subject.store.workerCounts()
        == Dictionary(grouping: workers, by: \.state).mapValues(\.count))
  }

  private static func ended(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1)
    try await subject.tell(2, to: .requested)
    try await subject.tell([Story.failed(.resolveBase, .forgeRefused)], to: 2, after: 1)
    try await subject.tell(3, to: .requested)
    let log = try await subject.log()
    func time(_ type: String, _ n: Int) throws -> Timestamp {
      try #require(
        log.first { $0.stream == .delegation(Story.id(n)) && $0.event.name == type }
      ).time
    }
    let pushed = EndedDelegation(
      failure: nil, requestedAt: try time("delegation.requested", 1).milliseconds,
      endedAt: try time("delegation.pushed", 1).milliseconds, repository: "\(Story.repository)",
      agent: "demo")
    let failed = EndedDelegation(
      failure: .forgeRefused, requestedAt: try time("delegation.requested", 2).milliseconds,
      endedAt: try time("delegation.failed", 2).milliseconds, repository: "\(Story.repository)",
      agent: "demo")
    func found(_ since: Timestamp, limit: Int = 10) async throws -> [EndedDelegation] {
      try await subject.store.ended(since: since, limit: limit)
    }
    #expect(try await found(Story.start) == [failed, pushed])
    #expect(try await found(Story.start, limit: 1) == [failed])
    #expect(try await found(Timestamp(milliseconds: failed.endedAt)) == [failed])
    #expect(try await found(Timestamp(milliseconds: failed.endedAt + 1)).isEmpty)
    // One that goes on again has not ended.
    try await subject.tell([.retryRequested], to: 2, after: 2)
    #expect(try await found(Story.start) == [pushed])
  }

  private static func pullRequests(_ subject: StoreUnderTest) async throws {
    try await subject.tell(1, to: .prepared, number: 55)
    try await subject.tell(2, to: .prepared, number: 56)
    try await adopt(3, number: 55, in: subject)
    let shown = try await subject.store.pullRequests(in: [], limit: 10)
    #expect(shown.map(\.row.number) == [55, 56])
    #expect(shown.map(\.row.delegation) == [3, 2].map(Story.id))
    #expect(shown.map(\.title) == ["Add export button", "Add export button"])
    #expect(shown.first?.row.url == Story.pullRequestURL(55))
    #expect(try await subject.store.pullRequests(in: [], limit: 1).count == 1)
    // What an older delegation hears of it does not show.
    try await subject.tell(
      [.pullRequestUpdated(PullRequestUpdated(state: .closed))], to: 1, after: 5)
    #expect(try await subject.store.pullRequests(in: [], limit: 1).first?.row.state == .open)
    try await subject.tell(
      [.pullRequestUpdated(PullRequestUpdated(state: .merged))], to: 3, after: 5)
    #expect(try await subject.store.pullRequests(in: [], limit: 1).first?.row.state == .merged)
  }

  /// The `n`th delegation takes a pull request over that is there.
  private static func adopt(_ n: Int, number: Int, in subject: StoreUnderTest) async throws {
    let request = Story.request(n, kind: .adopt(pullRequest: number))
    try await subject.tell(n, to: .prepared, request: request, number: number)
  }
}

extension StoreUnderTest {
  /// Which delegation a user's word for it leads to.
  fileprivate func find(_ text: String) async throws -> DelegationID? {
    let reference = try #require(DelegationReference(text))
    return try await store.delegation(reference)?.row.id
  }

  /// The numbers of the first three delegations that a list holds.
  fileprivate func list(_ filter: DelegationFilter) async throws -> [Int] {
    let all = try await store.delegations(filter, before: nil, limit: 10)
    return all.compactMap { found in (1...3).first { Story.id($0) == found.row.id } }
  }

  fileprivate func list(words: String) async throws -> [Int] {
    try await list(DelegationFilter(text: words))
  }
}
