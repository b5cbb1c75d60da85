import Domain
import Engine
import EventLog
import HTTPServing
import Hummingbird
import Projections

/// Liveness, readiness and metrics.
struct HealthRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.healthz) { _, _ in Response.text("alive\n") }
    router.on(.readyz) { _, _ in try await ready() }
    router.on(.metrics) { _, _ in try await metrics() }
  }

  /// Ready: the log is open, and the views are at its head. Each quarantined stream has a line; it
  /// does not affect others.
  private func ready() async throws -> Response {
    guard await server.lifecycle.isReady else {
      throw Problem.unavailable("The server is starting.")
    }
    guard await !server.lifecycle.isDraining else {
      throw Problem.unavailable("The server is stopping.")
    }
    let views = try await server.store.digests().position
    let head = try await server.store.head().position
    guard views <= head else {
      throw Problem.unavailable("The views are at \(views), beyond the log's end at \(head).")
    }
    let quarantined = await server.engine.quarantined()
    let lines = quarantined.map { "in quarantine: \($0.description): \($1)\n" }.sorted()
    return .text("ready\n" + lines.prefix(Self.linesMax).joined())
  }

  /// The most quarantined streams to list.
  private static let linesMax = 100

  /// Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).
  private func metrics() async throws -> Response {
    var text = ""
    func gauge(_ name: String, _ help: String, _ values: [(label: String, value: Int64)]) {
      text += "# HELP \(name) \(help)\n# TYPE \(name) gauge\n"
      for value in values { text += "\(name)\(value.label) \(value.value)\n" }
    }
    let head = try await server.store.head().position
    gauge("aipm_log_position", "Position of the last event.", [("", head)])
    let states = try await server.store.liveFigures().states
    gauge(
      "aipm_delegations_live", "Delegations that have not ended, by state.",
      DelegationStateName.allCases.filter { !$0.isTerminal }.map {
        ("{state=\"\($0.rawValue)\"}", Int64(states[$0, default: 0]))
      })
    let workers = try await server.store.workerCounts()
    gauge(
      "aipm_workers", "Workers by state.",
      WorkerStateName.allCases.map {
        ("{state=\"\($0.rawValue)\"}", Int64(workers[$0, default: 0]))
      })
    gauge(
      "aipm_streams_quarantined",
      "Streams of the log that cannot be read or do not fold; nothing is done with them.",
      [("", Int64(await server.engine.quarantined().count))])
    gauge(
      "aipm_event_streams", "Event streams that are open.",
      [("", Int64(server.streams.count))])
    return .text(text, type: "text/plain; version=0.0.4; charset=utf-8")
  }
}
