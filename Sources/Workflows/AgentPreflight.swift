// How to check within seconds, and without a model, whether an agent can work on this machine.

/// The check of an agent before it gets work.
package struct AgentPreflight: Codable, Equatable, Sendable {
  /// An argument list that exits with 0 if the agent is installed and runs; empty if it is enough
  /// that the program is on the PATH.
  package var command: [String]
  /// Evidence that the agent is signed in; any one is enough. nil: not checked.
  package var signIn: SignIn?

  /// Where to look for a sign-in.
  package struct SignIn: Codable, Equatable, Sendable {
    /// Environment variables, one of which is set.
    package var variables: [String]
    /// Files in the agent's HOME that are mounted in its sandbox, one of which exists.
    package var files: [String]
    /// An argument list that exits with 0.
    package var command: [String]
    /// For people, what to do if there is no sign-in.
    package var hint: String

    package init(
      variables: [String] = [], files: [String] = [], command: [String] = [], hint: String = ""
    ) {
      self.variables = variables
      self.files = files
      self.command = command
      self.hint = hint
    }
  }

  package init(command: [String] = [], signIn: SignIn? = nil) {
    self.command = command
    self.signIn = signIn
  }
}
