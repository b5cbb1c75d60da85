import Cryptography
import EventLog
import FoundationEssentials
import HTTPClient
import Processes
import Text
import WorkerProtocol

/// Speaks the worker protocol by hand, over the network, with whatever a test wants to be wrong.
package struct RawWorker: Sendable {
  package var name: String
  package var key: WorkerKey
  private let url: String
  private let http = HTTPClient(configuration: .init(userAgent: "raw-worker", proxy: .none))

  package init(_ server: Installation, name: String, token: String) {
    self.name = name
    key = WorkerKey(token: token)
    url = server.url
  }

  /// What may be wrong with a request.
  package enum Fault: Sendable {
    case none
    case wrongKey
    /// The proof is of this method, target or body.
    case method(String)
    case target(String)
    case body(String)
    /// Milliseconds that its time is ahead of the clock.
    case time(Int64)
  }

  package struct Answer: Sendable {
    package var status: Int
    package var json: JSONValue
    /// Whether the server has proven it.
    package var isProven: Bool
    package var code: String? { json["code"].stringValue }
  }

  package func call(
    _ route: String, _ body: JSONValue, _ fault: Fault = .none, by verb: String = "POST",
    nonce: String = RequestProof.freshNonce()
  ) async throws -> Answer {
    var (signing, method, target) = (key, verb, "/worker/v1/\(route)")
    var (digest, time) = (SHA256.hex(body.canonical), Int64(Date().timeIntervalSince1970 * 1000))
    switch fault {
    case .none: break
    case .wrongKey: signing = WorkerKey(id: key.id, secret: Array(key.secret.reversed()))
    case .method(let other): method = other
    case .target(let other): target = other
    case .body(let other): digest = SHA256.hex(other.utf8)
    case .time(let ahead): time += ahead
    }
    let proof = RequestProof(
      signing, worker: name, method: method, target: target, body: digest, time: time,
      nonce: nonce)
    return try await send(route, body, proof.header, nonce, verb)
  }

  /// A call with an `Authorization` of the test's own.
  package func call(
    _ route: String, _ body: JSONValue, authorization: String
  ) async throws -> Answer {
    try await send(route, body, authorization, "", "POST")
  }

  private func send(
    _ route: String, _ body: JSONValue, _ authorization: String, _ nonce: String, _ verb: String
  ) async throws -> Answer {
    let answer = try await http.send(
      HTTPRequest(
        method: verb, url: "\(url)/worker/v1/\(route)",
        headers: [("Authorization", authorization), ("Content-Type", "application/json")],
        body: .bytes(body.canonical), timeout: .seconds(20)))
    let proof = answer.headers[ResponseProof.field].flatMap { ResponseProof(header: $0) }
    let isProven =
      proof.map {
        $0.isValid(key, nonce: nonce, status: answer.status)
          && [SHA256.hex(answer.body), ResponseProof.streamed].contains($0.body)
      } ?? false
    return Answer(
      status: answer.status, json: (try? JSONValue(json: answer.body)) ?? .null,
      isProven: isProven)
  }

  /// Registers, with nothing in hand.
  /// - Returns: the incarnation.
  @discardableResult
  package func register() async throws -> Int64 {
    let answer = try await call(
      "register",
      .object([
        "worker": .string(name), "host": .string("here"), "version": .string("1"),
        "agents": .array([]), "local": .bool(true), "processID": .integer(1),
        "journal": .array([]),
      ]))
    guard answer.status == 200, let incarnation = answer.json["incarnation"].integerValue else {
      throw KitFault("\(name) could not register: \(answer)")
    }
    return incarnation
  }
}

extension Installation {
  /// Makes a worker's token with `aipm token`.
  package func createToken(_ name: String) async throws -> String {
    let said = try await aipm(["token", "create", name, "--role", "worker", "--data", data])
    guard said.succeeded else { throw KitFault("aipm token: \(said.errorText)") }
    return said.outputText.filter { !$0.isNewline }
  }
}
