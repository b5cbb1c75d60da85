// The shape of a definition: which keys there are, what each may hold, what stands for an absent
// one. A default that is given here never changes, for the definitions in logs rely on it.

import Domain
import Yams

/// What a definition says, read and checked.
struct WorkflowDefinition {
  var name: String
  var description: String
  var agentPreference: [String]
  var agents: [String: AgentProfile]
  var attempts: Int
  var agentTimeout: Milliseconds
  var stallTimeout: Milliseconds?
  var retry: RetryPolicy
  var draft: Bool
  var baseBranch: String?
  var limits: Workflow.Limits
  var refusedPaths: [String]
  var templates: WorkflowTemplates
  var notices: [NoticeMoment: NoticeRule]
  var commands: CommandRules

  /// A definition is kept whole in the log, so it is kept small.
  static let sourceBytesMax = 256 << 10

  static let keys =
    [
      "name", "description", "agent-preference", "agents", "attempts", "time-limits", "retry",
      "pull-request", "limits", "refused-paths", "templates",
    ] + DefinitionReader.noticeKeys + DefinitionReader.commandKeys

  static func read(source: String, file: String) throws(WorkflowFaults) -> WorkflowDefinition {
    var reader = DefinitionReader(source: source, file: file)
    if source.utf8.count > sourceBytesMax {
      reader.note(
        nil, "the file is larger than \(sourceBytesMax >> 10) KiB", "shorten its templates")
      throw WorkflowFaults(reader.faults)
    }
    var definition: WorkflowDefinition?
    if let node = reader.compose(source),
      let fields = reader.fields(node, at: "", keys: keys)
    {
      definition = reader.definition(fields)
    }
    let faults = reader.faults.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    guard let definition, faults.isEmpty else { throw WorkflowFaults(faults) }
    return definition
  }
}

extension DefinitionReader {
  /// The whole definition; nil where something without a default is missing or wrong. Everything is
  /// read in any case, so that every fault is found.
  fileprivate mutating func definition(_ fields: Fields) -> WorkflowDefinition? {
    let name = workflowName(fields)
    let description = fields.values["description"].flatMap { line($0, "description") }
    let agents = fields.values["agents"].map { self.agents($0) } ?? [:]
    let preference = agentPreference(fields, agents: agents)
    let attempts = fields.values["attempts"].flatMap { integer($0, "attempts", in: 1...20) }
    let times = timeLimits(fields)
    let retry = retryPolicy(fields)
    let pullRequest = pullRequest(fields)
    let limits = limits(fields)
    let refused = refusedPaths(fields)
    let (templates, cancelComment) = templates(fields)
    let notices = notices(fields, cancelComment: cancelComment)
    let commands = commandRules(fields)
    guard let name, let preference, let templates else { return nil }
    return WorkflowDefinition(
      name: name, description: description ?? "", agentPreference: preference,
      agents: agents.merging(["demo": .demo]) { a, _ in a }, attempts: attempts ?? 2,
      agentTimeout: times.agent, stallTimeout: times.stall, retry: retry,
      draft: pullRequest.draft, baseBranch: pullRequest.baseBranch, limits: limits,
      refusedPaths: refused, templates: templates, notices: notices, commands: commands)
  }

  private mutating func workflowName(_ fields: Fields) -> String? {
    guard let node = required(fields, "name"), let name = line(node, "name") else { return nil }
    return identifier(name, node.place, "name") ? name : nil
  }

  /// Lowercase letters, digits and hyphens: what a name in the API and on the command line is.
  private mutating func identifier(_ text: String, _ place: Place?, _ what: String) -> Bool {
    let fits = text.utf8.allSatisfy {
      (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-")
    }
    if fits, !text.isEmpty, text.utf8.count <= 64, !text.hasPrefix("-") { return true }
    note(
      place, "\(what) \"\(text)\" cannot be a name",
      "write at most 64 lowercase letters, digits and hyphens, no hyphen first")
    return false
  }

  // MARK: Times and limits

  private mutating func timeLimits(_ all: Fields) -> (agent: Milliseconds, stall: Milliseconds?) {
    var limits: (agent: Milliseconds, stall: Milliseconds?) = (.seconds(600), nil)
    guard let node = all.values["time-limits"],
      let fields = fields(node, at: "time-limits", keys: ["agent", "stall"])
    else { return limits }
    let range = Milliseconds.seconds(1)...Milliseconds.seconds(24 * 3600)
    if let node = fields.values["agent"],
      let span = duration(node, "time-limits.agent", in: range)
    {
      limits.agent = span
    }
    if let node = fields.values["stall"] {
      limits.stall = duration(node, "time-limits.stall", in: range)
      if let stall = limits.stall, stall > limits.agent {
        note(
          node.place, "time-limits.stall is longer than time-limits.agent, so it never applies",
          "write at most \(Quantity.text(limits.agent))")
      }
    }
    return limits
  }

  private mutating func retryPolicy(_ all: Fields) -> RetryPolicy {
    var policy = RetryPolicy(
      firstDelay: .seconds(1), maximumDelay: .seconds(300), triesMax: 10)
    guard let node = all.values["retry"],
      let fields = fields(node, at: "retry", keys: ["first-delay", "maximum-delay", "tries"])
    else { return policy }
    let range = Milliseconds(1)...Milliseconds.seconds(3600)
    if let node = fields.values["first-delay"],
      let span = duration(node, "retry.first-delay", in: range)
    {
      policy.firstDelay = span
    }
    if let node = fields.values["maximum-delay"],
      let span = duration(node, "retry.maximum-delay", in: range)
    {
      policy.maximumDelay = span
    }
    if policy.maximumDelay < policy.firstDelay {
      note(
        fields.values["maximum-delay"]?.place ?? fields.place,
        "retry.maximum-delay is shorter than retry.first-delay",
        "write at least \(Quantity.text(policy.firstDelay))")
    }
    if let node = fields.values["tries"], let tries = integer(node, "retry.tries", in: 1...100) {
      policy.triesMax = tries
    }
    return policy
  }

  private mutating func pullRequest(_ all: Fields) -> (draft: Bool, baseBranch: String?) {
    guard let node = all.values["pull-request"],
      let fields = fields(
        node, at: "pull-request",
        keys: ["draft", "base-branch", "labels", "reviewers", "team-reviewers"])
    else { return (false, nil) }
    let draft = fields.values["draft"].flatMap { bool($0, "pull-request.draft") }
    var base: String?
    if let node = fields.values["base-branch"],
      let name = line(node, "pull-request.base-branch")
    {
      base = name
      if let fault = BranchName.fault(name) {
        note(node.place, "pull-request.base-branch \(fault.message)", fault.instead)
      }
    }
    return (draft ?? false, base)
  }

  // MARK: Agents

  private mutating func agentPreference(
    _ all: Fields, agents: [String: AgentProfile]
  ) -> [String]? {
    guard let node = required(all, "agent-preference"),
      let items = texts(node, "agent-preference")
    else { return nil }
    if items.isEmpty {
      note(node.place, "agent-preference is empty", "write at least one agent, as in [demo]")
    }
    // An agent with a fault of its own is known by name all the same.
    let defined = all.values["agents"]?.mapping?.keys.compactMap { $0.scalar?.string } ?? []
    let known = defined + ["demo"]
    for item in items where !known.contains(item.text) {
      note(
        item.node.place, "agent-preference names the unknown agent \"\(item.text)\"",
        Spelling.hint(for: item.text, in: known))
    }
    return items.map(\.text)
  }

  private mutating func agents(_ node: Node) -> [String: AgentProfile] {
    var agents: [String: AgentProfile] = [:]
    for (name, keyNode, value) in entries(node, at: "agents") ?? [] {
      if [AgentProfile.demo.name, AgentProfile.customName].contains(name) {
        note(
          keyNode.place, "the agent's name \"\(name)\" is taken by one that is built in",
          "choose another name")
      }
      let isNamed = identifier(name, keyNode.place, "the agent")
      if let profile = agent(value, name), isNamed { agents[name] = profile }
    }
    return agents
  }

  private mutating func agent(_ node: Node, _ name: String) -> AgentProfile? {
    let keys = [
      "description", "command", "prompt", "environment", "preflight", "written-for", "sandbox",
    ]
    guard let fields = fields(node, at: "agents.\(name)", keys: keys) else { return nil }
    let description = fields.values["description"].flatMap {
      line($0, fields.name("description"))
    }
    let command = agentCommand(fields)
    let environment = fields.values["environment"].flatMap {
      texts($0, fields.name("environment"))
    }
    for item in environment ?? [] {
      if let fault = AgentProfile.environmentFault(item.text) {
        note(item.node.place, fault.message, fault.instead)
      }
    }
    let preflight = fields.values["preflight"].flatMap {
      argumentList($0, fields.name("preflight"))
    }
    let writtenFor = fields.values["written-for"].flatMap { line($0, fields.name("written-for")) }
    let sandbox = fields.values["sandbox"].map { sandboxGrants($0, at: fields.name("sandbox")) }
    guard let command else { return nil }
    return AgentProfile(
      name: name, description: description ?? "", kind: .command(command),
      environment: environment?.map(\.text) ?? [], preflight: preflight?.map(\.text) ?? [],
      writtenFor: writtenFor ?? "", sandbox: sandbox ?? SandboxGrants())
  }

  /// An argument list with a program; a shell's line is a fault that shows the list to write.
  mutating func argumentList(
    _ node: Node, _ name: String
  ) -> [(text: String, node: Node)]? {
    if case .scalar(let scalar) = node {
      let words = (try? ShellWords.split(scalar.string)) ?? ["PROGRAM", "ARGUMENT"]
      let list = words.map { "\"\($0)\"" }.joined(separator: ", ")
      note(
        node.place, "\(name) is one text, not a list of arguments; no shell would split it",
        "write \(name.split(separator: ".").last ?? ""): [\(list)]")
      return nil
    }
    guard let items = texts(node, name) else { return nil }
    if items.first?.text.isEmpty ?? true {
      note(node.place, "\(name) names no program", "write the program first: [PROGRAM, ARGUMENT]")
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
          node.place, "\(fields.name("prompt")) is \"\(text)\"",
          "write argument, standard-input or file: how the agent gets the prompt")
      }
    }
    guard let node = required(fields, "command"),
      let items = argumentList(node, fields.name("command"))
    else { return nil }
    var arguments: [AgentCommand.Argument] = []
    for (index, item) in items.enumerated() {
      arguments.append(argument(item.text, item.node.place, isProgram: index == 0))
    }
    if let way, ways.contains(way) { placeholderFault(arguments, way: way, fields, node.place) }
    return AgentCommand(arguments: arguments, promptOnStandardInput: way == "standard-input")
  }

  /// Notes a placeholder that the way of giving the prompt needs, or that contradicts it.
  private mutating func placeholderFault(
    _ arguments: [AgentCommand.Argument], way: String, _ fields: Fields, _ place: Place?
  ) {
    let command = fields.name("command")
    let known: [(way: String, argument: AgentCommand.Argument, written: String)] = [
      ("argument", .prompt, "{{prompt}}"), ("file", .promptFile, "{{promptFile}}"),
    ]
    for one in known where one.way == way && !arguments.contains(one.argument) {
      return note(
        place, "prompt is \(way), but \(command) has no \(one.written)",
        "write \"\(one.written)\" where the agent expects it")
    }
    for one in known where one.way != way && arguments.contains(one.argument) {
      note(
        place, "\(command) has \(one.written), but prompt is \(way)",
        "write prompt: \(one.way), or leave \(one.written) out")
    }
  }

  private mutating func argument(
    _ text: String, _ place: Place?, isProgram: Bool
  ) -> AgentCommand.Argument {
    let known = AgentCommand.Argument.placeholders
    if text.contains("\0") {
      note(place, "an argument holds a NUL character", "leave it out")
    }
    if let placeholder = known[text] {
      if isProgram { note(place, "the program is \(text)", "write the program's name or path") }
      return placeholder
    }
    if text.contains("{{") {
      let names = known.keys.sorted().joined(separator: ", ")
      let near = Spelling.nearest(to: text, in: Array(known.keys))
      note(
        place, "the argument \"\(text)\" holds {{ but is no placeholder",
        near.map { "did you mean \"\($0)\"?" }
          ?? "write one of \(names) as an argument of its own")
    }
    return .literal(text)
  }
}
