import Domain

/// How one delegation ended.
package struct EndedDelegation: Equatable, Sendable {
  /// nil if it was pushed.
  package var failure: FailureCode?
  /// In milliseconds since 1970.
  package var requestedAt: Int64
  package var endedAt: Int64

  package init(failure: FailureCode?, requestedAt: Int64, endedAt: Int64) {
    self.failure = failure
    self.requestedAt = requestedAt
    self.endedAt = endedAt
  }

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
  }

  /// The beginning of the first hour, in milliseconds since 1970.
  package var since: Int64
  package var day: Span
  /// 24 hours, the oldest first; the last one ends now.
  package var hours: [Span]
  /// How many delegations ended with each code, the most frequent first.
  package var failures: [(code: FailureCode, count: Int)]

  package static let hourCount = 24
  package static let hour: Int64 = 3_600_000

  /// The beginning of the 24 hours that end at `now`.
  package static func start(now: Timestamp) -> Timestamp {
    Timestamp(milliseconds: now.milliseconds - Int64(hourCount) * hour)
  }

  /// - Parameter ended: delegations that ended from `start(now:)` on; others are ignored.
  package init(_ ended: [EndedDelegation], now: Timestamp) {
    let first = Self.start(now: now).milliseconds
    var durations: [[Int64]] = Array(repeating: [], count: Self.hourCount)
    var hours = [Span](repeating: Span(), count: Self.hourCount)
    var codes: [FailureCode: Int] = [:]
    for one in ended where one.endedAt >= first {
      let index = min(Int((one.endedAt - first) / Self.hour), Self.hourCount - 1)
      switch one.failure {
      case nil:
        hours[index].pushed += 1
        durations[index].append(max(0, one.endedAt - one.requestedAt))
      case .cancelled?: hours[index].cancelled += 1
      case let code?:
        hours[index].failed += 1
        codes[code, default: 0] += 1
      }
    }
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

  /// The median and the 95th percentile; nil if there are no values.
  private static func percentiles(_ values: [Int64]) -> (Int64?, Int64?) {
    let sorted = values.sorted()
    func rank(_ percent: Int) -> Int64? {
      sorted.isEmpty ? nil : sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
    }
    return (rank(50), rank(95))
  }

  package static func == (a: DayFigures, b: DayFigures) -> Bool {
    a.since == b.since && a.day == b.day && a.hours == b.hours
      && a.failures.map(\.code) == b.failures.map(\.code)
      && a.failures.map(\.count) == b.failures.map(\.count)
  }
}
