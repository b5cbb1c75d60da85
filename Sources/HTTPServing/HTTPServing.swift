// A Hummingbird server with a graceful shutdown and limits for its clients.
//
// Purpose: everything that listens for HTTP — the server, the embedded forge, and servers in tests
// — uses this function.
//
// Shutdown: when its task is cancelled, it accepts no more connections, completes calls in progress
// within the grace, and closes the rest. It never cancels the server's own task while connections
// still come in: SwiftNIO ends the whole process when an accepted connection is dropped before it
// is handled (`NIOAsyncWriter` deinitialised without `finish()`), as a cancelled accept loop would
// do.
//
// Guarantees: no client can block the others.
// - Connections are counted (`Connections`), in all and for each client. A connection above the
//   limit replaces one of less value: one without a request, one with an extremely slow body, or an
//   idle kept one. If every connection waits for its response, a new one is refused with 503.
// - Each phase has a time limit: the head, each part of the body, the pause between requests, and
//   reading the response (`ConnectionClock`). Then the connection is closed, with 408 if possible.
//   The time in which the server produces a response is not limited here.
// - Responses are written at the client's pace: one that nobody reads costs its buffers.
// - Bodies that are read into memory before authentication share one budget (`BodyBudget`); event
//   streams have their own limit (`StreamSlots`). The responder applies both, because only it knows
//   the kind of request. Bodies that stream through, such as a worker's pack and a fetch of git,
//   are limited by their pace only.
//
// Failures: `ListenFault` if the address cannot be bound. If the process has no descriptor left,
// SwiftNIO waits a second and accepts again. The limit of connections is a third of the
// descriptors, so this happens only if other code uses them up.

import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// The address of a server.
package enum ListenAddress: Sendable {
  /// Port 0 selects a free one.
  case host(String, port: Int)
  /// A unix socket at an unused path of at most 107 bytes. The file is not removed at the end.
  case socket(path: String)
}

/// Serves HTTP on a host and port; see the other function.
package func serveHTTP<Responder: HTTPResponder>(
  _ responder: Responder, host: String, port: Int, name: String? = nil,
  limits: ServingLimits = ServingLimits(), grace: Duration, logger: Logger,
  onListening: @escaping @Sendable (_ port: Int) async -> Void
) async throws where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
  try await serveHTTP(
    responder, on: .host(host, port: port), name: name, limits: limits, grace: grace,
    logger: logger, onListening: onListening)
}

/// Serves HTTP until the task is cancelled.
/// - Parameters:
///   - address: where to listen.
///   - name: the `Server` header of responses; nil for none.
///   - limits: the limits for each client, and for all.
///   - grace: how long calls may continue after the task was cancelled.
///   - onListening: called with the port (0 for a socket) once connections are accepted.
/// - Throws: `ListenFault` if the address cannot be bound.
package func serveHTTP<Responder: HTTPResponder>(
  _ responder: Responder, on address: ListenAddress, name: String? = nil,
  limits: ServingLimits = ServingLimits(), grace: Duration, logger: Logger,
  onListening: @escaping @Sendable (_ port: Int) async -> Void
) async throws where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
  let bindAddress: BindAddress =
    switch address {
    case .host(let host, let port): .hostname(host, port: port)
    case .socket(let path): .unixDomainSocket(path: path)
    }
  let connections = Connections(limits)
  let application = Application(
    responder: responder,
    server: HTTPServerBuilder {
      GuardedConnection($0, connections, headBytesMax: limits.headBytesMax)
    },
    configuration: ApplicationConfiguration(
      address: bindAddress, serverName: name, backlog: 4096),
    onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) },
    logger: logger)
  var group = ServiceGroupConfiguration(services: [application], logger: logger)
  group.maximumGracefulShutdownDuration = grace
  let services = ServiceGroup(configuration: group)
  let serving = Task {
    do {
      try await services.run()
    } catch let error as IOError {
      switch address {
      case .host(let host, let port):
        throw ListenFault(host: host, port: port, code: error.errnoCode)
      case .socket(let path):
        throw ListenFault(host: path, port: 0, code: error.errnoCode)
      }
    }
  }
  try await withTaskCancellationHandler {
    try await serving.value
  } onCancel: {
    Task { await services.triggerGracefulShutdown() }
  }
}
