import HTTPClient

/// Sends requests to the active server. Named apart from the routes, because the HTTP client and
/// the HTTP server have types of the same name.
struct ActiveLink: Sendable {
  /// The longest time without a byte. Workers wait for half a minute, and event streams give a
  /// sign of life more often.
  private static let idleMax: Duration = .seconds(90)
  private static let connectMax: Duration = .seconds(2)

  /// The body of a request.
  enum Body: Sendable {
    case bytes([UInt8])
    case stream(HTTPBodySource)
  }

  private let client = HTTPClient(
    configuration: .init(
      userAgent: "aipm", proxy: .none, maxConnectionsPerHost: 1024, maxTransfers: 4096))

  /// Sends a request.
  /// - Returns: the response, as soon as its head has arrived.
  func send(
    _ method: String, _ url: String, _ fields: [(String, String)], _ body: Body
  ) async throws(HTTPFault) -> HTTPStream {
    var request = HTTPRequest(
      method: method, url: url, headers: fields, timeout: nil, connectTimeout: Self.connectMax,
      idleTimeout: Self.idleMax)
    switch body {
    case .bytes(let bytes): if !bytes.isEmpty || method != "GET" { request.body = .bytes(bytes) }
    case .stream(let source): request.body = .stream(source)
    }
    return try await client.stream(request)
  }
}
