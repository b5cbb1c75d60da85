// The worker's end of the protocol: a request of the core as one HTTP call, and its answer.
//
// Each call carries a proof with the worker's key. An answer without such a proof is ignored
// (WorkerProtocol/Proof.swift): a process at the server's address that does not have the key can
// give no valid answer.

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
  let key: WorkerKey
  /// Held open as long as its socket is used.
  private let folder: SocketFolder?
  let clock = ServerClock()

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
    // A worker has at most one call a slot under way.
    client = HTTPClient(
      configuration: .init(
        userAgent: "aipm-worker/\(version)",
        authoritiesFile: HTTPClient.Configuration.authoritiesOfEnvironment, proxy: .environment,
        maxConnectionsPerHost: 8,
        maxTransfers: 32, unixSocket: folder?.path(of: WorkerSocketName.server)))
  }

  /// Makes a call.
  /// - Parameter files: where the attempt's output, pack and patch are.
  func answer(to request: Request, files: AttemptFiles?) async -> CallAnswer {
    do throws(CallFailure) {
      return try await answered(request, files)
    } catch {
      return .failed(error)
    }
  }

  private func answered(
    _ request: Request, _ files: AttemptFiles?
  ) async throws(CallFailure) -> CallAnswer {
    switch request {
    case .agents:
      let asked = AgentsAsked(worker: worker)
      return .agents(try await session("agents", asked, AgentInquiries.self).agents)
    case .register(let registration):
      return .registered(try await session("register", registration, Registered.self))
    case .poll(let poll):
      return .desired(
        try await session(
          "desired", poll, Desired.self, timeout: .milliseconds(poll.waitMs + 15_000)))
    case .heartbeat(let beat):
      do {
        _ = try await response("heartbeat", .bytes(encoded(beat)), timeout: .seconds(10))
        return .heartbeat
      } catch {
        throw error.retried
      }
    case .generating(let report):
      return .generating(
        try await upload("generating", .bytes(encoded(report)), method: "POST"))
    case .output(let lease, let part, let offset):
      return .output(try await output(lease, part, from: offset, files))
    case .pack(let lease, let commit, let used):
      let route = "pack?\(query(lease))&commit=\(commit)\(query(used))"
      return .pack(try await upload(route, file: files?.pack ?? "", "application/x-git-pack"))
    case .patch(let lease):
      return .patch(
        try await upload("patch?\(query(lease))", file: files?.patch ?? "", "text/x-diff"))
    case .result(let report):
      do {
        _ = try await response("result", .bytes(encoded(report)))
        return .result(.taken)
      } catch {
        switch error {
        case .packMissing: return .result(.packMissing)
        // Another try would be refused as well.
        case .over, .refused: return .result(.over)
        case .failed(let failure): throw failure
        }
      }
    }
  }

  /// Tells the server that this life of the worker ends. It waits only briefly for the answer.
  func leave(incarnation: Int) async {
    let body = encoded(Leaving(worker: worker, incarnation: incarnation))
    _ = try? await response("leaving", .bytes(body), timeout: .seconds(3))
  }

  /// Those of these pull requests that were merged or closed, each by its first delegation; empty
  /// if the server does not say. It is asked again.
  func endedPullRequests(among firsts: [String]) async -> Set<String> {
    let asked = EndsAsked(worker: worker, pullRequests: firsts)
    let answer = try? await session("ends", asked, PullRequestEnds.self)
    return Set(answer?.ended ?? []).intersection(firsts)
  }

  // MARK: Calls

  /// Why a call has no body to read.
  enum Refusal: Error {
    case failed(CallFailure)
    /// 409: the attempt is over, or another worker's.
    case over(String)
    /// 424
    case packMissing
    /// 422, and whatever else would be the same next time.
    case refused(String)

    /// For calls that no attempt depends on: a refusal is repeated like an outage.
    var retried: CallFailure {
      switch self {
      case .failed(let failure): failure
      case .over(let detail), .refused(let detail): .unreachable(detail)
      case .packMissing: .unreachable("424")
      }
    }
  }

  private func session<Word: Decodable>(
    _ route: String, _ body: some Encodable, _ type: Word.Type, timeout: Duration = .seconds(30)
  ) async throws(CallFailure) -> Word {
    do {
      return try decoded(
        type, try await response(route, .bytes(encoded(body)), timeout: timeout), route)
    } catch {
      throw error.retried
    }
  }

  private func decoded<Word: Decodable>(
    _ type: Word.Type, _ body: [UInt8], _ route: String
  ) throws(Refusal) -> Word {
    do { return try JSONDecoder().decode(type, from: Data(body)) } catch {
      throw .failed(.unreachable("\(route): the answer is not the protocol's: \(error)"))
    }
  }

  /// A call whose answer has no body.
  private func upload(
    _ route: String, _ body: HTTPRequest.Body, method: String,
    contentType: String = "application/json", timeout: Duration = .seconds(30),
    idle: Duration? = nil
  ) async throws(CallFailure) -> UploadOutcome {
    do {
      _ = try await response(
        route, body, method: method, contentType: contentType, timeout: timeout, idle: idle)
      return .taken
    } catch {
      switch error {
      case .failed(let failure): throw failure
      case .over: return .over
      case .packMissing: return .refused("424")
      case .refused(let detail): return .refused(detail)
      }
    }
  }

  /// How long the server may take to look at a file that it has got, when not a byte moves.
  private static let examination = Duration.seconds(600)

  /// The time limit of an upload. It cannot be gone on with where it broke off, so a slow line must
  /// not end it, down to the slowest that the server reads from (1 KiB/s). One that stands still
  /// does, by the idle limit.
  static func uploadTimeout(bytes: Int) -> Duration { examination + .seconds(bytes / 1024) }

  private func upload(
    _ route: String, file path: String, _ contentType: String
  ) async throws(CallFailure) -> UploadOutcome {
    try await upload(
      route, .file(path: path), method: "PUT", contentType: contentType,
      timeout: Self.uploadTimeout(bytes: DurableFile.size(path)), idle: Self.examination)
  }

  private func output(
    _ lease: LeaseReference, _ part: OutputPart, from offset: Int, _ files: AttemptFiles?
  ) async throws(CallFailure) -> OutputOutcome {
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
    do {
      let body = try await response(
        "\(route)?\(query(lease))&offset=\(offset)", .bytes(chunk),
        contentType: "application/octet-stream")
      return .end(try decoded(OutputAnswer.self, body, route).offset)
    } catch {
      switch error {
      case .failed(let failure): throw failure
      case .over: return .over
      case .packMissing: return .refused("424")
      case .refused(let detail): return .refused(detail)
      }
    }
  }

  /// The body of a proven answer of 2xx.
  /// - Throws: what any other answer means.
  func response(
    _ route: String, _ body: HTTPRequest.Body, method: String = "POST",
    contentType: String = "application/json", timeout: Duration = .seconds(30),
    idle: Duration? = nil, responseLimit: Int = 16 << 20
  ) async throws(Refusal) -> [UInt8] {
    // A second time if the clocks differ: the first answer says by how much.
    for isLast in [false, true] {
      let made: Proven
      do {
        made = try proven(
          route, body, method, contentType, timeout, idle: idle, responseLimit: responseLimit)
      } catch {
        throw .refused("\(route): \(error)")
      }
      let response: HTTPResponse
      do { response = try await client.send(made.request) } catch { throw refusal(error, route) }
      guard let proof = made.proof(response.head, key), proof.body == SHA256.hex(response.body)
      else { throw unproven(response.status, route) }
      clock.take(proof.time, asked: made.asked)
      if (200..<300).contains(response.status) { return response.body }
      let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body))
      if problem?.code == "stale", !isLast { continue }
      throw refusal(response.status, problem, route)
    }
    throw .failed(.unreachable(route))
  }

  func refusal(_ fault: HTTPFault, _ route: String) -> Refusal {
    switch fault.kind {
    case .unreachable, .noAnswer, .timedOut, .cancelled, .overloaded, .tooLarge, .invalidURL:
      .failed(.unreachable("\(route): \(fault)"))
    case .invalidRequest: .refused("\(route): \(fault)")
    }
  }

  /// An answer that anybody can have sent. Only 401 means something, and only to a worker that has
  /// never had a proven answer: a server that does not know the token cannot prove who it is.
  func unproven(_ status: Int, _ route: String) -> Refusal {
    .failed(
      status == 401
        ? .unauthorized("the server does not know the token")
        : .unreachable(
          "\(name(of: route)): the answer (\(status)) is not proven to be the server's"))
  }

  func refusal(_ status: Int, _ problem: Problem?, _ route: String) -> Refusal {
    let detail = "\(name(of: route)): \(status) \(problem?.detail ?? problem?.title ?? "")"
    if problem?.code == "revoked" { return .failed(.revoked("the token was revoked")) }
    switch status {
    case 401: return .failed(.unreachable(detail))
    case 403: return .failed(.unauthorized(detail))
    case 409: return .over(detail)
    case 410: return .failed(.unknownLife)
    case 424: return .packMissing
    // Too early, too slow, too many: the same call may succeed later.
    case 408, 425, 429, 500...: return .failed(.unreachable(detail))
    case _: return .refused(detail)
    }
  }

  private func name(of route: String) -> Substring { route.prefix { $0 != "?" } }

  struct Problem: Decodable {
    var title: String?
    var detail: String?
    var code: String?
  }

  // MARK: Proofs

  struct Proven {
    let request: HTTPRequest
    let nonce: String
    /// By this machine's clock.
    let asked: Int64

    /// The proof of an answer to it; nil if absent or wrong.
    func proof(_ head: HTTPHead, _ key: WorkerKey) -> ResponseProof? {
      guard let proof = head.headers[ResponseProof.field].flatMap({ ResponseProof(header: $0) }),
        proof.isValid(key, nonce: nonce, status: head.status)
      else { return nil }
      return proof
    }
  }

  func proven(
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

  private func query(_ lease: LeaseReference) -> String {
    // A delegation's id is checked before anything is done with it (`AttemptFiles.isSafe`).
    "delegation=\(lease.delegation)&attempt=\(lease.attempt)&token=\(lease.token)"
  }

  private func query(_ used: AgentUsage) -> String {
    UsageFigure.allCases.map { figure in
      used[figure].map { "&\(figure.field)=\($0)" } ?? ""
    }.joined()
  }

  func encoded(_ body: some Encodable) -> [UInt8] {
    // The messages hold strings, whole numbers and flags: nothing that cannot be encoded.
    (try? JSONEncoder().encode(body)).map { [UInt8]($0) } ?? []
  }
}

/// The server's clock, as its proven answers report it.
final class ServerClock: Sendable {
  /// Milliseconds that the server's clock is ahead of this machine's.
  private let ahead = Mutex<Int64>(0)

  var time: Int64 { Timestamp.now.milliseconds + ahead.withLock { $0 } }

  /// - Parameter asked: when the request was made, by this machine's clock.
  func take(_ time: Int64, asked: Int64) {
    let now = Timestamp.now.milliseconds
    // A small difference may be the way alone.
    let difference = time < asked ? time - asked : max(0, time - now)
    ahead.withLock { $0 = abs(difference) > 1000 ? difference : 0 }
  }
}
