// Commands that run before and after the agent: those of a workflow, and those of a repository's
// own file, which is not trusted.

import Domain
import NetworkRules
import Yams

/// The commands before and after an agent: argument lists, run in the same sandbox.
package struct CommandRules: Equatable, Sendable {
  /// A setting that a repository may change in its `.aipm.yaml`.
  package enum Setting: String, CaseIterable, Sendable {
    case setup, verify
  }

  /// Before the agent; a failure ends the attempt.
  package var setup: [[String]] = []
  /// After the agent; the output of a failed command is sent back to the agent.
  package var verify: [[String]] = []
  /// How often that happens before the attempt ends as `verify-failed`.
  package var rounds = 2
  /// The names of variables that these commands may see.
  package var environment: [String] = []
  package var repositoryMaySet: Set<Setting> = []
  /// The network policy in a repository's file, which can only narrow the workflow's; nil if
  /// absent.
  package var repositoryNetwork: NetworkPolicy?

  package init() {}

  /// The name of a repository's file.
  package static let fileName = ".aipm.yaml"
  /// The limit of that file, which is not trusted.
  package static let fileBytesMax = 64 << 10

  private static let commandsMax = 20
  private static let argumentsMax = 100
  private static let argumentBytesMax = 8192

  /// Merges a repository's file into these rules.
  /// - Parameter source: the file's content.
  /// - Throws: all of its faults; also a setting that the workflow does not allow.
  package func merged(withRepositoryFile source: String) throws(WorkflowFaults) -> CommandRules {
    var reader = DefinitionReader(source: source, file: Self.fileName)
    var rules = self
    // libyaml itself limits the depth.
    guard source.utf8.count <= Self.fileBytesMax else {
      reader.note(
        nil, "the file is larger than \(Self.fileBytesMax >> 10) KiB",
        "put long commands into a script of the repository")
      throw WorkflowFaults(reader.faults)
    }
    let names = Setting.allCases.map(\.rawValue) + ["network"]
    let document = reader.compose(source).map { DefinitionReader.Field(node: $0, name: "") }
    if let fields = reader.fields(document, keys: names) {
      for setting in Setting.allCases {
        guard let field = fields[setting.rawValue] else { continue }
        guard repositoryMaySet.contains(setting) else {
          // If a repository may set nothing, its file is for other workflows.
          if repositoryMaySet.isEmpty { continue }
          reader.note(
            field.position, "the workflow does not let a repository set \(setting.rawValue)",
            "leave it out, or have the workflow name it in repository-may-set")
          continue
        }
        let commands = reader.commandLists(field)
        switch setting {
        case .setup: rules.setup = commands
        case .verify: rules.verify = commands
        }
      }
      // It can only narrow (`NetworkPolicy.narrowed`), so it needs no permission.
      rules.repositoryNetwork = fields["network"].map { reader.network($0) }
    }
    guard reader.faults.isEmpty else { throw WorkflowFaults(reader.faults) }
    return rules
  }

  fileprivate static func fault(of command: [String]) -> String? {
    if command.count > argumentsMax { return "has more than \(argumentsMax) arguments" }
    if command.contains(where: { $0.utf8.count > argumentBytesMax || $0.contains("\0") }) {
      return "has an argument that is too long or contains a NUL"
    }
    return nil
  }

  fileprivate static func countFault(_ count: Int) -> String? {
    count > commandsMax ? "are \(count) commands, more than \(commandsMax)" : nil
  }
}

extension DefinitionReader {
  static let commandKeys = ["commands", "repository-may-set"]

  /// The commands around the agents of a workflow.
  mutating func commandRules(_ all: Fields) -> CommandRules {
    var rules = CommandRules()
    if let fields = fields(
      all["commands"], keys: ["setup", "verify", "rounds", "environment"])
    {
      rules.setup = commandLists(fields["setup"])
      rules.verify = commandLists(fields["verify"])
      rules.rounds = integer(fields["rounds"], in: 0...10) ?? rules.rounds
      rules.environment = environment(fields["environment"])
    }
    let known = CommandRules.Setting.allCases.map(\.rawValue)
    for item in texts(all["repository-may-set"]) ?? [] {
      if let setting = CommandRules.Setting(rawValue: item.text) {
        rules.repositoryMaySet.insert(setting)
      } else {
        note(
          item.position,
          "repository-may-set names \"\(item.text)\", which no repository can set",
          Spelling.hint(for: item.text, in: known))
      }
    }
    return rules
  }

  /// A list of argument lists.
  fileprivate mutating func commandLists(_ field: Field?) -> [[String]] {
    guard let field else { return [] }
    guard let items = items(field) else {
      note(
        field, "is not a list of commands", "write a line for each, as in - [PROGRAM, ARGUMENT]")
      return []
    }
    if let fault = CommandRules.countFault(items.count) {
      note(field, fault, "put them into a script of the repository")
      return []
    }
    return items.compactMap { item in
      if let count = item.node.sequence?.count, count > 1000 {
        return invalid(item, "has \(count) arguments", "write a script")
      }
      guard let command = argumentList(item)?.map(\.text) else { return nil }
      if let fault = CommandRules.fault(of: command) {
        return invalid(item, fault, "put it into a script of the repository")
      }
      return command
    }
  }
}
