// How an agent is called, as data, so that a new agent needs no new code.

import NetworkRules

/// An agent of a workflow.
package struct AgentProfile: Equatable, Sendable {
  /// What is executed.
  package enum Kind: Equatable, Sendable {
    /// The built-in agent (`aipm demo-agent`), which needs no model.
    case demo
    /// A program that is started for each attempt.
    case command(AgentCommand)
    /// A program that keeps running and is called by the Agent Client Protocol.
    case session(AgentSession)
  }

  package var name: String
  /// One line for people.
  package var description: String
  package var kind: Kind
  /// The names of environment variables that are passed on. From the server's environment, the
  /// agent gets only these and what every process needs.
  package var environment: [String]
  /// How to check whether the agent can work; nil if only an attempt shows it.
  package var preflight: AgentPreflight?
  /// How its result is read.
  package var reading: AgentReading
  /// The version of the agent for which this profile was written; empty if unknown.
  package var writtenFor: String
  /// The permissions in its sandbox.
  package var sandbox: SandboxGrants
  /// The services for which the credential can stay outside the sandbox.
  package var endpoints: [ModelEndpoint]
  /// Patterns, as in gitignore(5), of the agent's own files in the working tree: new ones are not
  /// part of its change.
  package var ownFiles: [String]

  package init(
    name: String, description: String, kind: Kind, environment: [String] = [],
    preflight: AgentPreflight? = nil, reading: AgentReading = .plain, writtenFor: String = "",
    sandbox: SandboxGrants = .init(), endpoints: [ModelEndpoint] = [], ownFiles: [String] = []
  ) {
    self.ownFiles = ownFiles
    self.name = name
    self.description = description
    self.kind = kind
    self.environment = environment
    self.preflight = preflight
    self.reading = reading
    self.writtenFor = writtenFor
    self.sandbox = sandbox
    self.endpoints = endpoints
  }

  /// The program; nil for the built-in agent.
  package var program: String? {
    switch kind {
    case .demo: nil
    case .command(let command): command.program
    case .session(let session): session.arguments.first
    }
  }

  /// Whether it can continue a conversation of an earlier round.
  package var continuesConversations: Bool {
    switch kind {
    case .demo: false
    case .command(let command): command.resumeArguments != nil
    case .session(let session): session.loadsSessions ?? false
    }
  }

  /// The built-in agent. It is part of every workflow, under this reserved name.
  package static let demo = AgentProfile(
    name: "demo",
    description: "built in: writes source files from the acceptance criteria, without a model",
    kind: .demo)

  /// The reserved name of the agent of `--agent command`.
  package static let customName = "command"

  /// The agent of `--agent command --agent-command …`: it gets the prompt as the last argument and
  /// on standard input.
  /// - Parameters:
  ///   - command: the program and its arguments, without placeholders.
  ///   - environment: names of variables to pass on; check each with `environmentFault` before.
  ///   - network: its network access.
  package static func custom(
    command: [String], environment: [String], network: NetworkPolicy = NetworkPolicy()
  ) -> AgentProfile {
    AgentProfile(
      name: customName, description: command.joined(separator: " "),
      kind: .command(
        AgentCommand(
          arguments: command.map { AgentCommand.Argument.literal($0) } + [.prompt],
          promptOnStandardInput: true)),
      environment: environment, sandbox: SandboxGrants(network: network))
  }

  /// Why a variable must not be passed to an agent.
  /// - Returns: the problem and the solution; nil if it may be passed.
  package static func environmentFault(_ name: String) -> (message: String, instead: String)? {
    let scalars = name.unicodeScalars
    let isValid = scalars.allSatisfy {
      $0 == "_" || ($0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil))
    }
    guard let first = scalars.first, isValid, first.properties.numericType == nil else {
      return (
        "\"\(name)\" is not the name of an environment variable",
        "write letters, digits and _, no digit first; the value comes from the environment"
      )
    }
    if name.hasPrefix("AIPM_") || ["GITHUB_TOKEN", "GH_TOKEN"].contains(name) {
      return (
        "\(name) is or may be a credential of the forge, which agents never get",
        "leave it out; AIPM itself pushes and comments"
      )
    }
    return nil
  }
}

/// A program with its arguments, and how it gets the prompt.
package struct AgentCommand: Equatable, Sendable {
  /// One argument. A placeholder is a whole argument, so nothing is parsed out of its value.
  package enum Argument: Equatable, Sendable {
    case literal(String)
    /// `{{prompt}}`
    case prompt
    /// `{{promptFile}}`: the path of a file with the prompt, outside the working tree.
    case promptFile
    /// `{{directory}}`: the working tree, which is also the current directory.
    case directory
    /// `{{session}}`: what the agent calls the conversation to continue.
    case session

    /// The placeholders as a definition writes them.
    static let placeholders: [String: Argument] = [
      "{{prompt}}": .prompt, "{{promptFile}}": .promptFile, "{{directory}}": .directory,
    ]
    /// Those of a command that continues a conversation.
    static let resumePlaceholders = placeholders.merging(["{{session}}": .session]) { a, _ in a }
  }

  /// The program (always a literal) and its arguments.
  package var arguments: [Argument]
  package var promptOnStandardInput: Bool
  /// Replaces `arguments` if the prompt is too long for an argument. nil: `arguments` are used,
  /// with a text that names a file with the prompt.
  package var longPromptArguments: [Argument]?
  /// Replaces `arguments` if a conversation is continued. nil: none is.
  package var resumeArguments: [Argument]?

  package init(
    arguments: [Argument], promptOnStandardInput: Bool, longPromptArguments: [Argument]? = nil,
    resumeArguments: [Argument]? = nil
  ) {
    self.longPromptArguments = longPromptArguments
    self.resumeArguments = resumeArguments
    self.arguments = arguments
    self.promptOnStandardInput = promptOnStandardInput
  }

  /// The program, a name to look up on the PATH or a path.
  package var program: String {
    if case .literal(let text)? = arguments.first { return text }
    return ""
  }
}

/// A program that speaks the Agent Client Protocol on its standard streams, and its permissions.
/// One process serves several attempts in turn, each in a new session.
package struct AgentSession: Codable, Equatable, Sendable {
  /// The program and its arguments, without placeholders.
  package var arguments: [String]
  package var permissions: AgentPermissions
  /// Whether the worker reads and writes files of the working tree for it.
  package var accessesFiles: Bool
  /// Whether an earlier session is loaded, if the agent says that it can. nil: no.
  package var loadsSessions: Bool?

  package init(
    arguments: [String], permissions: AgentPermissions = .init(), accessesFiles: Bool = true,
    loadsSessions: Bool? = nil
  ) {
    self.loadsSessions = loadsSessions
    self.arguments = arguments
    self.permissions = permissions
    self.accessesFiles = accessesFiles
  }
}

/// The replies to an agent's requests for permission. This is not a sandbox: an agent that does not
/// ask is not restricted.
package struct AgentPermissions: Codable, Equatable, Sendable {
  /// Whether other kinds are allowed.
  package var allowsByDefault: Bool
  /// By the protocol's kind of tool call.
  package var byKind: [String: Bool]

  /// The kinds of the protocol's version 1 (agentclientprotocol.com, tool calls).
  package static let kinds = [
    "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other",
  ]

  package init(allowsByDefault: Bool = true, byKind: [String: Bool] = [:]) {
    self.allowsByDefault = allowsByDefault
    self.byKind = byKind
  }

  /// - Parameter kind: from the agent's request; nil if it has none.
  package func allows(_ kind: String?) -> Bool { byKind[kind ?? "other"] ?? allowsByDefault }
}
