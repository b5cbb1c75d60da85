import Domain

/// How one delegation ended.
package struct EndedDelegation: Equatable, Sendable {
  /// nil if it was pushed.
  package var failure: FailureCode?
  /// In milliseconds since 1970.
  package var requestedAt: Int64
  package var endedAt: Int64
  package var repository: String
  package var agent: String

  package init(
    failure: FailureCode?, requestedAt: Int64, endedAt: Int64, repository: String, agent: String
  ) {
    self.repository = repository
    self.agent = agent
    self.failure = failure
    self.requestedAt = requestedAt
    self.endedAt = endedAt
  }

  /// The time from the request to the end, in milliseconds.
  fileprivate var took: Int64 { max(0, endedAt - requestedAt) }

  /// The smallest stamp to read for delegations that ended since then: a week earlier. So the index
  /// by state and stamp bounds the work, whatever the length of the log.
  package static func oldestStamp(since: Timestamp) -> Int64 {
    since.milliseconds - 7 * 24 * 3_600_000
  }
}

/// The outcomes of a day's delegations, by hour. They are counted from the rows at each request and
/// not stored.
package struct DayFigures: Equatable, Sendable {
  /// A number of delegations, and how long the pushed ones took from the request to the push, in
  /// milliseconds.
  package struct Span: Equatable, Sendable {
    package var pushed = 0
    package var failed = 0
    package var cancelled = 0
    package var p50: Int64?
    package var p95: Int64?

    package init() {}

    package var count: Int { pushed + failed + cancelled }

    fileprivate mutating func add(_ failure: FailureCode?) {
      switch failure {
      case nil: pushed += 1
      case .cancelled?: cancelled += 1
      case .some: failed += 1
      }
    }
  }

  /// What has a common name, such as the delegations of a repository.
  package struct Part: Equatable, Sendable {
    package var name: String
    package var span: Span
  }

  /// The beginning of the first hour, in milliseconds since 1970.
  package var since: Int64
  package var day: Span
  /// 24 hours, the oldest first; the last one has not ended.
  package var hours: [Span]
  /// The repositories and the agents with the most delegations, at most `partsMax` of each.
  package var repositories: [Part]
  package var agents: [Part]
  /// How many delegations ended with each code, the most frequent first.
  package var failures: [(code: FailureCode, count: Int)]

  package static let hourCount = 24
  package static let hour: Int64 = 3_600_000
  package static let partsMax = 20

  /// The beginning of the 24 hours of the clock of which the last one contains `now`.
  package static func start(now: Timestamp) -> Timestamp {
    let end = (now.milliseconds / hour + 1) * hour
    return Timestamp(milliseconds: end - Int64(hourCount) * hour)
  }

  /// - Parameter ended: delegations that ended from `start(now:)` on; others are ignored.
  package init(_ ended: [EndedDelegation], now: Timestamp) {
    let first = Self.start(now: now).milliseconds
    var durations: [[Int64]] = Array(repeating: [], count: Self.hourCount)
    var hours = [Span](repeating: Span(), count: Self.hourCount)
    var codes: [FailureCode: Int] = [:]
    for one in ended where one.endedAt >= first {
      let index = min(Int((one.endedAt - first) / Self.hour), Self.hourCount - 1)
      hours[index].add(one.failure)
      switch one.failure {
      case nil: durations[index].append(one.took)
      case .cancelled?: break
      case let code?: codes[code, default: 0] += 1
      }
    }
    let counted = ended.filter { $0.endedAt >= first }
    repositories = Self.parts(of: counted, by: \.repository)
    agents = Self.parts(of: counted, by: \.agent)
    for index in hours.indices {
      (hours[index].p50, hours[index].p95) = Self.percentiles(durations[index])
    }
    since = first
    day = hours.reduce(into: Span()) { day, hour in
      day.pushed += hour.pushed
      day.failed += hour.failed
      day.cancelled += hour.cancelled
    }
    (day.p50, day.p95) = Self.percentiles(durations.flatMap { $0 })
    self.hours = hours
    failures = codes.map { ($0.key, $0.value) }
      .sorted { ($1.count, $0.code.rawValue) < ($0.count, $1.code.rawValue) }
  }

  /// Those with the most delegations first.
  private static func parts(
    of ended: [EndedDelegation], by name: KeyPath<EndedDelegation, String>
  ) -> [Part] {
    let parts = Dictionary(grouping: ended, by: { $0[keyPath: name] }).map { name, ended in
      var span = Span()
      for one in ended { span.add(one.failure) }
      (span.p50, span.p95) = percentiles(ended.filter { $0.failure == nil }.map(\.took))
      return Part(name: name, span: span)
    }
    let order = parts.sorted { ($1.span.count, $0.name) < ($0.span.count, $1.name) }
    return Array(order.prefix(partsMax))
  }

  /// The median and the 95th percentile; nil if there are no values.
  package static func percentiles(_ values: [Int64]) -> (Int64?, Int64?) {
    let sorted = values.sorted()
    func rank(_ percent: Int) -> Int64? {
      sorted.isEmpty ? nil : sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
    }
    return (rank(50), rank(95))
  }

  package static func == (a: DayFigures, b: DayFigures) -> Bool {
    a.since == b.since && a.day == b.day && a.hours == b.hours
      && a.repositories == b.repositories && a.agents == b.agents
      && a.failures.map(\.code) == b.failures.map(\.code)
      && a.failures.map(\.count) == b.failures.map(\.count)
  }
}
