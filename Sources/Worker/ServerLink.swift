// The worker's end of the protocol: a request of the core as one HTTP call, and its answer.
//
// Each call is proven with the worker's key, and no answer is looked at that is not proven with it
// (WorkerProtocol/Proof.swift): whoever stands at the server's address without the key is as good
// as nobody.

import Cryptography
import Domain
import FoundationEssentials
import HTTPClient
import Processes
import Synchronization
import SystemCalls
import WorkerProtocol

/// Where the server is.
package enum ServerAddress: Sendable {
  /// Such as `http://127.0.0.1:8080`, with the base path if there is one.
  case url(String)
  /// The unix socket in this folder.
  case socket(folder: String)

  /// The URL without a slash at its end.
  var base: String {
    switch self {
    case .url(let text):
      var url = text.filter { !$0.isWhitespace }
      while url.last == "/" { url.removeLast() }
      return url
    case .socket: return "http://localhost"
    }
  }
}

/// Speaks to the server. It tries each call once; when to come again is the core's to say.
struct ServerLink: Sendable {
  let worker: String
  let client: HTTPClient
  private let base: String
  private let key: WorkerKey
  /// Held open as long as its socket is used.
  private let folder: SocketFolder?
  private let clock = ServerClock()

  /// The most output that goes into one call.
  static let outputBytesMax = 256 << 10

  /// - Throws: `SocketFolder.Fault` where the socket's folder cannot be opened.
  init(
    worker: String, address: ServerAddress, token: String, version: String
  ) throws(SocketFolder.Fault) {
    self.worker = worker
    base = address.base
    key = WorkerKey(token: token)
    switch address {
    case .url: folder = nil
    case .socket(let path): folder = try SocketFolder(path)
    }
    // A worker has at most one call a lane under way.
    client = HTTPClient(
      configuration: .init(
        userAgent: "aipm-worker/\(version)", proxy: .environment, maxConnectionsPerHost: 8,
        maxTransfers: 32, unixSocket: folder?.path(of: WorkerSocketName.server)))
  }

  /// Makes a call.
  /// - Parameter files: where the attempt's output, pack and patch are.
  func answer(to request: Request, files: AttemptFiles?) async -> Answer {
    switch request {
    case .agents:
      await session("agents", AgentsAsked(worker: worker)) { (told: AgentInquiries) in
        .agents(told.agents)
      }
    case .register(let registration): await session("register", registration, Answer.registered)
    case .poll(let poll):
      await session("desired", poll, timeout: .milliseconds(poll.waitMs + 15_000), Answer.desired)
    case .heartbeat(let beat):
      await retriable(call("heartbeat", .bytes(encoded(beat)), timeout: .seconds(10)))
    case .generating(let report): await call("generating", .bytes(encoded(report)))
    case .output(let lease, let part, let offset):
      await output(lease, part, from: offset, files)
    case .pack(let lease, let commit):
      await upload(
        "pack?\(query(lease))&commit=\(commit)", files?.pack ?? "",
        contentType: "application/x-git-pack")
    case .patch(let lease):
      await upload("patch?\(query(lease))", files?.patch ?? "", contentType: "text/x-diff")
    case .result(let report): await call("result", .bytes(encoded(report)))
    }
  }

  /// The last word of a life; nobody waits for its answer for long.
  func leave(incarnation: Int) async {
    _ = await call(
      "leaving", .bytes(encoded(Leaving(worker: worker, incarnation: incarnation))),
      timeout: .seconds(3))
  }

  // MARK: Calls

  private func session<Body: Encodable, Word: Decodable>(
    _ route: String, _ body: Body, timeout: Duration = .seconds(30), _ make: (Word) -> Answer
  ) async -> Answer {
    switch await response(route, .bytes(encoded(body)), timeout: timeout) {
    case .failure(let answer): return retriable(answer)
    case .success(let body):
      do { return make(try JSONDecoder().decode(Word.self, from: Data(body))) } catch {
        return .unreachable("\(route): the answer is not the protocol's: \(error)")
      }
    }
  }

  /// A refusal of what no attempt hangs on is tried again like an outage.
  private func retriable(_ answer: Answer) -> Answer {
    switch answer {
    case .refused(let detail), .superseded(let detail): .unreachable(detail)
    case .agents, .registered, .desired, .outputEnd, .done, .unknownLife, .packMissing,
      .unauthorized, .revoked, .unreachable:
      answer
    }
  }

  private func call(
    _ route: String, _ body: HTTPRequest.Body, method: String = "POST",
    contentType: String = "application/json", timeout: Duration = .seconds(30),
    idle: Duration? = nil
  ) async -> Answer {
    switch await response(
      route, body, method: method, contentType: contentType, timeout: timeout, idle: idle)
    {
    case .success: .done
    case .failure(let answer): answer
    }
  }

  /// How long the server may take to look at a file that it has got, when not a byte moves.
  private static let examination = Duration.seconds(600)

  /// The time limit of an upload. It cannot be gone on with where it broke off, so a slow line must
  /// not end it, down to the slowest that the server reads from (1 KiB/s). One that stands still
  /// does, by the idle limit.
  static func uploadTimeout(bytes: Int) -> Duration { examination + .seconds(bytes / 1024) }

  private func upload(_ route: String, _ path: String, contentType: String) async -> Answer {
    await call(
      route, .file(path: path), method: "PUT", contentType: contentType,
      timeout: Self.uploadTimeout(bytes: DurableFile.size(path)), idle: Self.examination)
  }

  private func output(
    _ lease: LeaseReference, _ part: OutputPart, from offset: Int, _ files: AttemptFiles?
  ) async -> Answer {
    let chunk: [UInt8]
    do {
      guard let files else { return .refused("no output is kept") }
      chunk = try DurableFile.read(files.path(of: part), from: offset, atMost: Self.outputBytesMax)
    } catch {
      return .refused("\(error)")
    }
    guard !chunk.isEmpty else { return .refused("the output ends before \(offset)") }
    let route =
      switch part {
      case .text: "output"
      case .records: "records"
      }
    let result = await response(
      "\(route)?\(query(lease))&offset=\(offset)", .bytes(chunk),
      contentType: "application/octet-stream")
    switch result {
    case .failure(let answer): return answer
    case .success(let body):
      guard let end = try? JSONDecoder().decode(OutputAnswer.self, from: Data(body))
      else { return .unreachable("output: the answer is not the protocol's") }
      return .outputEnd(end.offset)
    }
  }

  /// The body of a proven answer of 2xx; a failure is what any other comes to.
  private func response(
    _ route: String, _ body: HTTPRequest.Body, method: String = "POST",
    contentType: String = "application/json", timeout: Duration = .seconds(30),
    idle: Duration? = nil, responseLimit: Int = 16 << 20
  ) async -> Result<[UInt8], AnswerInstead> {
    // A second time where the clocks were apart: the answer has told by how much.
    for isLast in [false, true] {
      let made: Proven
      do {
        made = try proven(
          route, body, method, contentType, timeout, idle: idle, responseLimit: responseLimit)
      } catch {
        return .failure(.refused("\(route): \(error)"))
      }
      do {
        let response = try await client.send(made.request)
        guard let proof = made.proof(response.head, key), proof.body == SHA256.hex(response.body)
        else { return .failure(unproven(response.status, route)) }
        clock.take(proof.time, asked: made.asked)
        if (200..<300).contains(response.status) { return .success(response.body) }
        let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body))
        if problem?.code == "stale", !isLast { continue }
        return .failure(refusal(response.status, problem, route))
      } catch {
        return .failure(answer(to: error, route))
      }
    }
    return .failure(.unreachable(route))
  }

  private func answer(to fault: HTTPFault, _ route: String) -> Answer {
    switch fault.kind {
    case .unreachable, .noAnswer, .timedOut, .cancelled, .overloaded, .tooLarge, .invalidURL:
      .unreachable("\(route): \(fault)")
    case .invalidRequest: .refused("\(route): \(fault)")
    }
  }

  /// Whoever answered may be anybody. Only one word of that kind counts for something, and for
  /// nothing but a worker that has never been proven an answer: a server that does not know the
  /// token cannot prove that it is one.
  private func unproven(_ status: Int, _ route: String) -> Answer {
    status == 401
      ? .unauthorized("the server does not know the token")
      : .unreachable("\(name(of: route)): the answer (\(status)) is not proven to be the server's")
  }

  private func refusal(_ status: Int, _ problem: Problem?, _ route: String) -> Answer {
    let detail = "\(name(of: route)): \(status) \(problem?.detail ?? problem?.title ?? "")"
    if problem?.code == "revoked" { return .revoked("the token was revoked") }
    switch status {
    case 401: return .unreachable(detail)
    case 403: return .unauthorized(detail)
    case 409: return .superseded(detail)
    case 410: return .unknownLife
    case 424: return .packMissing
    // Too early, too slow, too many: the same call may be taken later.
    case 408, 425, 429, 500...: return .unreachable(detail)
    case _: return .refused(detail)
    }
  }

  private func name(of route: String) -> Substring { route.prefix { $0 != "?" } }

  private struct Problem: Decodable {
    var title: String?
    var detail: String?
    var code: String?
  }

  // MARK: Proofs

  /// A request with its proof.
  private struct Proven {
    let request: HTTPRequest
    let nonce: String
    /// By this machine's clock.
    let asked: Int64

    /// The proof of an answer to it; nil where there is none, or it is wrong.
    func proof(_ head: HTTPHead, _ key: WorkerKey) -> ResponseProof? {
      guard let proof = head.headers[ResponseProof.field].flatMap({ ResponseProof(header: $0) }),
        proof.isValid(key, nonce: nonce, status: head.status)
      else { return nil }
      return proof
    }
  }

  private func proven(
    _ route: String, _ body: HTTPRequest.Body, _ method: String, _ contentType: String,
    _ timeout: Duration, idle: Duration? = nil, responseLimit: Int = 16 << 20
  ) throws(FileFault) -> Proven {
    let target = "/worker/v1/\(route)"
    let asked = Timestamp.now.milliseconds
    let digest: String
    switch body {
    case .none: digest = SHA256.hex([])
    case .bytes(let bytes): digest = SHA256.hex(bytes)
    case .file(let path): digest = try DurableFile.digest(path)
    // No call of a worker streams; one that did would be refused, for it proves an empty body.
    case .stream: digest = SHA256.hex([])
    }
    let proof = RequestProof(
      key, worker: worker, method: method, target: target, body: digest, time: clock.time)
    let request = HTTPRequest(
      method: method, url: base + target,
      headers: [
        ("Authorization", proof.header), ("Content-Type", contentType),
        ("Accept", "application/json"),
      ], body: body, timeout: timeout, connectTimeout: .seconds(5), idleTimeout: idle,
      responseLimit: responseLimit)
    return Proven(request: request, nonce: proof.nonce, asked: asked)
  }

  // MARK: Checkouts

  /// Asks for the objects of a lease's head.
  /// - Returns: a thin pack in chunks, from the server; what is in it is git's to check.
  func pack(
    of head: String, for lease: LeaseReference, have: [String]
  ) async throws(CheckoutFault) -> HTTPStream {
    try await pack(FetchRequest(worker: worker, lease: lease, head: head, have: have))
  }

  /// Asks for objects of tags.
  func pack(
    ofTags tags: [String], head: String, for lease: LeaseReference
  ) async throws(CheckoutFault) -> HTTPStream {
    try await pack(FetchRequest(worker: worker, lease: lease, head: head, have: [], tags: tags))
  }

  /// The tags of a lease's repository.
  /// - Parameter have: the digest of the list that is here.
  /// - Returns: the list's digest and the list, which is nil if it is the one that is here; nil
  ///   where the server does not tell.
  func tags(
    for lease: LeaseReference, have: String?
  ) async -> (digest: String, listing: [UInt8]?)? {
    let request = TagsRequest(worker: worker, lease: lease, have: have)
    guard
      case .success(let body) = await response(
        "tags", .bytes(encoded(request)), timeout: .seconds(60),
        responseLimit: TagList.bytesMax + 1024),
      let end = body.firstIndex(of: 10)
    else { return nil }
    let digest = String(decoding: body[..<end], as: UTF8.self)
    return (digest, digest == have ? nil : Array(body[(end + 1)...]))
  }

  private func pack(_ request: FetchRequest) async throws(CheckoutFault) -> HTTPStream {
    let body = encoded(request)
    for isLast in [false, true] {
      do {
        let made = try proven(
          "fetch", .bytes(body), "POST", "application/json", .seconds(1800), idle: .seconds(60))
        let stream = try await client.stream(made.request)
        let status = stream.head.status
        guard let proof = made.proof(stream.head, key) else {
          throw fault(unproven(status, "fetch"))
        }
        clock.take(proof.time, asked: made.asked)
        if status == 200, proof.body == ResponseProof.streamed { return stream }
        var said: [UInt8] = []
        for try await chunk in stream where said.count < 64 << 10 { said += chunk }
        guard proof.body == SHA256.hex(said) else { throw fault(unproven(status, "fetch")) }
        let problem = try? JSONDecoder().decode(Problem.self, from: Data(said))
        if problem?.code == "stale", !isLast { continue }
        throw fault(refusal(status, problem, "fetch"))
      } catch let fault as CheckoutFault {
        throw fault
      } catch let error as HTTPFault {
        throw fault(answer(to: error, "fetch"))
      } catch {
        throw CheckoutFault(message: "fetch: \(error)", isUnreachable: false)
      }
    }
    throw CheckoutFault(message: "fetch", isUnreachable: true)
  }

  private func fault(_ answer: Answer) -> CheckoutFault {
    switch answer {
    case .unreachable(let detail), .unauthorized(let detail), .revoked(let detail):
      CheckoutFault(message: detail, isUnreachable: true)
    case .superseded(let detail), .refused(let detail):
      CheckoutFault(message: detail, isUnreachable: false)
    case .agents, .registered, .desired, .outputEnd, .done, .unknownLife, .packMissing:
      CheckoutFault(message: "fetch: \(answer)", isUnreachable: true)
    }
  }

  private func query(_ lease: LeaseReference) -> String {
    // A delegation's id is checked before anything is done with it (`AttemptFiles.isSafe`).
    "delegation=\(lease.delegation)&attempt=\(lease.attempt)&token=\(lease.token)"
  }

  private func encoded(_ body: some Encodable) -> [UInt8] {
    // The messages hold strings, whole numbers and flags: nothing that cannot be encoded.
    (try? JSONEncoder().encode(body)).map { [UInt8]($0) } ?? []
  }
}

/// The server's clock, as its proven answers tell it.
private final class ServerClock: Sendable {
  /// Milliseconds that the server's clock is ahead of this machine's.
  private let ahead = Mutex<Int64>(0)

  /// What the server's clock shows.
  var time: Int64 { Timestamp.now.milliseconds + ahead.withLock { $0 } }

  /// - Parameter asked: when the request was made, by this machine's clock.
  func take(_ time: Int64, asked: Int64) {
    let now = Timestamp.now.milliseconds
    // A small difference may be the way alone.
    let difference = time < asked ? time - asked : max(0, time - now)
    ahead.withLock { $0 = abs(difference) > 1000 ? difference : 0 }
  }
}

private typealias AnswerInstead = Answer

extension Answer: Error {}
