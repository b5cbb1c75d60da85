import Domain
import ForgePort
import FoundationEssentials
import HTTPClient
import Text

/// One request of the REST API.
struct RESTRequest: CustomStringConvertible {
  static let pagesMax = 10
  static let perPage = 100
  static let json = "application/vnd.github+json"
  /// Answers with the SHA of a commit, without its diff.
  private static let shaOnly = "application/vnd.github.sha"

  /// nil if the request is not about one repository.
  let repository: RepositoryName?
  let method: String
  /// The path after that of the repository, percent-encoded, with the query.
  let target: String
  let accept: String
  let body: [UInt8]?
  /// The method and the template of the path, as in GitHub's documentation.
  let route: String
  private(set) var made = Made.other
  /// An entity tag that GitHub gave with an earlier answer. If it still fits, the answer is 304,
  /// which costs nothing of the rate limit.
  private(set) var tag: String?
  /// Whether a redirect of status 302 is the answer: it names what another host holds.
  private(set) var isAnsweredElsewhere = false

  /// The object that the request creates, if the meaning of its faults depends on it.
  enum Made { case branch, draft, other }

  /// Whether an answer of this status is what was asked for.
  func isAnswered(by response: HTTPResponse) -> Bool {
    switch response.status {
    case 200..<300: true
    case 302: isAnsweredElsewhere
    case 304: tag != nil
    case _: false
    }
  }

  /// The repository's path; empty without one.
  var root: String {
    guard let repository else { return "" }
    return "/repos/\(Percent.encode(repository.owner))/\(Percent.encode(repository.name))"
  }

  /// What the request is about, for hints.
  var subject: String { repository?.description ?? "the account's repositories" }

  /// For messages.
  var description: String {
    "\(method) \(repository.map { "/repos/\($0)" } ?? "")\(target)"
  }

  /// - Parameters:
  ///   - template: the path after the repository, with `{name}` for each parameter.
  ///   - parameters: the values, in the order of the template.
  private init(
    _ repository: RepositoryName?, _ method: String, _ template: String,
    _ parameters: [String] = [], query: [(String, String)] = [], accept: String = json,
    body: JSONValue? = nil
  ) {
    self.repository = repository
    self.method = method
    route = "\(method) \(repository == nil ? "" : "/repos/{owner}/{repo}")\(template)"
    let path = Self.path(template, parameters)
    self.accept = accept
    self.body = body?.canonical
    let words = query.map { "\($0.0)=\(Percent.encode($0.1))" }
    target = Percent.encode(path: path) + (words.isEmpty ? "" : "?" + words.joined(separator: "&"))
  }

  /// The template with its parameters replaced.
  private static func path(_ template: String, _ parameters: [String]) -> String {
    var rest = parameters[...]
    return template.split(separator: "{", omittingEmptySubsequences: false).enumerated()
      .map { index, part in
        guard index > 0, let end = part.firstIndex(of: "}") else { return String(part) }
        return (rest.popFirst() ?? "") + part[part.index(after: end)...]
      }.joined()
  }

  init(_ call: ForgeCall, author: CommitIdentity) {
    switch call {
    case .repository(let repository): self.init(repository, "GET", "")
    case .branchHead(let repository, branch: nil):
      self.init(repository, "GET", "/commits/{ref}", ["HEAD"], accept: Self.shaOnly)
    case .branchHead(let repository, .some(let branch)), .branch(let repository, let branch):
      self.init(repository, "GET", "/git/ref/{ref}", ["heads/\(branch)"])
    case .fileBlob(let repository, let path, let ref):
      self.init(
        repository, "GET", "/contents/{path}", [path], query: ref.map { [("ref", $0)] } ?? [])
    case .tree(let repository, let sha):
      self.init(repository, "GET", "/git/trees/{tree_sha}", ["\(sha)"])
    case .createBranch(let repository, let branch, let sha):
      let body: JSONValue = ["ref": "refs/heads/\(branch)", "sha": .string(sha.rawValue)]
      self.init(repository, "POST", "/git/refs", body: body)
      made = .branch
    case .putFile(let repository, let commit):
      let body = Self.content(of: commit, author: author)
      self.init(repository, "PUT", "/contents/{path}", [commit.path], body: body)
    case .compare(let repository, let base, let head):
      self = Self.comparison(repository, base: base, head: head, page: 1)
    case .openPullRequest(let repository, let new):
      self.init(repository, "POST", "/pulls", body: Self.pullRequest(new))
      if new.draft { made = .draft }
    case .pullRequests(let repository, let branch):
      self = Self.pullRequests(repository, owner: repository.owner, branch: branch)
    case .pullRequest(let repository, let number):
      self.init(repository, "GET", "/pulls/{pull_number}", ["\(number)"])
    case .comments(let repository, let number):
      self = Self.comments(repository, number: number, page: 1)
    case .comment(let repository, let number, let body):
      self.init(
        repository, "POST", "/issues/{issue_number}/comments", ["\(number)"],
        body: ["body": .string(body)])
    case .deleteComment(let repository, let id):
      let isOnChange = id.rawValue.hasPrefix(FeedbackID(.reviewComment, "").rawValue)
      self.init(
        repository, "DELETE", "/\(isOnChange ? "pulls" : "issues")/comments/{comment_id}",
        [id.rawValue.split(separator: "/").last.map(String.init) ?? ""])
    case .account: self.init(nil, "GET", "/user")
    case .mayPush(let repository, let user):
      self.init(repository, "GET", "/collaborators/{username}/permission", [user])
    case .addLabels(let repository, let number, let labels):
      self.init(
        repository, "POST", "/issues/{issue_number}/labels", ["\(number)"],
        body: ["labels": .array(labels.map { .string($0) })])
    case .requestReviewers(let repository, let number, let users, let teams):
      self.init(
        repository, "POST", "/pulls/{pull_number}/requested_reviewers", ["\(number)"],
        body: [
          "reviewers": .array(users.map { .string($0) }),
          "team_reviewers": .array(teams.map { .string($0) }),
        ])
    case .feedback(let repository, let number), .reviewComments(let repository, let number):
      self = Self.reviewComments(repository, number: number, page: 1)
    case .reply(let repository, let number, let thread, let body):
      self.init(
        repository, "POST", "/pulls/{pull_number}/comments/{comment_id}/replies",
        ["\(number)", "\(thread)"], body: ["body": .string(body)])
    case .openPullRequests(let repository, _): self = Self.openPullRequests(repository, page: 1)
    case .checks(let repository, let commit, _):
      self = Self.checkRuns(repository, commit: commit, page: 1)
    case .checkReport(let repository, let check):
      self = Self.jobLog(repository, job: check.job ?? 0)
    case .changedHead(let repository, let branch, let since):
      self.init(repository, "GET", "/git/ref/{ref}", ["heads/\(branch)"])
      tag = since?.rawValue
    case .changedPullRequest(let repository, let number, let since):
      self.init(repository, "GET", "/pulls/{pull_number}", ["\(number)"])
      tag = since?.rawValue
    case .issue(let issue):
      self.init(issue.repository, "GET", "/issues/{issue_number}", ["\(issue.number)"])
    case .repositories: self = Self.repositories(ofApp: false, page: 1)
    }
  }

  /// A page of a list, counted from 1.
  private static func page(
    _ page: Int, of template: String, _ parameters: [String], _ repository: RepositoryName?,
    query: [(String, String)] = [], tag: String? = nil
  ) -> RESTRequest {
    var request = RESTRequest(
      repository, "GET", template, parameters,
      query: query + [("per_page", "\(perPage)"), ("page", "\(page)")])
    request.tag = tag
    return request
  }

  /// The repositories that the credential reaches, the last pushed first.
  static func repositories(ofApp: Bool, page: Int) -> RESTRequest {
    if ofApp { return Self.page(page, of: "/installation/repositories", [], nil) }
    return Self.page(page, of: "/user/repos", [], nil, query: [("sort", "pushed")])
  }

  static func comments(_ repository: RepositoryName, number: Int, page: Int) -> RESTRequest {
    Self.page(page, of: "/issues/{issue_number}/comments", ["\(number)"], repository)
  }

  static func reviewComments(_ repository: RepositoryName, number: Int, page: Int) -> RESTRequest {
    Self.page(page, of: "/pulls/{pull_number}/comments", ["\(number)"], repository)
  }

  static func reviews(_ repository: RepositoryName, number: Int, page: Int) -> RESTRequest {
    Self.page(page, of: "/pulls/{pull_number}/reviews", ["\(number)"], repository)
  }

  static func openPullRequests(
    _ repository: RepositoryName, page: Int, tag: String? = nil
  ) -> RESTRequest {
    Self.page(
      page, of: "/pulls", [], repository,
      query: [("state", "open"), ("sort", "updated"), ("direction", "desc")], tag: tag)
  }

  static func checkRuns(
    _ repository: RepositoryName, commit: ObjectID, page: Int, tag: String? = nil
  ) -> RESTRequest {
    Self.page(
      page, of: "/commits/{ref}/check-runs", ["\(commit)"], repository,
      query: [("filter", "latest")], tag: tag)
  }

  static func statuses(
    _ repository: RepositoryName, commit: ObjectID, page: Int, tag: String? = nil
  ) -> RESTRequest {
    Self.page(page, of: "/commits/{ref}/statuses", ["\(commit)"], repository, tag: tag)
  }

  static func annotations(_ repository: RepositoryName, checkRun: Int64) -> RESTRequest {
    Self.page(1, of: "/check-runs/{check_run_id}/annotations", ["\(checkRun)"], repository)
  }

  static func jobLog(_ repository: RepositoryName, job: Int64) -> RESTRequest {
    var request = RESTRequest(repository, "GET", "/actions/jobs/{job_id}/logs", ["\(job)"])
    request.isAnsweredElsewhere = true
    return request
  }

  static func comparison(
    _ repository: RepositoryName, base: ObjectID, head: String, page: Int
  ) -> RESTRequest {
    Self.page(page, of: "/compare/{basehead}", ["\(base)...\(head)"], repository)
  }

  /// - Parameter owner: the branch's owner, who differs from the request's if the repository was
  ///   transferred.
  static func pullRequests(
    _ repository: RepositoryName, owner: String, branch: String
  ) -> RESTRequest {
    RESTRequest(
      repository, "GET", "/pulls",
      query: [("head", "\(owner):\(branch)"), ("state", "all"), ("per_page", "100")])
  }

  private static func content(of commit: FileCommit, author: CommitIdentity) -> JSONValue {
    let signature: JSONValue = [
      "name": .string(author.name), "email": .string(author.email),
      "date": .string(ISO8601.text(seconds: commit.date.milliseconds / 1000)),
    ]
    let body: JSONValue = [
      "message": .string(commit.message), "branch": .string(commit.branch),
      "content": .string(Data(commit.content.utf8).base64EncodedString()),
      "author": signature, "committer": signature,
    ]
    return commit.replaces.map { body.with(["sha": .string($0.rawValue)]) } ?? body
  }

  private static func pullRequest(_ new: NewPullRequest) -> JSONValue {
    [
      "title": .string(new.title), "head": .string(new.head), "base": .string(new.base),
      "body": .string(new.body), "draft": .bool(new.draft),
    ]
  }
}
