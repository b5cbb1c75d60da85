import NIOCore

/// The receiver of a socket's events, on the socket's loop.
protocol SocketOwner: AnyObject {
  func received(_ bytes: ByteBuffer, at socket: EgressSocket)
  /// The received bytes are all for now; nothing more is read before `EgressSocket.read`.
  func readCompleted(at socket: EgressSocket)
  /// The peer sends no more bytes.
  func inputClosed(at socket: EgressSocket)
  func becameWritable(_ socket: EgressSocket)
  func closed(_ socket: EgressSocket)
}

/// The receiver of a connection's events after the head of a request.
protocol Exchange: SocketOwner {
  /// Called once it owns its sockets.
  func start()
}

/// One of the two sockets of a connection: the agent's (inside) or the server's (outside). It reads
/// only on request, which is the back-pressure.
final class EgressSocket: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  enum Side { case inside, outside }

  /// The limit of unsent bytes before the other side is paused.
  static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 128 << 10, high: 512 << 10)
  static let receiveAllocator = AdaptiveRecvByteBufferAllocator(
    minimum: 4 << 10, initial: 16 << 10, maximum: 256 << 10)

  let side: Side
  let channel: any Channel
  var owner: (any SocketOwner)?
  private(set) var isInputClosed = false
  private(set) var isOutputClosed = false
  private(set) var isClosed = false

  init(_ side: Side, _ channel: any Channel) {
    self.side = side
    self.channel = channel
  }

  // MARK: Events

  func channelActive(context: ChannelHandlerContext) {
    // The outside is read once somebody handles its bytes.
    if side == .inside { read() }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    owner?.received(unwrapInboundIn(data), at: self)
  }

  func channelReadComplete(context: ChannelHandlerContext) { owner?.readCompleted(at: self) }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .inputClosed? = event as? ChannelEvent, !isInputClosed else { return }
    isInputClosed = true
    owner?.inputClosed(at: self)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if channel.isWritable { owner?.becameWritable(self) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    guard !isClosed else { return }
    isClosed = true
    let last = owner
    owner = nil
    last?.closed(self)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

  // MARK: Actions

  func read() { channel.read() }

  func write(_ bytes: ByteBuffer) { channel.write(bytes, promise: nil) }

  func flush() { channel.flush() }

  /// Sends everything written, and then closes the output.
  /// - Parameter then: called when everything is sent.
  func closeOutput(then: @escaping () -> Void = {}) {
    guard !isOutputClosed, !isClosed else { return }
    isOutputClosed = true
    // Closing the second half closes everything, and would drop unsent bytes.
    channel.writeAndFlush(ByteBuffer()).assumeIsolated().whenComplete { [self] _ in
      channel.close(mode: isInputClosed ? .all : .output, promise: nil)
      then()
    }
  }

  /// Sends everything written, and then closes.
  func finish() {
    channel.writeAndFlush(ByteBuffer()).assumeIsolated().whenComplete { [self] _ in close() }
  }

  /// Closes at once; unsent bytes are dropped.
  func close() { channel.close(promise: nil) }
}

/// A one-shot timer on an event loop.
final class Alarm {
  private let loop: any EventLoop
  private var scheduled: Scheduled<Void>?

  init(_ loop: any EventLoop) { self.loop = loop }

  func set(_ time: Duration, _ action: @escaping () -> Void) {
    scheduled?.cancel()
    scheduled = loop.assumeIsolated().scheduleTask(in: TimeAmount(time), action)
  }

  func cancel() {
    scheduled?.cancel()
    scheduled = nil
  }
}

/// Ends an idle connection. Activity costs no timer.
final class IdleWatch {
  private let alarm: Alarm
  private let time: TimeAmount
  private let action: () -> Void
  private var last = NIODeadline.now()

  init(_ loop: any EventLoop, _ time: Duration, _ action: @escaping () -> Void) {
    alarm = Alarm(loop)
    self.time = TimeAmount(time)
    self.action = action
    arm(self.time)
  }

  func touch() { last = .now() }

  func cancel() { alarm.cancel() }

  private func arm(_ amount: TimeAmount) {
    alarm.set(.nanoseconds(amount.nanoseconds)) { [weak self] in
      guard let self else { return }
      let left = last + time - .now()
      if left > .zero { arm(left) } else { action() }
    }
  }
}
