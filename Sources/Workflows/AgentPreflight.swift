// How it is found out whether an agent could work here, within seconds and without a model.

/// What is asked of an agent before work is given to it.
package struct AgentPreflight: Codable, Equatable, Sendable {
  /// An argument list that ends with 0 where the agent is installed and runs; empty: a program on
  /// the PATH is enough.
  package var command: [String]
  /// What says that it is signed in; any one of it is enough. nil: nobody asks.
  package var signIn: SignIn?

  /// Where a sign-in shows.
  package struct SignIn: Codable, Equatable, Sendable {
    /// Environment variables, one of which is set.
    package var variables: [String]
    /// Files in the agent's HOME, one of which is there: of those that it is lent.
    package var files: [String]
    /// An argument list that ends with 0.
    package var command: [String]
    /// What to do where none of it is so, for people.
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
