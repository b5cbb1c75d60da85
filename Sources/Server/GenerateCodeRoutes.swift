import Access
import Domain
import Engine
import EventLog
import Hummingbird
import SystemCalls
import Text
import Workflows

/// `POST /generate-code`: the request that the previous backend sent to its workers. Code is
/// generated on an existing branch and pull request. Neither TASK.md nor a pull request is made.
struct GenerateCodeRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.generateCode) { request, context in try await generate(request, context) }
  }

  private func generate(_ request: Request, _ context: APIContext) async throws -> Response {
    guard await !server.lifecycle.isDraining else {
      throw Problem.unavailable("The server is stopping and takes no new work.")
    }
    try server.submissionRate.check(context, "submissions")
    let body = try await server.json(JSONValue.self, of: request, context)
    guard case .object(let fields) = body else {
      throw Problem(.badRequest, "Not an object", "The body must be a JSON object.")
    }
    let submissions = SubmissionRoutes(server: server)
    let requester = try context.identified().name
    var (wanted, warnings) = try await read(fields, requester: requester)
    try context.require(.submit, in: wanted.repository)
    try await server.requirePush(context, wanted.repository)
    wanted.idempotencyKey = try submissions.idempotencyKey(request, body, of: requester)
    try await submissions.checkAgent(of: wanted)
    switch await server.engine.submit(wanted, id: DelegationID(UUIDText.fresh(at: .now))) {
    case .accepted(let id), .repeated(let id):
      return try await submissions.answer(id, waited: nil, warnings)
    case .keyReused:
      throw Problem.field(
        "Idempotency-Key", "was used before for another body: use a new key for a new request")
    case .branchTaken(let other): throw Problem.branchTaken(by: other)
    case .failed(let fault): throw Problem(fault)
    }
  }

  private func read(
    _ fields: [String: JSONValue], requester: String
  ) async throws -> (Requested, warnings: [String]) {
    var reader = FieldReader(fields)
    let (branch, description) = (reader.text("branch"), reader.text("taskDescription"))
    let number = reader.integer("prNumber")
    let (owner, repo) = (reader.text("owner"), reader.text("repo"))
    var faults = reader.faults
    func note(_ field: String, _ message: String) {
      guard !faults.contains(where: { $0.field == field }) else { return }
      faults.append(FieldFault(field: field, message: "\(field) \(message)"))
    }
    if let fault = BranchName.fault(branch ?? "", isStamped: false) {
      note("branch", "\(fault.message); \(fault.instead)")
    }
    let words = PastedText.plain(description ?? "")
    if words.allSatisfy(\.isWhitespace) {
      note("taskDescription", "is required; write what the agent is to achieve")
    } else if words.unicodeScalars.count > Submission.Limit.objective {
      note("taskDescription", "is too long; write at most \(Submission.Limit.objective)")
    }
    if words.unicodeScalars.contains(where: {
      $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t"
    }) {
      note("taskDescription", "holds a control character; leave it out")
    }
    if number ?? 0 < 1 {
      note("prNumber", "is required; write the number of the pull request")
    }
    let name = owner.flatMap { owner in repo.map { "\(owner)/\($0)" } }
    let repository = (name ?? server.configuration.defaultRepository).flatMap {
      RepositoryName($0)
    }
    let names = server.configuration.names
    if let repository {
      for fault in names.faults(inOwner: repository.owner) {
        note("owner", "\(fault.message); \(fault.instead)")
      }
      for fault in names.faults(inRepository: repository.name) {
        note("repo", "\(fault.message); \(fault.instead)")
      }
    } else {
      note(
        "repo", "is required; write owner and repo, or start the server with AIPM_DEFAULT_REPO")
    }
    guard let workflow = server.catalog[Submission.Limit.workflowDefault] else {
      throw Problem.unavailable("The workflow \(Submission.Limit.workflowDefault) is missing.")
    }
    guard faults.isEmpty, let repository, let branch, let number else {
      throw Problem(fields: faults)
    }
    let wanted = await request(
      repository, branch, number, words, requester: requester, workflow)
    return (wanted, reader.warnings)
  }

  private func request(
    _ repository: RepositoryName, _ branch: String, _ number: Int, _ words: String,
    requester: String, _ workflow: Workflow
  ) async -> Requested {
    let first = words.split(whereSeparator: \.isNewline).first { !$0.allSatisfy(\.isWhitespace) }
    let title = String((first ?? "Generated code").prefix(72))
    return Requested(
      kind: .adopt(pullRequest: number), stamp: .unassigned, repository: repository, branch: branch,
      baseBranch: nil, requester: requester, priority: Submission.Limit.priorityDefault,
      agent: await server.agentChosen(for: workflow),
      workflow: .init(name: workflow.name, digest: workflow.digest), draft: false,
      attemptsMax: server.configuration.attempts ?? workflow.attempts, idempotencyKey: nil,
      text: TaskText(
        title: title, objective: words, pullRequestTitle: title, constraints: .text(""),
        acceptanceCriteria: []),
      // The pull request belongs to the caller, who chooses its reviewers and labels.
      notices: workflow.notices.subtracting([.opened]))
  }
}
