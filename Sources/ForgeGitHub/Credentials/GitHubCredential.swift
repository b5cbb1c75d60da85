import Domain
import ForgePort

/// A credential for GitHub. It is asked for its token before each call, because an app's tokens
/// last an hour only.
package enum GitHubCredential: Sendable {
  /// A personal access token, or the embedded forge's.
  case token(String)
  case app(AppCredential)

  /// The token for the next call.
  /// - Throws: `ForgeFault` if an app cannot get one; the call is then not sent.
  func token() async throws(ForgeFault) -> String {
    switch self {
    case .token(let token): token
    case .app(let app): try await app.token()
    }
  }

  /// Records that the forge answered 401 to `token`.
  /// - Returns: whether to repeat the call with another token.
  func refused(_ token: String) -> Bool {
    switch self {
    case .token: return false
    case .app(let app):
      app.forget(token)
      return true
    }
  }

  /// Every token that was shown to the forge and may still be valid.
  var secrets: [String] {
    switch self {
    case .token(let token): [token]
    case .app(let app): app.knownTokens
    }
  }

  /// What a person can do if the forge refuses the credential.
  var renewalHint: String {
    switch self {
    case .token:
      "The credential is wrong or has expired: set AIPM_GITHUB_TOKEN again and restart."
    case .app:
      "The app's token was refused: check that the app is still installed and not suspended."
    }
  }
}

/// GitHub's git takes a token as the password of a fixed user.
package struct GitHubGitCredential: GitCredential {
  private let credential: GitHubCredential
  package let requiresHTTPS: Bool

  /// - Parameter apiURL: if it is https, git sends the token to https addresses only.
  package init(_ credential: GitHubCredential, apiURL: String) {
    self.credential = credential
    requiresHTTPS = apiURL.hasPrefix("https://")
  }

  /// See `GitCredential`.
  package func login() async throws(ForgeFault) -> GitLogin {
    GitLogin(user: "x-access-token", password: try await credential.token())
  }

  package var secrets: [String] { credential.secrets }

  /// See `GitCredential`.
  package func accessHint(_ repository: RepositoryName) -> String {
    "AIPM's credential may not read or write \(repository) by git: grant it contents:write."
  }

  /// See `GitCredential`.
  package func rejectionHint(_ message: String) -> String {
    if message.contains("workflow") {
      return "Allow AIPM's credential to change workflows (workflows:write), or keep the change "
        + "out of .github/workflows."
    }
    return "A rule of the repository forbids the push: let AIPM's credential bypass it, or exempt "
      + "its branches, and retry."
  }
}
