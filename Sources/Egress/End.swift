import NIOCore

/// Whoever takes what happens at the ends of a connection. All calls come on the connection's loop.
protocol EndOwner: AnyObject {
  func received(_ bytes: ByteBuffer, at end: End)
  /// What was received for now is all that there was; nothing more is read before `End.read`.
  func readCompleted(at end: End)
  /// The peer sends nothing more.
  func inputClosed(at end: End)
  func becameWritable(_ end: End)
  func closed(_ end: End)
}

/// One of the two sockets of a connection: the agent's (inside) or the server's (outside). It reads
/// only when it is asked to, which is what holds back a side that is faster than the other.
final class End: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  enum Side { case inside, outside }

  /// Bytes that may wait for a socket before the other side is stopped.
  static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 128 << 10, high: 512 << 10)
  static let receiveAllocator = AdaptiveRecvByteBufferAllocator(
    minimum: 4 << 10, initial: 16 << 10, maximum: 256 << 10)

  let side: Side
  let channel: any Channel
  var owner: (any EndOwner)?
  private(set) var isInputClosed = false
  private(set) var isOutputClosed = false
  private(set) var isClosed = false

  init(_ side: Side, _ channel: any Channel) {
    self.side = side
    self.channel = channel
  }

  // MARK: What happens

  func channelActive(context: ChannelHandlerContext) {
    // The other side is read once somebody takes what it says.
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

  // MARK: What is done

  func read() { channel.read() }

  func write(_ bytes: ByteBuffer) { channel.write(bytes, promise: nil) }

  func flush() { channel.flush() }

  /// Sends what was written, and then tells the peer that nothing more comes.
  /// - Parameter then: called when all is sent.
  func closeOutput(then: @escaping () -> Void = {}) {
    guard !isOutputClosed, !isClosed else { return }
    isOutputClosed = true
    // Closing the second half closes all, and would drop what still waits.
    channel.writeAndFlush(ByteBuffer()).assumeIsolated().whenComplete { [self] _ in
      channel.close(mode: isInputClosed ? .all : .output, promise: nil)
      then()
    }
  }

  /// Sends what was written, and then closes.
  func finish() {
    channel.writeAndFlush(ByteBuffer()).assumeIsolated().whenComplete { [self] _ in close() }
  }

  /// At once; what was not sent is dropped.
  func close() { channel.close(promise: nil) }
}

/// A moment at which something is to happen, unless it is moved or called off. Of a loop.
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

/// Ends a connection on which nothing moved for a time. A byte costs no timer.
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
