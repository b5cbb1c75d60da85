import HTTPClient
import NIOCore
import NetworkRules
import Screening

/// One request to a gateway. Bodies stream in both directions.
final class GatewayExchange: Exchange {
  private let front: FrontConnection
  private let inside: EgressSocket
  private let gateway: KeyGateway
  private let path: [UInt8]
  private let head: RequestHead
  private let ledger: EgressLedger
  private var line: EgressLedger.Line = nil
  /// The bytes from the agent; after the body, the beginning of its next request.
  private var request: ByteBuffer
  private var body: BodyDecoder
  private var source: HTTPBodySource?
  private var isFull = false
  private var work: Task<Void, Never>?
  private var isEnded = false

  init(
    _ front: FrontConnection, gateway: KeyGateway, path: [UInt8], head: RequestHead,
    early: ByteBuffer
  ) {
    self.front = front
    inside = front.inside
    self.gateway = gateway
    self.path = path
    self.head = head
    ledger = front.scope.ledger
    request = early
    body = BodyDecoder(head.framing)
  }

  private var host: String { gateway.upstream.host }
  private var port: UInt16 { gateway.upstream.port }

  func start() {
    guard !path[...].hasDotSegment, !path.contains(where: { "\"<>\\^`{|}".utf8.contains($0) })
    else {
      ledger.refused(host.utf8, port: Int(port), .requestInvalid)
      return front.answer(400, "AIPM refused a request: its path leads outside \(host).\n")
    }
    line = ledger.allowed(host, port: port)
    let fields = passedFields()
    let size = path.count + fields.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 4 }
    guard send(size) else { return end() }
    let bound = NIOLoopBound(self, eventLoop: front.loop)
    var outgoing = HTTPRequest(
      method: head.method, url: gateway.upstream.base + String(decoding: path, as: UTF8.self),
      headers: fields + credential(), timeout: nil,
      connectTimeout: front.configuration.connectTimeout,
      idleTimeout: front.configuration.idleTimeout)
    if !body.isDone {
      let source = HTTPBodySource(length: head.framing.count) { [loop = front.loop] in
        loop.execute { bound.value.hasRoom() }
      }
      self.source = source
      outgoing.body = .stream(source)
    }
    let response = GatewayResponse(
      head: head, gateway: gateway, ledger: ledger, line: line, channel: inside.channel)
    let core = front.core
    work = Task { [outgoing, loop = front.loop] in
      let outcome = await response.run(outgoing, core: core)
      loop.execute { bound.value.finished(outcome) }
    }
    passRequest()
    if !body.isDone, !isFull { inside.read() }
  }

  /// The agent's header fields without its credentials, which are placeholders. The response must
  /// be uncompressed and complete: in compressed or tiny parts, the key could not be found.
  private func passedFields() -> [(String, String)] {
    var dropped: Set = [
      "accept-encoding", "range", "if-range", "authorization", "x-api-key", "api-key",
      "x-goog-api-key",
    ]
    if let credential = gateway.upstream.credential { dropped.insert(credential.name.lowercased()) }
    let kept = head.fields.withoutHopByHop().filter {
      !dropped.contains($0.key) && $0.key != "expect"
    }
    return kept.map {
      (String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self))
    } + [("Accept-Encoding", "identity")]
  }

  private func credential() -> [(String, String)] {
    gateway.upstream.credential.map { [($0.name, $0.prefix + $0.secret)] } ?? []
  }

  // MARK: The request's body

  private func passRequest() {
    guard let source, !body.isDone else { return }
    do throws(HeadFault) {
      while let data = try body.next(&request) {
        guard send(data.readableBytes) else { return end() }
        if !source.write(Array(data.readableBytesView)) { isFull = true }
      }
      if body.isDone { source.end() }
    } catch {
      ledger.refused(host.utf8, port: Int(port), .requestInvalid)
      end()
    }
  }

  private func hasRoom() {
    isFull = false
    if !isEnded, !body.isDone { inside.read() }
  }

  /// - Returns: false if the upload limit is exceeded.
  private func send(_ count: Int) -> Bool {
    ledger.send(count, line, to: host.utf8, port: Int(port))
  }

  // MARK: Completion

  private func finished(_ outcome: GatewayResponse.Outcome) {
    guard !isEnded else { return }
    release()
    switch outcome {
    case .complete where body.isDone: front.resume(with: request)
    case .complete, .last: front.drain()
    case .broken: front.end()
    case .unanswered(let code, let reason):
      if let code { ledger.refused(host.utf8, port: Int(port), code) }
      front.answer(
        code == .addressOwn ? 403 : 502, "AIPM could not reach \(host):\(port): \(reason)\n")
    }
  }

  private func end() {
    release()
    work?.cancel()
    front.end()
  }

  private func release() {
    isEnded = true
    source?.abort()
    // Its callback retains this exchange.
    source = nil
  }

  // MARK: The agent's side

  func received(_ bytes: ByteBuffer, at socket: EgressSocket) {
    request.writeImmutableBuffer(bytes)
    passRequest()
  }

  func readCompleted(at socket: EgressSocket) {
    if !isEnded, !body.isDone, !isFull { inside.read() }
  }

  func inputClosed(at socket: EgressSocket) {
    // The agent may wait for its response; an incomplete request gets none.
    if !body.isDone { self.end() }
  }

  func becameWritable(_ socket: EgressSocket) {}
  func closed(_ socket: EgressSocket) { self.end() }
}

/// The response of an exchange, as a task.
struct GatewayResponse: Sendable {
  enum Outcome: Sendable {
    /// Passed on; the connection stays open for another request.
    case complete
    /// Passed on; the connection ends.
    case last
    /// It ended after its beginning was passed on.
    case broken
    /// Nothing was passed on.
    case unanswered(RefusalCode?, String)
  }

  let head: RequestHead
  let gateway: KeyGateway
  let ledger: EgressLedger
  let line: EgressLedger.Line
  let channel: any Channel

  func run(_ request: HTTPRequest, core: ProxyCore) async -> Outcome {
    if await isOwn(core) { return .unanswered(.addressOwn, "it is AIPM itself") }
    let stream: HTTPStream
    do throws(HTTPFault) {
      stream = try await gateway.client.stream(request)
    } catch {
      return .unanswered(error.wasSent ? nil : .connectFailed, cleaned(error.description))
    }
    let codings = stream.head.headers.values(of: "content-encoding").map { $0.lowercased() }
    if gateway.upstream.credential != nil, codings.contains(where: { $0 != "identity" }) {
      return .unanswered(nil, "the response is compressed although the request forbids it")
    }
    return await pass(stream)
  }

  private func cleaned(_ text: String) -> String {
    gateway.key.isFound(in: text) ? "the error message contains the key" : text
  }

  /// Whether the upstream is AIPM itself. Its name is resolved only if the port matches.
  private func isOwn(_ core: ProxyCore) async -> Bool {
    let port = gateway.upstream.port
    guard core.configuration.own.contains(where: { ($0.port ?? port) == port }) else {
      return false
    }
    var addresses: [IPAddress] = []
    if let address = IPAddress(gateway.upstream.host) {
      addresses = [address]
    } else if gateway.upstream.host.lowercased() == "localhost" {
      addresses = [.v4(0x7f00_0001), .v6(high: 0, low: 1)]
    } else if let name = try? HostName(gateway.upstream.host) {
      addresses = await core.resolver.addresses(of: name)
    }
    return addresses.contains { core.destinations.isAIPM($0.unmapped, port) }
  }

  private func pass(_ stream: HTTPStream) async -> Outcome {
    let isBodiless = head.method == "HEAD" || [204, 304].contains(stream.head.status)
    let isChunked = head.isHTTP11 && !isBodiless
    let isKept =
      head.fields.keepsConnection(isHTTP11: head.isHTTP11) && (isChunked || isBodiless)
    var mask = StreamMask(gateway.key)
    var isNoted = false
    /// Called before anything else is passed on: the response may break off, or the attempt end.
    func note(_ isEchoed: Bool) {
      guard isEchoed, !isNoted else { return }
      isNoted = true
      ledger.refused(gateway.upstream.host.utf8, port: Int(gateway.upstream.port), .keyEchoed)
    }
    do {
      let (head, isEchoed) = responseHead(stream.head, isChunked: isChunked, isKept: isKept)
      note(isEchoed)
      try await channel.writeAndFlush(head)
      for try await piece in stream {
        ledger.received(piece.count, line)
        let passed = mask.pass(piece)
        note(mask.isFound)
        try await send(passed, isChunked)
      }
      let rest = mask.finish()
      note(mask.isFound)
      try await send(rest, isChunked)
      if isChunked { try await channel.writeAndFlush(ByteBuffer.lastChunk) }
    } catch {
      return .broken
    }
    return isKept ? .complete : .last
  }

  private func send(_ bytes: [UInt8], _ isChunked: Bool) async throws {
    guard !bytes.isEmpty else { return }
    let buffer = ByteBuffer(bytes: bytes)
    // Waits until the socket has it, so a slow reader slows the server down.
    try await channel.writeAndFlush(isChunked ? buffer.chunk() : buffer)
  }

  private func responseHead(
    _ found: HTTPHead, isChunked: Bool, isKept: Bool
  ) -> (ByteBuffer, isEchoed: Bool) {
    let dropped: Set = [
      "connection", "keep-alive", "transfer-encoding", "content-length", "trailer", "upgrade",
      "proxy-connection", "proxy-authenticate", "alt-svc",
    ]
    var isEchoed = false
    var text = ByteBuffer(string: "HTTP/1.1 \(found.status) Answer\r\n")
    for field in found.headers.fields where !dropped.contains(field.name.lowercased()) {
      if gateway.key.isFound(in: field.value) || gateway.key.isFound(in: field.name) {
        isEchoed = true
      } else if field.name.utf8.allSatisfy(isTokenByte),
        field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 })
      {
        text.writeString("\(field.name): \(field.value)\r\n")
      }
    }
    if isChunked { text.writeString("Transfer-Encoding: chunked\r\n") }
    text.writeString("Connection: \(isKept ? "keep-alive" : "close")\r\n\r\n")
    return (text, isEchoed)
  }
}
