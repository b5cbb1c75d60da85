import Domain
import ForgePort
import HTTPClient
import RawSockets
import Synchronization
import Testing

@testable import ForgeGitHub

/// The routes of requests: few and without names, whatever the names are.
struct RouteTests {
  private static let repository = RepositoryName(owner: "ac{me}", name: "to}ols")
  private static let sha = ObjectID(String(repeating: "a", count: 40))
  private static let branch = "feature/{path}"

  private static let calls: [(call: ForgeCall, route: String, target: String)] = [
    (.repository(repository), "GET /repos/{owner}/{repo}", ""),
    (
      .branchHead(repository, branch: nil), "GET /repos/{owner}/{repo}/commits/{ref}",
      "/commits/HEAD"
    ),
    (
      .branchHead(repository, branch: branch), "GET /repos/{owner}/{repo}/git/ref/{ref}",
      "/git/ref/heads/feature/%7Bpath%7D"
    ),
    (
      .branch(repository, branch: "main"), "GET /repos/{owner}/{repo}/git/ref/{ref}",
      "/git/ref/heads/main"
    ),
    (
      .fileBlob(repository, path: "a/{b}.md", ref: "main"),
      "GET /repos/{owner}/{repo}/contents/{path}", "/contents/a/%7Bb%7D.md?ref=main"
    ),
    (
      .tree(repository, sha), "GET /repos/{owner}/{repo}/git/trees/{tree_sha}", "/git/trees/\(sha)"
    ),
    (
      .createBranch(repository, branch: branch, sha: sha), "POST /repos/{owner}/{repo}/git/refs",
      "/git/refs"
    ),
    (
      .putFile(
        repository,
        FileCommit(
          path: "TASK.md", branch: branch, content: "", message: "", replaces: nil,
          date: Timestamp(milliseconds: 0))), "PUT /repos/{owner}/{repo}/contents/{path}",
      "/contents/TASK.md"
    ),
    (
      .compare(repository, base: sha, head: branch),
      "GET /repos/{owner}/{repo}/compare/{basehead}",
      "/compare/\(sha)...feature/%7Bpath%7D?per_page=100&page=1"
    ),
    (
      .openPullRequest(
        repository,
        NewPullRequest(title: "", head: branch, base: "main", body: "", draft: false)),
      "POST /repos/{owner}/{repo}/pulls", "/pulls"
    ),
    (
      .pullRequests(repository, headBranch: "x"), "GET /repos/{owner}/{repo}/pulls",
      "/pulls?head=ac%7Bme%7D%3Ax&state=all&per_page=100"
    ),
    (
      .pullRequest(repository, number: 7), "GET /repos/{owner}/{repo}/pulls/{pull_number}",
      "/pulls/7"
    ),
    (
      .comments(repository, number: 7),
      "GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
      "/issues/7/comments?per_page=100&page=1"
    ),
    (
      .comment(repository, number: 7, body: "x"),
      "POST /repos/{owner}/{repo}/issues/{issue_number}/comments", "/issues/7/comments"
    ),
    (
      .deleteComment(repository, id: FeedbackID(.comment, 71)),
      "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}", "/issues/comments/71"
    ),
    (
      .addLabels(repository, number: 7, labels: ["x"]),
      "POST /repos/{owner}/{repo}/issues/{issue_number}/labels", "/issues/7/labels"
    ),
    (
      .requestReviewers(repository, number: 7, users: [], teams: []),
      "POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",
      "/pulls/7/requested_reviewers"
    ),
  ]

  private static let validator = ForgeValidator("a\n\nb")

  private static let conversations: [(call: ForgeCall, route: String, target: String)] = [
    (
      .feedback(repository, number: 7), "GET /repos/{owner}/{repo}/pulls/{pull_number}/comments",
      "/pulls/7/comments?per_page=100&page=1"
    ),
    (
      .reviewComments(repository, number: 7),
      "GET /repos/{owner}/{repo}/pulls/{pull_number}/comments",
      "/pulls/7/comments?per_page=100&page=1"
    ),
    (
      .deleteComment(repository, id: FeedbackID(.reviewComment, 72)),
      "DELETE /repos/{owner}/{repo}/pulls/comments/{comment_id}", "/pulls/comments/72"
    ),
    (
      .reply(repository, number: 7, thread: 9, body: "x"),
      "POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies",
      "/pulls/7/comments/9/replies"
    ),
    (
      .openPullRequests(repository, since: validator), "GET /repos/{owner}/{repo}/pulls",
      "/pulls?state=open&sort=updated&direction=desc&per_page=100&page=1"
    ),
    (
      .checks(repository, commit: sha, since: validator),
      "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
      "/commits/\(sha)/check-runs?filter=latest&per_page=100&page=1"
    ),
    (
      .checkReport(
        repository,
        ForgeCheck(
          id: FeedbackID(.check, 5), name: "x", commit: sha, outcome: .failed, author: "ci",
          job: 5)), "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs",
      "/actions/jobs/5/logs"
    ),
    (
      .changedHead(repository, branch: "main", since: validator),
      "GET /repos/{owner}/{repo}/git/ref/{ref}", "/git/ref/heads/main"
    ),
    (
      .changedPullRequest(repository, number: 7, since: validator),
      "GET /repos/{owner}/{repo}/pulls/{pull_number}", "/pulls/7"
    ),
    (
      .issue(IssueName(repository: repository, number: 12)),
      "GET /repos/{owner}/{repo}/issues/{issue_number}", "/issues/12"
    ),
    (.repositories, "GET /user/repos", "/user/repos?sort=pushed&per_page=100&page=1"),
    (.account, "GET /user", "/user"),
  ]

  /// An answer, whatever its status, and a request without an answer.
  @Test func eachRequestIsReportedWithItsStatus() async throws {
    let server = try RawServer { connection in
      guard let request = connection.readRequest() else { return }
      if request.line.hasPrefix("POST") { return }
      connection.answer(#"{"message":"Not Found"}"#, status: "404 Not Found")
    }
    defer { server.stop() }
    let exchanges = Mutex<[ForgeExchange]>([])
    var configuration = GitHubClient.Configuration(apiURL: server.url, token: "t")
    configuration.onExchange = { exchange in exchanges.withLock { $0.append(exchange) } }
    let client = GitHubClient(
      http: HTTPClient(configuration: .init(userAgent: "aipm/test", proxy: .none)),
      configuration: configuration)
    #expect(fault(await client.perform(.repository(Self.repository)))?.kind == .notFound)
    let branch = ForgeCall.createBranch(Self.repository, branch: "x", sha: Self.sha)
    #expect(fault(await client.perform(branch))?.kind == .noAnswer)
    let seen = exchanges.withLock { $0 }
    #expect(
      seen.map(\.route) == [
        "GET /repos/{owner}/{repo}", "POST /repos/{owner}/{repo}/git/refs",
      ])
    #expect(seen.map(\.status) == [404, nil])
    #expect(seen.allSatisfy { $0.time > .zero })
  }

  @Test func aRouteIsATemplateAndTheTargetHasTheNames() {
    for (call, route, target) in Self.calls + Self.conversations {
      let request = RESTRequest(call, author: .standard)
      #expect(request.route == route)
      #expect(request.target == target)
      #expect(route.hasPrefix(request.method + " "))
    }
  }
}
