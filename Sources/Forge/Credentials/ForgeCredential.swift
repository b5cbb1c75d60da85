import Engine

/// What opens the forge. It is asked anew for each call, since what it gives changes while a server
/// runs: an app's tokens live for an hour.
package enum ForgeCredential: Sendable {
  /// A personal access token, or the embedded forge's.
  case token(String)
  case app(AppCredential)

  /// The token to show now.
  /// - Throws: `ForgeFault` where an app cannot get one; the call that wanted it was not sent.
  func token() async throws(ForgeFault) -> String {
    switch self {
    case .token(let token): token
    case .app(let app): try await app.token()
    }
  }

  /// Takes note that the forge answered 401 to `token`.
  /// - Returns: whether the call may be made again with another token.
  func refused(_ token: String) -> Bool {
    switch self {
    case .token: return false
    case .app(let app):
      app.forget(token)
      return true
    }
  }

  /// What must not be seen in a message: all that this process has shown to the forge.
  var secrets: [String] {
    switch self {
    case .token(let token): [token]
    case .app(let app): app.knownTokens
    }
  }

  /// What a person does where the forge refuses the credential.
  var renewalHint: String {
    switch self {
    case .token:
      "The credential is wrong or has expired: set AIPM_GITHUB_TOKEN anew and restart."
    case .app:
      "The app's token was refused: check that the app is still installed and not suspended."
    }
  }
}
