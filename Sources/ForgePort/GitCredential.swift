import Domain

/// Gives git access to the forge's repositories over HTTP.
package protocol GitCredential: Sendable {
  /// The user name and password for the next git command. A password may expire within the hour.
  /// - Throws: `ForgeFault` if there is no valid password; git is then not run.
  func login() async throws(ForgeFault) -> GitLogin

  /// Every password that was given out and may still be valid: messages are masked with them, and
  /// no change may contain one.
  var secrets: [String] { get }

  /// Whether git sends the password to https addresses only.
  var requiresHTTPS: Bool { get }

  /// What a person can do if git may not read or write `repository`.
  func accessHint(_ repository: RepositoryName) -> String

  /// What a person can do if a rule of the forge refused a push.
  /// - Parameter message: what the forge said.
  func rejectionHint(_ message: String) -> String
}

/// A user name and a password for HTTP basic authentication.
package struct GitLogin: Equatable, Sendable {
  package var user: String
  package var password: String

  package init(user: String, password: String) {
    self.user = user
    self.password = password
  }
}
