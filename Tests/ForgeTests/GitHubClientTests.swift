import Domain
import Engine
import ForgeGitHub
import ForgePort
import Foundation
import HTTPClient
import Mirrors
import RawSockets
import Synchronization
import Testing

let repository = RepositoryName(owner: "octo", name: "hello")

/// A server that gives the same answer to every request, and a client of it.
struct OneAnswer {
  let client: GitHubClient
  let requests: Requests

  /// What arrived, in order.
  final class Requests: Sendable {
    private let all = Mutex<[RawConnection.Request]>([])
    var list: [RawConnection.Request] { all.withLock { $0 } }
    func append(_ request: RawConnection.Request) { all.withLock { $0.append(request) } }
  }

  init(
    timeout: Duration = .seconds(10), now: Timestamp = Timestamp(milliseconds: 1_000_000),
    answer: @escaping @Sendable (RawConnection, RawConnection.Request) -> Void
  ) throws {
    let requests = Requests()
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        requests.append(request)
        answer(connection, request)
      }
    }
    self.requests = requests
    var configuration = GitHubClient.Configuration(apiURL: server.url + "/", token: "s3cret-token")
    configuration.timeout = timeout
    configuration.now = { now }
    client = GitHubClient(
      http: HTTPClient(configuration: .init(userAgent: "aipm/test", proxy: .none)),
      configuration: configuration)
  }

  init(_ status: String, _ body: String, headers: [String] = []) throws {
    try self.init { connection, _ in connection.answer(body, status: status, headers: headers) }
  }
}

/// The fault of an answer; nil where there is a reply.
func fault(_ answer: ForgeAnswer) -> ForgeFault? {
  switch answer {
  case .success: nil
  case .failure(let fault): fault
  }
}

@Suite struct RequestTests {
  @Test func everyCallIsTheRequestThatGitHubDescribes() async throws {
    let forge = try OneAnswer("404 Not Found", "{}")
    let sha = ObjectID(String(repeating: "a", count: 40))
    let commit = FileCommit(
      path: "docs/TASK.md", branch: "feature/x", content: "héllo\n", message: "feat: x",
      replaces: sha, date: Timestamp(milliseconds: 1_733_356_800_123))
    let new = NewPullRequest(
      title: "t", head: "feature/x", base: "main", body: "b", draft: true)
    let calls: [(ForgeCall, String)] = [
      (.repository(repository), "GET /repos/octo/hello"),
      (.branchHead(repository, branch: nil), "GET /repos/octo/hello/commits/HEAD"),
      (
        .branchHead(repository, branch: "a/b"),
        "GET /repos/octo/hello/git/ref/heads/a/b"
      ),
      (
        .fileBlob(repository, path: "TASK.md", ref: "a/b#c"),
        "GET /repos/octo/hello/contents/TASK.md?ref=a%2Fb%23c"
      ),
      (
        .fileBlob(repository, path: "TASK.md", ref: nil),
        "GET /repos/octo/hello/contents/TASK.md"
      ),
      (.tree(repository, sha), "GET /repos/octo/hello/git/trees/\(sha)"),
      (
        .createBranch(repository, branch: "feature/x", sha: sha),
        "POST /repos/octo/hello/git/refs"
      ),
      (
        .branch(repository, branch: "feature/é+%"),
        "GET /repos/octo/hello/git/ref/heads/feature/%C3%A9%2B%25"
      ),
      (.putFile(repository, commit), "PUT /repos/octo/hello/contents/docs/TASK.md"),
      (
        .compare(repository, base: sha, head: "feature/x"),
        "GET /repos/octo/hello/compare/\(sha)...feature/x?per_page=100&page=1"
      ),
      (.openPullRequest(repository, new), "POST /repos/octo/hello/pulls"),
      (
        .pullRequests(repository, headBranch: "feature/x"),
        "GET /repos/octo/hello/pulls?head=octo%3Afeature%2Fx&state=all&per_page=100"
      ),
      (.pullRequest(repository, number: 7), "GET /repos/octo/hello/pulls/7"),
    ]
    for (call, line) in calls {
      _ = await forge.client.perform(call)
      let request = try #require(forge.requests.list.last)
      #expect(request.line == line + " HTTP/1.1")
      #expect(request.header("authorization") == "Bearer s3cret-token")
      #expect(request.header("x-github-api-version") == "2026-03-10")
      #expect(request.header("accept")?.hasPrefix("application/vnd.github") == true)
      #expect(request.header("user-agent") == "aipm/test")
    }
    #expect(forge.requests.list.count == calls.count)
    let bodies = forge.requests.list.map { String(decoding: $0.body, as: UTF8.self) }
    #expect(bodies[6] == #"{"ref":"refs/heads/feature/x","sha":"\#(sha)"}"#)
    let signature = #"{"date":"2024-12-05T00:00:00Z","email":"aipm@aipm.invalid","name":"AIPM"}"#
    #expect(
      bodies[8] == #"{"author":\#(signature),"branch":"feature/x","committer":\#(signature),"#
        + #""content":"aMOpbGxvCg==","message":"feat: x","sha":"\#(sha)"}"#)
    #expect(
      bodies[10]
        == #"{"base":"main","body":"b","draft":true,"head":"feature/x","title":"t"}"#)
  }
}

@Suite struct FaultClassTests {
  /// An answer, and the class that the engine needs.
  struct Example: CustomTestStringConvertible, Sendable {
    var status: String
    var body: String
    var headers: [String] = []
    var kind: ForgeFault.Kind
    var hint: String?
    var testDescription: String { "\(status) \(body.prefix(60))" }
  }

  static let now: Int64 = 1_000_000

  static let examples = [
    Example(
      status: "401 Unauthorized", body: #"{"message":"Bad credentials","status":"401"}"#,
      kind: .unauthorized, hint: "AIPM_GITHUB_TOKEN"),
    Example(
      status: "403 Forbidden", body: #"{"message":"Resource not accessible by integration"}"#,
      headers: ["X-Accepted-GitHub-Permissions: pull_requests=write"], kind: .forbidden,
      hint: "pull_requests=write"),
    Example(
      status: "403 Forbidden", body: #"{"message":"Repository was archived so is read-only."}"#,
      kind: .forbidden, hint: "unarchive"),
    Example(
      status: "403 Forbidden", body: #"{"message":"Resource protected by organization SAML"}"#,
      headers: ["X-GitHub-SSO: required; url=https://github.com/orgs/o/sso"], kind: .forbidden,
      hint: "https://github.com/orgs/o/sso"),
    Example(
      status: "403 Forbidden", body: #"{"message":"API rate limit exceeded"}"#,
      headers: ["x-ratelimit-remaining: 0", "x-ratelimit-reset: 1600"],
      kind: .limited(until: Timestamp(milliseconds: 1_601_000)), hint: "by itself"),
    Example(
      status: "403 Forbidden",
      body: #"{"message":"You have exceeded a secondary rate limit."}"#,
      kind: .limited(until: Timestamp(milliseconds: now + 60_000))),
    Example(
      status: "429 Too Many Requests", body: "<html>slow down</html>",
      headers: ["Retry-After: 30"],
      kind: .limited(until: Timestamp(milliseconds: now + 30_000))),
    Example(
      status: "429 Too Many Requests", body: "{}",
      kind: .limited(until: Timestamp(milliseconds: now + 60_000))),
    Example(
      status: "404 Not Found", body: #"{"message":"Not Found"}"#, kind: .notFound,
      hint: "octo/hello"),
    Example(
      status: "404 Not Found", body: #"{"message":"Not Found"}"#,
      headers: ["X-OAuth-Scopes: read:org, gist", "X-Accepted-OAuth-Scopes: repo"],
      kind: .notFound, hint: "lacks a scope: grant it repo"),
    Example(status: "410 Gone", body: #"{"message":"Gone"}"#, kind: .notFound),
    Example(
      status: "409 Conflict", body: #"{"message":"Git Repository is empty."}"#, kind: .empty,
      hint: "first commit"),
    Example(
      status: "409 Conflict",
      body: #"{"message":"Repository rule violations found\n\nChanges must be made through a "#
        + #"pull request."}"#, kind: .refused, hint: "rule"),
    Example(
      status: "409 Conflict", body: #"{"message":"TASK.md does not match abc"}"#,
      kind: .conflict),
    Example(
      status: "422 Unprocessable",
      body: #"{"message":"Validation Failed","errors":[{"resource":"PullRequest","#
        + #""code":"custom","message":"was submitted too quickly"}]}"#,
      kind: .limited(until: Timestamp(milliseconds: now + 60_000)), hint: "by itself"),
    Example(
      status: "422 Unprocessable",
      body: #"{"message":"Validation Failed","errors":[{"resource":"PullRequest","#
        + #""field":"user_id","code":"abuse"}]}"#, headers: ["Retry-After: 9"],
      kind: .limited(until: Timestamp(milliseconds: now + 9000))),
    // What a person wrote is no code of GitHub's.
    Example(
      status: "422 Unprocessable",
      body: #"{"message":"Validation Failed","errors":[{"resource":"PullRequest","#
        + #""field":"title","code":"custom","message":"abuse of a rate limit is too long"}]}"#,
      kind: .refused),
    Example(
      status: "422 Unprocessable", body: #"{"message":"Reference already exists"}"#,
      kind: .exists),
    Example(
      status: "422 Unprocessable", body: #"{"message":"Reference update failed"}"#,
      kind: .conflict),
    Example(
      status: "422 Unprocessable",
      body: #"{"message":"Invalid request.\n\n\"sha\" wasn't supplied."}"#, kind: .exists),
    Example(
      status: "422 Unprocessable",
      body: #"{"message":"Validation Failed","errors":[{"resource":"PullRequest","#
        + #""code":"custom","message":"A pull request already exists for octo:b."}]}"#,
      kind: .exists),
    Example(
      status: "422 Unprocessable",
      body: #"{"message":"Validation Failed","errors":[{"resource":"PullRequest","#
        + #""code":"custom","message":"No commits between main and b"}]}"#,
      kind: .notYetVisible),
    Example(
      status: "422 Unprocessable",
      body: #"{"message":"Validation Failed","errors":[{"resource":"PullRequest","#
        + #""field":"head","code":"invalid"}]}"#, kind: .notYetVisible),
    Example(
      status: "422 Unprocessable",
      body: #"{"message":"Validation Failed","errors":[{"resource":"PullRequest","#
        + #""field":"base","code":"invalid"}]}"#, kind: .refused),
    Example(
      status: "422 Unprocessable",
      body: #"{"message":"Repository rule violations found","errors":["a text"]}"#,
      kind: .refused, hint: "rule"),
    Example(
      status: "400 Bad Request", body: #"{"message":"Problems parsing JSON"}"#, kind: .refused),
    Example(status: "500 Oops", body: #"{"message":"Server Error"}"#, kind: .unavailable),
    Example(status: "502 Bad Gateway", body: "<html>unicorn</html>", kind: .unavailable),
    Example(
      status: "404 Not Found", body: "<html>a proxy's page</html>", kind: .unavailable,
      hint: "AIPM_GITHUB_API_URL"),
    Example(status: "200 OK", body: "<html>welcome</html>", kind: .unavailable),
    Example(status: "201 Created", body: #"{"number":1,"html_url":"http"#, kind: .unavailable),
    Example(status: "200 OK", body: #"{"number":1}"#, kind: .unavailable),
  ]

  @Test(arguments: examples)
  func eachAnswerHasItsClass(example: Example) async throws {
    let forge = try OneAnswer(
      example.status, example.body, headers: example.headers + ["X-GitHub-Request-Id: AB:12"])
    let new = NewPullRequest(title: "t", head: "b", base: "main", body: "", draft: false)
    let found = try #require(
      fault(await forge.client.perform(.openPullRequest(repository, new))))
    #expect(found.kind == example.kind)
    #expect(found.requestID == "AB:12")
    #expect(!found.message.contains("s3cret"))
    if let hint = example.hint { #expect(found.hint?.contains(hint) == true) }
  }

  @Test func whatIsNotThereIsAnAnswerToAQuestionForIt() async throws {
    let forge = try OneAnswer("404 Not Found", #"{"message":"Not Found"}"#)
    #expect(await forge.client.perform(.branch(repository, branch: "x")) == .success(.head(nil)))
    #expect(
      await forge.client.perform(.branchHead(repository, branch: "x")) == .success(.head(nil)))
    #expect(
      await forge.client.perform(.fileBlob(repository, path: "a", ref: nil))
        == .success(.blob(nil)))
    let head = await forge.client.perform(.branchHead(repository, branch: nil))
    #expect(fault(head)?.kind == .notFound)
  }

  @Test func nobodyThereIsUnreachable() async throws {
    let port = try ClosedPort()
    let client = GitHubClient(
      http: HTTPClient(configuration: .init(userAgent: "aipm/test", proxy: .none)),
      configuration: .init(apiURL: "http://127.0.0.1:\(port.number)", token: "t"))
    let found = try #require(fault(await client.perform(.repository(repository))))
    #expect(found.kind == .unreachable)
    #expect(found.hint?.contains("AIPM_GITHUB_API_URL") == true)
  }

  @Test(arguments: [true, false])
  func anAnswerThatIsLostIsNoAnswer(truncated: Bool) async throws {
    let forge = try OneAnswer { connection, _ in
      if truncated { connection.send("HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n{") }
      connection.reset()
    }
    let sha = ObjectID(String(repeating: "a", count: 40))
    let call = ForgeCall.createBranch(repository, branch: "b", sha: sha)
    #expect(fault(await forge.client.perform(call))?.kind == .noAnswer)
    #expect(forge.requests.list.count == 1)
  }

  @Test func anAnswerThatIsLateIsNoAnswer() async throws {
    let release = Gate()
    let forge = try OneAnswer(timeout: .milliseconds(200)) { _, _ in release.waitOnThread() }
    #expect(fault(await forge.client.perform(.repository(repository)))?.kind == .noAnswer)
    release.open()
  }

  @Test func aLimitHoldsForTheWholeCredential() async throws {
    let forge = try OneAnswer("429 Slow", "{}", headers: ["Retry-After: 30"])
    let until = ForgeFault.Kind.limited(until: Timestamp(milliseconds: Self.now + 30_000))
    #expect(fault(await forge.client.perform(.repository(repository)))?.kind == until)
    let other = RepositoryName(owner: "an", name: "other")
    #expect(fault(await forge.client.perform(.repository(other)))?.kind == until)
    #expect(forge.requests.list.count == 1)
  }
}

@Suite struct ReplyTests {
  static let sha = String(repeating: "b", count: 40)

  @Test func aPullRequestIsReadWithItsThreeStates() async throws {
    func body(state: String, merged: String) -> String {
      #"{"number":7,"html_url":"https://x/7","state":"\#(state)","merged_at":\#(merged),"#
        + #""body":null,"head":{"ref":"b","sha":"\#(Self.sha)"},"#
        + #""base":{"ref":"main","sha":"\#(Self.sha)"}}"#
    }
    let cases: [(String, String, PullRequestState)] = [
      ("open", "null", .open), ("closed", "null", .closed),
      ("closed", #""2026-01-01T00:00:00Z""#, .merged),
    ]
    for (state, merged, expected) in cases {
      let text = body(state: state, merged: merged)
      let one = try OneAnswer("200 OK", text)
      let pull = ForgePullRequest(
        number: 7, url: "https://x/7", state: expected, body: "", headBranch: "b",
        headSHA: ObjectID(Self.sha), baseBranch: "main")
      #expect(
        await one.client.perform(.pullRequest(repository, number: 7))
          == .success(.pullRequest(pull)))
      let list = try OneAnswer("200 OK", "[\(text)]")
      #expect(
        await list.client.perform(.pullRequests(repository, headBranch: "b"))
          == .success(.pullRequests([pull])))
    }
  }

  @Test func theHeadOfTheDefaultBranchIsReadAsTextOrObject() async throws {
    for body in [Self.sha, #"{"sha":"\#(Self.sha)","commit":{}}"#] {
      let forge = try OneAnswer("200 OK", body)
      #expect(
        await forge.client.perform(.branchHead(repository, branch: nil))
          == .success(.head(ObjectID(Self.sha))))
    }
  }

  @Test func aFolderInPlaceOfAFileIsRefused() async throws {
    let forge = try OneAnswer("200 OK", "[]")
    let found = await forge.client.perform(.fileBlob(repository, path: "TASK.md", ref: nil))
    #expect(fault(found)?.kind == .refused)
  }

  @Test func aComparisonIsReadPageByPage() async throws {
    @Sendable func commit(_ number: Int) -> String {
      #"{"sha":"\#(number)","parents":[{"sha":"\#(number - 1)"}],"commit":{"message":"m"}}"#
    }
    let forge = try OneAnswer { connection, request in
      let isFirst = request.line.contains("&page=1 ")
      let numbers = isFirst ? 1...100 : 101...130
      let commits = numbers.map(commit).joined(separator: ",")
      connection.answer(#"{"total_commits":130,"commits":[\#(commits)]}"#)
    }
    let answer = await forge.client.perform(
      .compare(repository, base: ObjectID("0"), head: "b"))
    guard case .success(.commits(let commits)) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(commits.map(\.sha.rawValue) == (1...130).map { "\($0)" })
    #expect(commits[4].parents == [ObjectID("4")])
    #expect(forge.requests.list.count == 2)
  }
}
