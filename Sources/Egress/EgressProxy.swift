import Glibc
import Logging
import NIOCore
import NIOPosix
import NetworkRules
import Synchronization

/// Serves the listeners of one sandbox: tunnels and plain HTTP requests, by the policy of the
/// attempt that the sandbox is serving. Refuses everything until `use` is called.
package final class EgressProxy: Sendable {
  private let front: EgressFront

  /// - Parameters:
  ///   - resolver: shared by proxies if it is given; else one of the proxy's own.
  ///   - group: where connections are served.
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

  /// From now on serves another attempt. Connections of the one before are ended.
  package func use(_ policy: NetworkPolicy, for ledger: EgressLedger) {
    front.use(AttemptScope(policy: policy, ledger: ledger))
  }

  /// Takes over a TCP socket that listens, of whatever network namespace, and accepts on it until
  /// `close`. The descriptor belongs to the proxy from the call on, also if it throws.
  package func serve(listener: CInt) async throws(EgressFault) {
    try await front.serve(listener)
  }

  /// Ends every connection and stops listening. Nothing is served after it.
  package func close() async { await front.close() }
}

/// Where a proxy or gateway takes connections, and the attempt that it serves them for.
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

/// What all connections of a proxy share.
struct ProxyCore: Sendable {
  let configuration: EgressConfiguration
  let resolver: any NameResolver
  let destinations: DestinationRules
  let logger: Logger
  /// Set if requests go to one upstream, in place of where they say.
  var gateway: GatewayCore?

  /// Makes an accepted connection ready; on its loop.
  func serve(_ channel: any Channel, in scope: AttemptScope) throws(EgressFault) {
    let limit = configuration.connectionsMax
    guard let id = scope.ledger.enter(channel, connectionsMax: limit) else {
      // Nothing is said to those beyond the limit: an answer would hold their sockets open.
      scope.ledger.refused("-".utf8, port: 0, .connectionLimit)
      throw EgressFault(description: "over \(limit) connections")
    }
    channel.closeFuture.whenComplete { _ in scope.ledger.leave(id) }
    let end = End(.inside, channel)
    end.owner = FrontConnection(end, core: self, scope: scope)
    do {
      try channel.pipeline.syncOperations.addHandler(end)
    } catch {
      throw EgressFault(description: "the connection ended: \(error)")
    }
  }
}

/// What one attempt may do, and where it is noted.
struct AttemptScope: Sendable {
  let policy: NetworkPolicy
  let ledger: EgressLedger
}

/// The attempt that is served now.
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

/// The sockets that a proxy or gateway accepts on.
final class Listeners: Sendable {
  private struct State {
    var channels: [any Channel] = []
    var isClosed = false
  }

  private let group: any EventLoopGroup
  private let state = Mutex(State())

  init(group: any EventLoopGroup) { self.group = group }

  /// - Parameter accept: makes an accepted connection ready, on its loop; where it throws, the
  ///   connection is closed.
  func adopt(
    _ listener: CInt, accept: @escaping @Sendable (any Channel) throws -> Void
  ) async throws(EgressFault) {
    try Self.check(listener)
    let channel: any Channel
    do {
      channel = try await ServerBootstrap(group: group)
        .childChannelOption(.autoRead, value: false)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelOption(.writeBufferWaterMark, value: End.waterMark)
        .childChannelOption(.recvAllocator, value: End.receiveAllocator)
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
    // What is closed already has nothing to say.
    for channel in channels { try? await channel.close().get() }
  }

  /// Closes what is no listening TCP socket: who sent it is not to be believed.
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
      throw EgressFault(description: "descriptor \(listener) is no TCP socket that listens")
    }
    _ = fcntl(listener, F_SETFD, FD_CLOEXEC)
  }
}
