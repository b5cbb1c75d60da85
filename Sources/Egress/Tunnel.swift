import NIOCore
import NetworkRules

/// A CONNECT that was let through. Before anything of the agent is passed on, its first bytes are
/// looked at: on port 443 they must be a TLS hello for the host that was asked for; on a port that
/// a rule names they may be anything, but if they are TLS the name must fit.
final class Tunnel: EndOwner {
  private let front: FrontConnection
  private let inside: End
  private let outside: End
  private let host: HostName
  private let port: UInt16
  private let ledger: EgressLedger
  private let alarm: Alarm
  private var idle: IdleWatch?
  private var line: EgressLedger.Line = nil
  /// What came before the hello is complete; nil once the agent's bytes flow.
  private var early: ByteBuffer?
  private var earlyBytesMin = 1

  init(
    _ front: FrontConnection, outside: End, host: HostName, port: UInt16, early: ByteBuffer
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
      // Many protocols begin with a word of the server's.
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
    // Who opens a tunnel and says nothing has not tried anything.
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

  // MARK: Passing on

  func received(_ bytes: ByteBuffer, at end: End) {
    idle?.touch()
    switch end.side {
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

  private func other(_ end: End) -> End { end === inside ? outside : inside }

  func readCompleted(at end: End) {
    let other = other(end)
    other.flush()
    if other.channel.isWritable { end.read() }
  }

  func becameWritable(_ end: End) {
    // Nothing of the server's is read before the hello is known.
    if end === inside, early != nil, needsTLS { return }
    other(end).read()
  }

  func inputClosed(at end: End) {
    if end === inside, early != nil {
      // The hello can't be completed any more.
      if needsTLS { return helloIsLate() }
      open()
    }
    // With both halves closed a channel closes by itself.
    other(end).closeOutput()
  }

  func closed(_ end: End) {
    // What waits for the other one is still sent; it has nobody to talk to any more.
    let other = other(end)
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
