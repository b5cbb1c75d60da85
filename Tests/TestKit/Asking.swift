import EventLog
import FoundationEssentials
import HTTPClient
import Processes
import Text

/// An answer of the API.
package struct APIAnswer: Sendable {
  package var status: Int
  private let headers: HTTPHeaders
  package var body: [UInt8]

  init(_ response: HTTPResponse) {
    status = response.status
    headers = response.headers
    body = response.body
  }

  /// A field of the answer's head; nil where there is none.
  package func header(_ name: String) -> String? { headers[name] }

  /// The body as JSON; null where it is none.
  package var json: JSONValue { (try? JSONValue(json: body)) ?? .null }
  package var text: String { String(decoding: body, as: UTF8.self) }
}

extension Installation {
  /// The body of the contract's example.
  package static func request(
    _ repository: String = "acme/tools", branch: String = "feature/add-export",
    _ more: [String: JSONValue] = [:]
  ) -> JSONValue {
    let parts = repository.split(separator: "/").map { String($0) }
    return .object(
      [
        "owner": .string(parts[0]), "repo": .string(parts[1]), "branchName": .string(branch),
        "taskTitle": .string("Add export button"), "objective": .string("User can export data"),
        "prTitle": .string("feat: Add export button"),
        "constraints": .string("Use existing button patterns"),
        "acceptanceCriteria": .array([.string("Button appears"), .string("Export works")]),
      ].merging(more) { $1 })
  }

  package func get(_ path: String, headers: [(String, String)] = []) async throws -> APIAnswer {
    try await call(HTTPRequest(url: url + path, headers: headers))
  }

  package func post(
    _ path: String, _ body: JSONValue? = nil, headers: [(String, String)] = []
  ) async throws -> APIAnswer {
    try await send("POST", path, body, headers: headers)
  }

  package func send(
    _ method: String, _ path: String, _ body: JSONValue? = nil, headers: [(String, String)] = []
  ) async throws -> APIAnswer {
    var request = HTTPRequest(method: method, url: url + path, headers: headers)
    if let body {
      request.headers.append(("Content-Type", "application/json"))
      request.body = .bytes(body.canonical)
    }
    return try await call(request)
  }

  private func call(_ request: HTTPRequest) async throws -> APIAnswer {
    var request = request
    if !request.headers.contains(where: { $0.0 == "Authorization" }) {
      request.headers += Self.authorization(token)
    }
    return APIAnswer(try await http.send(request))
  }

  /// Submits, and does not wait for the pull request.
  /// - Returns: the delegation's id.
  package func submit(
    _ body: JSONValue = Installation.request(), headers: [(String, String)] = []
  ) async throws -> String {
    let answer = try await post(
      "/api/personal-delegate", body, headers: [("Prefer", "respond-async")] + headers)
    guard [200, 202].contains(answer.status), let id = answer.json["id"].stringValue else {
      throw KitFault("submission was answered \(answer.status): \(answer.text)")
    }
    return id
  }

  /// Follows the log from its beginning until an event fits.
  /// - Parameter stream: only events of this delegation count; nil: of any stream.
  package func event(
    of delegation: String?, where fits: @escaping @Sendable (JSONValue) -> Bool
  ) async throws -> JSONValue {
    let (http, url, token) = (http, url, token)
    return try await within(Self.patience, "an event") {
      try await Self.event(http, url, token, of: delegation, where: fits)
    }
  }

  private static func event(
    _ http: HTTPClient, _ url: String, _ token: String?, of delegation: String?,
    where fits: @Sendable (JSONValue) -> Bool
  ) async throws -> JSONValue {
    let stream = try await http.stream(
      HTTPRequest(
        url: "\(url)/api/events/stream?after=0", headers: authorization(token), timeout: nil))
    var text = ""
    for try await chunk in stream {
      text += String(decoding: chunk, as: UTF8.self)
      while let end = text.firstRange(of: "\n\n") {
        let message = text[..<end.lowerBound]
        text.removeSubrange(..<end.upperBound)
        guard let data = message.split(separator: "\n").first(where: { $0.hasPrefix("data: ") }),
          let event = try? JSONValue(json: Array(data.dropFirst(6).utf8))
        else { continue }
        let isItsOwn =
          delegation.map { event["stream"].stringValue == "delegation-\($0)" } ?? true
        if isItsOwn, fits(event) { return event }
      }
    }
    throw KitFault("the stream of events ended")
  }

  /// Waits for the first event of a type.
  @discardableResult
  package func event(_ type: String, of delegation: String?) async throws -> JSONValue {
    try await event(of: delegation) { $0["type"].stringValue == type }
  }

  /// Waits until a delegation has ended.
  /// - Returns: it, as the API shows it.
  package func end(of delegation: String) async throws -> JSONValue {
    _ = try await event(of: delegation, where: Self.isEnd)
    return try await self.delegation(delegation)
  }

  /// The same without a limit of its own.
  package func ended(_ delegation: String) async throws -> JSONValue {
    _ = try await Self.event(http, url, token, of: delegation, where: Self.isEnd)
    return try await self.delegation(delegation)
  }

  private static func isEnd(_ event: JSONValue) -> Bool {
    ["delegation.pushed", "delegation.failed"].contains(event["type"].stringValue)
  }

  package func delegation(_ reference: String) async throws -> JSONValue {
    try await get("/api/delegations/\(reference)").json
  }

  package func delegationCount() async throws -> Int {
    try await get("/api/delegations").json["items"].arrayValue?.count ?? 0
  }

  /// The types of a delegation's events, in order.
  package func eventTypes(of delegation: String) async throws -> [String] {
    try await events(of: delegation).map { $0["type"].stringValue ?? "" }
  }

  package func events(of delegation: String) async throws -> [JSONValue] {
    try await get("/api/delegations/\(delegation)/events").json["items"].arrayValue ?? []
  }
}

extension Installation {
  /// The port that the server listens on, as text.
  package var port: String { url.split(separator: ":").last.map { String($0) } ?? "" }

  /// Sends bytes as they are.
  package func send(
    _ method: String, _ path: String, _ body: [UInt8], headers: [(String, String)]
  ) async throws -> APIAnswer {
    var request = HTTPRequest(method: method, url: url + path, headers: headers)
    request.body = .bytes(body)
    return try await call(request)
  }
}
