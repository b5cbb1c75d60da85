import Access
import Cryptography
import Domain
import Engine
import EventLog
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Projections
import SystemCalls
import Text
import Workflows

/// `POST /api/personal-delegate`: turns a body into a durable delegation, and returns the response.
struct SubmissionRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.submit) { request, context in try await submit(request, context) }
  }

  private func submit(_ request: Request, _ context: APIContext) async throws -> Response {
    let began = ContinuousClock.now
    guard await !server.lifecycle.isDraining else {
      throw Problem.unavailable("The server is stopping and takes no new work.")
    }
    try server.submissionRate.check(context, "submissions")
    let body = try await server.json(JSONValue.self, of: request, context)
    guard case .object(let fields) = body else {
      throw Problem(.badRequest, "Not an object", "The body must be a JSON object.")
    }
    let requester = try context.identified().name
    let key = try idempotencyKey(request, body, of: requester)
    let (wanted, warnings) = try await read(fields, key: key, requester: requester)
    try context.require(.submit, in: wanted.repository)
    try await server.requirePush(context, wanted.repository)
    try await checkAgent(of: wanted)
    let isAsync = request.headers[.prefer]?.contains("respond-async") ?? false
    let ticket = isAsync ? nil : try server.submissions.take()
    defer { withExtendedLifetime(ticket) {} }
    switch await server.engine.submit(wanted, id: DelegationID(UUIDText.fresh(at: .now))) {
    case .accepted(let id), .repeated(let id):
      if isAsync { return try await answer(id, waited: nil, warnings) }
      let left = Duration.milliseconds(1800) - (ContinuousClock.now - began)
      let limit = max(Int64(0), left.components.seconds * 1000 + left.milliseconds)
      return try await answer(id, waited: Milliseconds(limit), warnings)
    case .keyReused:
      throw Problem.field(
        "Idempotency-Key", "was used before for another body: use a new key for a new request")
    case .branchTaken(let other): throw Problem.branchTaken(by: other)
    case .failed(let fault): throw Problem(fault)
    }
  }

  /// Refuses an agent that no worker has now, before the delegation's turn. A repeated request with
  /// a known key gets its first response.
  func checkAgent(of wanted: Requested) async throws {
    guard let workers = await server.engine.workersWithout(wanted.agent) else { return }
    if let key = wanted.idempotencyKey, try await server.store.isKnown(key: key.key) { return }
    let reasons = await server.agents.reasons(wanted.agent, of: workers)
    var problem = Problem(
      .unprocessableContent, "No worker has this agent",
      "Nothing was accepted: no worker has the agent \(wanted.agent). \(reasons).",
      hint: "Correct that, and the workers notice within half a minute; or choose another agent: "
        + "GET /api/choices tells which were found.")
    problem.code = FailureCode.agentNotFound.rawValue
    problem.errors = [("agent", "no worker has \(wanted.agent): \(reasons)")]
    throw problem
  }

  // MARK: The request

  private func read(
    _ fields: [String: JSONValue], key: Requested.IdempotencyKey?, requester: String
  ) async throws -> (Requested, warnings: [String]) {
    var reader = FieldReader(fields)
    let submission = Submission(
      owner: reader.text("owner"), repo: reader.text("repo"),
      branchName: reader.text("branchName"), taskTitle: reader.text("taskTitle"),
      objective: reader.text("objective"), prTitle: reader.text("prTitle"),
      constraints: reader.words("constraints"),
      acceptanceCriteria: reader.words("acceptanceCriteria"),
      baseBranch: reader.text("baseBranch"), agent: reader.text("agent"),
      workflow: reader.text("workflow"), priority: reader.integer("priority"),
      draft: reader.flag("draft"))
    let issue = try readIssue(reader.text("issue"), of: submission)
    do throws(FieldFaults) {
      let valid = try submission.validate(
        names: server.configuration.names, mistyped: reader.faults)
      var wanted = try await request(valid, key: key, requester: requester)
      wanted.issue = issue
      return (wanted, reader.warnings)
    } catch {
      var problem = Problem(fields: error.faults)
      problem.add(warnings: reader.warnings)
      throw problem
    }
  }

  /// The issue that a request names. It is not looked up: it is a part of the pull request's text.
  private func readIssue(_ text: String?, of submission: Submission) throws -> IssueName? {
    guard let text else { return nil }
    let own = submission.owner.flatMap { owner in
      submission.repo.map { RepositoryName(owner: owner, name: $0) }
    }
    switch server.issueAddresses.read(text, in: own) {
    case .success(let name): return name
    case .failure(let fault):
      throw Problem(fields: [FieldFault(field: "issue", message: "issue \(fault.message)")])
    }
  }

  private func request(
    _ valid: ValidSubmission, key: Requested.IdempotencyKey?, requester: String
  ) async throws(FieldFaults) -> Requested {
    guard let workflow = server.catalog[valid.workflow] else {
      let hint = server.catalog.hint(for: valid.workflow)
      throw FieldFaults([
        FieldFault(field: "workflow", message: "workflow is not known; \(hint)")
      ])
    }
    let agent = try await agent(valid.agent, workflow)
    return Requested(
      kind: .delegate, stamp: .unassigned, repository: valid.repository, branch: valid.branchName,
      baseBranch: valid.baseBranch ?? workflow.baseBranch, requester: requester,
      priority: valid.priority, agent: agent,
      workflow: .init(name: workflow.name, digest: workflow.digest),
      draft: valid.draft ?? workflow.draft,
      attemptsMax: server.configuration.attempts ?? workflow.attempts, idempotencyKey: key,
      text: valid.text, notices: workflow.notices)
  }

  /// The requested agent, else the server's, else the workflow's first that some worker has.
  private func agent(
    _ wanted: String?, _ workflow: Workflow
  ) async throws(FieldFaults) -> String {
    let custom = server.engine.overrides.customAgent?.name
    if let wanted {
      guard workflow.agents[wanted] != nil || wanted == custom else {
        throw FieldFaults([
          FieldFault(field: "agent", message: unknown(agent: wanted, workflow, custom))
        ])
      }
      return wanted
    }
    return await server.agentChosen(for: workflow)
  }

  /// Names a workflow that has the agent if the chosen one lacks it.
  private func unknown(agent: String, _ workflow: Workflow, _ custom: String?) -> String {
    let others = server.catalog.all.filter { $0.agents[agent] != nil }.map(\.name)
    if let other = others.first {
      return "agent \(agent) is not in the workflow \(workflow.name) but in "
        + "\(others.joined(separator: ", ")): add \"workflow\": \"\(other)\" (--workflow \(other))"
    }
    let names = workflow.agents.keys + [custom].compactMap { $0 }
    return "agent is not known; \(Spelling.hint(for: agent, in: names))"
  }

  func idempotencyKey(
    _ request: Request, _ body: JSONValue, of requester: String
  ) throws -> Requested.IdempotencyKey? {
    guard let name = HTTPField.Name.idempotencyKey else { return nil }
    let keys = request.headers[values: name]
    guard let key = keys.first else { return nil }
    guard keys.count == 1 else { throw Problem.field("Idempotency-Key", "send it once") }
    guard !key.isEmpty, key.count <= 255 else {
      throw Problem.field("Idempotency-Key", "write 1 to 255 characters")
    }
    let named = Array((requester + "\n" + key).utf8)
    return .init(
      key: SHA256.hex(named),
      body: SHA256.hex(try body.sortedBytes))
  }

  // MARK: The response

  /// - Parameters:
  /// - waited: how long to wait for the pull request; nil: no wait.
  /// - warnings: about ignored parts of the request.
  func answer(
    _ id: DelegationID, waited limit: Milliseconds?, _ warnings: [String] = []
  ) async throws -> Response {
    if let limit, let progress = await server.engine.follow(id, limit: limit) {
      return try answer(progress, isWaiting: true, warnings)
    }
    guard let detail = try await server.store.delegation(.id(id)) else {
      throw Problem.unavailable("The delegation cannot be read yet.")
    }
    return try answer(SubmissionProgress(detail), isWaiting: limit != nil, warnings)
  }

  private func answer(
    _ progress: SubmissionProgress, isWaiting: Bool, _ warnings: [String]
  ) throws -> Response {
    let members: [String: JSONValue] = [
      "confirmationCode": .string(progress.stamp.confirmationCode),
      "id": .string(progress.id.rawValue), "state": .string(progress.state.rawValue),
    ]
    if progress.state == .failed, isWaiting {
      let code = progress.failure?.code.rawValue
      var problem = Problem(
        .badGateway, "The delegation failed",
        progress.failure?.message ?? "It failed: \(code ?? "unknown").",
        hint: progress.failure?.hint)
      problem.code = code
      problem.members = members
      problem.add(warnings: warnings)
      throw problem
    }
    var object = members
    object["type"] = .string("pull_request")
    object["branchName"] = .string(progress.branch)
    if !warnings.isEmpty { object["warnings"] = Render.list(warnings) }
    if let (number, url) = progress.pullRequest {
      object["html_url"] = .string(url)
      object["number"] = .integer(Int64(number))
    }
    let isMade = isWaiting && progress.pullRequest != nil
    var response = Response.json(.object(object), status: isMade ? .created : .accepted)
    response.headers[.location] = server.path("/api/delegations/\(progress.id)")
    return response
  }
}

extension SubmissionProgress {
  /// The progress in the view.
  fileprivate init(_ detail: DelegationDetail) {
    let row = detail.row
    self.init(
      id: row.id, stamp: Stamp(milliseconds: row.stamp), branch: row.branch, state: row.state,
      pullRequest: row.pr.flatMap { number in row.prURL.map { (number: Int(number), url: $0) } },
      failure: row.failureCode.map {
        Failed(
          step: row.failureStep ?? .resolveBase, code: $0, retryable: row.failureRetryable ?? false,
          message: detail.failureMessage, hint: detail.failureHint)
      })
  }
}

extension Problem {
  static func branchTaken(by other: DelegationID) -> Problem {
    var problem = Problem(
      .conflict, "The branch is taken", "Another delegation is at work on this branch: \(other).",
      hint: "Wait for it, or cancel it: aipm cancel \(other)")
    problem.members = ["id": .string(other.rawValue)]
    return problem
  }

  init(fields: [FieldFault]) {
    let names = fields.map(\.field).joined(separator: ", ")
    self.init(
      .unprocessableContent, fields.count == 1 ? "A field is wrong" : "Fields are wrong",
      "Nothing was accepted. Correct \(names).")
    errors = fields.map { ($0.field, $0.message) }
  }

  /// Adds warnings about ignored parts of the request.
  mutating func add(warnings: [String]) {
    if !warnings.isEmpty { members["warnings"] = Render.list(warnings) }
  }
}

extension Duration {
  /// The fraction of the second, in milliseconds.
  fileprivate var milliseconds: Int64 { components.attoseconds / 1_000_000_000_000_000 }
}
