import Access
import Domain
import Engine
import EventLog
import HTTPTypes
import Hummingbird
import Projections
import SystemCalls
import Text

/// Tasks: a delegation with its follow-ups as one thing.
struct TaskRoutes {
  /// The bounds of a list.
  static let timeSchema = JSONSchema.text("^(\(AuditRoutes.timePattern))$")

  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.listTasks) { request, context in try await list(request, context) }
    router.on(.listTasksByNeed) { request, context in try await byNeed(request, context) }
    router.on(.getTask) { _, context in try await one(context) }
  }

  private func list(_ request: Request, _ context: APIContext) async throws -> Response {
    let filter = try filter(request, context)
    let position = try await server.store.head().position
    var object = try await page(
      filter, before: request.integer("cursor").map { Stamp(milliseconds: $0) },
      limit: Int(request.integer("limit") ?? 50))
    object["position"] = .integer(position)
    return .json(.object(object))
  }

  /// The first page of each need, and the number of its tasks unless texts are searched.
  private func byNeed(_ request: Request, _ context: APIContext) async throws -> Response {
    let all = try filter(request, context)
    let limit = Int(request.integer("limit") ?? 20)
    let position = try await server.store.head().position
    let counts = all.terms.isEmpty ? try await server.store.taskCounts(all) : nil
    var needs: [String: JSONValue] = [:]
    for need in TaskNeed.allCases {
      var filter = all
      filter.phases = need.phases
      if let counts {
        let count = need.phases.reduce(0) { $0 + (counts[$1] ?? 0) }
        var object = count == 0 ? Self.noPage : try await page(filter, before: nil, limit: limit)
        object["count"] = .integer(Int64(count))
        needs[need.rawValue] = .object(object)
      } else {
        needs[need.rawValue] = .object(try await page(filter, before: nil, limit: limit))
      }
    }
    return .json(.object(["needs": .object(needs), "position": .integer(position)]))
  }

  private static let noPage: [String: JSONValue] = ["items": .array([]), "next": .null]

  private func one(_ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    guard let task = try await server.store.task(of: detail.row.id) else {
      throw Problem.notFound("task of this delegation")
    }
    let queue = try await server.queue.byDelegation()
    return .json(Render.task(task, queue[task.row.newest]))
  }

  private func page(
    _ filter: TaskFilter, before: Stamp?, limit: Int
  ) async throws -> [String: JSONValue] {
    let found = try await server.store.tasks(filter, before: before, limit: limit + 1)
    let page = found.prefix(limit)
    let queue =
      page.contains { $0.row.phase == .queued } ? try await server.queue.byDelegation() : [:]
    let next = found.count > limit ? page.last.map { String($0.row.newestStamp) } : nil
    return [
      "items": .array(page.map { Render.task($0, queue[$0.row.newest]) }),
      "next": Render.text(next),
    ]
  }

  private func filter(_ request: Request, _ context: APIContext) throws -> TaskFilter {
    var filter = TaskFilter()
    let text = request.text("q") ?? ""
    try DelegationRoutes.checkSearch(text)
    filter.text = text
    filter.repository = request.text("repo")
    filter.requester = request.text("requester")
    filter.agent = request.text("agent")
    filter.since = try time("since", request)
    filter.until = try time("until", request)
    filter.repositories = try context.identified().repositories
    func words(_ name: String) -> Set<String> {
      Set(request.texts(name).flatMap { $0.split(separator: ",") }.map { $0.lowercased() })
    }
    let phases = Set(TaskPhase.allCases.filter { words("phase").contains($0.rawValue) })
    if !phases.isEmpty { filter.phases = phases }
    let needs = TaskNeed.allCases.filter { words("need").contains($0.rawValue) }
    if !needs.isEmpty {
      let needed = needs.reduce(into: Set<TaskPhase>()) { $0.formUnion($1.phases) }
      filter.phases = filter.phases?.intersection(needed) ?? needed
    }
    return filter
  }

  /// The time of a query parameter, or the start of its day; nil if it is absent.
  private func time(_ name: String, _ request: Request) throws -> Timestamp? {
    guard let text = request.text(name) else { return nil }
    guard let time = Timestamp(iso8601: text) else {
      throw Problem.field(
        name, "write a time such as 2026-11-23T12:00:00Z, or a day such as 2026-11-23")
    }
    return time
  }
}

extension Render {
  /// The newest delegation of a task, with what the task adds.
  static func task(_ task: TaskDetail, _ queue: QueuedPlace?) -> JSONValue {
    let row = task.row
    return .object([
      "first": .string(row.first.rawValue), "title": text(task.title),
      "phase": .string(row.phase.rawValue), "pullRequestState": text(row.prState?.rawValue),
      "rounds": .integer(row.rounds), "attempts": .integer(row.attempts),
      "linesAdded": .integer(row.linesAdded), "linesRemoved": .integer(row.linesRemoved),
      "costMicrodollars": row.costMicrodollars.map { .integer($0) } ?? .null,
      "attemptsWithoutCost": .integer(row.attemptsWithoutCost),
      "workedMs": .integer(row.workedMs),
      "workingSince": row.workingSince.map { time($0) } ?? .null,
      "requester": .string(row.requester),
      "delegation": delegation(task.newest, underWaySince: nil, queue: queue),
    ])
  }
}
