import HTTPTypes
import Hummingbird
import Projections

/// The server follows: it answers from the database what the database knows, and passes to the
/// active server what changes something, what workers send, and what only the active one knows:
/// its workers' signs of life, the order of its queue, its mirrors, and the output that arrives.
/// Of the latter it answers itself, if the active server cannot be reached.
struct FollowerMiddleware: RouterMiddleware {
  let proxy: ActiveProxy
  /// The prefix of all routes.
  let prefix: String

  /// Answered by each server for itself.
  private static let own = ["/healthz", "/readyz", "/metrics"]
  /// What the active server knows best. `*` is one part of a path.
  private static let ofActive = RouteMethods(
    reading: [
      "/api/workers", "/api/queue", "/api/choices", "/api/repositories", "/api/issues",
      "/api/health", "/api/delegations/*/output", "/api/delegations/*/output/matches",
      "/api/delegations/*/records", "/api/delegations/*/diff", "/api/delegations/*/file",
      "/api/delegations/*/patch", "/api/delegations/*/bundle",
    ])

  func handle(
    _ request: Request, context: APIContext,
    next: (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    var path = request.uri.path
    if path.hasPrefix(prefix) { path.removeFirst(prefix.count) }
    if Self.own.contains(path) { return try await next(request, context) }
    if request.isWriting || path.hasPrefix("/worker/") || path.hasPrefix(OpenIDRoutes.path)
      || request.hasSession
    {
      return try await passed(request, context)
    }
    guard request.method == .get else { return try await next(request, context) }
    if Self.ofActive.allowed(path) != nil, context.passedOnFor == nil {
      do {
        return try await proxy.pass(request, context)
      } catch is ActiveProxy.Failure {
        return try await next(request, context)
      }
    }
    do {
      return try await next(request, context)
    } catch let problem as Problem where problem.status == .unauthorized {
      // The active server may know a token or a session that has not come here yet.
      return try await passed(request, context)
    }
  }

  /// Another server took this one for the active one. Requests are passed on once.
  private static var notActive: Problem {
    Problem(.misdirectedRequest, "Not active", "This server follows another one.")
  }

  private func passed(_ request: Request, _ context: APIContext) async throws -> Response {
    guard context.passedOnFor == nil else { throw Self.notActive }
    do {
      return try await proxy.pass(request, context)
    } catch ActiveProxy.Failure.unreachable {
      var problem = Problem.unavailable(
        "The active server (\(proxy.log.active.name)) cannot be reached. Nothing was done.")
      problem.retryAfter = 1
      throw problem
    } catch ActiveProxy.Failure.unanswered(let reason) {
      var problem = Problem(
        .badGateway, "No answer",
        "The active server did not answer, so it may have done this or not: \(reason).",
        hint: "Send it again with the same Idempotency-Key, or look before.")
      problem.retryAfter = 1
      throw problem
    }
  }
}

extension Request {
  /// Whether it comes from a browser whose person has signed in. Only the active server knows the
  /// sessions.
  fileprivate var hasSession: Bool {
    headers[values: .cookie].contains { $0.contains("\(Sessions.cookieName)=") }
  }
}

extension RouteMethods {
  /// The paths of requests that read.
  convenience init(reading paths: [String]) {
    self.init()
    take(paths.map { ($0, .get) })
  }
}
