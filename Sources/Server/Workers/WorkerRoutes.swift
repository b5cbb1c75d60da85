import Cryptography
import Domain
import Engine
import EventLog
import FoundationEssentials
import Glibc
import HTTPTypes
import Hummingbird
import NIOCore
import Projections
import SystemCalls
import Text
import WorkerProtocol
import Workflows

/// The worker protocol (see `WorkerProtocol`), between HTTP and the engine.
struct WorkerRoutes {
  let server: ServerContext
  let access: WorkerAccess
  let fetching: FetchRoute

  func add(to router: some RouterMethods<APIContext>) {
    post(router, "agents") { try await agents($0) }
    post(router, "register") { try await register($0) }
    post(router, "desired") { try await desired($0) }
    post(router, "heartbeat") { try await heartbeat($0) }
    post(router, "ends") { try await ends($0) }
    post(router, "fetch") { try await fetch($0) }
    post(router, "tags") { try await tags($0) }
    post(router, "generating") { try await generating($0) }
    post(router, "result") { try await result($0) }
    post(router, "leaving") { try await leaving($0) }
    post(router, "output") { try await output($0, .text) }
    post(router, "records") { try await output($0, .records) }
    router.put("worker/v1/pack") { request, _ in
      try await access.respond(to: request) { try await pack($0) }
    }
    router.put("worker/v1/patch") { request, _ in
      try await access.respond(to: request) { try await patch($0) }
    }
  }

  private func post(
    _ router: some RouterMethods<APIContext>, _ name: String,
    _ body: @escaping @Sendable (WorkerCall) async throws -> Response
  ) {
    router.post("worker/v1/\(name)") { request, _ in
      try await access.respond(to: request, body)
    }
  }

  // MARK: Registration

  /// Every agent of the workflows. If two workflows describe an agent of the same name differently,
  /// the first one by name decides how to look for it.
  private func agents(_ call: WorkerCall) async throws -> Response {
    _ = try await call.json(AgentsAsked.self, by: \.worker)
    var profiles: [String: AgentProfile] = [:]
    for workflow in server.catalog.all { profiles.merge(workflow.agents) { first, _ in first } }
    if let custom = server.engine.overrides.customAgent { profiles[custom.name] = custom }
    let inquiries = profiles.values.sorted { $0.name < $1.name }.map { AgentInquiry($0) }
    return try answer(AgentInquiries(agents: inquiries))
  }

  private func register(_ call: WorkerCall) async throws -> Response {
    let registration = try await call.json(Registration.self, by: \.worker)
    try access.bind(call)
    let (incarnation, goesOn) = try await server.engine.register(
      .init(
        id: WorkerID(registration.worker), host: registration.host, version: registration.version,
        agents: registration.agents,
        local: access.channel == .socket,
        journal: registration.journal.map {
          .init(
            delegation: DelegationID($0.lease.delegation), attempt: $0.lease.attempt,
            hasCommit: $0.commit != nil, usage: $0.used ?? AgentUsage())
        }))
    await server.agents.take(registration.findings ?? [], from: WorkerID(registration.worker))
    let discard = zip(registration.journal, goesOn).filter { !$0.1 }.map(\.0.lease)
    return try answer(
      Registered(
        incarnation: incarnation, heartbeatMs: LeasePolicy().heartbeatInterval.count,
        discard: discard))
  }

  private func desired(_ call: WorkerCall) async throws -> Response {
    let poll = try await call.json(DesiredPoll.self, by: \.worker)
    let order = try await server.engine.order(
      for: WorkerID(poll.worker), incarnation: poll.incarnation, after: poll.revision,
      limit: Milliseconds(min(max(poll.waitMs, 0), 25_000)))
    return try answer(
      Desired(
        revision: order.revision,
        assignment: order.assignment.map {
          Assignment($0, author: server.configuration.author)
        },
        cancel: order.cancel, drain: order.drain))
  }

  private func heartbeat(_ call: WorkerCall) async throws -> Response {
    let beat = try await call.json(Heartbeat.self, by: \.worker)
    try await server.engine.heard(
      WorkerID(beat.worker), incarnation: beat.incarnation,
      agentSilence: beat.agentSilentMs.map { Milliseconds($0) },
      used: beat.used.map {
        .init(token: FencingToken(packed: $0.lease.token), usage: $0.usage)
      })
    return .noContent
  }

  private func leaving(_ call: WorkerCall) async throws -> Response {
    let word = try await call.json(Leaving.self, by: \.worker)
    try await server.engine.left(call.worker, incarnation: word.incarnation)
    return .noContent
  }

  /// Which of these pull requests have ended: the worker needs no conversation of them.
  private func ends(_ call: WorkerCall) async throws -> Response {
    let asked = try await call.json(EndsAsked.self, by: \.worker)
    var ended: [String] = []
    for first in asked.pullRequests.prefix(EndsAsked.countMax) {
      let row = try await server.store.delegation(.id(DelegationID(first)))?.row
      if let row, row.prState ?? .open == .open { continue }
      ended.append(first)
    }
    return try answer(PullRequestEnds(ended: ended))
  }

  // MARK: Work

  private func fetch(_ call: WorkerCall) async throws -> Response {
    let request = try await call.json(FetchRequest.self, by: \.worker, limit: 1 << 20)
    let found = try await checkout(of: request.lease, call)
    guard found.start.rawValue == request.head else { throw WorkerFault.superseded }
    if let tags = request.tags { return fetching.pack(ofTags: tags, in: found.repository) }
    do throws(MirrorFault) {
      try await server.engine.provide(found, of: DelegationID(request.lease.delegation))
    } catch {
      throw Problem.unavailable("The mirror of \(found.repository): \(error.message)")
    }
    return try await fetching.pack(of: found.start, in: found.repository, have: request.have)
  }

  private func tags(_ call: WorkerCall) async throws -> Response {
    let request = try await call.json(TagsRequest.self, by: \.worker)
    let found = try await checkout(of: request.lease, call)
    return fetching.tags(of: found.repository, have: request.have)
  }

  /// The delegation of a lease that the worker holds.
  private func checkout(
    of lease: LeaseReference, _ call: WorkerCall
  ) async throws -> Checkout {
    guard
      let found = await server.engine.checkout(
        of: DelegationID(lease.delegation), attempt: lease.attempt,
        token: FencingToken(packed: lease.token), by: call.worker)
    else { throw WorkerFault.superseded }
    return found
  }

  private func generating(_ call: WorkerCall) async throws -> Response {
    let report = try await call.json(GeneratingReport.self, by: \.worker)
    try await checkOwner(DelegationID(report.lease.delegation), call)
    try await server.engine.generating(
      GenerationStarted(
        attempt: report.lease.attempt, token: FencingToken(packed: report.lease.token),
        agent: report.agent, session: report.session, head: ObjectID(report.head),
        continues: report.continues.map { DelegationID($0) }),
      of: DelegationID(report.lease.delegation), by: WorkerID(report.worker))
    return .noContent
  }

  /// Refuses a lease that another worker holds, even with a valid token.
  private func checkOwner(_ id: DelegationID, _ call: WorkerCall) async throws {
    guard await !server.engine.isLeased(id, toOtherThan: call.worker) else {
      throw WorkerFault.superseded
    }
  }

  private func result(_ call: WorkerCall) async throws -> Response {
    // With 500 hosts whose names are escaped, the report is longer than other bodies.
    let report = try await call.json(ResultReport.self, by: \.worker, limit: 1 << 20)
    try await checkOwner(DelegationID(report.lease.delegation), call)
    let (id, worker) = (DelegationID(report.lease.delegation), WorkerID(report.worker))
    let (attempt, token) = (report.lease.attempt, FencingToken(packed: report.lease.token))
    let network = report.network.flatMap { record in
      NetworkUse(record) { (server.configuration.mask?.masked($0) ?? $0) == $0 }
    }
    let usage = report.used ?? AgentUsage()
    let words = report.words.map { words in
      let cut = String(words.unicodeScalars.prefix(RunReport.wordsMax))
      return server.configuration.mask?.masked(cut) ?? cut
    }
    func ended(
      _ outcome: AttemptEnd.Outcome, hint: String? = nil, limit: AgentLimit? = nil
    ) async throws -> Response {
      try await server.engine.end(
        AttemptEnd(
          attempt: attempt, token: token, outcome: outcome, message: report.message, hint: hint,
          usage: usage, words: words, limit: limit), of: id, by: worker, network: network)
      return .noContent
    }
    switch report.outcome {
    case .committed:
      guard let commit = report.commit, Self.isObjectID(commit) else {
        throw Problem.field("commit", "write the SHA of the commit")
      }
      try await server.engine.finish(
        commit: ObjectID(commit),
        report: RunReport(
          duration: Milliseconds(report.durationMs), outputSize: report.outputBytes,
          outputDigest: report.outputDigest, usage: usage,
          usageText: report.usage.map { String($0.prefix(200)) }, network: network,
          words: words),
        of: id, attempt: attempt, token: token, by: worker)
      return .noContent
    case .stopped:
      try await server.engine.stopped(
        attempt: attempt, token: token, usage: usage, of: id, by: worker, network: network)
      return .noContent
    case .drained: return try await ended(.released(.drained))
    case .agentFailed:
      guard let limit = report.limit else {
        return try await ended(.released(.agentFailed), hint: report.hint)
      }
      return try await ended(.released(.agentLimited), limit: AgentLimit(limit, at: .now))
    case .agentTimeout:
      let isKept = try await server.output.patches(of: id).contains(attempt)
      return try await ended(
        .released(.agentTimeout), hint: isKept ? Engine.noting(aPatchOf: id) : nil)
    case .agentNotFound: return try await ended(.released(.agentNotFound))
    case .noChanges: return try await ended(.released(.noChanges))
    case .verifyFailed: return try await ended(.released(.verifyFailed))
    case .refused:
      let isKept = try await server.output.patches(of: id).contains(attempt)
      return try await ended(
        .refused, hint: isKept ? Engine.noting(aPatchOf: id, after: report.hint) : report.hint)
    case .workerFault: return try await ended(.released(.workerFault))
    }
  }

  private func output(_ call: WorkerCall, _ part: OutputFiles.Part) async throws -> Response {
    let lease = try lease(call.request)
    try await checkOwner(lease.id, call)
    let offset = Int(try call.request.integer("offset", in: 0...Int64.max) ?? 0)
    let bytes = try await call.bytes(limit: 4 << 20)
    guard let limit = await server.engine.outputLimit(lease.id, lease.attempt, lease.token) else {
      throw WorkerFault.superseded
    }
    let length = try await server.output.append(
      bytes, at: offset, of: lease.id, attempt: lease.attempt, part,
      limit: part == .text ? limit : OutputFiles.recordBytesMax)
    return try answer(OutputAnswer(offset: length))
  }

  private func pack(_ call: WorkerCall) async throws -> Response {
    let lease = try lease(call.request)
    try await checkOwner(lease.id, call)
    guard let commit = call.request.text("commit"), Self.isObjectID(commit) else {
      throw Problem.field("commit", "write the SHA of the commit")
    }
    guard await server.engine.holds(lease.id, attempt: lease.attempt, token: lease.token) else {
      throw Problem(WorkerFault.superseded)
    }
    let path = "\(server.configuration.incomingDirectory)/\(UUIDText.fresh(at: .now)).pack"
    defer { unlink(path) }
    let digest = try await Self.save(call.request, to: path, limit: server.configuration.packLimit)
    try call.check(digest: digest)
    try await server.engine.accept(
      commit: ObjectID(commit), pack: path, of: lease.id, attempt: lease.attempt,
      token: lease.token, by: call.worker, usage: Self.usage(in: call.request)
    ) { [output = server.output] patch in
      (try? await output.keep(patch: patch, of: lease.id, attempt: lease.attempt)) != nil
    }
    return .noContent
  }

  /// The usage that the agent reported, from the query; invalid numbers are ignored.
  private static func usage(in request: Request) -> AgentUsage {
    let known = UsageFigure.allCases.compactMap { figure in
      request.text(figure.field).flatMap { Int64($0) }.map { (figure, $0) }
    }
    return AgentUsage(Dictionary(uniqueKeysWithValues: known))
  }

  private func patch(_ call: WorkerCall) async throws -> Response {
    let lease = try lease(call.request)
    try await checkOwner(lease.id, call)
    guard await server.engine.holds(lease.id, attempt: lease.attempt, token: lease.token) else {
      throw Problem(WorkerFault.superseded)
    }
    let bytes = try await call.bytes(limit: 9 << 20)
    try await server.output.keep(patch: bytes, of: lease.id, attempt: lease.attempt)
    return .noContent
  }

  /// - Returns: the SHA-256 of the saved bytes, in hex.
  private static func save(
    _ request: Request, to path: String, limit: Int
  ) async throws -> String {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw WorkerFault.unavailable("no file for the pack") }
    defer { close(file) }
    var total = 0
    var hash = SHA256()
    for try await chunk in request.body {
      total += chunk.readableBytes
      guard total <= limit else {
        throw Problem(
          .contentTooLarge, "Too large", "The pack is over \(limit >> 20) MiB.",
          hint: "The change is too large to hand in.")
      }
      try chunk.withUnsafeReadableBytes { raw in
        hash.update(raw)
        var written = 0
        while written < raw.count {
          let count = write(file, raw.baseAddress.map { $0 + written }, raw.count - written)
          if count < 0, errno != EINTR {
            throw WorkerFault.unavailable("the pack could not be written")
          }
          written += max(count, 0)
        }
      }
    }
    return Hex.encode(hash.finish())
  }

  // MARK: Parts of a request

  private func lease(
    _ request: Request
  ) throws -> (id: DelegationID, attempt: Int, token: FencingToken) {
    guard case .id(let id)? = DelegationReference(request.text("delegation") ?? "") else {
      throw Problem.field("delegation", "write the delegation's id")
    }
    guard let attempt = try request.integer("attempt", in: 1...1_000_000),
      let token = try request.integer("token", in: 0...Int64.max)
    else { throw Problem.field("attempt", "write the attempt and the token of the lease") }
    return (id, Int(attempt), FencingToken(packed: token))
  }

  private func answer(_ value: some Encodable) throws -> Response {
    Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: Array(try JSONEncoder().encode(value)))))
  }

  static func isObjectID(_ text: String) -> Bool {
    [40, 64].contains(text.utf8.count)
      && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }
}

extension Problem {
  init(_ fault: WorkerFault) {
    switch fault {
    case .unknown:
      self.init(.gone, "Not registered", "This life of the worker is not known: register.")
    case .superseded:
      self.init(.conflict, "Superseded", "The attempt is over, or somebody else's now.")
      code = "superseded"
    case .cancelled:
      self.init(.conflict, "Cancelled", "The delegation was cancelled.")
      code = "cancelled"
    case .refused(let message):
      self.init(.unprocessableContent, "Refused", message)
      code = "refused"
    case .malformed(let message): self.init(.badRequest, "Malformed", message)
    case .packMissing:
      self.init(
        .init(code: 424, reasonPhrase: "Failed Dependency"), "No pack",
        "The pack of this commit is to be sent first.")
      code = "pack-missing"
    case .unavailable(let message): self = .unavailable(message)
    }
  }
}

extension AgentLimit {
  /// - Parameter now: by this server's clock.
  fileprivate init(_ report: AgentLimitReport, at now: Timestamp) {
    let most: Int64 = 400 * 86_400_000
    let span = report.resetInMs.map { now + Milliseconds(min(max(0, $0), most)) }
    let time = report.resetAtMs.map {
      Timestamp(milliseconds: min(max(0, $0), (now + Milliseconds(most)).milliseconds))
    }
    self.init(reset: time ?? span)
  }
}
