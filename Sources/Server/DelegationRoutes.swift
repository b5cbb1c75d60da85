import Access
import Domain
import Engine
import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Projections
import Text

/// Delegations: the list, one delegation and its events; cancel and retry.
struct DelegationRoutes {
  private static let wordsMax = 32
  /// In characters: percent-encoded, they fit into the head of a request.
  private static let textMax = 1000

  /// The search words of `q`.
  static let textSchema = JSONSchema.text(
    "^\\s*(\\S+\\s+){0,\(wordsMax - 1)}\\S*\\s*$", max: textMax)

  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.listDelegations) { request, context in try await list(request, context) }
    router.on(.getDelegation) { _, context in try await one(context) }
    router.on(.listDelegationEvents) { _, context in try await events(context) }
    router.on(.cancel) { request, context in
      try await ask(.cancel, request, context)
    }
    router.on(.retry) { request, context in
      try await ask(.retry, request, context)
    }
  }

  /// A page of rows, and a log position. The rows are at least as new as the position, so a reader
  /// that follows the log from there misses nothing.
  private func list(_ request: Request, _ context: APIContext) async throws -> Response {
    let limit = Int(request.integer("limit") ?? 50)
    let before = request.integer("cursor").map { Stamp(milliseconds: $0) }
    let text = request.text("q")
    try Self.checkSearch(text ?? "")
    let filter = DelegationFilter(
      states: Self.states(request), repository: request.text("repo"),
      requester: request.text("requester"),
      worker: request.text("worker"), text: text,
      repositories: try context.identified().repositories)
    let position = try await server.store.head().position
    let found = try await server.store.delegations(filter, before: before, limit: limit + 1)
    let page = found.prefix(limit)
    let underWay = await server.engine.underWaySince(page.map(\.row.id))
    let queue =
      page.contains { $0.row.phase == .queued } ? try await server.queue.byDelegation() : [:]
    let next = found.count > limit ? page.last.map { String($0.row.stamp) } : nil
    return .json(
      .object([
        "items": .array(
          page.map {
            Render.delegation($0, underWaySince: underWay[$0.row.id], queue: queue[$0.row.id])
          }),
        "next": Render.text(next),
        "position": .integer(position),
      ]))
  }

  /// Each word of a search is looked for in every delegation.
  static func checkSearch(_ text: String) throws {
    let words = text.split(whereSeparator: \.isWhitespace).count
    guard words <= wordsMax, text.unicodeScalars.count <= textMax else {
      throw Problem.field("q", "write at most \(wordsMax) words and \(textMax) characters")
    }
  }

  /// The states that a request names, in any case: separated by commas or in several parameters.
  private static func states(_ request: Request) -> Set<DelegationStateName> {
    let words = request.texts("state").flatMap { $0.split(separator: ",") }.map { $0.lowercased() }
    return Set(DelegationStateName.allCases.filter { words.contains($0.rawValue.lowercased()) })
  }

  private func one(_ context: APIContext) async throws -> Response {
    var detail = try await server.delegation(context)
    let id = detail.row.id
    let quarantine = await server.engine.quarantined()[.delegation(id)]
    if detail.row.quarantine == nil { detail.row.quarantine = quarantine }
    let events = try await server.readableEvents(of: id)
    var endsBy: Int64?
    if detail.row.state == .generating,
      let limit = await server.engine.generationLimit(digest: detail.row.digest)
    {
      endsBy = detail.row.stateSince + limit.count
    }
    let queue = detail.row.phase == .queued ? try await server.queue.byDelegation()[id] : nil
    return .json(
      Render.delegation(
        detail, underWaySince: await server.engine.underWaySince(detail.row.id),
        attempts: Render.attempts(events, withPatch: try await server.output.patches(of: id)),
        endsBy: endsBy, queue: queue, issue: issue(of: events)))
  }

  /// The issue that the request names, with its address; nil if it names none.
  private func issue(of events: [RecordedEvent]) -> JSONValue? {
    guard case .delegation(.requested(let request))? = events.first?.event,
      let issue = request.issue
    else { return nil }
    let forge = server.configuration.repositoriesAddress ?? ""
    return .object([
      "name": .string(issue.reference(in: request.repository)),
      "html_url": .string("\(forge)/\(issue.repository)/issues/\(issue.number)"),
    ])
  }

  private func events(_ context: APIContext) async throws -> Response {
    let position = try await server.store.head().position
    let detail = try await server.delegation(context)
    let events = try await server.store.events(of: .delegation(detail.row.id))
    return .json(
      .object(["items": .array(events.map(\.json)), "position": .integer(position)]))
  }

  /// The attempt that a request names; by default the last one.
  /// - Throws: `Problem` 404 if the attempt does not exist.
  static func attempt(of detail: DelegationDetail, asked request: Request) throws -> Int {
    let last = max(detail.row.attempt, 1)
    guard let wanted = request.integer("attempt") else { return Int(last) }
    guard wanted <= last else {
      let hint =
        switch detail.row.attempt {
        case ..<1: "None has begun yet."
        case 1: "There was one: attempt 1."
        case let n: "There were \(n)."
        }
      throw Problem.notFound("attempt \(wanted) of this delegation", hint: hint)
    }
    return Int(wanted)
  }

  private func ask(
    _ command: DelegationCommand, _ request: Request, _ context: APIContext
  ) async throws -> Response {
    let detail = try await server.delegation(context)
    let principal = try context.identified()
    guard let repository = RepositoryName(detail.row.repository) else {
      throw Problem.notFound("repository \(detail.row.repository)")
    }
    if let refusal = principal.refusalOfChange(to: detail.row.requester, in: repository) {
      throw Problem(refusal)
    }
    // A retry pushes, like a submission.
    if case .retry = command { try await server.requirePush(context, repository) }
    let actor = Actor(kind: .user, name: principal.name)
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
    case .branchInUse: "Wait for it, or cancel it."
    case .notAllowed, .superseded, .cancelled, .pullRequestEnded, .tooMuchFeedback, .keyReused: nil
    }
  }
}
