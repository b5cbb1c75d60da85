import Cryptography
import FoundationEssentials
import Glibc
import HTTPServing
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Processes
import Synchronization
import WorkerProtocol

@testable import Worker

/// The server's end of the protocol, with real repositories behind it and nothing else: it does
/// what the test tells it, and notes what the worker says.
final class ProtocolServer: Sendable {
  struct State {
    var incarnation = 0
    var revision: Int64 = 1
    var assignment: Assignment?
    var cancel = false
    var drain = false
    var discard: [LeaseReference] = []
    var registrations: [Registration] = []
    var heartbeats: [Heartbeat] = []
    var generating: [GeneratingReport] = []
    var output: [String: [UInt8]] = [:]
    var records: [String: [UInt8]] = [:]
    var inquiries: [AgentInquiry] = []
    var packs: [String: [UInt8]] = [:]
    var results: [ResultReport] = []
    /// Calls that are answered with a status in place of their answer, by route, first come first.
    var refusals: [String: [Int]] = [:]
    var fetches: [FetchRequest] = []
    /// The responses about tags: true if they contained the list.
    var tagLists: [Bool] = []
    var polls = 0
    var proving = Proving.right
    var waiting: [CheckedContinuation<Void, Never>] = []
    /// Whether the server is about to end: a poll that comes then would wait for ever.
    var isEnding = false
  }

  /// How answers are proven. All but the right way mean that somebody else is in the server's
  /// place, or on the way from it.
  enum Proving: CaseIterable {
    case right, none, ofAnotherKey, ofAnotherRequest, ofAnotherBody
  }

  let repositories: String
  let token = "worker-token-0123456789"
  private var key: WorkerKey { WorkerKey(token: token) }
  let state = Mutex(State())
  private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  init(repositories: String) { self.repositories = repositories }

  /// A worker's end that speaks to this server, wherever that is.
  func link(_ url: String) throws -> ServerLink {
    try ServerLink(worker: "w1", address: .url(url), token: token, version: "1")
  }

  /// Serves while `body` runs.
  func serve<Value: Sendable>(
    port: Int = 0, _ body: @Sendable (_ url: String) async throws -> Value
  ) async throws -> Value {
    try await serve(on: .host("127.0.0.1", port: port)) { port in
      try await body("http://127.0.0.1:\(port)")
    }
  }

  /// The same on the unix socket of a folder.
  func serve<Value: Sendable>(
    in folder: String, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    let held = try SocketFolder(folder)
    defer { withExtendedLifetime(held) {} }
    let path = held.path(of: WorkerSocketName.server)
    unlink(path)
    return try await serve(on: .socket(path: path)) { _ in try await body() }
  }

  private func serve<Value: Sendable>(
    on address: ListenAddress, _ body: @Sendable (_ port: Int) async throws -> Value
  ) async throws -> Value {
    state.withLock { $0.isEnding = false }
    let ports = AsyncStream<Int>.makeStream()
    let serving = Task {
      try await serveHTTP(
        CallbackResponder { (request: Request, _: BasicRequestContext) in
          await self.respond(request)
        }, on: address, grace: .seconds(2), logger: logger
      ) { ports.continuation.yield($0) }
    }
    var iterator = ports.stream.makeAsyncIterator()
    let bound = await iterator.next() ?? 0
    let result: Result<Value, any Error>
    do { result = .success(try await body(bound)) } catch {
      result = .failure(error)
    }
    state.withLock { $0.isEnding = true }
    wake()
    serving.cancel()
    _ = try? await serving.value
    return try result.get()
  }

  /// Changes what is wanted and tells those who wait for it.
  func want(_ change: @Sendable (inout State) -> Void) {
    state.withLock { state in
      change(&state)
      state.revision += 1
    }
    wake()
  }

  private func wake() {
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  // MARK: Answers

  private func respond(_ request: Request) async -> Response {
    let target = request.uri.string
    guard let header = request.headers[.authorization], let proof = RequestProof(header: header),
      proof.isValid(key, method: request.method.rawValue, target: target)
    else { return problem(401, "token") }
    let body: [UInt8]
    do { body = Array(buffer: try await request.body.collect(upTo: 1 << 28)) } catch {
      return problem(400, "\(error)")
    }
    guard SHA256.hex(body) == proof.body else { return problem(401, "body") }
    let path = String(request.uri.path.dropFirst("/worker/v1/".count))
    var response: Response
    do { response = try await unrefused(path, request, body) } catch {
      response = problem(400, "\(error)")
    }
    let proving = state.withLock { $0.proving }
    return proving == .none ? response : await proven(response, proof, proving)
  }

  private func unrefused(
    _ path: String, _ request: Request, _ body: [UInt8]
  ) async throws -> Response {
    let refusal = state.withLock { state -> Int? in
      guard var queue = state.refusals[path], !queue.isEmpty else { return nil }
      let status = queue.removeFirst()
      state.refusals[path] = queue
      return status
    }
    if let refusal { return problem(refusal, "refused") }
    return try await answer(path, request, body)
  }

  private func proven(
    _ response: Response, _ request: RequestProof, _ proving: Proving
  ) async -> Response {
    var response = response
    let collected = Mutex<[UInt8]>([])
    try? await response.body.write(BodyCollector { bytes in collected.withLock { $0 += bytes } })
    let bytes = collected.withLock { $0 }
    let isPack = response.headers[.contentType] == "application/x-git-pack"
    let signing = proving == .ofAnotherKey ? WorkerKey(token: "another token") : key
    let nonce = proving == .ofAnotherRequest ? RequestProof.freshNonce() : request.nonce
    let proof = ResponseProof(
      signing, nonce: nonce, status: response.status.code,
      body: isPack ? ResponseProof.streamed : SHA256.hex(bytes), time: request.time)
    // White space changes nothing of what JSON says.
    let isAltered = proving == .ofAnotherBody && !bytes.isEmpty
    response.body = ResponseBody(byteBuffer: ByteBuffer(bytes: bytes + (isAltered ? [0x20] : [])))
    if let name = HTTPField.Name(ResponseProof.field) { response.headers[name] = proof.header }
    return response
  }

  private func answer(
    _ path: String, _ request: Request, _ body: [UInt8]
  ) async throws -> Response {
    let query = request.uri.queryParameters
    let attempt = "\(query["delegation"] ?? "")-\(query["attempt"] ?? "")"
    switch path {
    case "agents":
      return json(AgentInquiries(agents: state.withLock { $0.inquiries }))
    case "records":
      let offset = query["offset"].flatMap { Int($0) } ?? 0
      return json(
        state.withLock { state in
          var records = state.records[attempt] ?? []
          if offset <= records.count { records += body.dropFirst(records.count - offset) }
          state.records[attempt] = records
          return OutputAnswer(offset: records.count)
        })
    case "register":
      let registration = try read(Registration.self, body)
      return json(
        state.withLock { state in
          state.incarnation += 1
          state.registrations.append(registration)
          return Registered(
            incarnation: state.incarnation, heartbeatMs: 200, discard: state.discard)
        })
    case "fetch": return try await pack(try read(FetchRequest.self, body))
    case "tags": return try await tags(try read(TagsRequest.self, body))
    case "desired": return await desired(try read(DesiredPoll.self, body))
    case "heartbeat":
      let beat = try read(Heartbeat.self, body)
      state.withLock { $0.heartbeats.append(beat) }
      return Response(status: .noContent)
    case "generating":
      let report = try read(GeneratingReport.self, body)
      state.withLock { $0.generating.append(report) }
      return Response(status: .noContent)
    case "output":
      let offset = query["offset"].flatMap { Int($0) } ?? 0
      return json(
        state.withLock { state in
          var output = state.output[attempt] ?? []
          if offset <= output.count { output += body.dropFirst(output.count - offset) }
          state.output[attempt] = output
          return OutputAnswer(offset: output.count)
        })
    case "pack":
      state.withLock { $0.packs[attempt] = body }
      return Response(status: .noContent)
    case "result":
      let report = try read(ResultReport.self, body)
      return try await take(report)
    case _: return problem(404, path)
    }
  }

  private func desired(_ poll: DesiredPoll) async -> Response {
    state.withLock { $0.polls += 1 }
    await withCheckedContinuation { continuation in
      let answersNow = state.withLock { state in
        if state.revision > poll.revision || poll.incarnation != state.incarnation
          || state.isEnding
        {
          return true
        }
        state.waiting.append(continuation)
        return false
      }
      if answersNow { continuation.resume() }
    }
    return state.withLock { state in
      guard poll.incarnation == state.incarnation else { return problem(410, "unknown") }
      return json(
        Desired(
          revision: state.revision, assignment: state.assignment, cancel: state.cancel,
          drain: state.drain))
    }
  }

  private func take(_ report: ResultReport) async throws -> Response {
    let assignment = state.withLock { $0.assignment }
    guard report.lease == assignment?.lease, let assignment else {
      return problem(409, "superseded")
    }
    let attempt = "\(report.lease.delegation)-\(report.lease.attempt)"
    if let commit = report.commit {
      let folder = "\(repositories)/\(assignment.repository).git"
      let pack = state.withLock { $0.packs[attempt] } ?? []
      try await Git.run(
        ["index-pack", "--stdin", "--fix-thin"], gitDirectory: folder, input: .bytes(pack))
      try await Git.run(
        ["update-ref", "refs/heads/\(assignment.branch)", commit], gitDirectory: folder)
    }
    want { state in
      state.results.append(report)
      state.assignment = nil
      state.cancel = false
    }
    return Response(status: .noContent)
  }

  /// The objects of a commit; or what the test has put in their place.
  private func pack(_ request: FetchRequest) async throws -> Response {
    state.withLock { $0.fetches.append(request) }
    let folder = "\(repositories)/o/r.git"
    let revisions = request.tags ?? ([request.head] + request.have.map { "^\($0)" })
    let pack = try await Git.run(
      ["pack-objects", "-q", "--stdout", "--delta-base-offset"]
        + (request.tags == nil ? ["--revs", "--thin"] : []),
      gitDirectory: folder, input: .bytes(Array((revisions.joined(separator: "\n") + "\n").utf8)))
    let bytes = state.withLock { $0.packs["forged"] } ?? pack.standardOutput
    return Response(
      status: .ok, headers: [.contentType: "application/x-git-pack"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  private func tags(_ request: TagsRequest) async throws -> Response {
    let listing = try await Git.run(
      ["ls-remote", "--tags", "."], workingDirectory: "\(repositories)/o/r.git"
    ).standardOutput
    let digest = SHA256.hex(listing)
    state.withLock { $0.tagLists.append(digest != request.have) }
    let body = Array("\(digest)\n".utf8) + (digest == request.have ? [] : listing)
    return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }

  private func read<Message: Decodable>(_ type: Message.Type, _ body: [UInt8]) throws -> Message {
    try JSONDecoder().decode(type, from: Data(body))
  }

  private func json(_ message: some Encodable) -> Response {
    let bytes = (try? JSONEncoder().encode(message)).map { [UInt8]($0) } ?? []
    return Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  private func problem(_ status: Int, _ detail: String) -> Response {
    Response(
      status: HTTPResponse.Status(code: status),
      headers: [.contentType: "application/problem+json"],
      body: ResponseBody(
        byteBuffer: ByteBuffer(string: "{\"title\":\"no\",\"detail\":\"\(detail)\"}")))
  }
}

/// Hands on what a response would write.
private struct BodyCollector: ResponseBodyWriter {
  let take: @Sendable (ByteBufferView) -> Void
  init(_ take: @escaping @Sendable (ByteBufferView) -> Void) { self.take = take }
  mutating func write(_ buffer: ByteBuffer) async throws { take(buffer.readableBytesView) }
  consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
