import Access
import Domain
import Engine
import EventLog
import Hummingbird
import Projections
import Text
import WorkerProtocol
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
    var described: [JSONValue] = []
    for workflow in workflows {
      let custom = server.engine.overrides.customAgent.map { [$0.name] } ?? []
      described.append(
        .object([
          "name": .string(workflow.name), "description": .string(workflow.description),
          "agents": Render.list(Set(workflow.agents.keys).union(custom).sorted()),
          "agent": .string(await server.agentChosen(for: workflow)),
        ]))
    }
    return .json(
      .object([
        "repositories": Render.list(repositories), "agents": await agents(workflows),
        "agent": Render.text(chosen),
        "forge": Render.text(server.configuration.repositoriesAddress),
        "workflows": .array(described), "workflow": .string(Submission.Limit.workflowDefault),
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
    let findings = await server.agents.all.values
    return .array(
      profiles.sorted { $0.key < $1.key }.map { name, description in
        let isFound = found.contains(name)
        let reason = findings.lazy.compactMap { all in
          all.first { $0.name == name && $0.state != .ready }
        }.first?.detail
        return .object([
          "name": .string(name), "description": .string(description), "found": .bool(isFound),
          "reason": Render.text(isFound ? nil : reason),
        ])
      })
  }
}
