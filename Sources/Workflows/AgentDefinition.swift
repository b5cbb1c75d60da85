// Agent profiles in a definition: how an agent is called, what it may see and do, and how its
// result is read.

import Domain
import Yams

extension DefinitionReader {
  mutating func agents(_ node: Node) -> [String: AgentProfile] {
    var agents: [String: AgentProfile] = [:]
    for (name, keyNode, value) in entries(node, at: "agents") ?? [] {
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
    "environment", "preflight", "success", "failure", "usage", "permissions", "file-access",
    "sandbox", "network", "model-keys", "own-files",
  ]

  private mutating func agent(_ node: Node, _ name: String) -> AgentProfile? {
    guard let fields = fields(node, at: "agents.\(name)", keys: Self.agentKeys) else { return nil }
    let description = fields.values["description"].flatMap {
      line($0, fields.name("description"))
    }
    let kind = agentKind(fields)
    let environment = environment(fields.values["environment"], fields.name("environment"))
    let preflight = fields.values["preflight"].flatMap {
      self.preflight($0, fields.name("preflight"))
    }
    let reading = reading(fields)
    let writtenFor = fields.values["written-for"].flatMap { line($0, fields.name("written-for")) }
    let sandbox = fields.values["sandbox"].map { sandboxGrants($0, at: fields.name("sandbox")) }
    var grants = sandbox ?? SandboxGrants()
    if let node = fields.values["network"] {
      grants.network = network(node, fields.name("network"))
    }
    let endpoints = fields.values["model-keys"].map {
      modelEndpoints($0, fields.name("model-keys"))
    }
    let ownFiles = fields.values["own-files"].map {
      self.ownFiles($0, fields.name("own-files"))
    }
    guard let kind else { return nil }
    return AgentProfile(
      name: name, description: description ?? "", kind: kind, environment: environment,
      preflight: preflight, reading: reading, writtenFor: writtenFor ?? "", sandbox: grants,
      endpoints: endpoints ?? [], ownFiles: ownFiles ?? [])
  }

  /// Patterns as in a file of ignored names.
  private mutating func ownFiles(_ node: Node, _ name: String) -> [String] {
    let items = texts(node, name) ?? []
    for item in items {
      let isLine = !item.text.unicodeScalars.contains { $0.value < 0x20 }
      guard let first = item.text.first, isLine, first != "!", first != "#" else {
        note(
          item.node.position, "\"\(item.text)\" is not a pattern of files",
          "write a pattern as in .gitignore, such as .mytool/ or .mytool*")
        continue
      }
    }
    return items.map(\.text)
  }

  /// The names of variables that an agent may see.
  mutating func environment(_ node: Node?, _ name: String) -> [String] {
    let names = node.flatMap { texts($0, name) } ?? []
    for item in names {
      if let fault = AgentProfile.environmentFault(item.text) {
        note(item.node.position, fault.message, fault.instead)
      }
    }
    return names.map(\.text)
  }

  private mutating func agentKind(_ fields: Fields) -> AgentProfile.Kind? {
    let protocols = ["command", "agent-client-protocol"]
    var isSession = false
    if let node = fields.values["protocol"], let text = text(node, fields.name("protocol")) {
      isSession = text == protocols[1]
      if !protocols.contains(text) {
        note(
          node.position, "\(fields.name("protocol")) is \"\(text)\"",
          Spelling.hint(for: text, in: protocols))
      }
    }
    let other =
      isSession
      ? ["prompt", "long-prompt-command", "success", "failure"]
      : ["permissions", "file-access"]
    for key in other {
      guard let node = fields.values[key] else { continue }
      let only = isSession ? "agents that are called by a command" : "agents in a session"
      note(node.position, "\(fields.name(key)) is for \(only)", "leave it out")
    }
    if isSession { return agentSession(fields).map { .session($0) } }
    return agentCommand(fields).map { .command($0) }
  }

  /// An argument list with a program. A shell's command line is a fault whose hint is the list.
  mutating func argumentList(
    _ node: Node, _ name: String
  ) -> [(text: String, node: Node)]? {
    if case .scalar(let scalar) = node {
      let arguments = (try? ShellWords.split(scalar.string)) ?? ["PROGRAM", "ARGUMENT"]
      let list = arguments.map { "\"\($0)\"" }.joined(separator: ", ")
      note(
        node.position, "\(name) is one text, not a list of arguments; no shell would split it",
        "write \(name.split(separator: ".").last ?? ""): [\(list)]")
      return nil
    }
    guard let items = texts(node, name) else { return nil }
    if items.first?.text.isEmpty ?? true {
      note(
        node.position, "\(name) names no program", "write the program first: [PROGRAM, ARGUMENT]")
      return nil
    }
    return items
  }

  private mutating func agentCommand(_ fields: Fields) -> AgentCommand? {
    let ways = ["argument", "standard-input", "file"]
    var way: String?
    if let node = required(fields, "prompt"), let text = text(node, fields.name("prompt")) {
      way = text
      if !ways.contains(text) {
        note(
          node.position, "\(fields.name("prompt")) is \"\(text)\"",
          "write argument, standard-input or file: how the agent gets the prompt")
      }
    }
    guard let node = required(fields, "command"),
      let items = argumentList(node, fields.name("command"))
    else { return nil }
    var arguments: [AgentCommand.Argument] = []
    for (index, item) in items.enumerated() {
      arguments.append(argument(item.text, item.node.position, isProgram: index == 0))
    }
    if let way, ways.contains(way) { placeholderFault(arguments, way: way, fields, node.position) }
    let long = fields.values["long-prompt-command"].flatMap {
      longPromptArguments($0, fields.name("long-prompt-command"), way: way)
    }
    return AgentCommand(
      arguments: arguments, promptOnStandardInput: way == "standard-input",
      longPromptArguments: long)
  }

  /// The command for a prompt that is too long for an argument.
  private mutating func longPromptArguments(
    _ node: Node, _ name: String, way: String?
  ) -> [AgentCommand.Argument]? {
    guard let items = argumentList(node, name) else { return nil }
    var arguments: [AgentCommand.Argument] = []
    for (index, item) in items.enumerated() {
      arguments.append(argument(item.text, item.node.position, isProgram: index == 0))
    }
    if way != "argument" {
      note(node.position, "\(name) is for agents whose prompt is an argument", "leave it out")
    }
    if !arguments.contains(.promptFile) || arguments.contains(.prompt) {
      note(
        node.position, "\(name) must have {{promptFile}}, and not {{prompt}}",
        "write \"{{promptFile}}\" where the agent expects the path of a file")
    }
    return arguments
  }

  /// Notes a missing placeholder, or one that contradicts how the prompt is passed.
  private mutating func placeholderFault(
    _ arguments: [AgentCommand.Argument], way: String, _ fields: Fields, _ position: SourcePosition?
  ) {
    let command = fields.name("command")
    let known: [(way: String, argument: AgentCommand.Argument, written: String)] = [
      ("argument", .prompt, "{{prompt}}"), ("file", .promptFile, "{{promptFile}}"),
    ]
    for one in known where one.way == way && !arguments.contains(one.argument) {
      return note(
        position, "prompt is \(way), but \(command) has no \(one.written)",
        "write \"\(one.written)\" where the agent expects it")
    }
    for one in known where one.way != way && arguments.contains(one.argument) {
      note(
        position, "\(command) has \(one.written), but prompt is \(way)",
        "write prompt: \(one.way), or leave \(one.written) out")
    }
  }

  private mutating func argument(
    _ text: String, _ position: SourcePosition?, isProgram: Bool
  ) -> AgentCommand.Argument {
    let known = AgentCommand.Argument.placeholders
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
