import Access
import Domain
import HTTPServing
import HTTPTypes
import Hummingbird
import Synchronization
import Text

/// Identifies the senders of requests.
///
/// A request with a token or the cookie of a session is its principal's. A request without either
/// is refused if the server requires one; otherwise any process of this machine is the
/// administrator `local`.
final class AccessControl: Sendable {
  /// Whether a request without a token is refused.
  let requiresToken: Bool
  private let sessions = Sessions()
  private let cookie: SecretCookie
  /// The origin of the page as browsers name it, if it is not that of the request's host.
  private let publicOrigin: String?
  private let tokens: TokenCache
  private let rate: AddressRateLimit
  private let listeners = Mutex<[Int: AsyncStream<Void>.Continuation]>([:])

  init(_ configuration: ServerConfiguration) {
    requiresToken = configuration.requiresToken
    publicOrigin = configuration.publicURL?.origin
    let prefix = configuration.basePathPrefix
    cookie = SecretCookie(
      base: Sessions.cookieName, path: prefix.isEmpty ? "/" : prefix, sameSite: .strict,
      isSecure: configuration.publicURL?.isSecure ?? false,
      seconds: Sessions.ageMax.components.seconds)
    tokens = TokenCache(configuration.tokens)
    rate = AddressRateLimit(perSecond: configuration.limits.requestsPerSecondMax)
  }

  /// The sender of a request; nil if it is unknown.
  /// - Throws: `Problem` 401 if the token is invalid, 429 if too many requests came with it, 403 if
  ///   another page sent the request with this page's cookie.
  func principal(of request: Request) throws -> Principal? {
    if let header = request.headers[.authorization] {
      let words = header.split(separator: " ", maxSplits: 1)
      guard words.count == 2, words[0].lowercased() == "bearer" else { throw Problem.invalidToken }
      return try principal(token: words[1].trimmingPrefix { $0 == " " }.description)
    }
    if let name = cookie.value(in: request.headers[.cookie]),
      let principal = sessions.principal(name), isAccepted(principal)
    {
      guard !request.isWriting || isOwnPage(request) else { throw Problem.foreignCookie }
      return principal
    }
    return requiresToken ? nil : .local
  }

  /// Whether a page of this server sent the request. A page on another port of the same host is of
  /// the same site, so browsers add the cookie to its requests, too.
  private func isOwnPage(_ request: Request) -> Bool {
    if let origin = request.headers[.origin] {
      return origin == publicOrigin ?? "http://\(request.head.authority ?? "")"
    }
    return request.headers[.secFetchSite] == "same-origin"
  }

  /// The principal of a token.
  /// - Throws: `Problem` 401 if it is invalid, 429 if too many requests came with it.
  func principal(token: String) throws -> Principal {
    guard let record = tokens.find(token), case .role(let role) = record.role,
      let repositories = record.patterns
    else { throw Problem.invalidToken }
    if let seconds = rate.take(token: record.id) { throw Problem.tooMany("requests", seconds) }
    return Principal(
      name: record.name, roles: [role], repositories: repositories, token: record.id)
  }

  /// Signals after changes of the tokens, while `watch` runs.
  func changes() -> AsyncStream<Void> {
    let (signals, listener) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let number = listeners.withLock { listeners in
      let number = (listeners.keys.max() ?? 0) + 1
      listeners[number] = listener
      return number
    }
    listener.onTermination = { [weak self] _ in
      _ = self?.listeners.withLock { $0.removeValue(forKey: number) }
    }
    return signals
  }

  /// Begins a session.
  /// - Returns: the `Set-Cookie` field of its cookie.
  func signIn(_ principal: Principal) -> String { cookie.field(sessions.begin(principal)) }

  /// Ends the session of a principal, or all sessions of its name, and their streams.
  /// - Parameter principal: nil if it is unknown; then there is nothing to end.
  /// - Returns: the `Set-Cookie` field that removes the cookie.
  func signOut(_ principal: Principal?, everywhere: Bool) -> String {
    if let principal {
      sessions.end(principal, everywhere: everywhere)
      signalChange()
    }
    return cookie.field(nil)
  }

  private func signalChange() {
    for listener in listeners.withLock({ Array($0.values) }) { listener.yield() }
  }

  /// Looks for changes of the tokens twice a second, until the task is cancelled: open streams end
  /// within a second after their token is revoked.
  func watch() async {
    while (try? await Task.sleep(for: .milliseconds(500))) != nil {
      if tokens.hasChanged() { signalChange() }
    }
  }

  /// Whether the principal of an earlier request is still accepted.
  func isAccepted(_ principal: Principal?) -> Bool {
    guard let principal else { return true }
    return principal.token.map { tokens.isValid($0) } ?? true
      && principal.session.map { sessions.isValid(id: $0) } ?? true
  }
}

extension AccessControl {
  /// Checks that the principal of an earlier request is still accepted.
  /// - Throws: `Problem` 401 if not.
  func requireAccepted(_ principal: Principal?) throws {
    guard isAccepted(principal) else { throw Problem.invalidToken }
  }
}

extension APIContext {
  /// The principal of the request.
  /// - Throws: `Problem` 401 if it is unknown.
  func identified() throws -> Principal {
    guard let principal else { throw Problem.noToken }
    return principal
  }

  /// Refuses a request whose sender does not have the permission, perhaps for some repositories
  /// only.
  /// - Throws: `Problem` 401 or 403.
  func require(_ permission: Permission) throws {
    if let refusal = try identified().refusal(of: permission) { throw Problem(refusal) }
  }

  /// Refuses a request that concerns one repository.
  /// - Throws: `Problem` 401 or 403.
  func require(_ permission: Permission, in repository: RepositoryName) throws {
    if let refusal = try identified().refusal(of: permission, in: repository) {
      throw Problem(refusal)
    }
  }
}

extension Problem {
  /// The request has no token, and needs one.
  fileprivate static var noToken: Problem {
    var problem = Problem(
      .unauthorized, "No token", "This server answers requests with a token only.",
      hint: "Send Authorization: Bearer TOKEN (aipm: AIPM_TOKEN). "
        + "aipm token create NAME --role ROLE makes one on the server.")
    problem.challenge = "Bearer realm=\"aipm\""
    return problem
  }

  fileprivate static var foreignCookie: Problem {
    Problem(.forbidden, "Wrong origin", "Another page sent this request with the page's cookie.")
  }

  fileprivate static var invalidToken: Problem {
    var problem = Problem(
      .unauthorized, "Invalid token",
      "The token is unknown, mistyped, revoked or expired.",
      hint: "aipm token list shows the valid ones; aipm token create makes another.")
    problem.challenge = "Bearer realm=\"aipm\", error=\"invalid_token\""
    return problem
  }

  /// The request is not permitted to its sender.
  init(_ refusal: AccessRefusal) {
    self.init(.forbidden, "Not permitted", refusal.message)
    code = "not-permitted"
  }
}
