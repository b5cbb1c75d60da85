// The client side of the HTTP API. Every error becomes a `Failure` with a remedy and an exit code
// for scripts.

import EventLog
import HTTPClient
import Text

/// One server, for the subcommands.
struct ServerAPI: Sendable {
  let address: String
  private let token: String?
  private let http: HTTPClient

  /// - Parameter token: of an API user; nil if the server requires none.
  init(address: String, token: String?) {
    var address = address
    while address.hasSuffix("/") { address.removeLast() }
    self.address = address
    self.token = token
    http = HTTPClient(
      configuration: .init(
        userAgent: "aipm/\(ServerProcess.version)",
        authoritiesFile: HTTPClient.Configuration.authoritiesOfEnvironment))
  }

  /// A path of the API. Its parts may contain any characters.
  /// - Throws: `Failure` if the part is empty, which would be another route.
  static func path(_ route: String, _ part: String, _ rest: String = "") throws -> String {
    guard !part.isEmpty else {
      throw Failure(
        "the name is empty; name a delegation by id, by confirmation code or as OWNER/REPO#NUMBER, "
          + "and a worker or event by what `aipm list` and `aipm workers` show", code: .usage)
    }
    return "\(route)/\(Percent.encode(part))\(rest)"
  }

  /// - Returns: the body of the response.
  /// - Throws: `Failure` for an error response, and if there is no response.
  func get(_ path: String, query: [(String, String?)] = []) async throws -> JSONValue {
    try json(try await send(HTTPRequest(url: url(path, query), headers: headers)))
  }

  /// - Parameter retries: how often the request is repeated if its response was lost. This is only
  ///   safe with an `Idempotency-Key`.
  func post(
    _ path: String, body: JSONValue? = nil, headers more: [(String, String)] = [], retries: Int = 0
  ) async throws -> JSONValue {
    var request = HTTPRequest(method: "POST", url: url(path, []), headers: headers + more)
    if let body {
      request.headers.append(("Content-Type", "application/json"))
      request.body = .bytes(body.canonical)
    }
    for _ in 0..<retries {
      do { return try json(try await send(request)) } catch let failure as Failure {
        guard failure.code == .notReached else { throw failure }
      }
    }
    return try json(try await send(request))
  }

  /// A text without parsing, such as an agent's output.
  func text(_ path: String, query: [(String, String?)] = []) async throws -> [UInt8] {
    var request = HTTPRequest(url: url(path, query), headers: headers)
    request.responseLimit = 256 << 20
    return try await send(request).body
  }

  /// A stream of events; the server sends a sign of life at least every 15 s.
  func stream(
    _ path: String, query: [(String, String?)], headers more: [(String, String)] = []
  ) async throws -> HTTPStream {
    let request = HTTPRequest(
      url: url(path, query), headers: headers + more, timeout: nil, idleTimeout: .seconds(40))
    let stream: HTTPStream
    do {
      stream = try await http.stream(request)
    } catch { throw notReached(error) }
    guard stream.head.status == 200 else {
      var body: [UInt8] = []
      do {
        for try await chunk in stream { body += chunk }
      } catch { throw notReached(error) }
      throw Self.failure(HTTPResponse(head: stream.head, body: body))
    }
    return stream
  }

  /// A long response, in chunks.
  func download(_ path: String, _ take: ([UInt8]) throws -> Void) async throws {
    let stream = try await stream(path, query: [])
    var chunks = stream.makeAsyncIterator()
    while true {
      let chunk: [UInt8]?
      do {
        chunk = try await chunks.next()
      } catch { throw notReached(error) }
      guard let chunk else { return }
      try take(chunk)
    }
  }

  // MARK: One call

  private var headers: [(String, String)] {
    token.map { [("Authorization", "Bearer \($0)")] } ?? []
  }

  private func url(_ path: String, _ query: [(String, String?)]) -> String {
    let words = query.compactMap { name, value in
      value.map { "\(name)=\(Percent.encode($0))" }
    }
    return address + path + (words.isEmpty ? "" : "?" + words.joined(separator: "&"))
  }

  private func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    let response: HTTPResponse
    do {
      response = try await http.send(request)
    } catch { throw notReached(error) }
    guard (200..<300).contains(response.status) else { throw Self.failure(response) }
    return response
  }

  private func json(_ response: HTTPResponse) throws -> JSONValue {
    if response.body.isEmpty { return .null }
    do {
      return try JSONValue(json: response.body)
    } catch {
      throw Failure("\(address) does not answer as an AIPM server does: its answer is not JSON")
    }
  }

  private func notReached(_ fault: HTTPFault) -> Failure {
    Failure(
      "the server \(address) was not reached: \(fault.detail). Start it with `aipm serve`, or name "
        + "it with --server or AIPM_SERVER.", code: .notReached)
  }

  /// The failure for an error response.
  private static func failure(_ response: HTTPResponse) -> Failure {
    guard let problem = try? JSONValue(json: response.body), problem.objectValue != nil else {
      return Failure("the server answered \(response.status)", code: code(response.status))
    }
    let title = problem["title"].safeText ?? "the server answered \(response.status)"
    let detail = problem["detail"].safeText ?? ""
    var lines = ["\(title): \(detail)"]
    for error in problem["errors"].arrayValue ?? [] {
      let (field, message) = (error["field"].safeText ?? "", error["message"].safeText ?? "")
      // Says it once: for a single field the detail contains it already, and many messages name
      // their field.
      if detail.contains(message) { continue }
      lines.append(message.hasPrefix(field) ? "  \(message)" : "  \(field): \(message)")
    }
    for warning in problem["warnings"].arrayValue ?? [] {
      lines.append("  warning: \(warning.safeText ?? "")")
    }
    if let hint = problem["hint"].safeText { lines.append(hint) }
    if let known = problem["confirmationCode"].safeText {
      lines.append("Its confirmation code is \(known): `aipm show \(known)` shows more.")
    }
    return Failure(lines.joined(separator: "\n"), code: code(response.status))
  }

  private static func code(_ status: Int) -> Failure.Code {
    switch status {
    case 400, 413, 415, 422: .usage
    case 401, 403: .refused
    case 404: .notFound
    default: .failed
    }
  }
}
