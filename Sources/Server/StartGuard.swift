import HTTPTypes
import Hummingbird

/// Refuses changes until the log has been read. The server listens earlier, so that early clients
/// get a 503 instead of no response. The engine does not know its delegations and workers yet: it
/// would refuse a worker's commit, and a submission could conflict with events that are read later.
struct StartGuard<Context: RequestContext>: RouterMiddleware {
  let lifecycle: Lifecycle
  /// The prefix of all routes for workers, including those that only read.
  let workers: String

  func handle(
    _ request: Request, context: Context,
    next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    if request.isWriting || request.uri.path.hasPrefix(workers), await !lifecycle.isReady {
      var problem = Problem.unavailable("The server is starting.")
      problem.retryAfter = 1
      throw problem
    }
    return try await next(request, context)
  }
}
