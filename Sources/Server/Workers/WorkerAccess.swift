// Authentication of workers. Each request is verified before anything else of it is read, and each
// response is proven, too (WorkerProtocol/Proof.swift).

import Access
import Cryptography
import Domain
import Engine
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import SystemCalls
import WorkerProtocol

/// Verifies the proofs of requests, and proves the responses.
struct WorkerAccess: Sendable {
  /// The transport of a request.
  enum Channel: Sendable {
    /// The unix socket of local workers.
    case socket
    case network

    var role: TokenStore.Purpose {
      switch self {
      case .socket: .localWorker
      case .network: .role(.worker)
      }
    }
  }

  let tokens: TokenStore
  let channel: Channel
  /// The router's prefix before `/worker/`.
  let prefix: String
  private let seen = SeenNonces()
  /// Nonces of requests before this time are not remembered.
  private let began = Timestamp.now

  /// How far a request's time may be behind the server's, and ahead of it. A request that is
  /// further ahead could have been recorded before this server began to remember nonces.
  private static let past = Milliseconds.seconds(120)
  private static let future = Milliseconds.seconds(10)
  private static let span = Milliseconds(past.count + future.count)

  init(tokens: TokenStore, channel: Channel, prefix: String) {
    self.tokens = tokens
    self.channel = channel
    self.prefix = prefix
  }

  /// Answers a request by `body` if it is proven.
  func respond(
    to request: Request, _ body: (WorkerCall) async throws -> Response
  ) async throws -> Response {
    let (proof, record, key) = try known(request)
    var response: Response
    do {
      try admit(proof, record)
      let call = WorkerCall(request: request, worker: WorkerID(proof.worker), proof: proof)
      response = try await body(call)
      // The token may have been revoked while the response waited.
      try checkValidity(tokens.find(proof.key))
    } catch let problem as Problem {
      response = problem.response
    } catch let fault as WorkerFault {
      response = Problem(fault).response
    }
    try await Self.prove(&response, key, proof)
    return response
  }

  /// The token of the request, if its proof is valid.
  private func known(
    _ request: Request
  ) throws -> (RequestProof, TokenStore.Record, WorkerKey) {
    let target = request.uri.string
    guard let header = request.headers[.authorization], let proof = RequestProof(header: header),
      target.hasPrefix(prefix), let record = tokens.find(proof.key), let key = record.workerKey,
      record.role == channel.role,
      proof.isValid(
        key, method: request.method.rawValue, target: String(target.dropFirst(prefix.count)))
    else {
      throw Problem(
        .unauthorized, "No worker token", "The worker protocol needs a token that is known here.",
        hint: "aipm token create NAME --role worker makes one; aipm worker reads AIPM_TOKEN.")
    }
    return (proof, record, key)
  }

  private func admit(_ proof: RequestProof, _ record: TokenStore.Record) throws {
    try checkValidity(record)
    let now = Timestamp.now
    let time = Timestamp(milliseconds: proof.time)
    guard now - time <= Self.past, time - now <= Self.future, time >= began else {
      var problem = Problem(
        .unauthorized, "Stale", "The request's time is too far from this server's.")
      problem.code = "stale"
      throw problem
    }
    switch seen.take(proof.nonce, now: now, keptFor: Self.span) {
    case .new: break
    case .known:
      var problem = Problem(.unauthorized, "Seen before", "This request was answered before.")
      problem.code = "replayed"
      throw problem
    case .full: throw Problem.unavailable("Too many requests of workers.")
    }
    let isItsOwn = record.worker.map { $0 == proof.worker } ?? true
    let isFree = record.worker != nil || !tokens.isTaken(proof.worker, from: record)
    guard isItsOwn, isFree else {
      throw Self.wrongWorker(proof.worker, record)
    }
  }

  /// Binds an unbound token to the worker that registers with it.
  func bind(_ call: WorkerCall) throws {
    guard let record = tokens.find(call.proof.key) else { return }
    let isBound: Bool
    do throws(TokenStore.Fault) {
      isBound = try tokens.bind(record, to: call.worker.rawValue)
    } catch {
      throw Problem.unavailable("The worker's token: \(error)")
    }
    guard isBound else { throw Self.wrongWorker(call.worker.rawValue, record) }
  }

  private func checkValidity(_ record: TokenStore.Record?) throws {
    guard let record, record.isValid(at: .now) else {
      var problem = Problem(
        .unauthorized, "Revoked", "The worker's token was revoked, or it has expired.",
        hint: "aipm token create NAME --role worker makes another one.")
      problem.code = "revoked"
      throw problem
    }
  }

  private static func wrongWorker(_ worker: String, _ record: TokenStore.Record) -> Problem {
    let owner = record.worker.map { "the worker \($0)'s" } ?? "of another worker"
    var problem = Problem(
      .forbidden, "Another worker's token",
      "The token \(record.name) does not speak for \(worker): it is \(owner), or \(worker) has "
        + "one of its own.",
      hint: "Name the worker as before with --id, or make it a token of its own.")
    problem.code = "wrong-worker"
    return problem
  }

  // MARK: Responses

  private static func prove(
    _ response: inout Response, _ key: WorkerKey, _ proof: RequestProof
  ) async throws {
    guard let field = HTTPField.Name(ResponseProof.field) else { return }
    let isStreamed = response.headers[field] == ResponseProof.streamed
    var digest = ResponseProof.streamed
    if !isStreamed {
      let collected = Collected()
      try await response.body.write(CollectingWriter(collected))
      let bytes = collected.bytes
      digest = SHA256.hex(bytes)
      response.body = ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
    }
    response.headers[field] =
      ResponseProof(
        key, nonce: proof.nonce, status: response.status.code, body: digest,
        time: Timestamp.now.milliseconds
      ).header
  }
}

/// A request whose head is verified. Its body is verified when it is read here.
struct WorkerCall: Sendable {
  let request: Request
  let worker: WorkerID
  let proof: RequestProof

  /// The body as JSON.
  /// - Parameter worker: the worker that the body names.
  func json<Message: Decodable>(
    _ type: Message.Type, by worker: (Message) -> String, limit: Int = 256 << 10
  ) async throws -> Message {
    let message = try await request.json(type, limit: limit, checking: check)
    guard worker(message) == self.worker.rawValue else {
      throw Problem(.forbidden, "Another worker", "The body speaks for another worker.")
    }
    return message
  }

  /// The whole body.
  func bytes(limit: Int) async throws -> [UInt8] {
    let bytes = try await request.bytes(limit: limit)
    try check(bytes)
    return bytes
  }

  private func check(_ bytes: [UInt8]) throws { try check(digest: SHA256.hex(bytes)) }

  /// - Throws: `Problem` 401 if the body differs from the proven one.
  func check(digest: String) throws {
    guard digest == proof.body else {
      throw Problem(.unauthorized, "Another body", "The body is not the one that was proven.")
    }
  }
}

private final class Collected: Sendable {
  private let state = Mutex<[UInt8]>([])
  var bytes: [UInt8] { state.withLock { $0 } }
  func append(_ buffer: ByteBuffer) { state.withLock { $0 += buffer.readableBytesView } }
}

/// Collects the bytes of a response.
private struct CollectingWriter: ResponseBodyWriter {
  private let collected: Collected
  init(_ collected: Collected) { self.collected = collected }
  mutating func write(_ buffer: ByteBuffer) async throws { collected.append(buffer) }
  consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
