import Foundation
import HTTPClient
import RawSockets
import Synchronization
import Testing

/// A client for tests: no proxy between it and the raw servers.
func makeClient(perHost: Int = 16, maxTransfers: Int = 512) -> HTTPClient {
  HTTPClient(
    configuration: .init(
      userAgent: "aipm-tests", proxy: .none, maxConnectionsPerHost: perHost,
      maxTransfers: maxTransfers))
}

/// The fault of a call; nil if it gets a response.
func fault(of request: HTTPRequest, client: HTTPClient = makeClient()) async -> HTTPFault? {
  do throws(HTTPFault) {
    _ = try await client.send(request)
    return nil
  } catch {
    return error
  }
}

@Suite struct AnswerTests {
  @Test func statusHeadersAndBodyArrive() async throws {
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        connection.answer(
          request.line, status: "404 Not Found",
          headers: [
            "X-One: a", "x-one:  b ", "Empty:", "User: \(request.header("user-agent") ?? "")",
          ]
        )
      }
    }
    let response = try await makeClient().send(HTTPRequest(url: server.url + "/a%20b?q=1"))
    #expect(response.status == 404)
    #expect(response.headers["x-ONE"] == "a")
    #expect(response.headers.values(of: "X-One") == ["a", "b"])
    #expect(response.headers["empty"] == "")
    #expect(response.headers["user"] == "aipm-tests")
    #expect(String(decoding: response.body, as: UTF8.self) == "GET /a%20b?q=1 HTTP/1.1")
    #expect(response.newConnections == 1)
  }

  @Test(arguments: ["POST", "PUT", "PATCH", "DELETE"])
  func aBodyIsSentWithItsMethodAndLength(method: String) async throws {
    let seen = Mutex<RawConnection.Request?>(nil)
    let server = try RawServer { connection in
      let request = connection.readRequest()
      seen.withLock { $0 = request }
      connection.answer("ok")
    }
    let body = [UInt8](repeating: 7, count: 3 << 20)
    let request = HTTPRequest(
      method: method, url: server.url + "/x", headers: [("Content-Type", "application/json")],
      body: .bytes(body))
    #expect(try await makeClient().send(request).status == 200)
    let arrived = try #require(seen.withLock { $0 })
    #expect(arrived.line == "\(method) /x HTTP/1.1")
    #expect(arrived.body == body)
    #expect(arrived.header("content-type") == "application/json")
    #expect(arrived.header("expect") == nil)
  }

  @Test func aPostWithoutBodyHasLengthZero() async throws {
    let server = try RawServer { connection in
      let request = connection.readRequest()
      let length = request?.header("content-length") ?? "none"
      connection.answer(length + (request?.header("content-type") ?? ""))
    }
    let response = try await makeClient().send(HTTPRequest(method: "POST", url: server.url))
    #expect(String(decoding: response.body, as: UTF8.self) == "0")
  }

  @Test func aFileIsUploaded() async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    let bytes = (0..<(5 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try Data(bytes).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    let server = try RawServer { connection in
      guard let request = connection.readRequest() else { return }
      connection.answer(request.body == bytes ? "same" : "different")
    }
    let request = HTTPRequest(method: "PUT", url: server.url, body: .file(path: path.path))
    let response = try await makeClient().send(request)
    #expect(String(decoding: response.body, as: UTF8.self) == "same")
    let missing = HTTPRequest(method: "PUT", url: server.url, body: .file(path: "/none/such"))
    #expect(await fault(of: missing)?.kind == .invalidRequest)
  }

  @Test func headHasNoBodyAndInterimResponsesAreSkipped() async throws {
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        if request.line.hasPrefix("HEAD") {
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        } else {
          connection.answer("body")
        }
      }
    }
    let client = makeClient()
    let head = try await client.send(HTTPRequest(method: "HEAD", url: server.url))
    #expect(head.status == 200)
    #expect(head.body.isEmpty)
    let get = try await client.send(HTTPRequest(url: server.url))
    #expect(get.headers["link"] == nil)
    #expect(get.newConnections == 0)
  }

  @Test func chunkedAndUnmeasuredBodiesAreRead() async throws {
    let server = try RawServer { connection in
      guard let request = connection.readRequest() else { return }
      if request.line.contains("/chunked") {
        connection.send(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n")
      } else {
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde")
      }
    }
    for path in ["/chunked", "/until-close"] {
      let response = try await makeClient().send(HTTPRequest(url: server.url + path))
      #expect(String(decoding: response.body, as: UTF8.self) == "abcde")
      #expect(response.headers["trailer"] == nil)
    }
  }
}

@Suite struct ConnectionTests {
  @Test func fiftyRequestsInARowUseOneConnection() async throws {
    let server = try RawServer { connection in
      while connection.readRequest() != nil { connection.answer("ok") }
    }
    let client = makeClient()
    var opened = 0
    for _ in 0..<50 { opened += try await client.send(HTTPRequest(url: server.url)).newConnections }
    #expect(opened == 1)
    #expect(server.accepted == 1)
  }

  @Test func fiftyRequestsAtOnceStayWithinTheLimitPerHost() async throws {
    let server = try RawServer { connection in
      while connection.readRequest() != nil { connection.answer("ok") }
    }
    let client = makeClient(perHost: 4)
    let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<50 {
        group.addTask { try await client.send(HTTPRequest(url: server.url)).status }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(statuses == Array(repeating: 200, count: 50))
    #expect(server.accepted <= 4)
    let warm = try await client.send(HTTPRequest(url: server.url))
    #expect(warm.newConnections == 0)
  }

  @Test func overTheLimitOfTransfersIsRefusedAtOnce() async throws {
    let arrived = Gate()
    let release = Gate()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      arrived.open()
      release.waitOnThread()
      connection.answer("late")
    }
    let client = makeClient(maxTransfers: 1)
    async let first = client.send(HTTPRequest(url: server.url))
    await arrived.wait()
    let refused = await fault(of: HTTPRequest(url: server.url), client: client)
    #expect(refused?.kind == .overloaded)
    #expect(refused?.wasSent == false)
    release.open()
    #expect(try await first.status == 200)
    // The slot is free again.
    #expect(try await client.send(HTTPRequest(url: server.url)).status == 200)
  }

  @Test func aDeadKeptConnectionIsReplacedForReadsOnly() async throws {
    // Closes each connection on its second request, having read it: a server may have acted.
    let posts = Mutex(0)
    let server = try RawServer { connection in
      guard connection.readRequest() != nil else { return }
      connection.answer("first")
      guard let second = connection.readRequest() else { return }
      if second.line.hasPrefix("POST") { posts.withLock { $0 += 1 } }
      connection.reset()
    }
    let client = makeClient()
    #expect(try await client.send(HTTPRequest(url: server.url)).status == 200)
    let read = try await client.send(HTTPRequest(url: server.url))
    #expect(read.status == 200)
    let write = await fault(of: HTTPRequest(method: "POST", url: server.url), client: client)
    #expect(write?.kind == .noAnswer)
    #expect(write?.wasSent == true)
    #expect(posts.withLock { $0 } == 1)
  }
}

@Suite struct RedirectTests {
  /// A redirect is returned and not followed, so credentials stay with their host.
  @Test(arguments: ["GET", "POST"]) func aRedirectIsNotFollowed(method: String) async throws {
    let other = try RawServer { connection in
      while connection.readRequest() != nil { connection.answer("other") }
    }
    let target = other.url + "/moved"
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        let place = request.line.contains("/same") ? target : "/same"
        connection.answer("", status: "302 Found", headers: ["Location: \(place)"])
      }
    }
    let client = makeClient()
    let headers = [("Authorization", "Bearer secret")]
    for (path, place) in [("/start", server.url + "/same"), ("/same", target)] {
      let response = try await client.send(
        HTTPRequest(method: method, url: server.url + path, headers: headers))
      #expect(response.status == 302)
      #expect(response.redirectURL == place)
    }
    #expect(other.accepted == 0)
  }
}
