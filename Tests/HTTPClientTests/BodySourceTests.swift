import HTTPClient
import RawSockets
import Testing

/// Bodies that are written while they are sent.
@Suite(.timeLimit(.minutes(1))) struct BodySourceTests {
  private let client = HTTPClient(configuration: .init(userAgent: "test", proxy: .none))

  @Test func lengthsAreSent() async throws {
    let server = try RawServer { connection in
      guard let request = connection.readRequest() else { return }
      connection.answer("\(request.header("content-length") ?? "") \(request.body.count)")
    }
    defer { server.stop() }
    let source = HTTPBodySource(length: 5) {}
    _ = source.write(Array("hello".utf8))
    source.end()
    let response = try await client.send(
      HTTPRequest(method: "PUT", url: server.url, body: .stream(source)))
    #expect(String(decoding: response.body, as: UTF8.self) == "5 5")
  }

  @Test func anAbortedBodyEndsTheRequest() async throws {
    let server = try RawServer { connection in while connection.read() != nil {} }
    defer { server.stop() }
    let source = HTTPBodySource(length: nil) {}
    _ = source.write([1])
    source.abort()
    await #expect(throws: HTTPFault.self) {
      try await client.send(HTTPRequest(method: "POST", url: server.url, body: .stream(source)))
    }
  }

  @Test func aBodyAbortedLaterEndsTheRequest() async throws {
    let gate = Gate()
    let server = try RawServer { connection in
      _ = connection.read()
      gate.open()
      while connection.read() != nil {}
    }
    defer { server.stop() }
    let source = HTTPBodySource(length: nil) {}
    _ = source.write([1])
    let response = Task { [client] in
      try await client.send(HTTPRequest(method: "POST", url: server.url, body: .stream(source)))
    }
    await gate.wait()
    source.abort()
    await #expect(throws: HTTPFault.self) { try await response.value }
  }
}
