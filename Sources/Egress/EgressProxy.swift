import Glibc
import NIOCore
import NIOPosix
import NetworkRules
import Synchronization

/// Serves the listeners of one sandbox for the sandbox's current attempt: tunnels and plain HTTP
/// requests by the attempt's policy, or plain HTTP requests to one server outside, with a key that
/// the sandbox never sees. Refuses everything until `use` is called.
package final class EgressProxy: Sendable {
  private struct State {
    var scope = AttemptScope()
    var listeners: [any Channel] = []
    var isClosed = false
  }

  private let core: ProxyCore
  private let group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  private let state = Mutex(State())

  /// - Parameters:
  ///   - resolver: may be shared by several proxies.
  ///   - gateway: the server to which all requests go; nil for the hosts that the policy allows.
  package init(
    configuration: EgressConfiguration = EgressConfiguration(),
    resolver: any NameResolver = SystemResolver(), gateway: KeyGateway? = nil
  ) {
    core = ProxyCore(configuration: configuration, resolver: resolver, gateway: gateway)
  }

  /// Switches to another attempt. Connections of the previous one are ended.
  /// - Parameter policy: does not limit a gateway, whose server is the operator's.
  package func use(_ policy: NetworkPolicy, for ledger: EgressLedger) {
    let isGateway = core.gateway != nil
    use(AttemptScope(policy: isGateway ? NetworkPolicy(.host) : policy, ledger: ledger))
  }

  private func use(_ scope: AttemptScope) {
    let last = state.withLock { state in
      defer { state.scope = scope }
      return state.scope
    }
    if last.ledger !== scope.ledger { last.ledger.closeConnections() }
  }

  /// Takes ownership of a listening TCP socket of any network namespace, and accepts from it until
  /// `close`. The proxy owns the descriptor even if this throws.
  package func serve(listener: CInt) async throws(EgressFault) {
    try Self.check(listener)
    let channel: any Channel
    do {
      channel = try await ServerBootstrap(group: group)
        .childChannelOption(.autoRead, value: false)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelOption(.writeBufferWaterMark, value: EgressSocket.waterMark)
        .childChannelOption(.recvAllocator, value: EgressSocket.receiveAllocator)
        .childChannelInitializer { [self] channel in
          channel.eventLoop.makeCompletedFuture {
            try core.serve(channel, in: state.withLock { $0.scope })
          }
        }
        .withBoundSocket(listener).get()
    } catch {
      throw EgressFault(description: "the listening socket cannot be used: \(error)")
    }
    let isLate = state.withLock { state in
      if !state.isClosed { state.listeners.append(channel) }
      return state.isClosed
    }
    guard isLate else { return }
    try? await channel.close().get()
    throw EgressFault(description: "the proxy is closed")
  }

  /// Ends every connection and stops listening, for good.
  package func close() async {
    let listeners = state.withLock { state in
      state.isClosed = true
      defer { state.listeners = [] }
      return state.listeners
    }
    // A channel that is closed already is no failure.
    for channel in listeners { try? await channel.close().get() }
    use(AttemptScope())
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

/// The settings that all connections of a proxy share.
struct ProxyCore: Sendable {
  let configuration: EgressConfiguration
  let resolver: any NameResolver
  let gateway: KeyGateway?

  var destinations: DestinationRules {
    DestinationRules(permitted: configuration.permitted, own: configuration.own)
  }

  /// Sets up an accepted connection, on its loop. If it throws, the connection is closed.
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
  var policy = NetworkPolicy()
  var ledger = EgressLedger()
}
