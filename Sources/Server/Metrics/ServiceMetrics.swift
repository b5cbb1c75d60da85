import Domain
import Engine
import EventLog
import ForgePort
import Projections
import Prometheus

/// What the process counts for `/metrics`. Counts start at zero with the process, except those that
/// `restore` continues.
///
/// No label names a repository, a person, a branch or a delegation, so the number of series is
/// limited by the code and by the names of agents in workflows.
package final class ServiceMetrics: DelegationObserver {
  let version: String
  let delegations: DelegationMetrics

  private let events = CounterFamily(
    "aipm_events_total", "Events that were appended to the log, by type.", labels: ["type"],
    known: EventType.allCases.map { [$0.name] })
  private let commitTime = HistogramFamily(
    "aipm_log_commit_duration_seconds",
    "Time of a transaction of the log, from its start to the end of its sync.",
    bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5])
  private let commitSize = HistogramFamily(
    "aipm_log_commit_appends", "Appends that shared a transaction of the log.",
    bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256])

  private let forgeRequests = CounterFamily(
    "aipm_forge_requests_total",
    "Requests to the forge, by route and status; none is the status without an answer.",
    labels: ["route", "status"])
  private let forgeTime = HistogramFamily(
    "aipm_forge_request_duration_seconds", "Time until the forge's answer was read, by route.",
    bounds: Bounds.call, labels: ["route"])

  private let requests = CounterFamily(
    "aipm_http_requests_total", "Requests to this server, by operation and class of status.",
    labels: ["operation", "status"])
  private let requestTime = HistogramFamily(
    "aipm_http_request_duration_seconds",
    "Time until the response began, by operation; bodies of streams follow later.",
    bounds: Bounds.call, labels: ["operation"])

  /// Bounds of histograms in seconds.
  enum Bounds {
    static let call = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
    static let step = [
      0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600,
    ]
  }

  /// - Parameters:
  ///   - version: the version of the program.
  ///   - agents: the names that labels may have; other agents are "other".
  package init(version: String, agents: Set<String>) {
    self.version = version
    delegations = DelegationMetrics(agents: agents)
  }

  /// For the store, as its observer.
  package func observe(_ recorded: [RecordedEvent]) {
    for one in recorded { events.add(1, [one.event.name]) }
  }

  /// For the store's transactions.
  package func observe(_ commit: GroupCommit) {
    commitTime.observe(commit.time)
    commitSize.observe(Double(commit.appends))
  }

  /// For requests to the forge.
  package func observe(_ exchange: ForgeExchange) {
    forgeRequests.add(1, [exchange.route, exchange.status.map { "\($0)" } ?? "none"])
    forgeTime.observe(exchange.time, [exchange.route])
  }

  /// Counts a request to this server.
  func observe(operation: String, status: Int, time: Duration) {
    requests.add(1, [operation, "\(status / 100)xx"])
    requestTime.observe(time, [operation])
  }

  /// Continues the counts of the whole log. Called once, before the engine starts.
  package func restore(_ rows: [RepositoryUsage]) { delegations.restore(rows) }

  /// See `DelegationObserver`.
  package func begin(_ live: [DelegationStateName: Int]) { delegations.begin(live) }

  /// See `DelegationObserver`.
  package func observe(
    _ event: DelegationEvent, at time: Timestamp, from before: DelegationState,
    to after: DelegationState
  ) {
    delegations.observe(event, at: time, from: before, to: after)
  }

  func write(to exposition: inout Exposition) {
    delegations.write(to: &exposition)
    let own: [any MetricFamily] = [
      events, commitTime, commitSize, forgeRequests, forgeTime, requests, requestTime,
    ]
    for family in own { family.write(to: &exposition) }
  }
}
