import Glibc
import Logging
import NIOCore
import NIOPosix
import NetworkRules
import Synchronization

/// Serves the listeners of one sandbox: tunnels and plain HTTP requests, by the policy of the
/// sandbox's current attempt. Refuses everything until `use` is called.
package final class EgressProxy: Sendable {
  private let front: EgressFront

  /// - Parameters:
  ///   - resolver: may be shared by several proxies.
  ///   - group: runs the connections.
  package init(
    configuration: EgressConfiguration = EgressConfiguration(),
    resolver: any NameResolver = SystemResolver(), logger: Logger,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    let core = ProxyCore(
      configuration: configuration, resolver: resolver,
      destinations: DestinationRules(
        permitted: configuration.permitted, own: configuration.own),
      logger: logger)
    front = EgressFront(core, group)
  }

  /// Switches to another attempt. Connections of the previous one are ended.
  package func use(_ policy: NetworkPolicy, for ledger: EgressLedger) {
    front.use(AttemptScope(policy: policy, ledger: ledger))
  }

  /// Takes ownership of a listening TCP socket of any network namespace, and accepts from it until
  /// `close`. The proxy owns the descriptor even if this throws.
  package func serve(listener: CInt) async throws(EgressFault) {
    try await front.serve(listener)
  }

  /// Ends every connection and stops listening, for good.
  package func close() async { await front.close() }
}

/// The listeners of a proxy or gateway, and the attempt that they serve.
final class EgressFront: Sendable {
  private let scopes = CurrentScope()
  private let listeners: Listeners
  private let core: ProxyCore

  init(_ core: ProxyCore, _ group: any EventLoopGroup) {
    self.core = core
    listeners = Listeners(group: group)
  }

  func use(_ scope: AttemptScope) { scopes.set(scope) }

  func serve(_ listener: CInt) async throws(EgressFault) {
    let (core, scopes) = (core, scopes)
    try await listeners.adopt(listener) { channel in
      try core.serve(channel, in: scopes.current)
    }
  }

  func close() async {
    await listeners.close()
    use(AttemptScope(policy: NetworkPolicy(), ledger: EgressLedger()))
  }
}

/// The state that all connections of a proxy share.
struct ProxyCore: Sendable {
  let configuration: EgressConfiguration
  let resolver: any NameResolver
  let destinations: DestinationRules
  let logger: Logger
  /// Set if all requests go to one upstream.
  var gateway: GatewayCore?

  /// Sets up an accepted connection, on its loop.
  func serve(_ channel: any Channel, in scope: AttemptScope) throws(EgressFault) {
    let limit = configuration.connectionsMax
    guard let id = scope.ledger.enter(channel, connectionsMax: limit) else {
      // Those beyond the limit get no response: it would hold their sockets open.
      scope.ledger.refused("-".utf8, port: 0, .connectionLimit)
      throw EgressFault(description: "over \(limit) connections")
    }
    channel.closeFuture.whenComplete { _ in scope.ledger.leave(id) }
    let socket = EgressSocket(.inside, channel)
    socket.owner = FrontConnection(socket, core: self, scope: scope)
    do {
      try channel.pipeline.syncOperations.addHandler(socket)
    } catch {
      throw EgressFault(description: "the connection ended: \(error)")
    }
  }
}

/// The permissions and the record of one attempt.
struct AttemptScope: Sendable {
  let policy: NetworkPolicy
  let ledger: EgressLedger
}

/// The current attempt.
final class CurrentScope: Sendable {
  private let state = Mutex(AttemptScope(policy: NetworkPolicy(), ledger: EgressLedger()))

  var current: AttemptScope { state.withLock { $0 } }

  func set(_ scope: AttemptScope) {
    let last = state.withLock { state in
      defer { state = scope }
      return state
    }
    if last.ledger !== scope.ledger { last.ledger.closeConnections() }
  }
}

/// The listening sockets of a proxy or gateway.
final class Listeners: Sendable {
  private struct State {
    var channels: [any Channel] = []
    var isClosed = false
  }

  private let group: any EventLoopGroup
  private let state = Mutex(State())

  init(group: any EventLoopGroup) { self.group = group }

  /// - Parameter accept: sets up an accepted connection, on its loop; if it throws, the connection
  ///   is closed.
  func adopt(
    _ listener: CInt, accept: @escaping @Sendable (any Channel) throws -> Void
  ) async throws(EgressFault) {
    try Self.check(listener)
    let channel: any Channel
    do {
      channel = try await ServerBootstrap(group: group)
        .childChannelOption(.autoRead, value: false)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelOption(.writeBufferWaterMark, value: EgressSocket.waterMark)
        .childChannelOption(.recvAllocator, value: EgressSocket.receiveAllocator)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture { try accept(channel) }
        }
        .withBoundSocket(listener).get()
    } catch {
      throw EgressFault(description: "the listening socket cannot be used: \(error)")
    }
    let isLate = state.withLock { state in
      if !state.isClosed { state.channels.append(channel) }
      return state.isClosed
    }
    guard isLate else { return }
    try? await channel.close().get()
    throw EgressFault(description: "the proxy is closed")
  }

  func close() async {
    let channels = state.withLock { state in
      state.isClosed = true
      defer { state.channels = [] }
      return state.channels
    }
    // A channel that is closed already is no failure.
    for channel in channels { try? await channel.close().get() }
  }

  /// Closes a descriptor that is not a listening TCP socket: its sender is not trusted.
  private static func check(_ listener: CInt) throws(EgressFault) {
    func option(_ name: CInt) -> CInt? {
      var value: CInt = 0
      var size = socklen_t(MemoryLayout<CInt>.size)
      return getsockopt(listener, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }
    let family = option(SO_DOMAIN)
    guard option(SO_ACCEPTCONN) == 1, option(SO_TYPE) == CInt(SOCK_STREAM.rawValue),
      family == AF_INET || family == AF_INET6
    else {
      if listener >= 0 { Glibc.close(listener) }
      throw EgressFault(description: "descriptor \(listener) is not a listening TCP socket")
    }
    _ = fcntl(listener, F_SETFD, FD_CLOEXEC)
  }
}
