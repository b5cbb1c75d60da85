import Domain
import ForgePort
import FoundationEssentials
import HTTPClient
import Synchronization
import SystemCalls
import Text

/// The tokens of an installed GitHub App. Each lasts an hour.
///
/// The first call within the last ten minutes renews the token, and other calls wait for that
/// renewal. If it fails, the old token is used until a minute before its end.
package final class AppCredential: Sendable {
  /// The app's identity and its installation.
  package struct Configuration: Sendable {
    package var appID: String
    package var installationID: String
    package var key: AppKey
    package var apiURL: String
    package var timeout: Duration = .seconds(15)
    package var now: @Sendable () -> Timestamp = { Timestamp.now }
    /// Called for each request.
    package var onExchange: ForgeExchangeObserver = { _ in }

    package init(appID: String, installationID: String, key: AppKey, apiURL: String) {
      self.appID = appID
      self.installationID = installationID
      self.key = key
      self.apiURL = apiURL.withoutSlash
    }
  }

  /// A token with its end and its permissions.
  struct InstallationToken: Sendable {
    var token: String
    var endsAt: Timestamp
    /// Such as `contents: write`; nil if the forge did not say.
    var permissions: [String: String]?
  }

  private static let route = "POST /app/installations/{installation_id}/access_tokens"
  private static let renewedBefore = Milliseconds.seconds(600)
  private static let usableBefore = Milliseconds.seconds(60)

  private typealias Renewal = Task<Result<InstallationToken, ForgeFault>, Never>

  private struct State {
    var current: InstallationToken?
    var renewal: Renewal?
    /// The last tokens, for masking.
    var known: [String] = []
  }

  private let configuration: Configuration
  private let http: HTTPClient
  private let state = Mutex(State())

  package init(http: HTTPClient, configuration: Configuration) {
    self.http = http
    self.configuration = configuration
  }

  var knownTokens: [String] { state.withLock { $0.known } }

  /// The present token, renewed if its end is near.
  func token() async throws(ForgeFault) -> String { try await installationToken().token }

  func installationToken() async throws(ForgeFault) -> InstallationToken {
    let now = configuration.now()
    let (fresh, usable, renewal) = state.withLock { state in
      let left = state.current.map { $0.endsAt - now }
      if let left, left > Self.renewedBefore {
        return (state.current, state.current, nil as Renewal?)
      }
      let usable = left.map { $0 > Self.usableBefore } ?? false ? state.current : nil
      if state.renewal == nil { state.renewal = Task { await self.renew() } }
      return (nil, usable, state.renewal)
    }
    if let fresh { return fresh }
    switch await renewal?.value {
    case .success(let token): return token
    case .failure(let fault):
      guard let usable else { throw fault }
      return usable
    case nil:
      throw ForgeFault(kind: .unreachable, message: "no token of the app")
    }
  }

  /// Forgets a token that the forge refused. The next call requests another.
  func forget(_ token: String) {
    state.withLock { state in
      if state.current?.token == token { state.current = nil }
    }
  }

  private func renew() async -> Result<InstallationToken, ForgeFault> {
    let result: Result<InstallationToken, ForgeFault>
    do throws(ForgeFault) { result = .success(try await request()) } catch {
      result = .failure(error)
    }
    state.withLock { state in
      if case .success(let token) = result {
        state.current = token
        state.known = Array((state.known + [token.token]).suffix(8))
      }
      state.renewal = nil
    }
    return result
  }

  // MARK: The request

  private struct Body: Decodable {
    let token: String
    let expiresAt: String
    let permissions: [String: String]?
  }

  private struct AppBody: Decodable { let slug: String }

  /// The account under which the app writes: GitHub derives its name from the app's.
  func account() async throws(ForgeFault) -> String {
    let response = try await send("GET", "/app", route: "GET /app")
    guard response.status == 200 else { throw fault(of: response, "GET /app") }
    return "\(try decode(AppBody.self, response, "GET /app").slug)[bot]"
  }

  /// POST /app/installations/{id}/access_tokens. Repeating it does no harm, and the call that needs
  /// the token was not sent. So a lost answer counts as `unreachable`.
  private func request() async throws(ForgeFault) -> InstallationToken {
    let path = "/app/installations/\(configuration.installationID)/access_tokens"
    let response = try await send("POST", path, route: Self.route)
    guard response.status == 201 else { throw fault(of: response, "POST \(path)") }
    let body = try decode(Body.self, response, "POST \(path)")
    guard let end = ISO8601.seconds(body.expiresAt) else { throw misread("POST \(path)") }
    let endsAt = Timestamp(milliseconds: end.seconds * 1000)
    return InstallationToken(token: body.token, endsAt: endsAt, permissions: body.permissions)
  }

  private func decode<Value: Decodable>(
    _ type: Value.Type, _ response: HTTPResponse, _ call: String
  ) throws(ForgeFault) -> Value {
    guard let body = try? JSONDecoder.github.decode(type, from: Data(response.body)) else {
      throw misread(call)
    }
    return body
  }

  private func misread(_ call: String) -> ForgeFault {
    ForgeFault(
      kind: .unreachable,
      message: "the answer to \(call) is not what the API describes",
      hint: "Check that AIPM_GITHUB_API_URL names the API: \(configuration.apiURL).")
  }

  /// Sends a call that the app's key signs.
  private func send(
    _ method: String, _ path: String, route: String
  ) async throws(ForgeFault) -> HTTPResponse {
    guard let jwt = configuration.key.jwt(issuer: configuration.appID, at: configuration.now())
    else {
      throw ForgeFault(
        kind: .unauthorized, message: "the app's key cannot sign",
        hint: "Set the key again in AIPM_GITHUB_APP_KEY_FILE.")
    }
    let began = ContinuousClock.now
    func report(_ status: Int?) {
      configuration.onExchange(ForgeExchange(route: route, status: status, time: .now - began))
    }
    do throws(HTTPFault) {
      let response = try await http.send(
        GitHubClient.request(
          method, configuration.apiURL + path, token: jwt, timeout: configuration.timeout))
      report(response.status)
      return response
    } catch {
      report(nil)
      throw ForgeFault(
        kind: .unreachable, message: "\(method) \(path): \(error.detail)",
        hint: GitHubClient.reachHint(configuration.apiURL))
    }
  }

  private func fault(of response: HTTPResponse, _ call: String) -> ForgeFault {
    let body = ErrorBody(response)
    let message = body?.text ?? "no answer of the API"
    var fault = ForgeFault(
      kind: .unreachable,
      message: "\(call): \(response.status): \(message)",
      requestID: response.headers[GitHubClient.requestIDHeader])
    if let limit = GitHubLimit(response, body, now: configuration.now()) {
      fault.kind = .limited(until: limit.until)
      fault.hint = GitHubClient.limitHint
      return fault
    }
    switch response.status {
    case 401:
      fault.kind = .unauthorized
      fault.hint =
        "The forge does not take what the app's key signed: check that AIPM_GITHUB_APP_ID "
        + "(\(configuration.appID)) and AIPM_GITHUB_APP_KEY_FILE belong together, and this "
        + "machine's clock."
    case 404:
      fault.kind = .unauthorized
      fault.hint =
        "The app is not installed as AIPM_GITHUB_APP_INSTALLATION_ID "
        + "(\(configuration.installationID)): take the number from the installation's address."
    case 403, 422:
      fault.kind = .unauthorized
      fault.hint = "Check that the installation is not suspended."
    case _: break
    }
    return fault
  }
}
