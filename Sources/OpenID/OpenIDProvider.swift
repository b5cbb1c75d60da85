import Access
import Domain
import HTTPClient
import SystemCalls
import Text

/// A provider of OpenID Connect, for one client.
package struct OpenIDProvider: Sendable {
  private let settings: OpenIDSettings
  private let calls: ProviderCalls
  private let now: @Sendable () -> Timestamp
  private let metadata: SharedDocument<ProviderMetadata>
  private let keys: SharedDocument<KeySet>

  /// The least time between two requests for keys.
  private static let keysPause = Milliseconds.seconds(10)

  /// - Parameters:
  ///   - http: sends all requests.
  ///   - now: the time, for tests.
  package init(
    _ settings: OpenIDSettings, http: HTTPClient,
    now: @escaping @Sendable () -> Timestamp = { .now }
  ) {
    self.settings = settings
    calls = ProviderCalls(http: http)
    self.now = now
    metadata = SharedDocument(now: now)
    keys = SharedDocument(now: now)
  }

  /// Begins a sign-in.
  /// - Returns: the URL that the browser goes to, and what `finish` needs.
  package func begin() async throws(OpenIDFault) -> (
    authorizationURL: String, pending: PendingSignIn
  ) {
    let metadata = try await currentMetadata()
    let pending = PendingSignIn(at: now())
    let query = Form.encode([
      ("response_type", "code"), ("client_id", settings.clientID),
      ("redirect_uri", settings.redirectURI), ("scope", settings.scopes.joined(separator: " ")),
      ("state", pending.state), ("nonce", pending.nonce),
      ("code_challenge", pending.challenge), ("code_challenge_method", "S256"),
    ])
    let endpoint = metadata.authorizationEndpoint
    let separator = endpoint.query == nil ? "?" : "&"
    return ("\(endpoint)\(separator)\(query)", pending)
  }

  /// Completes a sign-in.
  /// - Parameters:
  ///   - pending: the one that began in this browser. The caller has forgotten it.
  ///   - query: of the callback, as it was received.
  package func finish(
    _ pending: PendingSignIn, query: String
  ) async throws(OpenIDFault) -> SignedInPerson {
    let metadata = try await currentMetadata()
    let code = try code(of: query, pending, metadata)
    let text = try await calls.token(
      for: code, verifier: pending.verifier, settings: settings, metadata)
    let token: IDToken
    do throws(TokenFault) { token = try IDToken(text) } catch { throw .token(error) }
    let claims = try await claims(of: token, metadata)
    let rules = ClaimRules(
      issuer: settings.issuer, clientID: settings.clientID, nonce: pending.nonce, now: now())
    let subject: String
    do throws(TokenFault) { subject = try rules.check(claims) } catch { throw .token(error) }
    return try SignedInPerson(claims, subject: subject, settings)
  }

  /// Fetches the provider's documents, for a check of the configuration.
  /// - Returns: the number of usable keys.
  package func check() async throws(OpenIDFault) -> Int {
    try await fetchKeys(try await currentMetadata()).count
  }

  private func code(
    of query: String, _ pending: PendingSignIn, _ metadata: ProviderMetadata
  ) throws(OpenIDFault) -> String {
    guard let query = CallbackQuery(query) else {
      throw .request("The address that the provider sent you to is damaged. Sign in again.")
    }
    guard let state = query["state"], pending.isNamed(by: state) else {
      throw .request("This is not the sign-in that began in this browser. Sign in again.")
    }
    guard now() < pending.expires else {
      throw .request(
        "The sign-in took more than \(PendingSignIn.lifetime.count / 60_000) minutes. "
          + "Sign in again.")
    }
    // Another provider cannot pass off its callback as this one's (RFC 9207).
    guard query["iss"] == settings.issuer || query["iss"] == nil && !metadata.namesIssuer else {
      throw .request("This callback is from another provider. Sign in again.")
    }
    if let error = query["error"] {
      throw .ended(
        code: ErrorText.code(error), description: query["error_description"].map(ErrorText.plain))
    }
    guard let code = query["code"], !code.isEmpty else {
      throw .request("The provider sent no code. Sign in again.")
    }
    return code
  }

  // MARK: Documents

  private func currentMetadata() async throws(OpenIDFault) -> ProviderMetadata {
    if let current = await metadata.current { return current }
    return try await metadata.fetch { [calls, settings] () throws(OpenIDFault) in
      let document = try await calls.document(
        ProviderMetadata.location(of: settings.issuer), limit: ProviderMetadata.bytesMax)
      return try ProviderMetadata(document, for: settings)
    }
  }

  /// The claims of a token that a key of the provider signed.
  private func claims(
    of token: IDToken, _ metadata: ProviderMetadata
  ) async throws(OpenIDFault) -> [String: JSONValue] {
    let isPaused = await keys.isPaused(for: Self.keysPause)
    if let known = await keys.current {
      do throws(TokenFault) { return try token.claims(signedBy: known) } catch {
        // The provider may have changed its keys.
        if isPaused { throw .token(error) }
      }
    } else if isPaused {
      throw .provider("The provider's keys could not be fetched. Try again in 10 seconds.")
    }
    let fetched = try await fetchKeys(metadata)
    do throws(TokenFault) { return try token.claims(signedBy: fetched) } catch {
      throw .token(error)
    }
  }

  private func fetchKeys(_ metadata: ProviderMetadata) async throws(OpenIDFault) -> KeySet {
    try await keys.fetch { [calls] () throws(OpenIDFault) in
      try KeySet(await calls.document("\(metadata.keysURL)", limit: KeySet.bytesMax))
    }
  }
}
