// How an agent is called: data, so that a new agent needs no new code.

import NetworkRules

/// An agent as a workflow names it.
package struct AgentProfile: Equatable, Sendable {
  /// What is run.
  package enum Kind: Equatable, Sendable {
    /// The agent that AIPM carries itself (`aipm demo-agent`), which needs no model.
    case demo
    /// A program that is started for each attempt.
    case command(AgentCommand)
    /// A program that stays and is spoken to in the Agent Client Protocol.
    case session(AgentSession)
  }

  package var name: String
  /// One line for people.
  package var description: String
  package var kind: Kind
  /// The environment variables passed on to it, by name; nothing else of the server's environment
  /// but what every process needs.
  package var environment: [String]
  /// How it is found out whether it could work; nil: it is tried.
  package var preflight: AgentPreflight?
  /// How its end is read.
  package var reading: AgentReading
  /// The version of the agent that this call was written for; empty where it is not known.
  package var writtenFor: String
  /// What it gets in a sandbox.
  package var sandbox: SandboxGrants
  /// The services that it calls with a credential that can stay outside.
  package var endpoints: [ModelEndpoint]
  /// Patterns, as gitignore(5) has them, of files that it keeps for itself in the working tree: a
  /// new one is no part of its change.
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

  /// The program that is run; nil for the agent that is built in.
  package var program: String? {
    switch kind {
    case .demo: nil
    case .command(let command): command.program
    case .session(let session): session.arguments.first
    }
  }

  /// The built-in agent. It is part of every workflow, under this reserved name.
  package static let demo = AgentProfile(
    name: "demo",
    description: "built in: writes source files after the acceptance criteria, without a model",
    kind: .demo)

  /// The reserved name of the agent that `--agent command` makes.
  package static let customName = "command"

  /// The agent of `--agent command --agent-command …`: the prompt is appended as the last argument
  /// and also given on standard input.
  /// - Parameters:
  ///   - words: the program and its arguments, as `ShellWords.split` gives them; taken as they
  ///     stand, with no placeholders.
  ///   - environment: names of variables to pass on; check each with `environmentFault` before.
  ///   - network: what it may reach.
  package static func custom(
    words: [String], environment: [String], network: NetworkPolicy = NetworkPolicy()
  ) -> AgentProfile {
    AgentProfile(
      name: customName, description: words.joined(separator: " "),
      kind: .command(
        AgentCommand(
          arguments: words.map { AgentCommand.Argument.literal($0) } + [.prompt],
          promptOnStandardInput: true)),
      environment: environment, sandbox: SandboxGrants(network: network))
  }

  /// Why a variable of this name must not reach an agent.
  /// - Returns: what is wrong and what to do, nil where it may be passed on.
  package static func environmentFault(_ name: String) -> (message: String, instead: String)? {
    let scalars = name.unicodeScalars
    let fits = scalars.allSatisfy {
      $0 == "_" || ($0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil))
    }
    guard let first = scalars.first, fits, first.properties.numericType == nil else {
      return (
        "\"\(name)\" is not the name of an environment variable",
        "write letters, digits and _, no digit first; the value comes from the environment"
      )
    }
    if name.hasPrefix("AIPM_") || ["GITHUB_TOKEN", "GH_TOKEN"].contains(name) {
      return (
        "\(name) is or may be a credential of the forge, which no agent gets",
        "leave it out; AIPM itself pushes and comments"
      )
    }
    return nil
  }
}

/// A program with its arguments, and the ways in which it gets the prompt.
package struct AgentCommand: Equatable, Sendable {
  /// One argument; a placeholder is one whole argument, so that nothing is ever parsed out of it.
  package enum Argument: Equatable, Sendable {
    case literal(String)
    /// `{{prompt}}`
    case prompt
    /// `{{promptFile}}`: the path of a file that holds the prompt, outside the working tree.
    case promptFile
    /// `{{directory}}`: the working tree, which is also the current directory.
    case directory

    /// The placeholders as a definition writes them.
    static let placeholders: [String: Argument] = [
      "{{prompt}}": .prompt, "{{promptFile}}": .promptFile, "{{directory}}": .directory,
    ]
  }

  /// The program (always a literal) and its arguments.
  package var arguments: [Argument]
  package var promptOnStandardInput: Bool
  /// In place of `arguments` where the prompt is longer than an argument may be; nil: those, with
  /// words for the prompt that name a file which holds it.
  package var longPromptArguments: [Argument]?

  package init(
    arguments: [Argument], promptOnStandardInput: Bool, longPromptArguments: [Argument]? = nil
  ) {
    self.longPromptArguments = longPromptArguments
    self.arguments = arguments
    self.promptOnStandardInput = promptOnStandardInput
  }

  /// The program, as a name to look up on the PATH or as a path.
  package var program: String {
    if case .literal(let text)? = arguments.first { return text }
    return ""
  }
}

/// A program that speaks the Agent Client Protocol on its standard streams, and what is allowed to
/// it. One process serves one attempt after the other, each in a session of its own.
package struct AgentSession: Codable, Equatable, Sendable {
  /// The program and its arguments; none is a placeholder.
  package var arguments: [String]
  package var permissions: AgentPermissions
  /// Whether it may have files of the working tree read and written for it.
  package var accessesFiles: Bool

  package init(
    arguments: [String], permissions: AgentPermissions = .init(), accessesFiles: Bool = true
  ) {
    self.arguments = arguments
    self.permissions = permissions
    self.accessesFiles = accessesFiles
  }
}

/// What is answered where an agent asks whether it may do something. It is no sandbox: an agent
/// that does not ask is not held by it.
package struct AgentPermissions: Codable, Equatable, Sendable {
  /// Whether kinds that are not named are allowed.
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

  /// - Parameter kind: as the agent named it; nil where it named none.
  package func allows(_ kind: String?) -> Bool { byKind[kind ?? "other"] ?? allowsByDefault }
}
