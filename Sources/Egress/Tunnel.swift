import NIOCore
import NetworkRules

/// An allowed CONNECT. Before any bytes of the agent are forwarded, the first ones are inspected:
/// on port 443 they must be a TLS hello for the requested host. On another port, which a rule
/// names, they may be anything, but a TLS hello must have the right name.
final class Tunnel: Exchange {
  private let front: FrontConnection
  private let inside: EgressSocket
  private let outside: EgressSocket
  private let host: HostName
  private let port: UInt16
  private let ledger: EgressLedger
  private let alarm: Alarm
  private var idle: IdleWatch?
  private var line: EgressLedger.Line = nil
  /// The bytes before the hello is complete; nil once bytes are forwarded.
  private var early: ByteBuffer?
  private var earlyBytesMin = 1

  init(
    _ front: FrontConnection, outside: EgressSocket, host: HostName, port: UInt16, early: ByteBuffer
  ) {
    self.front = front
    self.inside = front.inside
    self.outside = outside
    self.host = host
    self.port = port
    self.early = early
    ledger = front.scope.ledger
    alarm = Alarm(front.loop)
  }

  private var needsTLS: Bool { port == front.configuration.tlsPort }

  func start() {
    idle = IdleWatch(front.loop, front.configuration.idleTimeout) { [weak self] in self?.end() }
    inside.write(ByteBuffer(string: "HTTP/1.1 200 Connection established\r\n\r\n"))
    inside.flush()
    if needsTLS {
      alarm.set(front.configuration.headTimeout) { [weak self] in self?.helloIsLate() }
    } else {
      // In many protocols the server speaks first.
      line = ledger.allowed(host.text, port: port)
      outside.read()
    }
    inspect()
    if inside.isInputClosed { inputClosed(at: inside) }
    inside.read()
  }

  // MARK: The hello

  private func inspect() {
    guard let early, early.readableBytes >= earlyBytesMin else { return }
    switch ClientHello.inspect(early.readableBytesView) {
    case .more(let bytes):
      earlyBytesMin = bytes
      if bytes > front.configuration.helloBytesMax { refuse(.tlsMissing) }
    case .other: needsTLS ? refuse(.tlsMissing) : open()
    case .broken: refuse(.tlsMissing)
    case .nameless: refuse(.tlsName)
    case .name(let name):
      let isHost = (try? HostName(name)) == host
      isHost ? open() : refuse(.tlsName)
    }
  }

  private func helloIsLate() {
    // A client that sent nothing is not recorded.
    early.map { $0.readableBytes > 0 } == true ? refuse(.tlsMissing) : end()
  }

  private func open() {
    guard let first = early else { return }
    early = nil
    alarm.cancel()
    if needsTLS { line = ledger.allowed(host.text, port: port) }
    passOut(first)
    outside.flush()
    outside.read()
  }

  private func refuse(_ code: RefusalCode) {
    ledger.refused(host.text.utf8, port: Int(port), code)
    end()
  }

  // MARK: Forwarding

  func received(_ bytes: ByteBuffer, at socket: EgressSocket) {
    idle?.touch()
    switch socket.side {
    case .outside:
      ledger.received(bytes.readableBytes, line)
      inside.write(bytes)
    case .inside:
      if early == nil { return passOut(bytes) }
      early?.writeImmutableBuffer(bytes)
      inspect()
    }
  }

  private func passOut(_ bytes: ByteBuffer) {
    guard bytes.readableBytes > 0 else { return }
    guard ledger.send(bytes.readableBytes, line, to: host.text.utf8, port: Int(port)) else {
      return end()
    }
    outside.write(bytes)
  }

  private func other(_ socket: EgressSocket) -> EgressSocket {
    socket === inside ? outside : inside
  }

  func readCompleted(at socket: EgressSocket) {
    let other = other(socket)
    other.flush()
    if other.channel.isWritable { socket.read() }
  }

  func becameWritable(_ socket: EgressSocket) {
    // Nothing from the server is read before the hello is verified.
    if socket === inside, early != nil, needsTLS { return }
    other(socket).read()
  }

  func inputClosed(at socket: EgressSocket) {
    if socket === inside, early != nil {
      // The hello cannot be completed any more.
      if needsTLS { return helloIsLate() }
      open()
    }
    // A channel with both halves closed closes by itself.
    other(socket).closeOutput()
  }

  func closed(_ socket: EgressSocket) {
    // The other side still gets its pending bytes, and is then closed.
    let other = other(socket)
    if other.isClosed { return self.end() }
    other.finish()
  }

  private func end() {
    idle?.cancel()
    alarm.cancel()
    inside.close()
    outside.close()
    front.end()
  }
}
