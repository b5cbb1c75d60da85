// Agent profiles in a definition: how an agent is called, what it may see and do, and how its
// result is read.

import Domain
import Yams

extension DefinitionReader {
  mutating func agents(_ field: Field) -> [String: AgentProfile] {
    var agents: [String: AgentProfile] = [:]
    for (name, keyNode, value) in entries(field) ?? [] {
      if [AgentProfile.demo.name, AgentProfile.customName].contains(name) {
        note(
          keyNode.position, "the agent's name \"\(name)\" is reserved for a built-in one",
          "choose another name")
      }
      let isNamed = identifier(name, keyNode.position, "the agent")
      if let profile = agent(value, name), isNamed { agents[name] = profile }
    }
    return agents
  }

  private static let agentKeys = [
    "description", "written-for", "protocol", "command", "prompt", "long-prompt-command",
    "environment", "preflight", "success", "failure", "usage", "words", "limit",
    "permissions",
    "file-access",
    "sandbox", "network", "model-keys", "own-files", "resume-command", "session-id",
    "load-session",
  ]

  private mutating func agent(_ field: Field, _ name: String) -> AgentProfile? {
    guard let fields = fields(field, keys: Self.agentKeys) else { return nil }
    let description = line(fields["description"])
    let kind = agentKind(fields)
    let environment = environment(fields["environment"])
    let preflight = fields["preflight"].flatMap { self.preflight($0) }
    let reading = reading(fields)
    let writtenFor = line(fields["written-for"])
    var sandbox = sandboxGrants(fields["sandbox"])
    if let field = fields["network"] { sandbox.network = network(field) }
    let endpoints = modelEndpoints(fields["model-keys"])
    let ownFiles = ownFiles(fields["own-files"])
    guard let kind else { return nil }
    return AgentProfile(
      name: name, description: description ?? "", kind: kind, environment: environment,
      preflight: preflight, reading: reading, writtenFor: writtenFor ?? "", sandbox: sandbox,
      endpoints: endpoints, ownFiles: ownFiles)
  }

  /// Patterns as in a file of ignored names.
  private mutating func ownFiles(_ field: Field?) -> [String] {
    let items = texts(field) ?? []
    for item in items {
      let isLine = !item.text.unicodeScalars.contains { $0.value < 0x20 }
      guard let first = item.text.first, isLine, first != "!", first != "#" else {
        note(
          item.position, "\"\(item.text)\" is not a pattern of files",
          "write a pattern as in .gitignore, such as .mytool/ or .mytool*")
        continue
      }
    }
    return items.map(\.text)
  }

  /// The names of variables that an agent may see.
  mutating func environment(_ field: Field?) -> [String] {
    let names = texts(field) ?? []
    for item in names {
      if let fault = AgentProfile.environmentFault(item.text) {
        note(item.position, fault.message, fault.instead)
      }
    }
    return names.map(\.text)
  }

  private enum CallProtocol: String, CaseIterable {
    case command
    case session = "agent-client-protocol"
  }

  private mutating func agentKind(_ fields: Fields) -> AgentProfile.Kind? {
    let isSession = choice(fields["protocol"]) == CallProtocol.session
    let other =
      isSession
      ? [
        "prompt", "long-prompt-command", "success", "failure", "limit", "resume-command",
        "session-id",
      ]
      : ["permissions", "file-access", "load-session"]
    for field in other.compactMap({ fields[$0] }) {
      let only = isSession ? "agents that are called by a command" : "agents in a session"
      note(field, "is for \(only)", "leave it out")
    }
    if isSession { return agentSession(fields).map { .session($0) } }
    return agentCommand(fields).map { .command($0) }
  }

  /// An argument list with a program. A shell's command line is a fault whose hint is the list.
  mutating func argumentList(_ field: Field?) -> [Item]? {
    guard let field else { return nil }
    if case .scalar(let scalar) = field.node {
      let arguments = (try? ShellWords.split(scalar.string)) ?? ["PROGRAM", "ARGUMENT"]
      let list = arguments.map { "\"\($0)\"" }.joined(separator: ", ")
      return invalid(
        field, "is one text, not a list of arguments; no shell would split it",
        "write \(field.name.split(separator: ".").last ?? ""): [\(list)]")
    }
    guard let items = texts(field) else { return nil }
    if items.first?.text.isEmpty ?? true {
      return invalid(field, "names no program", "write the program first: [PROGRAM, ARGUMENT]")
    }
    return items
  }

  private mutating func agentCommand(_ fields: Fields) -> AgentCommand? {
    let ways = ["argument", "standard-input", "file"]
    let prompt = required(fields, "prompt")
    let way = text(prompt)
    if let prompt, let way, !ways.contains(way) {
      note(
        prompt, "is \"\(way)\"",
        "write argument, standard-input or file: how the agent gets the prompt")
    }
    let command = required(fields, "command")
    guard let command, let arguments = self.arguments(command) else { return nil }
    if let way, ways.contains(way) { placeholderFault(arguments, way: way, command) }
    let long = fields["long-prompt-command"].flatMap { longPromptArguments($0, way: way) }
    let resume = resumeArguments(fields, way: way, program: arguments.first)
    return AgentCommand(
      arguments: arguments, promptOnStandardInput: way == "standard-input",
      longPromptArguments: long, resumeArguments: resume)
  }

  private mutating func arguments(
    _ field: Field,
    _ placeholders: [String: AgentCommand.Argument] = AgentCommand.Argument.placeholders
  ) -> [AgentCommand.Argument]? {
    argumentList(field)?.enumerated().map { index, item in
      argument(item, isProgram: index == 0, placeholders)
    }
  }

  /// The command that continues a conversation.
  private mutating func resumeArguments(
    _ fields: Fields, way: String?, program: AgentCommand.Argument?
  ) -> [AgentCommand.Argument]? {
    let id = fields["session-id"]
    guard let field = fields["resume-command"] else {
      if let id { note(id, "is read, but there is no resume-command", "add one, or leave it out") }
      return nil
    }
    guard let arguments = arguments(field, AgentCommand.Argument.resumePlaceholders) else {
      return nil
    }
    if let way { placeholderFault(arguments, way: way, field) }
    // What is installed, allowed and shown in the sandbox is found by the program of `command`.
    if let program, arguments.first != program {
      note(field, "runs another program than command", "write the same program first")
    }
    let isNamed = arguments.contains(.session)
    if isNamed, id == nil {
      note(
        field, "has {{session}}, but there is no session-id",
        "add session-id: how the agent's output names its conversation")
    } else if let id, !isNamed {
      note(
        id, "is read, but resume-command has no {{session}}",
        "write \"{{session}}\" where the agent expects it")
    }
    return arguments
  }

  /// The command for a prompt that is too long for an argument.
  private mutating func longPromptArguments(
    _ field: Field, way: String?
  ) -> [AgentCommand.Argument]? {
    guard let arguments = arguments(field) else { return nil }
    if way != "argument" {
      note(field, "is for agents whose prompt is an argument", "leave it out")
    }
    if !arguments.contains(.promptFile) || arguments.contains(.prompt) {
      note(
        field, "must have {{promptFile}}, and not {{prompt}}",
        "write \"{{promptFile}}\" where the agent expects the path of a file")
    }
    return arguments
  }

  /// Notes a missing placeholder, or one that contradicts how the prompt is passed.
  private mutating func placeholderFault(
    _ arguments: [AgentCommand.Argument], way: String, _ command: Field
  ) {
    let known: [(way: String, argument: AgentCommand.Argument, written: String)] = [
      ("argument", .prompt, "{{prompt}}"), ("file", .promptFile, "{{promptFile}}"),
    ]
    for one in known where one.way == way && !arguments.contains(one.argument) {
      return note(
        command.position, "prompt is \(way), but \(command.name) has no \(one.written)",
        "write \"\(one.written)\" where the agent expects it")
    }
    for one in known where one.way != way && arguments.contains(one.argument) {
      note(
        command, "has \(one.written), but prompt is \(way)",
        "write prompt: \(one.way), or leave \(one.written) out")
    }
  }

  private mutating func argument(
    _ item: Item, isProgram: Bool, _ known: [String: AgentCommand.Argument]
  ) -> AgentCommand.Argument {
    let (text, position) = (item.text, item.position)
    if text.contains("\0") {
      note(position, "an argument holds a NUL character", "leave it out")
    }
    if let placeholder = known[text] {
      if isProgram { note(position, "the program is \(text)", "write the program's name or path") }
      return placeholder
    }
    if text.contains("{{") {
      let names = known.keys.sorted().joined(separator: ", ")
      let near = Spelling.nearest(to: text, in: Array(known.keys))
      note(
        position, "the argument \"\(text)\" holds {{ but is no placeholder",
        near.map { "did you mean \"\($0)\"?" }
          ?? "write one of \(names) as an argument of its own")
    }
    return .literal(text)
  }
}
