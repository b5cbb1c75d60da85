import Access
import Domain
import Engine
import EventLog
import Hummingbird
import Projections
import SystemCalls
import Text
import Workflows

/// `POST /api/delegations/{ref}/follow-ups`: a person asks for changes on a pull request. A
/// follow-up delegation answers on the same branch.
struct FollowUpRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.followUp) { request, context in try await ask(request, context) }
  }

  private func ask(_ request: Request, _ context: APIContext) async throws -> Response {
    guard await !server.lifecycle.isDraining else {
      throw Problem.unavailable("The server is stopping and takes no new work.")
    }
    try server.submissionRate.check(context, "submissions")
    let body = try await server.json(JSONValue.self, of: request, context)
    guard case .object(let fields) = body else {
      throw Problem(.badRequest, "Not an object", "The body must be a JSON object.")
    }
    let detail = try await server.delegation(context)
    guard let repository = RepositoryName(detail.row.repository) else {
      throw Problem.notFound("repository \(detail.row.repository)")
    }
    try context.require(.submit, in: repository)
    try await server.requirePush(context, repository)
    let rounds = try await server.rounds(of: detail)
    guard let first = rounds.first else {
      throw Problem(
        .conflict, "No pull request", "The delegation has no pull request yet.",
        hint: "Wait for it: its state is \(detail.row.state.rawValue).")
    }
    guard await server.engine.rounds(digest: first.row.digest)?.on.contains(.ask) == true
    else {
      throw Problem(
        .conflict, "No rounds", "The workflow \(first.row.workflow) takes no requests for changes.",
        hint: "Its rounds.on has no ask.")
    }
    let requester = try context.identified().name
    let submissions = SubmissionRoutes(server: server)
    let key = try submissions.idempotencyKey(request, body, of: requester)
    let id =
      key.map { RoundID.of(key: $0.key, in: first.row.id) }
      ?? DelegationID(UUIDText.fresh(at: .now))
    let (asked, warnings) = try await read(
      fields, id, key, requester: requester, first: first, shown: detail)
    let isAsync = request.headers[.prefer]?.contains("respond-async") ?? false
    let ticket = isAsync ? nil : try server.submissions.take()
    defer { withExtendedLifetime(ticket) {} }
    switch await server.engine.ask(
      asked, on: first.row.id, branch: (repository, first.row.branch))
    {
    case .done:
      return try await submissions.answer(
        id, waited: isAsync ? nil : Milliseconds(1800), warnings)
    case .rejected(let rejection): throw Self.problem(rejection)
    case .failed(let fault): throw Problem(fault)
    }
  }

  private func read(
    _ fields: [String: JSONValue], _ id: DelegationID, _ key: Requested.IdempotencyKey?,
    requester: String, first: DelegationDetail, shown: DelegationDetail
  ) async throws -> (FollowUpRequest, warnings: [String]) {
    var reader = FieldReader(fields)
    let message = reader.text("message")
    let agent = reader.text("agent")
    let mayQueue = reader.flag("queue") ?? false
    let comments = reader.objects("comments") { item in
      AskedChanges.Comment(
        path: item.text("path"), line: item.integer("line"), body: item.text("body"))
    }
    let asked = AskedChanges(message: message, comments: comments ?? [], agent: agent)
    do throws(FieldFaults) {
      var feedback = try asked.validate(
        for: id, on: shown.row.commitSHA.map { ObjectID($0) }, by: requester,
        mistyped: reader.faults)
      try await check(agent, of: first.row)
      if !asked.comments.isEmpty { await addCode(to: &feedback, of: shown) }
      return (
        FollowUpRequest(
          delegation: id, feedback: feedback, requester: requester, agent: agent,
          mayQueue: mayQueue, key: key), reader.warnings
      )
    } catch {
      var problem = Problem(fields: error.faults)
      problem.add(warnings: reader.warnings)
      throw problem
    }
  }

  /// Adds the code around each commented line of the shown change. Without it the agent finds the
  /// line by its number.
  private func addCode(to feedback: inout [Feedback], of shown: DelegationDetail) async {
    guard let made = try? await server.generated(by: shown.row.id),
      let repository = RepositoryName(shown.row.repository),
      case .success(let patch) = await server.engine.patch(
        repository, MirrorChange(from: made.parent, to: made.sha))
    else { return }
    for index in feedback.indices {
      guard let path = feedback[index].text?.path, let line = feedback[index].line else { continue }
      feedback[index].text?.hunk = DiffHunk.around(line, of: path, in: patch)
    }
  }

  /// Refuses an agent that the workflow of the pull request does not have.
  private func check(_ agent: String?, of row: DelegationRow) async throws(FieldFaults) {
    guard let agent, agent != server.engine.overrides.customAgent?.name else { return }
    let known = await server.engine.agents(digest: row.digest)
    guard !known.contains(agent) else { return }
    throw FieldFaults([
      FieldFault(
        field: "agent", message: "agent is not known; \(Spelling.hint(for: agent, in: known))")
    ])
  }

  private static func problem(_ rejection: Rejection) -> Problem {
    switch rejection {
    case .branchInUse(let other):
      var problem = Problem.branchTaken(by: other)
      problem.hint =
        "Wait for it, or have this one wait: \"queue\": true in a request, --queue of aipm ask."
      return problem
    case .keyReused:
      return Problem.field(
        "Idempotency-Key", "was used before for another body: use a new key for a new request")
    case .pullRequestEnded(let state):
      return Problem(
        .conflict, "The pull request is \(state.rawValue)",
        "No follow-up is possible: the pull request is \(state.rawValue).",
        hint: "Reopen it on the forge, or submit a new task.")
    case .notAllowed, .superseded, .pushUnderWay, .cancelled, .tooMuchFeedback:
      return Problem(.conflict, "Not possible now", "\(rejection).")
    }
  }
}

extension ServerContext {
  /// The events of a delegation, without those that this program cannot read.
  func readableEvents(of id: DelegationID) async throws -> [RecordedEvent] {
    try await store.events(of: .delegation(id)).compactMap { try? $0.recorded() }
  }

  /// The last commit that the agents of a delegation made; nil before the first one.
  func generated(by id: DelegationID) async throws -> Generated? {
    try await readableEvents(of: id).reversed().lazy.compactMap { event -> Generated? in
      if case .delegation(.generated(let generated)) = event.event { generated } else { nil }
    }.first
  }

  /// The most delegations of one pull request that are read.
  private static let roundsMax = 200

  /// The delegations of a delegation's pull request, oldest first; empty if it has none.
  func rounds(of detail: DelegationDetail) async throws -> [DelegationDetail] {
    guard let number = detail.row.pr else { return [] }
    return try await rounds(ofPullRequest: number, in: detail.row.repository)
  }

  /// The delegations of a pull request, oldest first.
  /// - Parameter repository: as the delegations name it.
  func rounds(
    ofPullRequest number: Int64, in repository: String
  ) async throws -> [DelegationDetail] {
    let filter = DelegationFilter(repository: repository, pullRequest: number)
    return try await store.delegations(filter, before: nil, limit: Self.roundsMax).reversed()
  }
}
