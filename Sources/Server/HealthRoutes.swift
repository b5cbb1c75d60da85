import Access
import Engine
import EventLog
import HTTPServing
import Hummingbird
import Projections

/// Liveness and readiness.
struct HealthRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.healthz) { _, _ in Response.text("alive\n") }
    router.on(.readyz) { _, context in try await ready(context) }
  }

  /// Ready: the log is open, and the views are at its head. Each quarantined stream has a line, for
  /// a sender that may read the log; it does not affect others.
  private func ready(_ context: APIContext) async throws -> Response {
    guard await server.lifecycle.isReady else {
      throw Problem.unavailable("The server is starting.")
    }
    guard await !server.lifecycle.isDraining else {
      throw Problem.unavailable("The server is stopping.")
    }
    let followed = server.configuration.active?.log
    if let contradiction = followed?.contradiction {
      throw Problem.unavailable("\(contradiction).")
    }
    let views = try await server.store.digests().position
    guard try await server.isInLog(views) else {
      throw Problem.unavailable("The views are at \(views), beyond the log's end.")
    }
    guard let principal = context.principal, principal.refusal(of: .readLog) == nil else {
      return .text("ready\n")
    }
    let quarantined = await server.engine.quarantined()
    let lines = quarantined.map { "in quarantine: \($0.description): \($1)\n" }.sorted()
    let role = followed.map { "following \($0.active.name)\n" } ?? ""
    return .text("ready\n" + role + lines.prefix(Self.linesMax).joined())
  }

  /// The most quarantined streams to list.
  private static let linesMax = 100
}
