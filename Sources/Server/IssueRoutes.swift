import Access
import Domain
import Engine
import ForgePort
import Hummingbird
import Text

/// `GET /api/issues`: an issue of the forge, from which a form is filled.
struct IssueRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.issue) { request, context in try await one(request, context) }
  }

  private func one(_ request: Request, _ context: APIContext) async throws -> Response {
    try server.issueRate.check(context, "questions for issues")
    let name: IssueName
    switch server.issueAddresses.read(request.text("address") ?? "") {
    case .success(let found): name = found
    case .failure(let fault): throw Problem.field("address", fault.message)
    }
    try context.require(.submit, in: name.repository)
    try await server.requirePush(context, name.repository)
    switch await server.engine.forge.perform(.issue(name)) {
    case .success(.issue(let issue)) where !issue.isPullRequest:
      return .json(shown(issue, name.repository))
    case .success:
      throw Problem.field(
        "address", "\(name) is a pull request; write the address of an issue")
    case .failure(let fault): throw Self.problem(fault, name)
    }
  }

  private func shown(_ issue: ForgeIssue, _ repository: RepositoryName) -> JSONValue {
    .object([
      "repository": .string(repository.description), "number": .integer(Int64(issue.number)),
      "html_url": .string(issue.url),
      "title": .string(PastedText.plainLine(issue.title)),
      "objective": .string(Self.objective(of: issue)), "open": .bool(issue.isOpen),
    ])
  }

  /// The title and the words, cut to what a request may contain.
  static func objective(of issue: ForgeIssue) -> String {
    let parts = [issue.title, issue.body].map(PastedText.plain).filter {
      !$0.allSatisfy(\.isWhitespace)
    }
    return ForgeText.beginning(
      of: parts.joined(separator: "\n\n"), limit: Submission.Limit.objective)
  }

  private static func problem(_ fault: ForgeFault, _ name: IssueName) -> Problem {
    var problem: Problem
    switch fault.kind {
    case .notFound:
      problem = Problem(
        .notFound, "Not found", "The forge shows AIPM no issue \(name).",
        hint: "Check the address. The credential needs the right to read issues.")
    case .forbidden, .unauthorized, .refused, .conflict, .exists, .possibleNameClash,
      .notYetVisible, .empty, .draftsUnsupported:
      problem = Problem(.badGateway, "The forge refused", fault.message, hint: fault.hint)
    case .unreachable, .noAnswer, .unavailable, .limited, .down:
      problem = .unavailable("The issue could not be read: \(fault.message)")
      problem.hint = "Try again, or describe the task in your own words."
    }
    problem.errors = [("address", problem.detail)]
    return problem
  }
}

/// Reads how people name an issue of the forge.
struct IssueAddresses: Sendable {
  /// The address under which people find `OWNER/REPO`; nil if it is not known.
  let forge: String?
  let names: any RepositoryRules

  struct Fault: Error { var message: String }

  /// - Parameters:
  ///   - text: an address, `OWNER/REPO#12`, or `#12` and `12` if there is a repository.
  ///   - repository: that of the request.
  func read(
    _ text: String, in repository: RepositoryName? = nil
  ) -> Result<IssueName, Fault> {
    let form = "write the address of an issue, or OWNER/REPO#12"
    let isAddress = ["http://", "https://"].contains { text.lowercased().hasPrefix($0) }
    let digits = text.hasPrefix("#") ? text.dropFirst() : text[...]
    if let repository, let number = IssueName.number(digits) {
      return .success(IssueName(repository: repository, number: number))
    }
    let found = isAddress ? path(text).flatMap(Self.name) : IssueName(text)
    guard let found else {
      if isAddress, path(text) == nil, let forge {
        return .failure(Fault(message: "is not on this server's forge; write one below \(forge)/"))
      }
      return .failure(Fault(message: "is no issue; \(form)"))
    }
    guard names.faults(in: found.repository).isEmpty else {
      return .failure(Fault(message: "names no repository; \(form)"))
    }
    return .success(found)
  }

  /// What follows the forge's address; nil if it is another one's.
  private func path(_ text: String) -> Substring? {
    guard let forge, text.utf8.count > forge.utf8.count + 1 else { return nil }
    let start = text.utf8.index(text.utf8.startIndex, offsetBy: forge.utf8.count)
    guard let root = String(text.utf8[..<start]), root.lowercased() == forge.lowercased(),
      text.utf8[start] == UInt8(ascii: "/")
    else { return nil }
    return Substring(text.utf8[text.utf8.index(after: start)...])
  }

  /// `OWNER/REPO/issues/12`, perhaps with a query or a fragment. Forges with groups write `/-/`
  /// before `issues`.
  private static func name(_ path: Substring) -> IssueName? {
    var parts = path.prefix { $0 != "?" && $0 != "#" }.split(
      separator: "/", omittingEmptySubsequences: false)
    if parts.last == "" { parts.removeLast() }
    guard parts.count >= 4, let number = IssueName.number(parts[parts.count - 1]),
      parts[parts.count - 2] == "issues"
    else { return nil }
    parts.removeLast(2)
    if parts.last == "-" { parts.removeLast() }
    return RepositoryName(parts.joined(separator: "/")).map {
      IssueName(repository: $0, number: number)
    }
  }
}
