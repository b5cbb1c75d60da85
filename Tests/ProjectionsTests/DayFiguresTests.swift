import Domain
import Projections
import Testing

/// A day's delegations, counted.
struct DayFiguresTests {
  private static let hour = DayFigures.hour
  /// Half past an hour.
  private static let now = Timestamp(milliseconds: 1_733_358_600_000)
  private static let half = hour / 2

  /// One that ended so long before now.
  private func ended(
    before: Int64, took: Int64 = 1000, _ failure: FailureCode? = nil, in repository: String = "a/b",
    by agent: String = "demo"
  ) -> EndedDelegation {
    let end = Self.now.milliseconds - before
    return EndedDelegation(
      failure: failure, requestedAt: end - took, endedAt: end, repository: repository,
      agent: agent)
  }

  @Test func aDayWithoutAny() {
    let figures = DayFigures([], now: Self.now)
    #expect(figures.day == DayFigures.Span())
    #expect(figures.hours == Array(repeating: DayFigures.Span(), count: 24))
    #expect(figures.failures.isEmpty)
    #expect(figures.since == Self.now.milliseconds - Self.half - 23 * Self.hour)
  }

  @Test func eachIsCountedInItsHour() {
    let figures = DayFigures(
      [
        ended(before: 0), ended(before: Self.half), ended(before: Self.half + 1),
        ended(before: Self.half + 23 * Self.hour), ended(before: Self.half + 23 * Self.hour + 1),
        ended(before: 1, .agentFailed), ended(before: 2, .cancelled),
        // A clock of another machine may be ahead.
        ended(before: -5000),
      ], now: Self.now)
    #expect(figures.hours[23].pushed == 3)
    #expect(figures.hours[23].failed == 1)
    #expect(figures.hours[23].cancelled == 1)
    #expect(figures.hours[22].pushed == 1)
    #expect(figures.hours[0].pushed == 1)
    #expect(figures.day.pushed == 5)
    #expect(figures.day.failed == 1)
    #expect(figures.day.cancelled == 1)
  }

  @Test(arguments: [
    (1, 1, 1), (2, 1, 2), (3, 2, 3), (20, 10, 19), (21, 11, 20), (100, 50, 95), (101, 51, 96),
  ])
  func durationsThatSoManyDoNotExceed(count: Int64, p50: Int64, p95: Int64) {
    let pushed = (1...count).shuffled().map { ended(before: 1, took: $0 * 10) }
    let failed = ended(before: 1, took: 99_999, .noChanges)
    let figures = DayFigures(pushed + [failed], now: Self.now)
    #expect(figures.day.p50 == p50 * 10)
    #expect(figures.day.p95 == p95 * 10)
    #expect(figures.hours[23].p50 == p50 * 10)
    #expect(figures.hours[0].p50 == nil)
  }

  @Test func eachRepositoryAndAgentHasItsOwn() {
    let figures = DayFigures(
      [
        ended(before: 1, took: 10, in: "a/b", by: "x"),
        ended(before: 2, took: 30, in: "c/d", by: "x"),
        ended(before: 3, took: 20, in: "c/d", by: "y"), ended(before: 4, .noChanges, in: "c/d"),
        ended(before: 5, .cancelled, in: "c/d"), ended(before: 48 * Self.hour, in: "old/one"),
      ], now: Self.now)
    #expect(figures.repositories.map(\.name) == ["c/d", "a/b"])
    let most = figures.repositories[0].span
    #expect((most.pushed, most.failed, most.cancelled) == (2, 1, 1))
    #expect((most.p50, most.p95) == (20, 30))
    #expect(figures.agents.map(\.name) == ["demo", "x", "y"])
    let many = (1...30).map { ended(before: 1, in: "a/\($0)") }
    #expect(DayFigures(many, now: Self.now).repositories.count == DayFigures.partsMax)
  }

  @Test func codesAreCountedTheMostFrequentFirst() {
    let figures = DayFigures(
      [
        ended(before: 1, .noChanges), ended(before: 2, .agentTimeout),
        ended(before: 3, .agentFailed), ended(before: 4, .agentTimeout),
        ended(before: 5, .cancelled),
      ], now: Self.now)
    #expect(figures.failures.map(\.code) == [.agentTimeout, .agentFailed, .noChanges])
    #expect(figures.failures.map(\.count) == [2, 1, 1])
  }
}
