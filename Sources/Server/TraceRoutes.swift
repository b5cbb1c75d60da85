import EventLog
import Hummingbird
import Projections
import Telemetry

/// One delegation as a trace of OpenTelemetry.
struct TraceRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.getTrace) { _, context in try await trace(context) }
  }

  private func trace(_ context: APIContext) async throws -> Response {
    let id = try await server.delegation(context).row.id
    let events = try await server.store.read(.delegation(id))
    guard let trace = DelegationTrace(id, events: events) else {
      throw Problem.notFound("event of \(id)")
    }
    return .json(trace.otlp(server.configuration.telemetry))
  }
}
