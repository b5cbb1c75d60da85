import Access
import Domain
import Engine
import EventLog
import Hummingbird
import Projections
import Text
import Workflows

/// `GET /api/choices`: the choices that a form offers for a request.
struct ChoiceRoutes {
  let server: ServerContext

  /// Repositories are taken from this many of the newest delegations.
  private static let recentMax = 200

  func add(to router: APIRouter) {
    router.on(.choices) { _, context in try await choices(context) }
  }

  private func choices(_ context: APIContext) async throws -> Response {
    let recent = try await server.store.delegations(
      DelegationFilter(repositories: try context.identified().repositories), before: nil,
      limit: Self.recentMax)
    var seen: Set<String> = []
    let repositories = recent.map(\.row.repository).filter { seen.insert($0).inserted }
    let workflows = server.catalog.all.sorted { $0.name < $1.name }
    let standard = server.catalog[Submission.Limit.workflowDefault]
    var chosen: String?
    if let standard { chosen = await server.agentChosen(for: standard) }
    return .json(
      .object([
        "repositories": Render.list(repositories), "agents": await agents(workflows),
        "agent": Render.text(chosen),
        "workflows": .array(
          workflows.map {
            .object(["name": .string($0.name), "description": .string($0.description)])
          }),
      ]))
  }

  /// Every agent that a request may name, and whether some worker has it now.
  private func agents(_ workflows: [Workflow]) async -> JSONValue {
    let found = await server.engine.agentsFound()
    var profiles: [String: String] = [:]
    for workflow in workflows {
      for (name, profile) in workflow.agents { profiles[name] = profile.description }
    }
    if let custom = server.engine.overrides.customAgent {
      profiles[custom.name] = custom.description
    }
    return .array(
      profiles.sorted { $0.key < $1.key }.map { name, description in
        .object([
          "name": .string(name), "description": .string(description),
          "found": .bool(found.contains(name)),
        ])
      })
  }
}
