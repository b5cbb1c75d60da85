import Domain
import Engine
import HTTPClient
import Synchronization

/// GitHub's REST API (https://docs.github.com/en/rest), one request a call.
package final class GitHubClient: ForgePort {
  /// Where the API is and what opens it.
  package struct Configuration: Sendable {
    /// `https://api.github.com`, or that of GitHub Enterprise or the embedded forge; a `/` at its
    /// end does not matter.
    package var apiURL: String
    package var token: String
    /// For one call, its redirect included.
    package var timeout: Duration = .seconds(15)
    /// Author and committer of the commits that are made through the API.
    package var author = (name: "AIPM", email: "aipm@aipm.invalid")
    /// The wall clock: limits are told as times of day.
    package var now: @Sendable () -> Timestamp = { Timestamp.now }

    package init(apiURL: String, token: String) {
      var apiURL = apiURL
      while apiURL.hasSuffix("/") { apiURL.removeLast() }
      self.apiURL = apiURL
      self.token = token
    }
  }

  /// The version of the API whose answers are decoded here.
  static let apiVersion = "2026-03-10"
  private static let renamedMax = 1000

  private struct State {
    /// Where the repositories live that answered with a redirect, such as `/repositories/42`.
    var renamed: [RepositoryName: String] = [:]
    /// Until when the credential is over a limit.
    var limitedUntil: Timestamp?
    /// What the last answer told of the limit.
    var allowance: ForgeAllowance?
  }

  let configuration: Configuration
  private let http: HTTPClient
  private let state = Mutex(State())

  /// - Parameter http: its user agent names AIPM and its version, as GitHub wants it.
  package init(http: HTTPClient, configuration: Configuration) {
    self.http = http
    self.configuration = configuration
  }

  /// Carries out one call; see `ForgeFault` for how it fails. What the call asks for and is not
  /// there is a reply, not a fault.
  package func perform(_ call: ForgeCall) async -> ForgeAnswer {
    do throws(ForgeFault) {
      switch call {
      case .compare(let repository, let base, let head):
        return .success(.commits(try await commits(of: repository, from: base, to: head)))
      case .repository, .branchHead, .fileBlob, .createBranch, .branch, .putFile,
        .openPullRequest, .pullRequests, .pullRequest:
        let request = RESTRequest(call, author: configuration.author)
        let response = try await exchange(request)
        return .success(try reply(to: call, response, request))
      }
    } catch {
      return absence(of: call, error).map { .success($0) } ?? .failure(error)
    }
  }

  package var allowance: ForgeAllowance? { state.withLock { $0.allowance } }

  /// All pages of a comparison. Ours have one; a branch that others work on may have more.
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
      kind: .refused, status: 200,
      message: "\(head) is more than \(commits.count) commits ahead of \(base)",
      hint: "A branch with so much work of others on it is not taken on: submit again.")
  }

  // MARK: One request

  /// Sends it where the repository lives, and once more where a redirect says so.
  private func exchange(_ request: RESTRequest) async throws(ForgeFault) -> HTTPResponse {
    let now = configuration.now()
    if let until = state.withLock({ $0.limitedUntil }), now < until {
      throw ForgeFault(
        kind: .limited(until: until), status: 0,
        message: "the credential is over a limit of the forge; nothing was sent",
        hint: Self.limitHint)
    }
    let root = state.withLock { $0.renamed[request.repository] } ?? request.root
    let first = try await transmit(request, to: configuration.apiURL + root + request.target)
    guard [301, 302, 307, 308].contains(first.status) else {
      return try check(first, request)
    }
    guard let place = first.redirectURL, place.hasPrefix(configuration.apiURL + "/") else {
      throw ForgeFault(
        kind: .refused, status: first.status,
        message: "\(request) is redirected to another host; the credential is not sent there",
        hint: "Check AIPM_GITHUB_API_URL: it names \(configuration.apiURL).",
        requestID: first.headers[Self.requestIDHeader])
    }
    let second = try await transmit(request, to: place)
    if (200..<300).contains(second.status), first.status == 301 || first.status == 308 {
      remember(place, for: request)
    }
    return try check(second, request)
  }

  private func remember(_ place: String, for request: RESTRequest) {
    var root = String(place.dropFirst(configuration.apiURL.count))
    guard root.hasSuffix(request.target) else { return }
    root.removeLast(request.target.count)
    state.withLock { state in
      if state.renamed.count >= Self.renamedMax { state.renamed = [:] }
      state.renamed[request.repository] = root
    }
  }

  private func transmit(
    _ request: RESTRequest, to url: String
  ) async throws(ForgeFault) -> HTTPResponse {
    var headers = [
      ("Accept", request.accept), ("X-GitHub-Api-Version", Self.apiVersion),
      ("Authorization", "Bearer \(configuration.token)"),
    ]
    if request.body != nil { headers.append(("Content-Type", "application/json")) }
    do throws(HTTPFault) {
      let response = try await http.send(
        HTTPRequest(
          method: request.method, url: url, headers: headers,
          body: request.body.map { .bytes($0) } ?? .none, timeout: configuration.timeout,
          connectTimeout: min(.seconds(5), configuration.timeout), responseLimit: 32 << 20))
      note(response)
      return response
    } catch {
      throw fault(of: error, request)
    }
  }

  private func note(_ response: HTTPResponse) {
    func number(_ name: String) -> Int64? { response.headers[name].flatMap { Int64($0) } }
    guard let limit = number("x-ratelimit-limit"),
      let remaining = number("x-ratelimit-remaining"), let reset = number("x-ratelimit-reset"),
      // A thousand years from now is no moment that a clock has.
      (0...32_503_680_000).contains(reset)
    else { return }
    let told = ForgeAllowance(
      limit: Int(limit), remaining: Int(remaining),
      resetAt: Timestamp(milliseconds: reset * 1000))
    state.withLock { $0.allowance = told }
  }

  /// Passes what was carried out; anything else becomes a fault, and a limit is remembered.
  private func check(
    _ response: HTTPResponse, _ request: RESTRequest
  ) throws(ForgeFault) -> HTTPResponse {
    if (200..<300).contains(response.status) { return response }
    let fault = fault(of: response, request, now: configuration.now())
    state.withLock { state in
      if case .limited(let until) = fault.kind {
        state.limitedUntil = max(until, state.limitedUntil ?? until)
      }
      // The name may belong to another repository by now.
      if fault.kind == .notFound { state.renamed[request.repository] = nil }
    }
    throw fault
  }
}
