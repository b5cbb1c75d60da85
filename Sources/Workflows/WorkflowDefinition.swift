// Parsing a definition: its keys, their values and their defaults. A default must never change,
// because definitions in logs depend on it.

import Cryptography
import Domain
import NetworkRules
import Screening
import Yams

extension Workflow {
  /// The maximum size of a definition, which is stored in the log.
  static let sourceBytesMax = 256 << 10

  static let keys =
    [
      "name", "description", "agent-preference", "when-limited", "agents", "attempts",
      "time-limits", "retry", "budget",
      "pull-request", "limits", "refused-paths", "network", "secrets", "task-file", "templates",
      "notifications", "rounds", "keep-session",
    ] + DefinitionReader.noticeKeys + DefinitionReader.commandKeys

  /// Parses and validates a definition.
  /// - Parameters:
  ///   - source: YAML, without `extends`.
  ///   - file: its name in faults.
  package init(source: String, file: String) throws(WorkflowFaults) {
    var reader = DefinitionReader(source: source, file: file)
    let node = reader.isWithinLimit(source) ? reader.compose(source) : nil
    try self.init(node, reader, source: source)
  }

  /// - Parameters:
  ///   - node: the document; nil if absent.
  ///   - reader: with the faults that were found before.
  ///   - source: the text of the document.
  init(_ node: Node?, _ reader: DefinitionReader, source: String) throws(WorkflowFaults) {
    var reader = reader
    var workflow: Workflow?
    let document = node.map { DefinitionReader.Field(node: $0, name: "") }
    if let fields = reader.fields(document, keys: Self.keys + ["extends"]) {
      if let extends = fields["extends"] {
        reader.note(
          extends.position, "extends is allowed only in a file; this definition must be complete",
          "write out what it extends, as aipm workflows show prints it")
      }
      workflow = reader.workflow(fields, source: source)
    }
    let faults = reader.faults.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    guard let workflow, faults.isEmpty else { throw WorkflowFaults(faults) }
    self = workflow
  }
}

extension DefinitionReader {
  /// Notes a fault if a file is too large.
  mutating func isWithinLimit(_ source: String) -> Bool {
    let limit = Workflow.sourceBytesMax
    guard source.utf8.count > limit else { return true }
    note(nil, "the file is larger than \(limit >> 10) KiB", "shorten its templates")
    return false
  }

  /// The workflow; nil if a required key is missing or invalid. It reads everything in any case, so
  /// that all faults are found.
  fileprivate mutating func workflow(_ fields: Fields, source: String) -> Workflow? {
    let name = workflowName(fields)
    let description = line(fields["description"])
    let agents = fields["agents"].map { self.agents($0) } ?? [:]
    let preference = agentPreference(fields)
    let whenLimited: WhenLimited? = choice(fields["when-limited"])
    let attempts = integer(fields["attempts"], in: 1...20)
    let times = timeLimits(fields)
    let retry = retryPolicy(fields)
    let onPullRequest = self.fields(
      fields["pull-request"],
      keys: ["draft", "base-branch", "labels", "reviewers", "team-reviewers"])
    let draft = bool(onPullRequest?["draft"])
    let base = baseBranch(onPullRequest?["base-branch"])
    let limits = limits(fields)
    let budget = budget(fields)
    let refused = refusedPaths(fields)
    let network = fields["network"].map { self.network($0) }
    let exemptions = secretExemptions(fields)
    let (templates, cancelComment) = templates(fields)
    let notices = notices(fields, onPullRequest, cancelComment: cancelComment)
    let commands = commandRules(fields)
    let taskFileRule = taskFileRule(fields)
    let notifications = notificationTexts(fields)
    let rounds = roundPolicy(fields)
    let keepSession = keepSession(fields["keep-session"])
    guard let name, let preference, let templates else { return nil }
    return Workflow(
      name: name, description: description ?? "", source: source,
      digest: SHA256.hex(source.utf8), agentPreference: preference,
      whenLimited: whenLimited ?? .wait,
      agents: agents.merging(["demo": .demo]) { a, _ in a }, attempts: attempts ?? 2,
      agentTimeout: times.agent, stallTimeout: times.stall, retry: retry,
      draft: draft ?? false, baseBranch: base, limits: limits, budget: budget,
      refusedPaths: refused, network: network ?? NetworkPolicy(), secretExemptions: exemptions,
      commands: commands, taskFileRule: taskFileRule, rounds: rounds,
      keepSession: keepSession,
      notifications: notifications,
      templates: templates, rules: notices)
  }

  private mutating func workflowName(_ fields: Fields) -> String? {
    guard let field = required(fields, "name"), let name = line(field) else { return nil }
    return identifier(name, field.position, "name") ? name : nil
  }

  /// Whether a text is a valid name in the API and on the command line.
  mutating func identifier(_ text: String, _ position: SourcePosition?, _ what: String) -> Bool {
    let isValid = text.utf8.allSatisfy {
      (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-")
    }
    if isValid, !text.isEmpty, text.utf8.count <= 64, !text.hasPrefix("-") { return true }
    note(
      position, "\(what) \"\(text)\" cannot be a name",
      "write at most 64 lowercase letters, digits and hyphens, no hyphen first")
    return false
  }

  // MARK: Times and limits

  private mutating func timeLimits(_ all: Fields) -> (agent: Milliseconds, stall: Milliseconds?) {
    let fields = fields(all["time-limits"], keys: ["agent", "stall"])
    let range = Milliseconds.seconds(1)...Milliseconds.seconds(24 * 3600)
    let agent = duration(fields?["agent"], in: range) ?? .seconds(600)
    let stall = duration(fields?["stall"], in: range)
    if let stall, stall > agent {
      note(
        fields?["stall"]?.position,
        "time-limits.stall is longer than time-limits.agent, so it never applies",
        "write at most \(Quantity.text(agent))")
    }
    return (agent, stall)
  }

  private mutating func retryPolicy(_ all: Fields) -> RetryPolicy {
    let fields = fields(all["retry"], keys: ["first-delay", "maximum-delay", "tries"])
    let range = Milliseconds(1)...Milliseconds.seconds(3600)
    let policy = RetryPolicy(
      firstDelay: duration(fields?["first-delay"], in: range) ?? .seconds(1),
      maximumDelay: duration(fields?["maximum-delay"], in: range) ?? .seconds(300),
      triesMax: integer(fields?["tries"], in: 1...100) ?? 10)
    if policy.maximumDelay < policy.firstDelay {
      note(
        fields?["maximum-delay"]?.position ?? fields?.position,
        "retry.maximum-delay is shorter than retry.first-delay",
        "write at least \(Quantity.text(policy.firstDelay))")
    }
    return policy
  }

  private mutating func baseBranch(_ field: Field?) -> String? {
    guard let field, let name = line(field) else { return nil }
    if let fault = BranchName.fault(name) { note(field, fault.message, fault.instead) }
    return name
  }

  // MARK: Agents

  private mutating func agentPreference(_ all: Fields) -> [String]? {
    guard let field = required(all, "agent-preference"), let items = texts(field) else {
      return nil
    }
    if items.isEmpty { note(field, "is empty", "write at least one agent, as in [demo]") }
    // An agent with faults is known by name too.
    let defined = all.values["agents"]?.mapping?.keys.compactMap { $0.scalar?.string } ?? []
    let known = defined + ["demo"]
    for item in items where !known.contains(item.text) {
      note(
        item.position, "agent-preference names the unknown agent \"\(item.text)\"",
        Spelling.hint(for: item.text, in: known))
    }
    return items.map(\.text)
  }
}
