import HTTPClient
import HTTPServing
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// A call that stands at the gate.
package struct GateCall: Sendable, Equatable {
  /// From 1, in the order in which they came.
  package var number: Int
  package var method: String
  /// With its query.
  package var path: String

  /// Whether it is a call of git's that begins with `service`, such as `git-receive-pack`.
  package func isGit(_ service: String) -> Bool { path.contains(service) }
}

/// What becomes of a call.
package enum GateAction: Sendable {
  case pass
  /// The connection is closed; the forge never hears of it.
  case drop
  /// The forge does what is asked, and the answer is lost.
  case loseAnswer
  /// The gate answers in the forge's place.
  case answer(status: Int, body: String, headers: [(String, String)])
}

/// Stands between the server and its forge, sees each call, and lets it through, holds it back,
/// loses it or its answer: the faults of networks, at the very call that a test names.
package final class ForgeGate: Sendable {
  /// Decides on each call; it may wait.
  package typealias Rule = @Sendable (GateCall) async -> GateAction

  private let upstream: String
  private let http = HTTPClient(
    configuration: .init(userAgent: "gate", proxy: .none, maxConnectionsPerHost: 128))
  private let rule = Mutex<Rule>({ _ in .pass })
  private let seen = Mutex<[GateCall]>([])
  private let host: String
  private let port = Mutex(0)

  package var url: String { "http://\(host):\(port.withLock { $0 })" }
  /// The calls so far.
  package var calls: [GateCall] { seen.withLock { $0 } }

  private init(upstream: String, host: String) { (self.upstream, self.host) = (upstream, host) }

  package func set(_ rule: @escaping Rule) { self.rule.withLock { $0 = rule } }
  /// Forgets the calls that were seen, so that numbers begin at 1 again.
  package func reset() { seen.withLock { $0 = [] } }

  /// A gate before the forge at `upstream`, for as long as `body` runs.
  /// - Parameter host: the address of this machine that it listens on.
  package static func before(
    _ upstream: String, host: String = "127.0.0.1", _ body: (ForgeGate) async throws -> Void
  ) async throws {
    let gate = ForgeGate(upstream: upstream, host: host)
    var logger = Logger(label: "gate")
    logger.logLevel = .critical
    let router = Router(context: GateContext.self)
    router.add(middleware: Passage(gate: gate))
    let (ports, listening) = AsyncStream.makeStream(of: Int.self)
    let responder = router.buildResponder()
    let serving = Task { [logger] in
      try await serveHTTP(
        responder, host: host, port: 0, grace: .milliseconds(100), logger: logger
      ) { listening.yield($0) }
    }
    for await port in ports {
      gate.port.withLock { $0 = port }
      break
    }
    do {
      try await body(gate)
    } catch {
      serving.cancel()
      throw error
    }
    serving.cancel()
    _ = await serving.result
  }

  fileprivate func decide(_ method: String, _ path: String) async -> GateAction {
    let call = seen.withLock { seen in
      let call = GateCall(number: seen.count + 1, method: method, path: path)
      seen.append(call)
      return call
    }
    return await rule.withLock { $0 }(call)
  }

  /// Hop-by-hop fields (RFC 9110, section 7.6.1) and those that the client sets anew.
  private static let own: Set = [
    "connection", "content-length", "transfer-encoding", "keep-alive", "user-agent", "date",
    "server",
  ]

  fileprivate func forward(_ request: Request, _ body: [UInt8]) async throws -> Response {
    var headers: [(String, String)] = [("Host", request.head.authority ?? "")]
    for field in request.headers where !Self.own.contains(field.name.rawName.lowercased()) {
      headers.append((field.name.rawName, field.value))
    }
    if let agent = request.headers[.userAgent] { headers.append(("User-Agent", agent)) }
    var forwarded = ForwardedRequest(
      method: request.method.rawValue, url: upstream + request.uri.string, headers: headers,
      timeout: .seconds(60))
    if !body.isEmpty || request.method == .post || request.method == .put {
      forwarded.body = .bytes(body)
    }
    let answer = try await http.send(forwarded)
    var fields = HTTPFields()
    for field in answer.headers.fields where !Self.own.contains(field.name.lowercased()) {
      if let name = HTTPField.Name(field.name) {
        fields.append(HTTPField(name: name, value: field.value))
      }
    }
    return Response(
      status: .init(code: answer.status), headers: fields,
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
  }
}

/// Knows the connection, so that it can be closed without an answer.
private struct GateContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }
}

private struct Passage: RouterMiddleware {
  let gate: ForgeGate

  func handle(
    _ request: Request, context: GateContext,
    next: (Request, GateContext) async throws -> Response
  ) async throws -> Response {
    let body = try await request.body.collect(upTo: 64 << 20)
    switch await gate.decide(request.method.rawValue, request.uri.string) {
    case .pass: return try await gate.forward(request, Array(body.readableBytesView))
    case .drop: break
    case .loseAnswer:
      // A call that was sent arrives, even if its sender has died meanwhile.
      let sent = Task { try await gate.forward(request, Array(body.readableBytesView)) }
      _ = try await sent.value
    case .answer(let status, let text, let headers):
      var fields: HTTPFields = [.contentType: "application/json"]
      for (name, value) in headers {
        if let name = HTTPField.Name(name) { fields[name] = value }
      }
      return Response(
        status: .init(code: status), headers: fields,
        body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
    try await context.channel.close()
    return Response(status: .noContent)
  }
}

/// Something that waits until it is let go.
package final class Latch: Sendable {
  private struct State {
    var isOpen = false
    var reached = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
    var watching: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  package init() {}

  package var isOpen: Bool { state.withLock { $0.isOpen } }

  /// Returns when the latch is open.
  package func wait() async {
    let watching = state.withLock { state in
      state.reached += 1
      defer { state.watching = [] }
      return state.watching
    }
    for one in watching { one.resume() }
    await withCheckedContinuation { caller in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(caller) }
        return state.isOpen
      }
      if isOpen { caller.resume() }
    }
  }

  /// Returns when somebody waits, or has waited.
  package func reached() async throws {
    try await within(Installation.patience, "a call at the gate") { await self.isReached() }
  }

  private func isReached() async {
    await withCheckedContinuation { caller in
      let isSo = state.withLock { state in
        if state.reached == 0 { state.watching.append(caller) }
        return state.reached > 0
      }
      if isSo { caller.resume() }
    }
  }

  package func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for one in waiting { one.resume() }
  }
}
