import NetworkRules
import RawSockets
import Synchronization
import Testing

@testable import Egress

/// Plain HTTP: each request is checked, rewritten and forwarded.
@Suite(.timeLimit(.minutes(2))) struct PlainTests {
  /// What a server was asked, as it came.
  final class Seen: Sendable {
    private let requests = Mutex<[RawConnection.Request]>([])
    var all: [RawConnection.Request] { requests.withLock { $0 } }
    func add(_ request: RawConnection.Request) { requests.withLock { $0.append(request) } }
  }

  private func server(_ seen: Seen, _ answer: String) throws -> RawServer {
    try RawServer { connection in
      while let request = connection.readRequest() {
        seen.add(request)
        connection.send(answer)
        if !answer.contains("Length") && !answer.contains("chunked") { return }
      }
    }
  }

  private func test(_ server: RawServer, upload: Int = 1 << 20) async throws -> ProxyOfTest {
    try await ProxyOfTest(
      allow: ["a.test.org:\(server.port)"], names: ["a.test.org": ["127.0.0.1"]], upload: upload)
  }

  @Test func requestsAreRewritten() async throws {
    let seen = Seen()
    let server = try server(seen, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nok")
    defer { server.stop() }
    let test = try await test(server)
    let (first, second) = try await onThread {
      let client = try test.connect()
      client.send(
        "GET HTTP://A.test.org:\(server.port)/p?q=1 HTTP/1.1\r\nHost: evil.org\r\nA: 1\r\n"
          + "Connection: x-hop, keep-alive\r\nX-Hop: 1\r\nProxy-Authorization: Basic eA==\r\n"
          + "TE: trailers\r\nUpgrade: h2c\r\n\r\n")
      let first = client.readHead() + client.readText(2)
      // The same connection, another host: checked again.
      client.send("GET http://evil.org/ HTTP/1.1\r\n\r\n")
      return (first, client.readAll())
    }
    #expect(
      first == "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok")
    #expect(second.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
    #expect(seen.all.count == 1)
    #expect(seen.all[0].line == "GET /p?q=1 HTTP/1.1")
    #expect(
      seen.all[0].headers == ["Host: a.test.org:\(server.port)", "A: 1", "Connection: close"])
    #expect(test.verdicts == ["a.test.org:\(server.port) allowed", "evil.org:80 host-unlisted"])
    await test.proxy.close()
  }

  @Test func bodiesAreReframed() async throws {
    let server = try RawServer { connection in
      var all: [UInt8] = []
      while !all.suffix(5).elementsEqual("0\r\n\r\n".utf8), let more = connection.read() {
        all += more
      }
      connection.answer(String(decoding: all, as: UTF8.self))
    }
    defer { server.stop() }
    let test = try await test(server)
    let answer = try await onThread {
      let client = try test.connect()
      client.send(
        "POST http://a.test.org:\(server.port)/ HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n")
      client.send("3;ext=1\r\nab")
      client.send("c\r\n0\r\nTrailer: x\r\n\r\n")
      client.closeOutput()
      return client.readAll()
    }
    // Extensions and trailers are dropped; the sizes of chunks may differ.
    let sent = answer.components("\r\n\r\n").dropFirst(2).joined(separator: "|")
    #expect(["3\r\nabc\r\n0|", "2\r\nab\r\n1\r\nc\r\n0|"].contains(sent), "\(answer)")
    await test.proxy.close()
  }

  @Test func pipelinedRequestsWaitForTheirTurn() async throws {
    let seen = Seen()
    let server = try server(seen, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    defer { server.stop() }
    let test = try await test(server)
    let answers = try await onThread {
      let client = try test.connect()
      let post = "POST http://a.test.org:\(server.port)/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
      client.send(post + post + "GET / HTTP/1.1\r\n\r\n")
      return client.readAll()
    }
    #expect(answers.components("200 OK").count == 3)
    #expect(answers.contains("HTTP/1.1 400 "))
    #expect(seen.all.map(\.body) == [Array("abc".utf8), Array("abc".utf8)])
    await test.proxy.close()
  }

  @Test(arguments: [
    ("GET", "HTTP/1.1 200 OK\r\n\r\nto the end", "\r\n\r\na\r\nto the end\r\n0\r\n\r\n"),
    (
      "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
      "\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    ),
    ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "Content-Length: 9\r\n"),
    ("GET", "HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n", "Content-Length: 9\r\n"),
    ("GET", "HTTP/1.1 204 No\r\nX: Length\r\n\r\n", "X: Length\r\nConnection"),
    (
      "GET", "HTTP/1.1 103 Early\r\nL: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 103 Interim\r\n\r\nHTTP/1.1 200 OK\r\n"
    ),
  ])
  func responsesOfAllKindsEnd(method: String, answer: String, expected: String) async throws {
    let server = try server(Seen(), answer)
    defer { server.stop() }
    let test = try await test(server)
    let text = try await onThread {
      let client = try test.connect()
      client.send("\(method) http://a.test.org:\(server.port)/ HTTP/1.1\r\n\r\n")
      // The connection is free for another one, whose refusal ends it.
      client.send("GET http://evil.org/ HTTP/1.1\r\n\r\n")
      return client.readAll()
    }
    #expect(text.contains(expected), "\(text)")
    #expect(text.contains("HTTP/1.1 403 "), "\(text)")
    await test.proxy.close()
  }

  @Test(arguments: [
    "Content-Length: 3\r\nTransfer-Encoding: chunked", "Content-Length: 3\r\nContent-Length: 3",
    "Content-Length: 3, 3", "Content-Length: +3", "Content-Length: 0x3", "Content-Length: -1",
    "Content-Length: 9999999999999999999", "Content-Length : 3", " Content-Length: 3",
    "X: 1\r\n Content-Length: 3", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding:\u{b}chunked",
    "Host: a\r\nHost: b", "X\u{0}: 1", "X: \u{0}", "X: 1\nContent-Length: 3", "X: 1\rY: 2", ": 1",
    "X: 1\rYZ: 2",
    "no colon", "X(: 1",
  ])
  func ambiguousRequestsAreRefused(fields: String) async throws {
    let server = try server(Seen(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    defer { server.stop() }
    let test = try await test(server)
    let answer = try await onThread {
      let client = try test.connect()
      client.send("POST http://a.test.org:\(server.port)/ HTTP/1.1\r\n\(fields)\r\n\r\nabc")
      return client.readAll()
    }
    #expect(answer.hasPrefix("HTTP/1.1 4") || answer.hasPrefix("HTTP/1.1 501"), "\(answer)")
    #expect(server.accepted == 0)
    #expect(test.verdicts == ["-:0 request-invalid"])
    await test.proxy.close()
  }

  @Test(arguments: [
    "GET /\n", "GET /\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\r\nGET / HTTP/1.1\r\n\r\n",
    "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n", "GET / http/1.1\r\n\r\n",
    "GET https://a.test.org/ HTTP/1.1\r\n\r\n", "GET http://u@a.test.org/ HTTP/1.1\r\n\r\n",
    "GET http:///x HTTP/1.1\r\n\r\n", "GET http://a.test.org:0/ HTTP/1.1\r\n\r\n",
    "GET http://a.test.org:80:80/ HTTP/1.1\r\n\r\n", "GET http://a.test.org/#x HTTP/1.1\r\n\r\n",
    "CONNECT a.test.org HTTP/1.1\r\n\r\n", "CONNECT a.test.org:443/x HTTP/1.1\r\n\r\n",
    "CONNECT a.test.org:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}",
    "G\u{7f}T / HTTP/1.1\r\n\r\n", "GET http://a.test.org/ü HTTP/1.1\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\n\r\n", "GET http://a.test.org/ HTTP/2.0\r\n\r\n",
    "GET http://a.test.org/ HTTP/1.2\r\n\r\n", "GET http://a.test.org/ http/1.1\r\n\r\n",
    "POST http://a.test.org/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET http://a.test.org/ HTTP/1.1\r\n" + String(repeating: "X: 1\r\n", count: 129) + "\r\n",
  ])
  func otherProtocolsAreRefused(text: String) async throws {
    let test = try await ProxyOfTest(allow: ["a.test.org"])
    let answer = try await onThread {
      let client = try test.connect()
      client.send(text)
      return client.readAll()
    }
    #expect(answer.hasPrefix("HTTP/1.1 "), "\(answer)")
    #expect(!answer.hasPrefix("HTTP/1.1 2"))
    #expect(test.verdicts == ["-:0 request-invalid"])
    await test.proxy.close()
  }

  @Test func uploadsAreLimited() async throws {
    let received = Counter()
    let server = try RawServer { connection in
      while let bytes = connection.read() { received.add(bytes.count) }
    }
    defer { server.stop() }
    let test = try await test(server, upload: 10_000)
    let isEnded = try await onThread {
      let client = try test.connect()
      client.send(
        "POST http://a.test.org:\(server.port)/ HTTP/1.1\r\nContent-Length: 400000\r\n\r\n")
      client.send(Array(repeating: 1, count: 400_000))
      return client.isEnded()
    }
    #expect(isEnded)
    #expect(test.verdicts.contains("a.test.org:\(server.port) upload-limit"))
    #expect(test.ledger.record.bytesUp <= 10_000 && received.value <= 10_000)
    await test.proxy.close()
  }

  @Test(arguments: [
    // A switch to another protocol, and a head without an end.
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nX: Length\r\n\r\nwords",
    "HTTP/1.1 200 OK\r\nX: Length" + String(repeating: "x", count: 70_000),
  ])
  func invalidResponsesAreReported(answer: String) async throws {
    let server = try server(Seen(), answer)
    defer { server.stop() }
    let test = try await test(server)
    let text = try await onThread {
      let client = try test.connect()
      client.send("GET http://a.test.org:\(server.port)/ HTTP/1.1\r\n\r\n")
      return client.readAll()
    }
    #expect(text.hasPrefix("HTTP/1.1 502 ") && !text.contains("words"), "\(text.prefix(200))")
    await test.proxy.close()
  }

  @Test func aBrokenBodyEndsTheRequest() async throws {
    let server = try RawServer { connection in while connection.read() != nil {} }
    defer { server.stop() }
    let test = try await test(server)
    let isEnded = try await onThread {
      let client = try test.connect()
      client.send(
        "POST http://a.test.org:\(server.port)/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "3\r\nabcd\r\n0\r\n\r\n")
      return client.isEnded()
    }
    #expect(isEnded)
    #expect(test.verdicts.contains("a.test.org:\(server.port) request-invalid"))
    await test.proxy.close()
  }
}

extension String {
  /// The parts between the occurrences of a text.
  func components(_ separator: String) -> [String] {
    split(separator: separator, omittingEmptySubsequences: false).map(String.init)
  }
}
