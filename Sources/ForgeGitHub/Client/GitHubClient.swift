import Domain
import ForgePort
import HTTPClient
import Synchronization
import SystemCalls

/// GitHub's REST API (https://docs.github.com/en/rest), one request a call.
package final class GitHubClient: ForgeClient {
  /// The API's address, the credential, and limits.
  package struct Configuration: Sendable {
    /// `https://api.github.com`, or the address of GitHub Enterprise or of the embedded forge. A
    /// `/` at its end is ignored.
    package var apiURL: String
    package var credential: GitHubCredential
    package var pace = ForgePace.unpaced
    /// The command that adds a repository, to be followed by its name; nil: people add it on
    /// GitHub.
    package var creation: String?
    /// For one call, including its redirect.
    package var timeout: Duration = .seconds(15)
    /// Author and committer of the commits that are made through the API.
    package var author = CommitIdentity.standard
    /// The wall clock, because limits end at a time of day.
    package var now: @Sendable () -> Timestamp = { Timestamp.now }
    /// Called for each request.
    package var onExchange: ForgeExchangeObserver = { _ in }
    /// Asked before each request that changes something.
    package var mayWrite: WritePermission = { true }
    /// The longest time between the permission to write and the request; nil for the usual one.
    package var writeConnectTimeout: Duration?

    package init(apiURL: String, credential: GitHubCredential) {
      self.apiURL = apiURL.withoutSlash
      self.credential = credential
    }

    package init(apiURL: String, token: String) {
      self.init(apiURL: apiURL, credential: .token(token))
    }
  }

  /// The version of the API whose answers are decoded here.
  static let apiVersion = "2026-03-10"
  private static let renamedMax = 1000
  private static let checkedMax = 10_000

  private struct State {
    /// The new paths of renamed repositories, such as `/repositories/42`.
    var renamed: [RepositoryName: String] = [:]
    /// The limit, from the last answer.
    var allowance: ForgeAllowance?
    var calls: Int64 = 0
    var connections: Int64 = 0
    /// The list that the next question for a commit's checks reads.
    var nextChecks: [ObjectID: CheckList] = [:]
  }

  let configuration: Configuration
  let http: HTTPClient
  private let gate: CallGate
  private let reads = SharedReads()
  private let state = Mutex(State())

  /// - Parameter http: its user agent names AIPM and its version, as GitHub requires. It has as
  ///   many connections as the pace allows calls.
  package init(http: HTTPClient, configuration: Configuration) {
    self.http = http
    self.configuration = configuration
    gate = CallGate(pace: configuration.pace, now: configuration.now)
  }

  /// See `ForgeClient`.
  package func perform(_ call: ForgeCall) async -> ForgeAnswer {
    do throws(ForgeFault) {
      switch call {
      case .compare(let repository, let base, let head):
        return .success(.commits(try await commits(of: repository, from: base, to: head)))
      case .pullRequests(let repository, let branch):
        return .success(.pullRequests(try await pullRequests(of: repository, from: branch)))
      case .comments(let repository, let number):
        return .success(.comments(try await comments(of: repository, number: number)))
      case .feedback(let repository, let number):
        return .success(.feedback(try await feedback(on: number, of: repository)))
      case .reviewComments(let repository, let number):
        let (_, comments) = try await reviewsAndComments(on: number, of: repository)
        return .success(.feedback(comments))
      case .openPullRequests(let repository, let validator):
        return .success(try await openPullRequests(of: repository, since: validator))
      case .checks(let repository, let commit, let validator):
        return .success(try await checks(of: commit, in: repository, since: validator))
      case .checkReport(let repository, let check):
        return .success(.checkReport(try await report(of: check, in: repository)))
      case .repositories: return .success(try await repositories())
      case .account: return .success(.account(try await account()))
      case .repository, .branchHead, .fileBlob, .tree, .createBranch, .branch, .putFile,
        .openPullRequest, .pullRequest, .comment, .deleteComment, .mayPush, .addLabels,
        .requestReviewers, .reply, .changedHead, .changedPullRequest, .issue:
        let request = RESTRequest(call, author: configuration.author)
        let response = try await exchange(request)
        return .success(try reply(to: call, response, request))
      }
    } catch {
      return absence(of: call, error).map { .success($0) } ?? .failure(error)
    }
  }

  /// Waits until the limit of the credential allows a call.
  package func pass() async throws(ForgeFault) { try await gate.pass() }

  /// Notes a limit that git met with the same credential.
  package func noteLimit(_ span: Milliseconds) -> Timestamp? { gate.noteLimit(span) }

  package var condition: ForgeCondition {
    var condition = ForgeCondition()
    (condition.limitedUntil, condition.downUntil) = gate.closedUntil
    state.withLock { state in
      condition.allowance = state.allowance
      condition.calls = state.calls
      condition.connections = state.connections
    }
    return condition
  }

  /// Reads all pages of a comparison.
  private func commits(
    of repository: RepositoryName, from base: ObjectID, to head: String
  ) async throws(ForgeFault) -> [ForgeCommit] {
    var commits: [ForgeCommit] = []
    for page in 1...RESTRequest.pagesMax {
      let request = RESTRequest.comparison(repository, base: base, head: head, page: page)
      let body = try decode(ComparisonBody.self, try await exchange(request), request)
      commits += body.commits.map(\.value)
      if body.commits.isEmpty || commits.count >= body.totalCommits { return commits }
    }
    throw ForgeFault(
      kind: .refused,
      message: "\(head) is more than \(commits.count) commits ahead of \(base)",
      hint: "A branch with so much work of others on it is not taken on: submit again.")
  }

  /// Reads the comments of a pull request, up to `pagesMax` pages.
  private func comments(
    of repository: RepositoryName, number: Int
  ) async throws(ForgeFault) -> [ForgeComment] {
    var comments: [ForgeComment] = []
    for page in 1...RESTRequest.pagesMax {
      let request = RESTRequest.comments(repository, number: number, page: page)
      let found = try commentList(try await exchange(request), request)
      comments += found
      if found.count < RESTRequest.perPage { break }
    }
    return comments
  }

  /// Reads the pull requests of a branch. The query contains the owner's name. A transferred
  /// repository has another owner, and the old name finds nothing.
  private func pullRequests(
    of repository: RepositoryName, from branch: String
  ) async throws(ForgeFault) -> [ForgePullRequest] {
    func ask(_ owner: String) async throws(ForgeFault) -> [ForgePullRequest] {
      let request = RESTRequest.pullRequests(repository, owner: owner, branch: branch)
      return try pullRequestList(try await exchange(request), request)
    }
    let found = try await ask(repository.owner)
    guard found.isEmpty, state.withLock({ $0.renamed[repository] }) != nil else { return found }
    let request = RESTRequest(.repository(repository), author: configuration.author)
    let owner = try ownerLogin(try await exchange(request), request)
    return owner == repository.owner ? found : try await ask(owner)
  }

  /// Lists the repositories of the credential, as many pages as `listedMax` needs. An app's token
  /// is no user, so it has a list of its own.
  private func repositories() async throws(ForgeFault) -> ForgeReply {
    let isApp = if case .app = configuration.credential { true } else { false }
    var names: [RepositoryName] = []
    for page in 1...(ForgeRepository.listedMax / RESTRequest.perPage) {
      let request = RESTRequest.repositories(ofApp: isApp, page: page)
      let (count, usable) = try usableRepositories(try await exchange(request), request)
      names += usable
      if count < RESTRequest.perPage { return .repositories(names, isComplete: true) }
    }
    return .repositories(names, isComplete: false)
  }

  // MARK: One request

  /// Sends a request, and follows one redirect. Equal reads at the same time share one answer.
  func exchange(_ request: RESTRequest) async throws(ForgeFault) -> HTTPResponse {
    guard request.method == "GET" else { return try await follow(request) }
    return try await reads.answer("\(request.accept) \(request.tag ?? "") \(request)") {
      do throws(ForgeFault) { return .success(try await self.follow(request)) } catch {
        return .failure(error)
      }
    }.get()
  }

  private func follow(_ request: RESTRequest) async throws(ForgeFault) -> HTTPResponse {
    let renamed = request.repository.flatMap { name in state.withLock { $0.renamed[name] } }
    let root = renamed ?? request.root
    let first = try await transmit(request, to: configuration.apiURL + root + request.target)
    guard [301, 302, 307, 308].contains(first.status), !request.isAnswered(by: first) else {
      return try check(first, request)
    }
    guard let url = first.redirectURL, url.hasPrefix(configuration.apiURL + "/") else {
      throw ForgeFault(
        kind: .refused,
        message: "\(request) is redirected to another host; the credential is not sent there",
        hint: "Check AIPM_GITHUB_API_URL: it names \(configuration.apiURL).",
        requestID: first.headers[Self.requestIDHeader])
    }
    let second = try await transmit(request, to: url)
    let checked = try check(second, request)
    if first.status == 301 || first.status == 308 { remember(url, for: request) }
    return checked
  }

  private func remember(_ url: String, for request: RESTRequest) {
    var root = String(url.dropFirst(configuration.apiURL.count))
    guard let repository = request.repository, root.hasSuffix(request.target) else { return }
    root.removeLast(request.target.count)
    state.withLock { state in
      if state.renamed.count >= Self.renamedMax { state.renamed = [:] }
      state.renamed[repository] = root
    }
  }

  /// A request of the API.
  static func request(
    _ method: String, _ url: String, token: String, accept: String = RESTRequest.json,
    timeout: Duration, responseLimit: Int = 1 << 20
  ) -> HTTPRequest {
    HTTPRequest(
      method: method, url: url,
      headers: [
        ("Accept", accept), ("X-GitHub-Api-Version", apiVersion),
        ("Authorization", "Bearer \(token)"),
      ], timeout: timeout, connectTimeout: min(.seconds(5), timeout),
      responseLimit: responseLimit)
  }

  /// Sends a request when the limits allow it. After a 401 nothing was done, so an app's call is
  /// repeated once with a new token.
  private func transmit(
    _ request: RESTRequest, to url: String
  ) async throws(ForgeFault) -> HTTPResponse {
    try await gate.pass()
    let token = try await configuration.credential.token()
    let response = try await send(request, to: url, token: token)
    guard response.status == 401, configuration.credential.refused(token) else { return response }
    return try await send(request, to: url, token: try await configuration.credential.token())
  }

  /// Repeats a read that found its kept connection dead. Each repetition passes the gate, because a
  /// limit may have begun meanwhile.
  private func send(
    _ request: RESTRequest, to url: String, token: String
  ) async throws(ForgeFault) -> HTTPResponse {
    for _ in 0..<Self.staleMax {
      if let response = try await sendOnce(request, to: url, token: token) { return response }
    }
    throw ForgeFault(
      kind: .noAnswer,
      message: "\(request): every kept connection was closed before an answer came")
  }

  private static let staleMax = 16

  /// - Returns: nil if a read found its kept connection dead.
  private func sendOnce(
    _ request: RESTRequest, to url: String, token: String
  ) async throws(ForgeFault) -> HTTPResponse? {
    var message = Self.request(
      request.method, url, token: token, accept: request.accept, timeout: configuration.timeout,
      responseLimit: 32 << 20)
    message.repeatsWhenStale = false
    if request.method != "GET", let limit = configuration.writeConnectTimeout {
      message.connectTimeout = min(limit, message.connectTimeout)
    }
    if let tag = request.tag { message.headers.append(("If-None-Match", tag)) }
    if let body = request.body {
      message.headers.append(("Content-Type", "application/json"))
      message.body = .bytes(body)
    }
    try await gate.enter(request.method == "GET" ? .read : .write)
    // After all waiting, so that the permission is as fresh as it can be.
    if request.method != "GET", await !configuration.mayWrite() {
      gate.leave(.unsent)
      throw .notPermitted
    }
    let began = ContinuousClock.now
    func report(_ status: Int?) {
      configuration.onExchange(
        ForgeExchange(route: request.route, status: status, time: .now - began))
    }
    do throws(HTTPFault) {
      let response = try await http.send(message)
      report(response.status)
      note(response)
      gate.leave(outcome(response))
      return response
    } catch {
      // A server that closes idle connections has not failed.
      if error.wasStale, request.method == "GET" {
        gate.leave(.unsent)
        return nil
      }
      report(nil)
      gate.leave(.failed)
      throw fault(of: error, request)
    }
  }

  /// The outcome of a call for the governor.
  private func outcome(_ response: HTTPResponse) -> Governor.Outcome {
    if let limit = GitHubLimit(response, ErrorBody(response), now: configuration.now()) {
      return .limited(until: limit.until, isOpenEnded: limit.isOpenEnded)
    }
    return response.status >= 500 ? .failed : .answered
  }

  func note(_ response: HTTPResponse) {
    func number(_ name: String) -> Int64? { response.headers[name].flatMap { Int64($0) } }
    var allowance: ForgeAllowance?
    if let limit = number("x-ratelimit-limit"), let remaining = number("x-ratelimit-remaining"),
      let reset = number("x-ratelimit-reset"),
      // Later times overflow a timestamp.
      (0...32_503_680_000).contains(reset)
    {
      allowance = ForgeAllowance(
        limit: Int(limit), remaining: Int(remaining),
        resetAt: Timestamp(milliseconds: reset * 1000))
    }
    state.withLock { state in
      state.calls += 1
      state.connections += Int64(response.newConnections)
      if let allowance { state.allowance = allowance }
    }
  }

  /// Which of the two lists of a commit's checks is to be read, and the other one next time.
  func nextChecks(of commit: ObjectID) -> CheckList {
    state.withLock { state in
      let next = state.nextChecks[commit] ?? .runs
      if state.nextChecks.count >= Self.checkedMax { state.nextChecks = [:] }
      state.nextChecks[commit] = next == .runs ? .statuses : .runs
      return next
    }
  }

  /// - Throws: the fault of a status that does not answer the request.
  private func check(
    _ response: HTTPResponse, _ request: RESTRequest
  ) throws(ForgeFault) -> HTTPResponse {
    if request.isAnswered(by: response) { return response }
    let fault = fault(of: response, request, now: configuration.now())
    // The name may belong to another repository by now.
    if fault.kind == .notFound, let repository = request.repository {
      state.withLock { $0.renamed[repository] = nil }
    }
    throw fault
  }
}

extension String {
  /// Without slashes at its end.
  var withoutSlash: String {
    var text = self
    while text.hasSuffix("/") { text.removeLast() }
    return text
  }
}
