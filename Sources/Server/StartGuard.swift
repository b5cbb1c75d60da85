import HTTPTypes
import Hummingbird

/// Lets nobody change anything before the log has been read. The server listens before that, so
/// that whoever comes early is told to come again; but the engine does not know its delegations and
/// workers yet: to a worker with a commit in hand it would say that nobody knows of it, and what is
/// submitted could be lost on what is read after it.
struct StartGuard<Context: RequestContext>: RouterMiddleware {
  let lifecycle: Lifecycle
  /// Where all routes stand that workers use, those that only read among them.
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
