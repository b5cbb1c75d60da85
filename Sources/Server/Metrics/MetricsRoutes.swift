import Domain
import Engine
import EventLog
import ForgePort
import HTTPServing
import Hummingbird
import Projections
import Prometheus
import SystemCalls

/// `GET /metrics`: everything that the process counts, and the lengths of its queues. A scrape
/// reads no table but that of workers.
struct MetricsRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.metrics) { request, _ in try await metrics(request) }
  }

  private func metrics(_ request: Request) async throws -> Response {
    var exposition = Exposition(.init(accept: request.headers[.accept]))
    server.metrics.write(to: &exposition)
    for family in server.configuration.moreMetrics { family.write(to: &exposition) }
    try await writeService(to: &exposition)
    writeForge(server.engine.forge.condition, to: &exposition)
    writeProcess(ProcessFigures.current, to: &exposition)
    return .text(exposition.text, type: exposition.format.contentType)
  }

  private func writeService(to exposition: inout Exposition) async throws {
    exposition.write(
      .gauge, "aipm_build_info", "The version of the program; the value is always 1.",
      [([("version", server.metrics.version)], 1)])
    exposition.write(
      .gauge, "aipm_log_position", "Position of the last event.",
      Double(try await server.store.head().position))
    writeRole(to: &exposition)
    let workers = try await server.store.workerCounts()
    exposition.write(
      .gauge, "aipm_workers", "Workers by state.",
      WorkerStateName.allCases.map {
        ([("state", $0.rawValue)], Double(workers[$0, default: 0]))
      })
    exposition.write(
      .gauge, "aipm_streams_quarantined",
      "Streams of the log that cannot be read or do not fold; nothing is done with them.",
      Double(await server.engine.quarantined().count))
    exposition.write(
      .gauge, "aipm_event_streams", "Event streams that are open.", Double(server.streams.count))
    exposition.write(
      .gauge, "aipm_submissions_waiting", "Submissions that wait for their pull request.",
      Double(server.submissions.waiting))
  }

  /// Whether this server writes the log, and how far one that follows has read it.
  private func writeRole(to exposition: inout Exposition) {
    let followed = server.configuration.active?.log
    exposition.write(
      .gauge, "aipm_server_active", "Whether this server writes the log.",
      followed == nil ? 1 : 0)
    // A store with one server has no claims.
    let epoch = followed?.active.epoch ?? server.configuration.claim
    exposition.write(
      .gauge, "aipm_log_epoch", "The number of the active server's claim, as this one knows it.",
      epoch.map { [([], Double($0))] } ?? [])
    exposition.write(
      .gauge, "aipm_log_lag_seconds", "How long ago this server had read all of the log.",
      followed.map { $0.lag / .seconds(1) } ?? 0)
    exposition.write(
      .gauge, "aipm_log_contradicted",
      "Whether the log is another one than this server has read before.",
      followed?.contradiction == nil ? 0 : 1)
  }

  private func writeForge(_ condition: ForgeCondition, to exposition: inout Exposition) {
    exposition.write(
      .counter, "aipm_forge_connections_total", "Connections that were opened to the forge.",
      Double(condition.connections))
    exposition.write(
      .gauge, "aipm_forge_blocked",
      "Whether nothing is sent to the forge, because of a rate limit or because it is down.",
      [
        ([("reason", "rate-limit")], condition.limitedUntil == nil ? 0 : 1),
        ([("reason", "down")], condition.downUntil == nil ? 0 : 1),
      ])
    guard let allowance = condition.allowance else { return }
    exposition.write(
      .gauge, "aipm_forge_rate_limit", "Requests that the forge allows in a period.",
      Double(allowance.limit))
    exposition.write(
      .gauge, "aipm_forge_rate_limit_remaining", "Requests that are left in this period.",
      Double(allowance.remaining))
    exposition.write(
      .gauge, "aipm_forge_rate_limit_reset_timestamp_seconds", "When the next period begins.",
      Double(allowance.resetAt.milliseconds) / 1000)
  }

  /// The names that Prometheus' own clients use.
  private func writeProcess(_ figures: ProcessFigures, to exposition: inout Exposition) {
    exposition.write(
      .counter, "process_cpu_seconds_total", "Time on a processor.", figures.cpuSeconds)
    func gauge(_ name: String, _ help: String, _ value: Double?) {
      exposition.write(.gauge, "process_\(name)", help, value)
    }
    gauge(
      "resident_memory_bytes", "Memory that is in use.", figures.residentBytes.map { Double($0) })
    gauge("virtual_memory_bytes", "Address space.", figures.virtualBytes.map { Double($0) })
    gauge("open_fds", "Open descriptors.", figures.openDescriptors.map { Double($0) })
    gauge("max_fds", "Limit of descriptors.", figures.descriptorsMax.map { Double($0) })
    gauge("threads", "Threads.", figures.threads.map { Double($0) })
    gauge("start_time_seconds", "When the process started.", figures.startSeconds)
  }
}
