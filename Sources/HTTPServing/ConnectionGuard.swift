import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes

/// An HTTP/1 connection with its guard.
struct GuardedConnection: ServerChildChannel {
  let connection: HTTP1Channel

  init(
    _ responder: @escaping HTTPChannelHandler.Responder, _ connections: Connections,
    headBytesMax: Int
  ) {
    connection = HTTP1Channel(
      responder: responder,
      configuration: HTTP1Channel.Configuration(
        additionalChannelHandlers: [ConnectionGuard(connections)],
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: headBytesMax, maxHeaderListSize: headBytesMax,
          maxHeaderFieldCount: 200)))
  }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
    connection.setup(channel: channel, logger: logger).flatMapThrowing { ends in
      try channel.pipeline.syncOperations.handler(type: ConnectionGuard.self).keep(ends)
      return ends
    }
  }

  func handle(value: HTTP1Channel.Value, logger: Logger) async {
    await connection.handle(value: value, logger: logger)
  }
}

/// Observes one connection between its decoder and its responder: takes a slot, closes the
/// connection at its deadline, and frees the slot.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let connections: Connections
  private var clock: ConnectionClock
  private var seat: Connections.Seat?
  private var hasBegun = false
  private var timer: (task: Scheduled<Void>, due: NIODeadline)?
  /// The channel through which others read and write.
  private var ends: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>?

  init(_ connections: Connections) {
    self.connections = connections
    clock = ConnectionClock(connections.limits, at: .now())
  }

  // MARK: Opening and closing

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { begin(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }

  private func begin(_ context: ChannelHandlerContext) {
    guard !hasBegun else { return }
    hasBegun = true
    let now = NIODeadline.now()
    clock = ConnectionClock(connections.limits, at: now)
    guard let seat = connections.admit(context.channel, at: now) else {
      answerAndClose(context, .serviceUnavailable, [.retryAfter: "1"])
      return
    }
    self.seat = seat
    limitBuffers(context)
    settle(context)
  }

  /// TCP_NOTSENT_LOWAT of tcp(7), which has no name in Swift.
  private static let unsentBytes = NIOBSDSocket.Option(rawValue: 25)

  /// Limits the buffers, because a few chunks of a body are held even if nobody reads it yet.
  private func limitBuffers(_ context: ChannelHandlerContext) {
    let limits = connections.limits
    // If an option fails, the buffer is only larger.
    let options = context.channel.syncOptions
    try? options?.setOption(
      .recvAllocator,
      value: AdaptiveRecvByteBufferAllocator(
        minimum: 1024, initial: 2048, maximum: limits.receivedBytesMax))
    switch context.remoteAddress {
    case .v4, .v6:
      try? options?.setOption(.tcpOption(Self.unsentBytes), value: limits.unsentBytesMax)
    case .unixDomainSocket, nil: break
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    leave()
    // The handlers that use it are removed after this one, in the same turn of the loop.
    let ends = ends
    self.ends = nil
    context.eventLoop.execute { withExtendedLifetime(ends) {} }
  }

  /// Keeps a connection's channel as long as it is open. A listener that stops may drop it before
  /// it is handled, and SwiftNIO ends the whole process if it is then deinitialized unfinished.
  func keep(_ ends: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>) {
    self.ends = ends
  }

  private func leave() {
    timer?.task.cancel()
    timer = nil
    if let seat { connections.leave(seat) }
    seat = nil
  }

  // MARK: Traffic

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let now = NIODeadline.now()
    switch unwrapInboundIn(data) {
    case .head: clock.head(at: now)
    case .body(let bytes): clock.body(bytes.readableBytes, at: now)
    case .end: clock.end(at: now)
    }
    settle(context)
    context.fireChannelRead(data)
  }

  func read(context: ChannelHandlerContext) {
    clock.wants(at: .now())
    settle(context)
    context.read()
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head): if head.status.kind != .informational { clock.answerBegins() }
    case .body: break
    case .end:
      clock.answerEnds(at: .now())
      settle(context)
    }
    context.write(data, promise: promise)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    clock.failed(at: .now())
    settle(context)
    context.fireErrorCaught(error)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    clock.blocked(!context.channel.isWritable, at: .now())
    settle(context)
    context.fireChannelWritabilityChanged()
  }

  // MARK: Deadlines

  /// Publishes this connection's standing, and schedules a check at its deadline. A timer that
  /// fires too early only checks again: rescheduling at every part would cost more.
  private func settle(_ context: ChannelHandlerContext) {
    guard let seat else { return }
    seat.standing = clock.standing
    guard let due = clock.deadline else { return }
    if let timer, timer.due <= due { return }
    timer?.task.cancel()
    let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: due) {
      self.timer = nil
      self.check(context)
    }
    timer = (task, due)
  }

  private func check(_ context: ChannelHandlerContext) {
    switch clock.verdict(at: .now()) {
    case .goOn: settle(context)
    case .close: context.close(promise: nil)
    case .answerTimeout: answerAndClose(context, .requestTimeout, [:])
    }
  }

  private func answerAndClose(
    _ context: ChannelHandlerContext, _ status: HTTPResponse.Status, _ headers: HTTPFields
  ) {
    var head = HTTPResponse(status: status, headerFields: headers)
    head.headerFields[.connection] = "close"
    head.headerFields[.contentLength] = "0"
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.close(promise: nil)
  }
}
