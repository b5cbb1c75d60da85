import Access
import Domain
import Engine
import EventLog
import Hummingbird
import Projections
import Text

/// Workers and pull requests: the two views, and operators' commands to workers.
struct FleetRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.listWorkers) { _, _ in try await workers() }
    router.on(.listPullRequests) { request, context in
      try await pullRequests(request, context)
    }
    router.on(.drainWorker) { request, context in
      try await ask(request, context, restart: false)
    }
    router.on(.restartWorker) { request, context in
      try await ask(request, context, restart: true)
    }
  }

  private func workers() async throws -> Response {
    let signs = await server.engine.signsOfLife()
    let policy = ProgressPolicy()
    let found = await server.agents.all
    let rows = try await server.store.workers()
    var codes: [DelegationID: String] = [:]
    for id in Set(rows.compactMap(\.delegation)) {
      guard let row = try await server.store.delegation(.id(id))?.row else { continue }
      codes[id] = Stamp(milliseconds: row.stamp).confirmationCode
    }
    let items = rows.map { row in
      let sign = signs[row.id]
      let silence = row.delegation == nil ? nil : sign?.agentSilence
      return Render.worker(
        row, heardAt: sign?.heardAt, agentSilence: silence,
        stalled: silence.map { policy.isStalled(silence: $0) } ?? false,
        findings: found[row.id] ?? [], code: row.delegation.flatMap { codes[$0] })
    }
    return .json(.object(["items": .array(items)]))
  }

  private func pullRequests(
    _ request: Request, _ context: APIContext
  ) async throws -> Response {
    let limit = Int(request.integer("limit") ?? 100)
    let repositories = try context.identified().repositories
    let items = try await server.store.pullRequests(in: repositories, limit: limit).map {
      Render.pullRequest($0.row, title: $0.title)
    }
    return .json(.object(["items": .array(items)]))
  }

  private func ask(
    _ request: Request, _ context: APIContext, restart: Bool
  ) async throws -> Response {
    let id = WorkerID(context.pathPart("id"))
    guard try await server.store.workers().contains(where: { $0.id == id }) else {
      throw Problem.notFound("worker \"\(id)\"", hint: "aipm workers lists them.")
    }
    if restart { await server.engine.restart(id) }
    let actor = Actor(kind: .user, name: try context.identified().name)
    let reply = await server.engine.command(id, .drain, by: actor)
    if restart { return Response(status: .accepted) }
    switch reply {
    case .done: return Response(status: .accepted)
    case .rejected:
      throw Problem(.conflict, "Not possible now", "The worker is not running.")
    case .failed(let fault): throw Problem(fault)
    }
  }
}
