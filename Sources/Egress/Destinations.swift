import NIOCore
import NIOPosix
import NetworkRules

/// Selects the addresses of a name that may be connected to.
struct DestinationRules: Sendable {
  var permitted: [AddressRange]
  var own: [OwnEndpoint]

  enum Choice: Equatable {
    /// In the order in which to try them; at least one.
    case addresses([IPAddress])
    case refused(RefusalCode)
  }

  /// The maximum number of addresses to try for one connection.
  private static let triedMax = 8

  /// Removes forbidden addresses. A name with public and private addresses is reached by its public
  /// ones: its owner could as well publish only those.
  func choose(_ addresses: [IPAddress], port: UInt16) -> Choice {
    if addresses.isEmpty { return .refused(.nameUnresolved) }
    let machine = IPAddress.ofThisMachine()
    var isOwnSeen = false
    let reachable = addresses.map(\.unmapped).filter { address in
      if isOwn(address, port, machine) {
        isOwnSeen = true
        return false
      }
      return address.isReachable(permitting: permitted)
    }
    if reachable.isEmpty { return .refused(isOwnSeen ? .addressOwn : .addressRefused) }
    return .addresses(Array(reachable.prefix(Self.triedMax)))
  }

  func isAIPM(_ address: IPAddress, _ port: UInt16) -> Bool {
    isAIPM(address, port, isHere: isHere(address, IPAddress.ofThisMachine()))
  }

  private func isAIPM(_ address: IPAddress, _ port: UInt16, isHere: Bool) -> Bool {
    own.contains { endpoint in
      (endpoint.port ?? port) == port && (endpoint.address.map { $0 == address } ?? isHere)
    }
  }

  private func isHere(_ address: IPAddress, _ machine: Set<IPAddress>) -> Bool {
    [.loopback, .unspecified].contains(address.addressClass) || machine.contains(address)
  }

  private func isOwn(_ address: IPAddress, _ port: UInt16, _ machine: Set<IPAddress>) -> Bool {
    let isHere = isHere(address, machine)
    if isAIPM(address, port, isHere: isHere) { return true }
    // A public address may belong to this machine, whose services may trust local connections. So
    // it is reached only if an operator permits it, like a private address.
    return isHere && !permitted.contains { $0.contains(address) }
  }
}

/// Connects to the first of several addresses that accepts.
struct Dialer {
  let loop: any EventLoop
  let port: UInt16
  let deadline: NIODeadline

  /// The least share of the remaining time for one address.
  private static let shareMin = TimeAmount.seconds(1)

  /// - Returns: a channel whose last handler is an `EgressSocket`, which does not read by itself.
  func connect(_ addresses: ArraySlice<IPAddress>) -> EventLoopFuture<any Channel> {
    guard let address = addresses.first else {
      return loop.makeFailedFuture(EgressFault(description: "no address is left"))
    }
    let rest = addresses.dropFirst()
    let left = deadline - .now()
    guard left > .zero else {
      return loop.makeFailedFuture(EgressFault(description: "the connect time-out is over"))
    }
    let share = max(Self.shareMin, .nanoseconds(left.nanoseconds / Int64(addresses.count)))
    return connect(to: address, within: min(left, share)).flatMapError { error in
      rest.isEmpty ? loop.makeFailedFuture(error) : connect(rest)
    }
  }

  private func connect(to address: IPAddress, within time: TimeAmount) -> EventLoopFuture<
    any Channel
  > {
    let bytes = ByteBuffer(bytes: address.bytes)
    do {
      let destination = try SocketAddress(packedIPAddress: bytes, port: Int(port))
      return ClientBootstrap(group: loop)
        .connectTimeout(time)
        .channelOption(.autoRead, value: false)
        .channelOption(.allowRemoteHalfClosure, value: true)
        .channelOption(.writeBufferWaterMark, value: EgressSocket.waterMark)
        .channelOption(.recvAllocator, value: EgressSocket.receiveAllocator)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(EgressSocket(.outside, channel))
          }
        }
        .connect(to: destination)
    } catch {
      return loop.makeFailedFuture(error)
    }
  }
}
