import Foundation
import Glibc
import HTTPServing
import Hummingbird
import Logging
import Synchronization
import Testing

/// The shutdown of a server while clients still connect.
struct HTTPServingTests {
  /// Clients that connect and disconnect as fast as they can, until they are cancelled.
  private final class Crowd: Sendable {
    private let isOver = Atomic(false)
    private let calls = Atomic(0)
    private let port: Int

    init(port: Int) { self.port = port }

    var count: Int { calls.load(ordering: .relaxed) }
    func stop() { isOver.store(true, ordering: .relaxed) }

    func call() {
      while !isOver.load(ordering: .relaxed) {
        guard let connection = connect(port: port) else { continue }
        close(connection)
        calls.add(1, ordering: .relaxed)
      }
    }
  }

  private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  /// A connection that is accepted and dropped would end the whole process: this one.
  @Test func connectionsDuringShutdownAreHarmless() async throws {
    for _ in 0..<100 {
      let (ports, port) = AsyncStream<Int>.makeStream()
      let serving = Task {
        try await serveHTTP(
          CallbackResponder { (_: Request, _: BasicRequestContext) in Response(status: .noContent)
          },
          host: "127.0.0.1", port: 0, grace: .milliseconds(20), logger: logger
        ) { port.yield($0) }
      }
      var iterator = ports.makeAsyncIterator()
      let crowd = Crowd(port: try #require(await iterator.next()))
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 {
          group.addTask { await onThread { crowd.call() } }
        }
        // It ends while they call.
        while crowd.count < 20 { await Task.yield() }
        serving.cancel()
        try await serving.value
        crowd.stop()
        try await group.waitForAll()
      }
    }
  }

  @Test func aCallInProgressGetsItsResponse() async throws {
    let (arrivals, arrival) = AsyncStream<Void>.makeStream()
    let (releases, release) = AsyncStream<Void>.makeStream()
    let (ports, port) = AsyncStream<Int>.makeStream()
    let serving = Task {
      try await serveHTTP(
        CallbackResponder { (_: Request, _: BasicRequestContext) in
          arrival.yield()
          for await _ in releases { break }
          return Response(status: .noContent)
        }, host: "127.0.0.1", port: 0, name: "here", grace: .seconds(20), logger: logger
      ) { port.yield($0) }
    }
    var iterator = ports.makeAsyncIterator()
    let number = try #require(await iterator.next())
    async let answer = onThread { answerOfOneCall(port: number) }
    for await _ in arrivals { break }
    serving.cancel()
    release.yield()
    let head = await answer
    #expect(head.hasPrefix("HTTP/1.1 204 No Content\r\n"), "\(head)")
    #expect(head.contains("Server: here\r\n"))
    try await serving.value
  }

  @Test func anAddressInUseIsThrown() async throws {
    let (ports, port) = AsyncStream<Int>.makeStream()
    let responder = CallbackResponder { (_: Request, _: BasicRequestContext) in
      Response(status: .noContent)
    }
    let serving = Task {
      try await serveHTTP(
        responder, host: "127.0.0.1", port: 0, grace: .seconds(1), logger: logger
      ) { port.yield($0) }
    }
    var iterator = ports.makeAsyncIterator()
    let number = try #require(await iterator.next())
    await #expect(throws: (any Error).self) {
      try await serveHTTP(
        responder, host: "127.0.0.1", port: number, grace: .seconds(1), logger: logger
      ) { _ in }
    }
    serving.cancel()
    try await serving.value
  }
}

/// Runs `body` on a separate thread, because it blocks.
private func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    Thread.detachNewThread { continuation.resume(returning: body()) }
  }
}

/// A connection to a port of this machine; nil if it is refused.
private func connect(port: Int) -> Int32? {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  // A call that is lost while the listener closes is not to be waited for till it is repeated.
  var patience = timeval(tv_sec: 0, tv_usec: 20_000)
  setsockopt(
    descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(port).bigEndian
  address.sin_addr.s_addr = inet_addr("127.0.0.1")
  let isConnected = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
  if isConnected { return descriptor }
  close(descriptor)
  return nil
}

/// Sends one request and reads up to the end of the connection.
private func answerOfOneCall(port: Int) -> String {
  guard let connection = connect(port: port) else { return "" }
  defer { close(connection) }
  let request = "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
  guard send(connection, request, request.utf8.count, Int32(MSG_NOSIGNAL)) > 0 else { return "" }
  var answer: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = recv(connection, &chunk, chunk.count, 0)
    if count <= 0 { return String(decoding: answer, as: UTF8.self) }
    answer += chunk[..<count]
  }
}
