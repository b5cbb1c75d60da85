import NIOCore
import NetworkRules

/// One plain HTTP request, forwarded over its own connection, and its response. Both are
/// serialized again, so that both sides parse the same message.
final class PlainExchange: Exchange {
  private let front: FrontConnection
  private let inside: EgressSocket
  private let outside: EgressSocket
  private let host: HostName
  private let port: UInt16
  private let path: [UInt8]
  private let head: RequestHead
  private let ledger: EgressLedger
  private var idle: IdleWatch?
  private var line: EgressLedger.Line = nil

  /// The bytes from the agent that are not forwarded yet; at the end, the beginning of its next
  /// request.
  private var request: ByteBuffer
  private var requestBody: BodyDecoder
  private var response = ByteBuffer()
  private var scanner = HeadScanner()
  /// nil until the head of the response was forwarded.
  private var responseBody: BodyDecoder?
  private var isChunkedInside = false
  private var keepsInside = false

  init(
    _ front: FrontConnection, outside: EgressSocket, host: HostName, port: UInt16, path: [UInt8],
    head: RequestHead, early: ByteBuffer
  ) {
    self.front = front
    self.inside = front.inside
    self.outside = outside
    self.host = host
    self.port = port
    self.path = path
    self.head = head
    ledger = front.scope.ledger
    request = early
    requestBody = BodyDecoder(head.framing)
  }

  func start() {
    idle = IdleWatch(front.loop, front.configuration.idleTimeout) { [weak self] in self?.end() }
    line = ledger.allowed(host.text, port: port)
    guard sendOut(requestHead()) else { return }
    passRequest()
    outside.flush()
    outside.read()
    if requestBody.isDone { return }
    if inside.isInputClosed { end() } else { inside.read() }
  }

  private func requestHead() -> ByteBuffer {
    var text = ByteBuffer()
    text.writeString("\(head.method) ")
    text.writeBytes(path)
    text.writeString(" HTTP/1.1\r\nHost: \(host)\(port == 80 ? "" : ":\(port)")\r\n")
    text.write(head.fields.withoutHopByHop())
    text.writeString("Connection: close\r\n")
    switch head.framing {
    case .length(let count):
      if count > 0 || !head.fields.values("content-length").isEmpty {
        text.writeString("Content-Length: \(count)\r\n")
      }
    case .chunked, .untilClose: text.writeString("Transfer-Encoding: chunked\r\n")
    }
    text.writeString("\r\n")
    return text
  }

  /// - Returns: false if the upload limit is exceeded; the exchange has then ended.
  private func sendOut(_ bytes: ByteBuffer) -> Bool {
    if ledger.send(bytes.readableBytes, line, to: host.text.utf8, port: Int(port)) {
      outside.write(bytes)
      return true
    }
    end()
    return false
  }

  // MARK: The request

  private func passRequest() {
    guard !requestBody.isDone else { return }
    do throws(HeadFault) {
      while let data = try requestBody.next(&request) {
        guard sendOut(head.framing == .chunked ? data.chunk() : data) else { return }
      }
      if requestBody.isDone, head.framing == .chunked { _ = sendOut(.lastChunk) }
    } catch {
      // The server has the beginning of the request, so a response is not possible any more.
      ledger.refused(host.text.utf8, port: Int(port), .requestInvalid)
      end()
    }
  }

  // MARK: The response

  private func passResponse() {
    do throws(HeadFault) {
      while responseBody == nil {
        guard try passResponseHead() else { return }
      }
      while let data = try responseBody?.next(&response) {
        inside.write(isChunkedInside ? data.chunk() : data)
      }
      if responseBody?.isDone == true { finish() }
    } catch {
      breakOff(error.message)
    }
  }

  /// - Returns: whether a complete head was there.
  private func passResponseHead() throws(HeadFault) -> Bool {
    switch scanner.scan(response.readableBytesView) {
    case .fault(let fault): throw fault
    case .more:
      guard response.readableBytes <= 4 * front.configuration.headBytesMax else {
        throw HeadFault("the response's head is too long")
      }
      return false
    case .end(let count):
      let found = try ResponseHead(
        parsing: response.readBytes(length: count) ?? [], method: head.method)
      scanner = HeadScanner()
      if found.status < 200 {
        // Only HTTP is supported, so the protocol cannot change.
        guard found.status != 101 else { throw HeadFault("the server switches protocols") }
        inside.write(ByteBuffer(string: "HTTP/1.1 \(found.status) Interim\r\n\r\n"))
        return true
      }
      inside.write(responseHead(found))
      responseBody = BodyDecoder(found.framing)
      return true
    }
  }

  private func responseHead(_ found: ResponseHead) -> ByteBuffer {
    // Without a length, HTTP/1.1 uses chunks, and HTTP/1.0 the end of the connection.
    let hasLength = found.framing.count != nil
    isChunkedInside = head.isHTTP11 && !hasLength
    keepsInside =
      head.fields.keepsConnection(isHTTP11: head.isHTTP11) && (isChunkedInside || hasLength)
    var text = ByteBuffer(string: "HTTP/1.1 \(found.status) ")
    text.writeBytes(found.reason)
    text.writeString("\r\n")
    text.write(found.fields.withoutHopByHop())
    if isChunkedInside {
      text.writeString("Transfer-Encoding: chunked\r\n")
    } else if let length = found.fields.values("content-length").first, found.status != 204 {
      // The response to HEAD has the length that the body would have.
      text.writeString("Content-Length: ")
      text.writeBytes(length)
      text.writeString("\r\n")
    } else if hasLength, head.method != "HEAD", ![204, 304].contains(found.status) {
      text.writeString("Content-Length: 0\r\n")
    }
    text.writeString("Connection: \(keepsInside ? "keep-alive" : "close")\r\n\r\n")
    return text
  }

  private func finish() {
    if isChunkedInside { inside.write(.lastChunk) }
    outside.owner = nil
    outside.close()
    idle?.cancel()
    inside.flush()
    // If the response came before the request was complete, the rest of the request is not trusted.
    if keepsInside, requestBody.isDone {
      front.resume(with: request)
    } else {
      front.drain()
    }
  }

  // MARK: Forwarding

  func received(_ bytes: ByteBuffer, at socket: EgressSocket) {
    idle?.touch()
    switch socket.side {
    case .inside:
      request.writeImmutableBuffer(bytes)
      passRequest()
    case .outside:
      ledger.received(bytes.readableBytes, line)
      response.writeImmutableBuffer(bytes)
      passResponse()
    }
  }

  func readCompleted(at socket: EgressSocket) {
    switch socket.side {
    case .inside:
      outside.flush()
      // The next request is read after the response.
      if outside.channel.isWritable, !requestBody.isDone { inside.read() }
    case .outside:
      inside.flush()
      if inside.channel.isWritable { outside.read() }
    }
  }

  func becameWritable(_ socket: EgressSocket) {
    switch socket.side {
    case .inside: outside.read()
    case .outside: if !requestBody.isDone { inside.read() }
    }
  }

  func inputClosed(at socket: EgressSocket) {
    switch socket.side {
    // The agent may wait for its response; an incomplete request gets none.
    case .inside: if !requestBody.isDone { self.end() }
    case .outside: outsideEnded()
    }
  }

  private func outsideEnded() {
    if responseBody?.endsWithConnection == true { return finish() }
    breakOff("the connection ended before the response did")
  }

  /// Handles a failure of the server's side: a 502 if nothing of the response was forwarded yet.
  private func breakOff(_ reason: String) {
    guard responseBody == nil else { return end() }
    outside.owner = nil
    outside.close()
    idle?.cancel()
    front.answer(502, "AIPM got no response from \(host):\(port): \(reason).\n")
  }

  func closed(_ socket: EgressSocket) {
    guard socket.side == .outside, !inside.isClosed else { return self.end() }
    outsideEnded()
  }

  private func end() {
    idle?.cancel()
    outside.owner = nil
    outside.close()
    front.end()
  }
}

extension ByteBuffer {
  static var lastChunk: ByteBuffer { ByteBuffer(string: "0\r\n\r\n") }

  /// The bytes as one chunk of a body.
  func chunk() -> ByteBuffer {
    var chunk = ByteBuffer()
    chunk.reserveCapacity(readableBytes + 16)
    chunk.writeString(String(readableBytes, radix: 16) + "\r\n")
    chunk.writeImmutableBuffer(self)
    chunk.writeString("\r\n")
    return chunk
  }

  mutating func write(_ fields: [HTTPFields.Field]) {
    for field in fields {
      writeBytes(field.name)
      writeString(": ")
      writeBytes(field.value)
      writeString("\r\n")
    }
  }
}
