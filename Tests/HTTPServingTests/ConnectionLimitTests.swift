import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RawSockets
import Synchronization
import Testing

@testable import HTTPServing

/// What slow and greedy clients come to, over real sockets, with limits that are small.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ConnectionLimitTests {
  /// A server whose paths say what it does.
  private struct TestServer: HTTPResponder {
    typealias Context = BasicRequestContext
    /// What `/wait` waits for.
    let release = Gate()
    /// How often `/wait` was asked for.
    let waiting = Arrivals()
    /// What became of the writers of `/endless`.
    let writers = Arrivals()

    func respond(to request: Request, context: Context) async throws -> Response {
      switch request.uri.path {
      case "/wait":
        waiting.note()
        await release.wait()
        return Response(status: .noContent)
      case "/endless":
        let writers = writers
        return Response(
          status: .ok,
          body: ResponseBody { writer in
            defer { writers.note() }
            while true { try await writer.write(ByteBuffer(repeating: 0, count: 16 << 10)) }
          })
      case "/count":
        var count = 0
        for try await chunk in request.body { count += chunk.readableBytes }
        return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "\(count)")))
      case _: return Response(status: .noContent)
      }
    }
  }

  /// Counts, and lets a test wait for a count.
  private final class Arrivals: Sendable {
    private let stream: AsyncStream<Void>
    private let arrival: AsyncStream<Void>.Continuation
    init() { (stream, arrival) = AsyncStream.makeStream() }
    func note() { arrival.yield() }
    func wait(for count: Int) async {
      var iterator = stream.makeAsyncIterator()
      for _ in 0..<count { await iterator.next() }
    }
  }

  private func serving(
    _ change: (inout ServingLimits) -> Void, _ body: (Int, TestServer) async throws -> Void
  ) async throws {
    var limits = ServingLimits()
    change(&limits)
    let server = TestServer()
    let (ports, port) = AsyncStream<Int>.makeStream()
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let task = Task { [limits] in
      try await serveHTTP(
        server, host: "127.0.0.1", port: 0, limits: limits, grace: .milliseconds(200),
        logger: logger
      ) { port.yield($0) }
    }
    var iterator = ports.makeAsyncIterator()
    let number = try #require(await iterator.next())
    do { try await body(number, server) } catch {
      server.release.open()
      task.cancel()
      _ = await task.result
      throw error
    }
    server.release.open()
    task.cancel()
    try await task.value
  }

  private static func ask(_ port: Int, _ path: String = "/") throws -> String {
    let client = try RawClient(port: port)
    client.send("GET \(path) HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    return client.receiveAll()
  }

  @Test func aSilentConnectionIsClosed() async throws {
    try await serving {
      $0.headTimeout = .milliseconds(300)
    } _: { port, _ in
      try await onThread {
        let client = try RawClient(port: port)
        #expect(client.isClosed(within: 5000))
      }
    }
  }

  @Test func aSlowHeadIsClosed() async throws {
    try await serving {
      $0.headTimeout = .milliseconds(500)
    } _: { port, _ in
      try await onThread {
        let client = try RawClient(port: port)
        client.send("GET / HTTP/1.1\r\n")
        var sent = 0
        while sent < 100, !client.isClosed(within: 100) {
          client.send("X-\(sent): y\r\n")
          sent += 1
        }
        #expect(sent < 100)
      }
    }
  }

  @Test func anIdleConnectionIsClosed() async throws {
    try await serving {
      $0.headTimeout = .seconds(60)
      $0.idleTimeout = .milliseconds(300)
    } _: { port, _ in
      try await onThread {
        let client = try RawClient(port: port)
        client.send("GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        #expect(String(decoding: client.receive(), as: UTF8.self).hasPrefix("HTTP/1.1 204"))
        #expect(client.isClosed(within: 5000))
      }
    }
  }

  @Test func aStalledBodyGets408() async throws {
    try await serving {
      $0.bodyStallTimeout = .milliseconds(300)
    } _: { port, _ in
      try await onThread {
        let client = try RawClient(port: port)
        client.send("POST /count HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\nabc")
        #expect(client.receiveAll().hasPrefix("HTTP/1.1 408 "))
      }
    }
  }

  @Test func aSlowBodyGets408() async throws {
    try await serving {
      $0.bodyStallTimeout = .milliseconds(400)
      $0.bodyBytesPerSecondMin = 1000
    } _: { port, _ in
      try await onThread {
        let client = try RawClient(port: port)
        client.send("POST /count HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n")
        var sent = 0
        while sent < 100, !client.isClosed(within: 50) {
          client.send("x")
          sent += 1
        }
        #expect(sent < 100)
      }
    }
  }

  /// A pack of a worker is such a body.
  @Test func aLargeBodyPasses() async throws {
    try await serving {
      $0.bodyStallTimeout = .seconds(5)
    } _: { port, _ in
      try await onThread {
        let count = 200 << 20
        let client = try RawClient(port: port)
        client.send(
          "PUT /count HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
            + "Content-Length: \(count)\r\n\r\n"
        )
        let chunk = [UInt8](repeating: 120, count: 1 << 20)
        for _ in 0..<(count / chunk.count) { client.send(bytes: chunk) }
        #expect(client.receiveAll().hasSuffix("\r\n\r\n\(count)"))
      }
    }
  }

  @Test func sendingAfterTheResponseIsCutOff() async throws {
    try await serving {
      $0.lingerTimeout = .milliseconds(300)
    } _: { port, _ in
      try await onThread {
        let client = try RawClient(port: port)
        client.send("POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n")
        var sent = 0
        while sent < 1000, client.send("4\r\nabcd\r\n"), !client.isClosed(within: 20) { sent += 1 }
        #expect(sent < 1000)
      }
    }
  }

  @Test func aResponseThatNobodyReadsIsAborted() async throws {
    try await serving {
      $0.writeStallTimeout = .milliseconds(300)
    } _: { port, server in
      let client = try RawClient(port: port, receiveBytes: 4096)
      client.send("GET /endless HTTP/1.1\r\nHost: here\r\n\r\n")
      // Its writer gets an error and releases its buffers.
      await server.writers.wait(for: 1)
    }
  }

  @Test func aHeadHasALimit() async throws {
    try await serving {
      $0.headBytesMax = 4096
      $0.lingerTimeout = .milliseconds(300)
    } _: { port, _ in
      try await onThread {
        for start in ["GET /", "GET / HTTP/1.1\r\nX: "] {
          let client = try RawClient(port: port)
          client.send(start + String(repeating: "a", count: 64 << 10))
          let answer = String(decoding: client.receive(), as: UTF8.self)
          #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(start)")
          // Further bytes are cut off.
          #expect(client.isClosed(within: 5000))
        }
      }
    }
  }

  // MARK: Room

  @Test func theIdleGiveWay() async throws {
    try await serving {
      $0.connectionsMax = 8
    } _: { port, _ in
      try await onThread {
        var idle: [RawClient] = []
        for _ in 0..<50 {
          idle.append(try RawClient(port: port))
          #expect(try Self.ask(port).hasPrefix("HTTP/1.1 204"))
        }
        #expect(idle[0].isClosed(within: 5000))
        #expect(!idle[49].isClosed(within: 0))
      }
    }
  }

  @Test func slowBodiesGiveWay() async throws {
    try await serving {
      $0.connectionsMax = 8
    } _: { port, _ in
      try await onThread {
        var slow: [RawClient] = []
        for _ in 0..<50 {
          let client = try RawClient(port: port)
          client.send("POST /count HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\nabc")
          slow.append(client)
          #expect(try Self.ask(port).hasPrefix("HTTP/1.1 204"))
        }
      }
    }
  }

  @Test func aWaitingClientGetsItsResponse() async throws {
    try await serving {
      $0.connectionsMax = 8
    } _: { port, server in
      var clients: [RawClient] = []
      for _ in 0..<8 {
        let client = try RawClient(port: port)
        client.send("GET /wait HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        clients.append(client)
      }
      await server.waiting.wait(for: 8)
      let waiting = clients
      try await onThread {
        let refused = try RawClient(port: port).receiveAll()
        #expect(refused.hasPrefix("HTTP/1.1 503 "), "\(refused)")
        #expect(refused.contains("Retry-After: 1\r\n"))
        server.release.open()
        for client in waiting { #expect(client.receiveAll().hasPrefix("HTTP/1.1 204")) }
        #expect(try Self.ask(port).hasPrefix("HTTP/1.1 204"))
      }
    }
  }

  @Test func descriptorsSetTheLimitToo() {
    var limits = ServingLimits()
    limits.connectionsMax = .max
    #expect(limits.connectionsHeld < 1 << 40)
    limits.connectionsMax = 9
    #expect(limits.connectionsHeld == 9)
  }
}

/// Runs `body` on a separate thread, because it blocks.
private func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
  try await withCheckedThrowingContinuation {
    (continuation: CheckedContinuation<Void, any Error>) in
    Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
  }
}
