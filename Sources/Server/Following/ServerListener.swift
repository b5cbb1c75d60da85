import HTTPServing
import Hummingbird
import Logging
import Synchronization

/// The address of a process on the network. It is bound once; the server that answers there
/// changes when the process becomes the active one. A response that has begun goes on.
package final class ServerListener: Sendable {
  private let host: String
  private let port: Int
  private let limits: ServingLimits
  private let logger: Logger
  private let answering = AnsweringServer()

  /// - Parameter port: 0 for a free one.
  package init(host: String, port: Int, limits: ServingLimits, logger: Logger) {
    self.host = host
    self.port = port
    self.limits = limits
    self.logger = logger
  }

  /// Listens until the task is cancelled. Until there is a server, requests get 503.
  /// - Parameter onListening: called with the port.
  /// - Throws: `ListenFault` if the address cannot be bound.
  package func run(onListening: @escaping @Sendable (Int) async -> Void) async throws {
    try await serveHTTP(
      answering, host: host, port: port, name: "aipm", limits: limits, grace: .seconds(2),
      logger: logger, onListening: onListening)
  }

  func answer(with responder: any HTTPResponder<APIContext>) { answering.use(responder) }
}

/// Passes requests to the responder of the present server.
private final class AnsweringServer: HTTPResponder {
  typealias Context = APIContext

  private let present = Mutex<(any HTTPResponder<APIContext>)?>(nil)

  func use(_ responder: any HTTPResponder<APIContext>) {
    present.withLock { $0 = responder }
  }

  func respond(to request: Request, context: APIContext) async throws -> Response {
    guard let responder = present.withLock({ $0 }) else {
      var problem = Problem.unavailable("The server is starting.")
      problem.retryAfter = 1
      return problem.response
    }
    return try await responder.respond(to: request, context: context)
  }
}
