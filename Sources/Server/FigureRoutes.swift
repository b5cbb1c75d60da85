import Domain
import Engine
import EventLog
import ForgePort
import FoundationEssentials
import Hummingbird
import Projections
import SystemCalls
import Text

/// `GET /api/health`: an overview of the queue, the day, the workers and the forge.
struct FigureRoutes {
  let server: ServerContext
  private let kept = KeptFigures()

  /// More rows than any day has; rows beyond are not counted.
  private static let endedMax = 200_000

  /// With today.
  private static let costDays: Int64 = 7

  init(server: ServerContext) { self.server = server }

  func add(to router: APIRouter) {
    router.on(.health) { _, _ in
      let value = try await kept.value { try await figures() }
      return Response.json(value)
    }
  }

  private func figures() async throws -> JSONValue {
    let now = Timestamp.now
    let live = try await server.store.liveFigures()
    let ended = try await server.store.ended(
      since: DayFigures.start(now: now), limit: Self.endedMax)
    let figures = DayFigures(ended, now: now)
    var workers: [String: JSONValue] = [:]
    for (state, count) in try await server.store.workerCounts() where state != .stopped {
      workers[state.rawValue] = .integer(Int64(count))
    }
    return .object([
      "at": Render.time(now.milliseconds), "queue": queue(live, await quarantined(live)),
      "waits": try await waits(), "day": day(figures), "cost": try await cost(now),
      "workers": .object(workers), "forge": forge(), "forgeCalls": calls(),
      "position": .integer(try await server.store.head().position),
    ])
  }

  /// The number of quarantined live delegations. The engine knows those that the view lacks because
  /// they cannot be read.
  private func quarantined(_ live: LiveFigures) async -> Int {
    let unfit = await server.engine.quarantined().keys.count { stream in
      if case .delegation = stream { true } else { false }
    }
    return max(live.quarantined, unfit)
  }

  /// Delegations that wait for a worker, and live ones by state.
  private func queue(_ live: LiveFigures, _ quarantined: Int) -> JSONValue {
    var states: [String: JSONValue] = [:]
    for (state, count) in live.states { states[state.rawValue] = .integer(Int64(count)) }
    return .object([
      "depth": .integer(Int64(live.waiting)),
      "oldest": live.oldestWaiting.map {
        .object(["id": .string($0.id.rawValue), "requestedAt": Render.time($0.requestedAt)])
      } ?? .null,
      "trouble": .integer(Int64(live.failing)),
      "quarantined": .integer(Int64(quarantined)),
      "states": .object(states),
    ])
  }

  private func day(_ figures: DayFigures) -> JSONValue {
    var object = span(figures.day)
    object["since"] = Render.time(figures.since)
    object["repositories"] = parts(figures.repositories)
    object["agents"] = parts(figures.agents)
    object["hours"] = .array(
      figures.hours.enumerated().map { index, hour in
        var object = span(hour)
        object["from"] = Render.time(figures.since + Int64(index) * DayFigures.hour)
        return .object(object)
      })
    object["failures"] = .array(
      figures.failures.map {
        .object(["code": .string($0.code.rawValue), "count": .integer(Int64($0.count))])
      })
    return .object(object)
  }

  private func parts(_ parts: [DayFigures.Part]) -> JSONValue {
    .array(
      parts.map { part in
        .object(span(part.span).merging(["name": .string(part.name)]) { $1 })
      })
  }

  /// How long delegations waited for a worker, from those that got one last, and when the last of
  /// the queue is expected to get one.
  private func waits() async throws -> JSONValue {
    let waits = server.metrics.delegations.recentWaits
    let (half, most) = DayFigures.percentiles(waits)
    let last = try await server.queue.places().last?.startsAt
    return .object([
      "count": .integer(Int64(waits.count)), "p50Ms": half.map { .integer($0) } ?? .null,
      "p95Ms": most.map { .integer($0) } ?? .null, "lastStartsAt": Render.text(last?.iso8601),
    ])
  }

  /// What the attempts of the last days cost. The log's sums are of days in UTC.
  private func cost(_ now: Timestamp) async throws -> JSONValue {
    let since = Timestamp(milliseconds: now.milliseconds - (Self.costDays - 1) * 86_400_000).day
    let rows = try await server.store.usage(from: since, through: now.day)
    func sum(_ rows: [UsageRow]) -> UsageRow { rows.reduce(into: UsageRow()) { $0.add($1) } }
    func parts(_ grouping: UsageRoutes.Grouping) -> JSONValue {
      let sums = Dictionary(grouping: rows, by: grouping.key).mapValues(sum)
      let order = sums.sorted { a, b in
        (b.value.used[.cost] ?? 0, a.key) < (a.value.used[.cost] ?? 0, b.key)
      }
      return .array(
        order.prefix(DayFigures.partsMax).map { name, sum in
          .object(Self.cost(sum).merging(["name": .string(name)]) { $1 })
        })
    }
    return .object(
      Self.cost(sum(rows)).merging([
        "since": .string(since),
        "today": .object(Self.cost(sum(rows.filter { $0.day == now.day }))),
        "repositories": parts(.repository), "agents": parts(.agent),
      ]) { $1 })
  }

  private static func cost(_ sum: UsageRow) -> [String: JSONValue] {
    [
      "attempts": .integer(sum.attempts), "attemptsWithCost": .integer(sum.attemptsWithCost),
      "costMicrodollars": sum.used[.cost].map { .integer($0) } ?? .null,
    ]
  }

  private func span(_ span: DayFigures.Span) -> [String: JSONValue] {
    [
      "pushed": .integer(Int64(span.pushed)), "failed": .integer(Int64(span.failed)),
      "cancelled": .integer(Int64(span.cancelled)),
      "p50Ms": span.p50.map { .integer($0) } ?? .null,
      "p95Ms": span.p95.map { .integer($0) } ?? .null,
    ]
  }

  /// The calls to the forge since the start, and the times until which none is made.
  private func calls() -> JSONValue {
    let condition = server.engine.forge.condition
    return .object([
      "calls": .integer(condition.calls), "connections": .integer(condition.connections),
      "limitedUntil": condition.limitedUntil.map { Render.time($0.milliseconds) } ?? .null,
      "downUntil": condition.downUntil.map { Render.time($0.milliseconds) } ?? .null,
    ])
  }

  private func forge() -> JSONValue {
    guard let allowance = server.engine.forge.condition.allowance else { return .null }
    return .object([
      "limit": .integer(Int64(allowance.limit)),
      "remaining": .integer(Int64(allowance.remaining)),
      "resetAt": Render.time(allowance.resetAt.milliseconds),
    ])
  }
}

/// Figures are computed at most once a second for all pages.
private actor KeptFigures {
  private var last: (value: JSONValue, at: ContinuousClock.Instant)?
  private var counting: Task<JSONValue, any Error>?

  func value(_ count: @escaping @Sendable () async throws -> JSONValue) async throws -> JSONValue {
    if let last, ContinuousClock.now - last.at < .seconds(1) { return last.value }
    if let counting { return try await counting.value }
    let task = Task { try await count() }
    counting = task
    defer { counting = nil }
    let value = try await task.value
    last = (value, .now)
    return value
  }
}
