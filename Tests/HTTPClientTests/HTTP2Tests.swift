import HTTPClient
import Processes
import RawSockets
import Synchronization
import Testing

/// The client against nghttpx, a server of HTTP/2 as others wrote it.
@Suite struct HTTP2Tests {
  /// As GitHub has it: at most a hundred calls at once, whatever their number of connections.
  private static let callsAtOnce = 100

  @Test("a hundred calls at once share one connection, and the next hundred the same")
  func sharing() async throws {
    // No call is answered before all of a hundred have come.
    let arrived = Atomic(0)
    let gates = [Gate(), Gate()]
    let origin = try RawServer { connection in
      while connection.readRequest() != nil {
        let number = arrived.add(1, ordering: .relaxed).newValue
        let gate = gates[min((number - 1) / Self.callsAtOnce, 1)]
        if number % Self.callsAtOnce == 0 { gate.open() }
        gate.waitOnThread()
        connection.answer("ok")
      }
    }
    defer { origin.stop() }
    let files = try await CertificateFiles.new()
    defer { files.remove() }
    try await Self.serving(origin, files) { url in
      let client = HTTPClient(
        configuration: .init(
          userAgent: "aipm-tests", authoritiesFile: files.certificate, proxy: .none,
          maxConnectionsPerHost: Self.callsAtOnce))
      var connections: [Int] = []
      for _ in 0..<2 {
        let answers = try await withThrowingTaskGroup(of: HTTPResponse.self) { group in
          for _ in 0..<Self.callsAtOnce {
            group.addTask { try await client.send(HTTPRequest(url: url)) }
          }
          return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.allSatisfy { $0.status == 200 })
        connections.append(answers.reduce(0) { $0 + $1.newConnections })
      }
      #expect(connections == [1, 0])
    }
  }

  /// Runs nghttpx before the origin while `body` runs.
  private static func serving(
    _ origin: RawServer, _ files: CertificateFiles,
    _ body: @escaping @Sendable (_ url: String) async throws -> Void
  ) async throws {
    // It does not support port 0. No other process gets this port until it is bound again.
    let port = try ClosedPort().number
    let proxy = Command(
      "nghttpx",
      [
        "--conf=/dev/null", "--no-ocsp", "--workers=1", "--frontend=127.0.0.1,\(port)",
        "--backend=127.0.0.1,\(origin.port)", "--log-level=NOTICE", "--errorlog-file=/dev/stdout",
        files.key, files.certificate,
      ], timeout: .seconds(60))
    let (value, _) = try await proxy.converse { _, output in
      var said = ""
      for try await chunk in output {
        said += String(decoding: chunk, as: UTF8.self)
        guard said.contains("Listening on 127.0.0.1:\(port)") else { continue }
        try await body("https://127.0.0.1:\(port)/")
        throw CancellationError()
      }
    }
    guard case .failure(let error) = value, error is CancellationError else {
      try value.get()
      return
    }
  }
}
