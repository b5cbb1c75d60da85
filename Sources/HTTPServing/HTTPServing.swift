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
// What it promises of its clients: none of them costs the others anything, whatever it does.
// - Connections are counted (`Connections`), in all and for each client. One that is over the limit
//   takes the place of one that is worth less: that has said nothing, or sends a body slower than
//   any network does, or is only kept for later. So whoever holds thousands of them holds nobody
//   up. Only where every one of them waits for its answer is a new one refused, with 503.
// - Each has so much time for its head, for each stretch of its body, for the pause between two
//   requests, and for taking what it asked for (`ConnectionClock`); then it is closed, with 408 if
//   it can still be told. An answer that the server takes long for has no limit here.
// - Answers are written as fast as they are read: an answer that nobody reads costs its buffers.
// - Bodies that are read into memory before it is known who sent them share one budget
//   (`BodyBudget`); event streams have a limit of their own (`StreamSlots`). Both are asked for by
//   whoever answers, since only that knows what a request is.
// What streams through, such as a worker's pack and a fetch of git, is limited by nothing but its
// pace.
//
// How it fails: an address that can't be bound is thrown as a `ListenFault`, in words for people;
// nothing else ends it. Where the process has no descriptor left, SwiftNIO waits a second and
// accepts again; the limit of connections is a third of the descriptors, so that this is the work
// of others.

import Hummingbird
import HummingbirdCore
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
///   - name: what answers say in `Server`; nil says nothing.
///   - limits: what one client, and all of them, may take.
///   - grace: how long calls under way may go on after the task was cancelled.
///   - onListening: told the port (0 for a socket) once connections are taken.
/// - Throws: `ListenFault` where the address cannot be bound.
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
