// A Hummingbird server that ends in good order.
//
// What it is for: whatever here listens for HTTP — the product's server, the embedded forge, and
// servers that tests put up — runs by this one function.
//
// What it promises: when its task is cancelled it takes no new connection, answers the calls that
// are under way for as long as the grace lasts, and breaks off what is left then. It never does so
// by cancelling the server's own task while connections still come in: SwiftNIO ends the whole
// process when a connection that was accepted is dropped before anybody took it up
// (`NIOAsyncWriter` deinitialised without `finish()`), which a cancelled accept loop does.
//
// How it fails: an address that can't be bound is thrown; nothing else ends it.

import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// Where a server listens.
package enum ListenAddress: Sendable {
  /// Port 0 takes a free one.
  case host(String, port: Int)
  /// A unix socket, at a path where nothing is; 107 bytes at most. It stays behind.
  case socket(path: String)
}

/// Serves HTTP on an address of the network; see the other one.
package func serveHTTP<Responder: HTTPResponder>(
  _ responder: Responder, host: String, port: Int, name: String? = nil, grace: Duration,
  logger: Logger, onListening: @escaping @Sendable (_ port: Int) async -> Void
) async throws where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
  try await serveHTTP(
    responder, on: .host(host, port: port), name: name, grace: grace, logger: logger,
    onListening: onListening)
}

/// Serves HTTP until the task is cancelled.
/// - Parameters:
///   - address: where to listen.
///   - name: what answers say in `Server`; nil says nothing.
///   - grace: how long calls under way may go on after the task was cancelled.
///   - onListening: told the port (0 for a socket) once connections are taken.
/// - Throws: where the address cannot be bound.
package func serveHTTP<Responder: HTTPResponder>(
  _ responder: Responder, on address: ListenAddress, name: String? = nil, grace: Duration,
  logger: Logger, onListening: @escaping @Sendable (_ port: Int) async -> Void
) async throws where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
  let bindAddress: BindAddress =
    switch address {
    case .host(let host, let port): .hostname(host, port: port)
    case .socket(let path): .unixDomainSocket(path: path)
    }
  let application = Application(
    responder: responder,
    configuration: ApplicationConfiguration(address: bindAddress, serverName: name),
    onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) },
    logger: logger)
  var group = ServiceGroupConfiguration(services: [application], logger: logger)
  group.maximumGracefulShutdownDuration = grace
  let services = ServiceGroup(configuration: group)
  let serving = Task { try await services.run() }
  try await withTaskCancellationHandler {
    try await serving.value
  } onCancel: {
    Task { await services.triggerGracefulShutdown() }
  }
}
