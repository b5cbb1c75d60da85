import Foundation
import HTTPClient
import RawSockets
import Testing

@Suite struct FaultTests {
  @Test func refusedIsUnreachableAndNotSent() async throws {
    let port = try ClosedPort()
    let request = HTTPRequest(url: "http://127.0.0.1:\(port.number)")
    let found = try #require(await fault(of: request))
    #expect(found.kind == .unreachable)
    #expect(!found.wasSent)
  }

  @Test func anUnknownNameIsUnreachableAndNotSent() async throws {
    let found = try #require(await fault(of: HTTPRequest(url: "http://nowhere.invalid/")))
    #expect(found.kind == .unreachable)
    #expect(!found.wasSent)
  }

  @Test func noTLSIsUnreachableAndNotSent() async throws {
    let server = try RawServer { connection in connection.send("HTTP/1.1 200 OK\r\n\r\n") }
    let request = HTTPRequest(method: "POST", url: "https://127.0.0.1:\(server.port)")
    let found = try #require(await fault(of: request))
    #expect(found.kind == .unreachable)
    #expect(!found.wasSent)
  }

  @Test func aHandshakeThatStallsIsUnreachable() async throws {
    let release = Gate()
    let server = try RawServer { _ in release.waitOnThread() }
    let request = HTTPRequest(
      url: "https://127.0.0.1:\(server.port)", timeout: .seconds(20),
      connectTimeout: .milliseconds(200))
    let found = try #require(await fault(of: request))
    release.open()
    #expect(found.kind == .unreachable)
    #expect(!found.wasSent)
  }

  enum Ending: CaseIterable {
    case resetBeforeReading, resetAfterReading, closeAfterReading, truncated, truncatedChunks
    case garbage, halfAHead

    func play(_ connection: RawConnection) {
      if self == .resetBeforeReading { return connection.reset() }
      _ = connection.readRequest()
      switch self {
      case .resetBeforeReading: break
      case .resetAfterReading: connection.reset()
      case .closeAfterReading: connection.close()
      case .truncated: connection.send("HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nabc")
      case .truncatedChunks:
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
      case .garbage: connection.send("\u{1}\u{2} nothing like HTTP\r\n\r\n")
      case .halfAHead: connection.send("HTTP/1.1 200 OK\r\nContent-")
      }
    }
  }

  @Test(arguments: Ending.allCases)
  func anIncompleteResponseIsNoAnswerAndSent(ending: Ending) async throws {
    let server = try RawServer { ending.play($0) }
    let request = HTTPRequest(method: "POST", url: server.url, body: .bytes(Array("{}".utf8)))
    let found = try #require(await fault(of: request))
    if ending == .resetBeforeReading, found.kind == .unreachable {
      // The reset was faster than the connect.
      #expect(!found.wasSent)
    } else {
      #expect(found.kind == .noAnswer)
      #expect(found.wasSent)
    }
  }

  @Test func aStallTimesOutAsSent() async throws {
    let release = Gate()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      release.waitOnThread()
    }
    let start = ContinuousClock.now
    let found = try #require(
      await fault(of: HTTPRequest(url: server.url, timeout: .milliseconds(300))))
    release.open()
    #expect(found.kind == .timedOut)
    #expect(found.wasSent)
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test func aWaitForAConnectionTimesOutAsNotSent() async throws {
    let arrived = Gate()
    let release = Gate()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      arrived.open()
      release.waitOnThread()
      connection.answer("late")
    }
    let client = makeClient(perHost: 1)
    async let first = client.send(HTTPRequest(url: server.url))
    await arrived.wait()
    let second = await fault(
      of: HTTPRequest(method: "POST", url: server.url, timeout: .milliseconds(200)),
      client: client)
    #expect(second?.kind == .timedOut)
    #expect(second?.wasSent == false)
    release.open()
    #expect(try await first.status == 200)
  }

  @Test func anIdleAnswerTimesOut() async throws {
    let release = Gate()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
      release.waitOnThread()
    }
    let found = try #require(
      await fault(
        of: HTTPRequest(url: server.url, timeout: nil, idleTimeout: .milliseconds(200))))
    release.open()
    #expect(found.kind == .timedOut)
    #expect(found.wasSent)
    #expect(found.detail.contains("no data"))
  }

  @Test(arguments: [true, false])
  func aBodyOverTheLimitIsRefused(announced: Bool) async throws {
    let server = try RawServer { connection in
      _ = connection.readRequest()
      let length = announced ? "Content-Length: 2000000\r\n" : "Connection: close\r\n"
      connection.send("HTTP/1.1 200 OK\r\n\(length)\r\n")
      _ = connection.send(bytes: [UInt8](repeating: 1, count: 2_000_000))
    }
    let found = try #require(
      await fault(of: HTTPRequest(url: server.url, responseLimit: 100_000)))
    #expect(found.kind == .tooLarge)
    #expect(found.wasSent)
  }

  @Test func aHeadWithoutEndIsRefused() async throws {
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n")
      let line = Array("X-Filler: \(String(repeating: "x", count: 1000))\r\n".utf8)
      while connection.send(bytes: line) {}
    }
    let found = try #require(await fault(of: HTTPRequest(url: server.url)))
    #expect(found.kind == .tooLarge)
  }

  @Test(arguments: [
    "", "nonsense", "ftp://127.0.0.1/", "file:///etc/passwd", "http://u:p@127.0.0.1/",
    "http://[::1/",
  ])
  func aWrongURLIsRefused(url: String) async throws {
    let found = try #require(await fault(of: HTTPRequest(url: url)))
    #expect(found.kind == .invalidURL)
    #expect(!found.wasSent)
    #expect(!found.detail.contains("u:p"))
  }

  @Test(arguments: [
    HTTPRequest(method: "GET X", url: "http://127.0.0.1/"),
    HTTPRequest(method: "", url: "http://127.0.0.1/"),
    HTTPRequest(url: "http://127.0.0.1/", headers: [("A", "b\r\nC: d")]),
    HTTPRequest(url: "http://127.0.0.1/", headers: [("A:\n", "b")]),
    HTTPRequest(url: "http://127.0.0.1/", headers: [("A", "b\0")]),
  ])
  func whatBreaksOutOfItsLineIsRefused(request: HTTPRequest) async throws {
    let found = try #require(await fault(of: request))
    #expect(found.kind == .invalidRequest)
    #expect(!found.wasSent)
  }
}

@Suite struct CancellationTests {
  @Test func cancellingEndsTheTransferAndItsConnection() async throws {
    let arrived = Gate()
    let closed = Gate()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      arrived.open()
      if connection.peerCloses(within: 10_000) { closed.open() }
    }
    let call = Task { await fault(of: HTTPRequest(method: "POST", url: server.url)) }
    await arrived.wait()
    call.cancel()
    let found = await call.value
    #expect(found?.kind == .cancelled)
    #expect(found?.wasSent == true)
    await closed.wait()
  }

  @Test func aCallInACancelledTaskEndsAtOnce() async throws {
    let release = Gate()
    let server = try RawServer { _ in release.waitOnThread() }
    let call = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return await fault(of: HTTPRequest(url: server.url))
    }
    #expect(await call.value?.kind == .cancelled)
    release.open()
  }

  @Test func shutdownEndsWhatIsUnderWayAndRefusesTheRest() async throws {
    let arrived = Gate()
    let release = Gate()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      arrived.open()
      release.waitOnThread()
    }
    let client = makeClient()
    async let under = fault(of: HTTPRequest(url: server.url), client: client)
    await arrived.wait()
    client.shutdown()
    let first = await under
    #expect(first?.kind == .cancelled)
    #expect(first?.wasSent == true)
    let later = await fault(of: HTTPRequest(url: server.url), client: client)
    #expect(later?.kind == .cancelled)
    #expect(later?.wasSent == false)
    release.open()
  }
}
