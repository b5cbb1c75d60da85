import HTTPClient
import NetworkRules
import Randomness
import RawSockets
import Testing

@testable import Egress

/// A gateway adds a key outside, and the key never passes inside.
@Suite(.timeLimit(.minutes(2))) struct GatewayTests {
  private static let key = "sk-test-0123456789abcdef"

  struct Fixture {
    let gateway: EgressProxy
    let ledger: EgressLedger
    let port: Int

    init(
      _ server: RawServer, path: String = "", upload: Int = 1 << 22, isUsed: Bool = true,
      own: [OwnEndpoint] = [], base: String? = nil
    ) async throws {
      let credential = try GatewayUpstream.Credential(
        name: "Authorization", prefix: "Bearer ", secret: GatewayTests.key)
      let upstream = try GatewayUpstream(
        baseURL: (base ?? server.url) + path, credential: credential)
      var configuration = EgressConfiguration()
      configuration.own = own
      gateway = EgressProxy(
        configuration: configuration, resolver: NamesOfTest([:]),
        gateway: KeyGateway(
          upstream: upstream,
          client: HTTPClient(configuration: .init(userAgent: "test", proxy: .none))))
      ledger = EgressLedger(uploadBytesMax: upload, now: { 1 })
      if isUsed { gateway.use(NetworkPolicy(), for: ledger) }
      let listener = try Listener()
      port = listener.port
      try await gateway.serve(listener: listener.descriptor)
    }

    var verdicts: [String] {
      ledger.record.hosts.map { "\($0.host) \($0.refusal?.rawValue ?? "allowed")" }
    }
  }

  private func ask(_ test: Fixture, _ text: String) async throws -> String {
    try await onThread {
      let client = try Client(port: test.port)
      client.send(text)
      client.closeOutput()
      return client.readAll()
    }
  }

  @Test func keysAreAddedOutside() async throws {
    let seen = PlainTests.Seen()
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        seen.add(request)
        connection.answer("ok", headers: ["X-Request: 7"])
      }
    }
    defer { server.stop() }
    let test = try await Fixture(server, path: "/base/")
    let answers = try await onThread {
      let client = try Client(port: test.port)
      for _ in 0..<2 {
        client.send(
          "POST /v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            + "Authorization: Bearer mine\r\nX-Api-Key: mine\r\nAccept-Encoding: gzip, br\r\n"
            + "Range: bytes=0-9\r\nIf-Range: x\r\n"
            + "Content-Length: 5\r\nA: b\r\n\r\nhello"
        )
      }
      client.closeOutput()
      return client.readAll()
    }
    #expect(answers.components("X-Request: 7\r\n").count == 3)
    #expect(answers.components("2\r\nok\r\n0\r\n\r\n").count == 3)
    #expect(seen.all.count == 2)
    #expect(seen.all[0].line == "POST /base/v1/messages?beta=true HTTP/1.1")
    #expect(seen.all[0].body == Array("hello".utf8))
    #expect(seen.all[0].header("authorization") == "Bearer \(Self.key)")
    #expect(seen.all[0].header("x-api-key") == nil && seen.all[0].header("a") == "b")
    #expect(seen.all[0].header("accept-encoding") == "identity")
    #expect(seen.all[0].header("range") == nil && seen.all[0].header("if-range") == nil)
    #expect(test.verdicts == ["127.0.0.1 allowed"])
    #expect(test.ledger.record.hosts[0].connections == 2 && test.ledger.record.bytesUp > 10)
    await test.gateway.close()
  }

  /// Each side continues only after the other one has received the previous part.
  @Test func bothWaysStream() async throws {
    let (first, second) = (Gate(), Gate())
    let server = try RawServer { connection in
      var request: [UInt8] = []
      while !request.contains(UInt8(ascii: "!")), let more = connection.read() { request += more }
      first.open()
      // To its end: a socket that is closed with bytes unread resets the connection, and what the
      // client got by then would be no whole response.
      while !request.suffix(5).elementsEqual("0\r\n\r\n".utf8), let more = connection.read() {
        request += more
      }
      connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n")
      second.waitOnThread()
      connection.send("data: two\n\n")
    }
    defer { server.stop() }
    let test = try await Fixture(server)
    let (head, one, rest) = try await onThread {
      let client = try Client(port: test.port)
      client.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n!\r\n")
      first.waitOnThread()
      client.send("1\r\n?\r\n0\r\n\r\n")
      let head = client.readHead()
      let one = client.readText(16)
      second.open()
      return (head, one, client.readText(21))
    }
    #expect(head.contains("text/event-stream"))
    #expect(one == "b\r\ndata: one\n\n\r\n")
    #expect(rest == "b\r\ndata: two\n\n\r\n0\r\n\r\n")
    await test.gateway.close()
  }

  @Test func keysInResponsesAreMasked() async throws {
    let key = Self.key
    let base64 = "QmVhcmVyIHNrLXRlc3QtMDEyMzQ1Njc4OWFiY2RlZg=="
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send(
        "HTTP/1.1 200 OK\r\nX-Echo: Bearer \(key)\r\nX-Good: 1\r\n"
          + "Transfer-Encoding: chunked\r\n\r\n"
      )
      for piece in ["say sk-te", "st-0123456789abc", "def. \(base64) ", "sk-"] {
        connection.send("\(String(piece.utf8.count, radix: 16))\r\n\(piece)\r\n")
      }
      connection.send("0\r\n\r\n")
    }
    defer { server.stop() }
    let test = try await Fixture(server)
    let answer = try await ask(test, "GET / HTTP/1.1\r\n\r\n")
    let body = answer.components("\r\n").filter { !$0.isEmpty }
    #expect(!answer.contains(key) && !answer.contains("X-Echo") && answer.contains("X-Good: 1"))
    #expect(!answer.contains("LXRlc3QtMDEyMzQ1Njc4OWFiY2Rl"), "\(body)")
    #expect(answer.contains("****") && answer.contains("sk-\r\n"))
    #expect(test.verdicts == ["127.0.0.1 allowed", "127.0.0.1 key-echoed"])
    await test.gateway.close()
  }

  /// A broken response must not look complete, and the record has its key echo.
  @Test func brokenResponsesAreNotComplete() async throws {
    let (key, isPast) = (Self.key, Gate())
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n\r\n\(key) \(String(repeating: "x", count: 4_096))")
      isPast.waitOnThread()
      connection.reset()
    }
    defer { server.stop() }
    let test = try await Fixture(server)
    let (head, body) = try await onThread {
      let client = try Client(port: test.port)
      client.send("GET / HTTP/1.1\r\n\r\n")
      let head = client.readHead()
      var body = ""
      while !body.contains("x") {
        let next = client.readText(1)
        if next.isEmpty { break }
        body += next
      }
      isPast.open()
      return (head, body + client.readAll())
    }
    #expect(head.hasPrefix("HTTP/1.1 200 ") && body.contains("****"), "\(head)\(body)")
    #expect(!body.contains(key) && !body.contains("\r\n0\r\n"), "\(body)")
    #expect(test.verdicts == ["127.0.0.1 allowed", "127.0.0.1 key-echoed"])
    await test.gateway.close()
  }

  @Test func answersMustComeInClear() async throws {
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.answer("xx", headers: ["Content-Encoding: gzip"])
    }
    defer { server.stop() }
    let test = try await Fixture(server)
    #expect(try await ask(test, "GET / HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 502 "))
    await test.gateway.close()
  }

  @Test(arguments: [
    "/../x", "/a/../x", "/a/%2e%2E/x", "/a/.%2e", "/./x", "/a/..", "/a\\..\\x", "/a\"b", "/%2e/",
  ])
  func pathsStayBelowTheBase(path: String) async throws {
    let server = try RawServer { connection in connection.answer("never") }
    defer { server.stop() }
    let test = try await Fixture(server, path: "/base")
    #expect(try await ask(test, "GET \(path) HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 400 "))
    #expect(server.accepted == 0)
    await test.gateway.close()
  }

  @Test(arguments: [
    "GET http://evil.org/ HTTP/1.1\r\n\r\n", "CONNECT evil.org:443 HTTP/1.1\r\n\r\n",
  ])
  func nothingElseIsReached(text: String) async throws {
    let server = try RawServer { connection in connection.answer("never") }
    defer { server.stop() }
    let test = try await Fixture(server)
    #expect(try await ask(test, text).hasPrefix("HTTP/1.1 400 "))
    #expect(server.accepted == 0)
    await test.gateway.close()
  }

  @Test func refusals() async throws {
    let server = try RawServer { connection in
      while connection.readRequest() != nil { connection.answer("ok") }
    }
    defer { server.stop() }
    let get = "GET / HTTP/1.1\r\n\r\n"
    let unused = try await Fixture(server, isUsed: false)
    #expect(try await ask(unused, get).hasPrefix("HTTP/1.1 403 "))
    let own = try await Fixture(server, own: [OwnEndpoint(port: UInt16(server.port))])
    #expect(try await ask(own, get).hasPrefix("HTTP/1.1 403 "))
    #expect(own.verdicts.contains("127.0.0.1 address-own"))
    let named = try await Fixture(
      server, own: [OwnEndpoint(port: UInt16(server.port))],
      base: "http://LocalHost:\(server.port)")
    #expect(try await ask(named, get).hasPrefix("HTTP/1.1 403 "))
    #expect(named.verdicts.contains("LocalHost address-own"), "\(named.verdicts)")
    #expect(server.accepted == 0)
    let small = try await Fixture(server, upload: 1_000)
    let post =
      "POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 5_000)
    #expect(try await ask(small, post) == "")
    #expect(small.verdicts == ["127.0.0.1 allowed", "127.0.0.1 upload-limit"])
    server.stop()
    let dead = try await Fixture(server)
    #expect(try await ask(dead, get).hasPrefix("HTTP/1.1 502 "))
    for test in [unused, own, named, small, dead] { await test.gateway.close() }
  }

  @Test(arguments: [
    "api.example.com", "ftp://a.org", "https://", "https://u@a.org", "https://a.org?x=1",
    "https://a.org/../b", "https://a.org:0", "https://a b.org", "https://[::1", "http://*.a.org",
  ])
  func badBaseURLsSayWhatToWrite(url: String) {
    let fault = #expect(throws: EgressFault.self) {
      try GatewayUpstream(baseURL: url, credential: nil)
    }
    #expect(fault?.description.contains("http://127.0.0.1:11434") == true)
  }

  @Test func baseURLsOfAllKinds() throws {
    #expect(
      try GatewayUpstream(baseURL: "https://a.org/v1/", credential: nil).base == "https://a.org/v1")
    let local = try GatewayUpstream(baseURL: "http://localhost:11434", credential: nil)
    #expect(local.host == "localhost" && local.port == 11_434)
    #expect(try GatewayUpstream(baseURL: "https://[::1]:8443/x", credential: nil).host == "::1")
    #expect(throws: EgressFault.self) {
      try GatewayUpstream.Credential(name: "x-api-key", secret: "short")
    }
    #expect(throws: EgressFault.self) {
      try GatewayUpstream.Credential(name: "x-api-key", secret: "with a line end\n")
    }
  }
}
