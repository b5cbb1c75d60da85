import Domain
import Engine
import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Projections

/// Delegations: lists, one, its events, its output, its diff; cancel and retry.
struct DelegationRoutes {
  let server: ServerContext

  func add(to router: some RouterMethods<APIContext>) {
    router.get("api/delegations") { request, _ in try await list(request) }
    router.get("api/delegations/:ref") { _, context in try await one(context) }
    router.get("api/delegations/:ref/events") { _, context in try await events(context) }
    router.get("api/delegations/:ref/output") { request, context in
      try await output(request, context)
    }
    router.get("api/delegations/:ref/diff") { _, context in try await diff(context) }
    router.get("api/delegations/:ref/patch") { request, context in
      try await patch(request, context)
    }
    router.post("api/delegations/:ref/cancel") { request, context in
      try await ask(.cancel, request, context)
    }
    router.post("api/delegations/:ref/retry") { request, context in
      try await ask(.retry, request, context)
    }
  }

  /// A page of rows, and a position of the log that they stand at least at: whoever follows the log
  /// from there on misses nothing.
  private func list(_ request: Request) async throws -> Response {
    let limit = Int(try request.integer("limit", in: 1...500) ?? 50)
    var state: DelegationStateName?
    if let text = request.text("state") {
      guard let known = DelegationStateName(rawValue: text) else {
        let names = DelegationStateName.allCases.map(\.rawValue).joined(separator: ", ")
        throw Problem.field("state", "write one of: \(names)")
      }
      state = known
    }
    var before: Stamp?
    if let cursor = request.text("cursor") {
      guard let n = Int64(cursor) else {
        throw Problem.field("cursor", "write the cursor of the page before, as it was given")
      }
      before = Stamp(milliseconds: n)
    }
    let filter = DelegationFilter(
      state: state, repository: request.text("repo"), requester: request.text("requester"),
      worker: request.text("worker"), text: request.text("q"))
    let position = try await server.store.head().position
    let found = try await server.store.delegations(filter, before: before, limit: limit + 1)
    let page = found.prefix(limit)
    let underWay = await server.engine.underWaySince(page.map(\.row.id))
    let next = found.count > limit ? page.last.map { String($0.row.stamp) } : nil
    return .json(
      .object([
        "items": .array(
          page.map { Render.delegation($0, underWaySince: underWay[$0.row.id]) }),
        "next": Render.text(next),
        "position": .integer(position),
      ]))
  }

  private func one(_ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let events = try await server.store.read(.delegation(detail.row.id))
    var endsBy: Int64?
    if detail.row.state == .generating,
      let limit = await server.engine.generationLimit(digest: detail.row.digest)
    {
      endsBy = detail.row.stateSince + limit.count
    }
    return .json(
      Render.delegation(
        detail, underWaySince: await server.engine.underWaySince(detail.row.id),
        attempts: Render.attempts(events), endsBy: endsBy))
  }

  private func events(_ context: APIContext) async throws -> Response {
    let position = try await server.store.head().position
    let detail = try await server.delegation(context)
    let events = try await server.store.read(.delegation(detail.row.id))
    return .json(
      .object(["items": .array(events.map(\.json)), "position": .integer(position)]))
  }

  private func diff(_ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let events = try await server.store.read(.delegation(detail.row.id))
    let made = events.reversed().lazy.compactMap { event -> Generated? in
      if case .delegation(.generated(let generated)) = event.event { generated } else { nil }
    }.first
    guard let made, let repository = RepositoryName(detail.row.repository) else {
      throw Problem.notFound(
        "generated commit of this delegation yet",
        hint: "Its state is \(detail.row.state.rawValue).")
    }
    let patch = await server.engine.patch(repository, from: made.parent, to: made.sha)
    switch patch {
    case .success(let bytes): return Self.patch(bytes)
    case .failure(let fault): throw Problem.unavailable("git: \(fault.message)")
    }
  }

  /// What an agent had made when its time was over.
  private func patch(_ request: Request, _ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let attempt = try Self.attempt(of: detail, asked: request)
    guard let bytes = try await server.output.patch(of: detail.row.id, attempt: attempt) else {
      throw Problem.notFound(
        "patch of attempt \(attempt)",
        hint: "One is kept where an agent was ended at its limit with changes made.")
    }
    return Self.patch(bytes)
  }

  private static func patch(_ bytes: [UInt8]) -> Response {
    Response(
      status: .ok,
      headers: [.contentType: "text/x-diff; charset=utf-8", .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  /// The attempt that a request names; the last one where it names none.
  private static func attempt(of detail: DelegationDetail, asked request: Request) throws -> Int {
    Int(try request.integer("attempt", in: 1...1_000_000) ?? max(detail.row.attempt, 1))
  }

  private func ask(
    _ command: DelegationCommand, _ request: Request, _ context: APIContext
  ) async throws -> Response {
    let detail = try await server.delegation(context)
    let actor = Actor(kind: .user, name: server.requester(request))
    switch await server.engine.command(detail.row.id, command, by: actor) {
    case .done:
      let now = try await server.store.delegation(.id(detail.row.id)) ?? detail
      let since = await server.engine.underWaySince(detail.row.id)
      var response = Response.json(
        Render.delegation(now, underWaySince: since), status: .accepted)
      response.headers[.location] = server.path("/api/delegations/\(detail.row.id)")
      return response
    case .rejected(let rejection):
      throw Problem(.conflict, "Not possible now", "\(rejection).", hint: Self.hint(rejection))
    case .failed(let fault): throw Problem(fault)
    }
  }

  private static func hint(_ rejection: Rejection) -> String? {
    switch rejection {
    case .notAllowed("retry", _): "Only a delegation that is Failed can be retried."
    case .notAllowed("cancel", _): "It has ended already."
    case .pushUnderWay: "It will be Pushed in a moment: close the pull request instead."
    case .notAllowed, .superseded, .cancelled: nil
    }
  }

  // MARK: Output

  private func output(_ request: Request, _ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let attempt = try Self.attempt(of: detail, asked: request)
    let follows = request.text("follow").map { $0 != "0" && $0 != "false" } ?? false
    guard follows else { return whole(detail.row.id, attempt) }
    let seen = request.headers[.lastEventID].flatMap { Int($0) } ?? 0
    return stream(detail.row.id, attempt, from: max(seen, 0))
  }

  private func whole(_ id: DelegationID, _ attempt: Int) -> Response {
    let output = server.output
    return Response(
      status: .ok,
      headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
      body: ResponseBody { writer in
        var offset = 0
        while true {
          let bytes = try await output.read(id, attempt: attempt, from: offset, count: 65_536)
          if bytes.isEmpty { break }
          offset += bytes.count
          try await writer.write(ByteBuffer(bytes: bytes))
        }
        try await writer.finish(nil)
      })
  }

  /// Server-sent events: each a piece of the output as JSON text, then one `end` with the state. An
  /// event's id is the offset after its piece, so `Last-Event-ID` resumes.
  private func stream(_ id: DelegationID, _ attempt: Int, from start: Int) -> Response {
    let server = server
    return .eventStream { events in
      var offset = start
      let wakes = Wakes()
      wakes.add(await server.output.follow(id, attempt: attempt))
      wakes.add(server.engine.feed.signals(of: id))
      var text = UTF8Pieces()
      while true {
        // The state is read first: what was written before it ended is there to be read after.
        let detail = try await server.store.delegation(.id(id))
        let over =
          detail.map { $0.row.state.isTerminal || $0.row.attempt > Int64(attempt) } ?? true
        var isIdle = true
        while true {
          let bytes = try await server.output.read(
            id, attempt: attempt, from: offset, count: 65_536)
          if bytes.isEmpty { break }
          isIdle = false
          offset += bytes.count
          let piece = text.add(bytes)
          if !piece.isEmpty {
            try await events.send(
              id: String(offset - text.pending), type: "output", data: JSONValue.string(piece))
          }
        }
        if over {
          let state = detail?.row.state.rawValue ?? ""
          try await events.send(
            id: nil, type: "end", data: .object(["state": .string(state)]))
          return
        }
        if isIdle { try await events.beat() }
        try await wakes.next()
      }
    }
  }
}

/// Bytes that come in pieces, as text whose characters are whole.
struct UTF8Pieces {
  private var rest: [UInt8] = []

  /// How many bytes wait for the end of their character.
  var pending: Int { rest.count }

  mutating func add(_ bytes: [UInt8]) -> String {
    var all = rest + bytes
    rest = []
    // A character is at most four bytes; only one that has begun and not ended is kept back.
    for back in 1...3 where back <= all.count {
      let byte = all[all.count - back]
      if byte & 0xc0 == 0x80 { continue }
      let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
      if length > back {
        rest = Array(all.suffix(back))
        all.removeLast(back)
      }
      break
    }
    return String(decoding: all, as: UTF8.self)
  }
}
