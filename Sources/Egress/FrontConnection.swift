import NIOCore
import NetworkRules

/// A connection of an agent: reads the head of a request, checks it, connects, and passes the
/// sockets to a `Tunnel` or a `PlainExchange`. After an exchange it continues with the next head.
final class FrontConnection: SocketOwner {
  private enum Phase {
    case head
    /// Resolving or connecting; nothing is read.
    case connecting
    /// A response was sent, and further input is discarded, so that the response arrives.
    case draining(bytes: Int)
    /// An exchange owns the sockets.
    case handedOver
    case ended
  }

  /// How much a client may send before it has read its refusal.
  private static let drainBytesMax = 1 << 20
  private static let drainTime = Duration.seconds(2)

  let core: ProxyCore
  let scope: AttemptScope
  let inside: EgressSocket
  private let alarm: Alarm
  private let lifetime: Alarm
  private var phase = Phase.head
  private var scanner = HeadScanner()
  private var buffer = ByteBuffer()

  init(_ inside: EgressSocket, core: ProxyCore, scope: AttemptScope) {
    self.inside = inside
    self.core = core
    self.scope = scope
    alarm = Alarm(inside.channel.eventLoop)
    lifetime = Alarm(inside.channel.eventLoop)
    lifetime.set(core.configuration.lifetime) { inside.close() }
    awaitHead()
  }

  var loop: any EventLoop { inside.channel.eventLoop }
  var configuration: EgressConfiguration { core.configuration }

  /// Ends the connection. Every path ends here, or in `closed`, which an exchange calls.
  func end() {
    if case .ended = phase { return }
    phase = .ended
    alarm.cancel()
    lifetime.cancel()
    inside.close()
  }

  // MARK: Reading a head

  private func awaitHead() {
    phase = .head
    scanner = HeadScanner()
    alarm.set(configuration.headTimeout) { [weak self] in
      guard let self else { return }
      // A client that sent nothing is not recorded.
      if buffer.readableBytes == 0 { return end() }
      refuseHead(HeadFault("the head did not come in time", status: 408), .headLimit)
    }
  }

  func received(_ bytes: ByteBuffer, at socket: EgressSocket) {
    switch phase {
    case .head, .connecting:
      buffer.writeImmutableBuffer(bytes)
      if case .head = phase { readHead() }
    case .draining(let count):
      let sum = count + bytes.readableBytes
      phase = .draining(bytes: sum)
      if sum > Self.drainBytesMax { self.end() }
    case .handedOver, .ended: break
    }
  }

  func readCompleted(at socket: EgressSocket) {
    switch phase {
    case .head, .draining: inside.read()
    case .connecting, .handedOver, .ended: break
    }
  }

  func inputClosed(at socket: EgressSocket) {
    // During a response, the connection ends when the response is sent.
    if case .head = phase { self.end() }
  }

  func becameWritable(_ socket: EgressSocket) {}
  func closed(_ socket: EgressSocket) { self.end() }

  private func readHead() {
    switch scanner.scan(buffer.readableBytesView) {
    case .fault(let fault): refuseHead(fault, .requestInvalid)
    case .more:
      if buffer.readableBytes > configuration.headBytesMax { refuseLongHead() }
    case .end(let count):
      guard count <= configuration.headBytesMax else { return refuseLongHead() }
      alarm.cancel()
      let bytes = buffer.readBytes(length: count) ?? []
      buffer.discardReadBytes()
      do throws(HeadFault) {
        try route(RequestHead(parsing: bytes))
      } catch {
        refuseHead(error, .requestInvalid)
      }
    }
  }

  private func refuseLongHead() {
    refuseHead(
      HeadFault("the head is over \(configuration.headBytesMax) bytes", status: 431), .headLimit)
  }

  private func refuseHead(_ fault: HeadFault, _ code: RefusalCode) {
    scope.ledger.refused("-".utf8, port: 0, code)
    answer(fault.status, "AIPM refused a request (\(code.rawValue)): \(fault.message).\n")
  }

  // MARK: Decisions

  private func route(_ head: RequestHead) throws(HeadFault) {
    if let gateway = core.gateway { return try forward(head, by: gateway) }
    switch head.target {
    case .origin:
      throw HeadFault("this is a proxy: a request must name its host, as in http://HOST/PATH")
    case .tunnel(let host, let port):
      connect(host, port: port, isConnect: true) { [self] name, outside in
        Tunnel(self, outside: outside, host: name, port: port, early: takeBuffer())
      }
    case .absolute(let host, let port, let path):
      connect(host, port: port, isConnect: false) { [self] name, outside in
        PlainExchange(
          self, outside: outside, host: name, port: port, path: path, head: head,
          early: takeBuffer())
      }
    }
  }

  private func forward(_ head: RequestHead, by gateway: KeyGateway) throws(HeadFault) {
    guard case .origin(let path) = head.target else {
      throw HeadFault("this is a gateway to one server: write only a path, as in /v1/models")
    }
    if case .none = scope.policy.mode {
      return refuse(
        Array(gateway.upstream.host.utf8), gateway.upstream.port, .networkOff,
        "no attempt is running.")
    }
    hand(
      to: GatewayExchange(self, gateway: gateway, path: path, head: head, early: takeBuffer()))
  }

  private func takeBuffer() -> ByteBuffer {
    defer { buffer = ByteBuffer() }
    return buffer
  }

  private func hand(to exchange: any Exchange, outside: EgressSocket? = nil) {
    phase = .handedOver
    inside.owner = exchange
    outside?.owner = exchange
    exchange.start()
  }

  /// Takes the sockets back after an exchange that keeps the connection open.
  /// - Parameter rest: what the agent sent after its request.
  func resume(with rest: ByteBuffer) {
    inside.owner = self
    buffer = rest
    awaitHead()
    if buffer.readableBytes > 0 { readHead() }
    guard case .head = phase else { return }
    if inside.isInputClosed { drain() } else { inside.read() }
  }

  private typealias MakeExchange = (HostName, EgressSocket) -> any Exchange

  private func connect(
    _ host: [UInt8], port: UInt16, isConnect: Bool, _ makeExchange: @escaping MakeExchange
  ) {
    phase = .connecting
    let name: HostName
    do throws(NetworkFault) {
      name = try HostName(host)
    } catch {
      return refuse(host, port, .hostInvalid, error.description)
    }
    let host = Array(name.text.utf8)
    if let code = scope.policy.refusal(host: name, port: port, isConnect: isConnect) {
      let line = NetworkPolicy.line(allowing: name, port: port, isConnect: isConnect)
      return refuse(
        host, port, code, "no rule of the workflow allows it. To allow it, write there:\n\(line)")
    }
    guard scope.ledger.spend(host.count, for: host, port: Int(port)) else {
      return answerRefused(
        host, port, .uploadLimit,
        "the attempt has sent the \(scope.policy.uploadBytesMax) bytes of its limit. "
          + "To allow more, write in the workflow: network: {upload: 100MiB}")
    }
    loop.makeFutureWithTask { [resolver = core.resolver] in
      await resolver.addresses(of: name)
    }.assumeIsolated().whenSuccess { [self] addresses in
      dial(name, addresses, port, makeExchange)
    }
  }

  private func dial(
    _ name: HostName, _ addresses: [IPAddress], _ port: UInt16,
    _ makeExchange: @escaping MakeExchange
  ) {
    guard case .connecting = phase, !inside.isClosed else { return }
    let host = Array(name.text.utf8)
    switch core.destinations.choose(addresses, port: port) {
    case .refused(let code):
      refuse(host, port, code, "\(Self.reason(code)).", status: code == .nameUnresolved ? 502 : 403)
    case .addresses(let usable):
      let deadline = NIODeadline.now() + TimeAmount(configuration.connectTimeout)
      Dialer(loop: loop, port: port, deadline: deadline).connect(usable[...]).assumeIsolated()
        .whenComplete { [self] in connected($0, name, port, makeExchange) }
    }
  }

  private static func reason(_ code: RefusalCode) -> String {
    switch code {
    case .nameUnresolved: "the name has no address"
    case .addressOwn: "the name resolves to this machine"
    default: "the name resolves to no public address; an operator can permit its range"
    }
  }

  private func connected(
    _ result: Result<any Channel, any Error>, _ name: HostName, _ port: UInt16,
    _ makeExchange: MakeExchange
  ) {
    let channel = try? result.get()
    guard case .connecting = phase, !inside.isClosed else {
      channel?.close(promise: nil)
      return
    }
    guard let channel,
      let outside = try? channel.pipeline.syncOperations.handler(type: EgressSocket.self),
      channel.isActive
    else {
      return refuse(
        Array(name.text.utf8), port, .connectFailed, "no address accepts a connection.", status: 502
      )
    }
    hand(to: makeExchange(name, outside), outside: outside)
  }

  // MARK: Refusals

  /// Records a refusal and responds with it.
  func refuse(
    _ host: [UInt8], _ port: UInt16, _ code: RefusalCode, _ reason: String, status: Int = 403
  ) {
    scope.ledger.refused(host, port: Int(port), code)
    answerRefused(host, port, code, reason, status: status)
  }

  private func answerRefused(
    _ host: [UInt8], _ port: UInt16, _ code: RefusalCode, _ reason: String, status: Int = 403
  ) {
    answer(
      status, "AIPM refused \(PrintableHost.text(host)):\(port) (\(code.rawValue)): \(reason)\n")
  }

  /// Responds with a text, and ends the connection once it can have arrived.
  func answer(_ status: Int, _ text: String) {
    let reasons = [
      400: "Bad Request", 403: "Forbidden", 408: "Request Timeout",
      431: "Request Header Fields Too Large", 501: "Not Implemented", 502: "Bad Gateway",
      505: "HTTP Version Not Supported",
    ]
    let head =
      "HTTP/1.1 \(status) \(reasons[status] ?? "Refused")\r\nContent-Type: text/plain\r\n"
      + "Content-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n"
    inside.write(ByteBuffer(string: head + text))
    drain()
  }

  /// Ends the connection after sending. Closing a socket with unread bytes resets the connection,
  /// and the peer loses what it has not read, so input is read and discarded for a while.
  func drain() {
    inside.owner = self
    phase = .draining(bytes: 0)
    buffer = ByteBuffer()
    alarm.set(configuration.idleTimeout) { [weak self] in self?.end() }
    inside.closeOutput { [weak self] in
      self?.alarm.set(Self.drainTime) { [weak self] in self?.end() }
    }
    inside.read()
  }
}
