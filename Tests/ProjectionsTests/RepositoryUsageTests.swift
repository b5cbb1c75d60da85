import Domain
import EventLog
import LogStories
import Projections
import Testing

/// What is counted for a repository and a month. `RandomLogTests` counts random logs.
struct RepositoryUsageTests {
  private var projector = Projector()

  private mutating func apply(_ events: [DelegationEvent], to n: Int, at time: String) throws {
    let time = try #require(Timestamp(iso8601: time))
    let known = projector.delegations[Story.id(n)]?.row?.version ?? 0
    for (index, event) in events.enumerated() {
      let version = known + 1 + Int64(index)
      _ = projector.apply(
        .delegation(event), stream: .delegation(Story.id(n)), version: version,
        position: version, time: time)
    }
  }

  private var rows: [RepositoryUsage] {
    projector.rows(RepositoryUsage.self).sorted { $0.key < $1.key }
  }

  @Test mutating func aMonthEndsAtMidnightUTC() throws {
    let day = Story.goodDay(1)
    try apply(Array(day[...6]), to: 1, at: "2024-12-31T23:59:59.999Z")
    try apply(Array(day[7...]), to: 1, at: "2025-01-01T00:00:00.000Z")
    #expect(rows.map(\.month) == ["2024-12", "2025-01"])
    #expect(rows.map(\.attempts) == [1, 0] && rows.map(\.generations) == [0, 1])
    #expect(rows.map(\.pushed) == [0, 1] && rows.map(\.duration) == [0, 12_000])
    #expect(rows.map(\.linesAdded) == [0, 30] && rows.map(\.linesRemoved) == [0, 4])
  }

  @Test mutating func repositoriesAreCountedApart() throws {
    let other = Story.request(2, repository: RepositoryName(owner: "acme", name: "tools"))
    try apply(Story.goodDay(1), to: 1, at: "2024-12-05T00:00:00Z")
    try apply(Story.goodDay(2, request: other), to: 2, at: "2024-12-06T00:00:00Z")
    try apply(Story.goodDay(3, to: .branched), to: 3, at: "2024-12-07T00:00:00Z")
    try apply([Story.failed(.commitTask, .cancelled)], to: 3, at: "2024-12-07T00:00:00Z")
    #expect(rows.map(\.repository) == ["acme/tools", "ebaejun/tools"])
    #expect(rows.map(\.pushed) == [1, 1] && rows.map(\.failed) == [0, 1])
  }

  /// A worker chooses what it reports.
  @Test mutating func noReportOverflowsASum() throws {
    var figures = Story.figures
    for (n, duration) in [Int64.max, .max, -5].enumerated() {
      figures.duration = Milliseconds(duration)
      figures.insertions = Int.max
      var events = Story.goodDay(n)
      guard case .generated(var generated) = events[7] else {
        Issue.record("event 7 is not the commit")
        return
      }
      generated.figures = figures
      events[7] = .generated(generated)
      try apply(events, to: n, at: "2024-12-05T00:00:00Z")
    }
    #expect(rows.map(\.generations) == [3])
    #expect(rows.map(\.duration) == [.max] && rows.map(\.linesAdded) == [.max])
  }

  /// An event that its delegation's state does not allow counts nothing.
  @Test mutating func whatIsNotAllowedIsNotCounted() throws {
    let day = Story.goodDay(1)
    try apply(Array(day[...5]), to: 1, at: "2024-12-05T00:00:00Z")
    try apply([day[5], day[6], day[7], day[8]], to: 1, at: "2024-12-05T00:00:00Z")
    #expect(rows.map(\.attempts) == [1] && rows.map(\.generations) == [0])
    #expect(rows.map(\.pushed) == [0])
  }
}
