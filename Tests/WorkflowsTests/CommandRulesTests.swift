import Domain
import Foundation
import Testing
import Workflows
import Yams

@Suite struct CommandRulesTests {
  private static let minimal = """
    name: tiny
    agent-preference: [demo]
    templates: {task-file: a, prompt: b, commit-message: c, pull-request-body: d}

    """

  private func rules(_ more: String) throws -> CommandRules {
    try Workflow(source: Self.minimal + more, file: "w.yaml").commands
  }

  @Test func commandsAreArgumentLists() throws {
    let rules = try rules(
      """
      commands: {setup: [[npm, ci]], verify: [[npm, run, "x y"], [make]], rounds: 1}
      repository-may-set: [verify]

      """)
    #expect(rules.setup == [["npm", "ci"]])
    #expect(rules.verify == [["npm", "run", "x y"], ["make"]])
    #expect(rules.rounds == 1 && rules.repositoryMaySet == [.verify])
    for wrong in [
      "commands: {verify: make}", "commands: {verify: [make all]}", "commands: {x: []}",
      "commands: {rounds: 11}", "commands: {environment: [AIPM_TOKEN]}",
      "repository-may-set: [agent]", "commands: {setup: [[]]}",
    ] {
      #expect(throws: WorkflowFaults.self, "\(wrong)") { try self.rules(wrong + "\n") }
    }
  }

  @Test func aRepositorySetsWhatItMay() throws {
    var mine = CommandRules()
    mine.setup = [["a"]]
    mine.verify = [["b"]]
    mine.repositoryMaySet = [.verify]
    let merged = try mine.merged(withRepositoryFile: "verify:\n  - [make, test]\n")
    #expect(merged.verify == [["make", "test"]] && merged.setup == [["a"]])
  }

  @Test(arguments: [
    "setup: [[sh]]", "agents: {}", "verify: rm -rf /", "verify: [[]]", "", "verify: [1]",
    "verify: " + String(repeating: "[", count: 30_000),
    String(repeating: "- ", count: 30_000) + "a", String(repeating: " ", count: 300) + "a: b",
    "a: &a [x]\nb: &b [*a, *a]\nverify: [*b]",
    "verify: [" + String(repeating: "[a],", count: 21) + "]",
    "verify: [[" + String(repeating: "a,", count: 101) + "]]",
    "verify: [[" + String(repeating: "a", count: 9000) + "]]",
    String(repeating: "#", count: 70_000),
  ])
  func aHostileFileIsAFault(source: String) {
    var mine = CommandRules()
    mine.repositoryMaySet = [.verify]
    let rules = mine
    #expect(throws: WorkflowFaults.self, "\(source.prefix(40))") {
      try rules.merged(withRepositoryFile: source)
    }
  }

  /// The schema has every key of the built-in definition, and of one with all keys.
  @Test func theSchemaHasEveryKey() throws {
    let schema = try #require(
      try JSONSerialization.jsonObject(with: Data(try WorkflowSchema.text.utf8)) as? [String: Any])
    let builtIn = try #require(try WorkflowCatalog()["personal-delegate"]).source
    let full =
      Self.minimal + """
        pull-request: {draft: true, labels: [a], reviewers: [b], team-reviewers: [c]}
        on-pushed: {comment: x, labels: [y]}
        on-failed: {comment: x}
        notifications: {slack: x, mail-subject: y, mail-body: z}
        limits: {disk: 1GiB, processes: 9, memory: 1GiB}
        commands: {setup: [[a]], verify: [[b]], rounds: 1, environment: [A]}
        repository-may-set: [setup]
        agents: {x: {command: [x], prompt: standard-input, sandbox: {network: false},
          network: {allow: [a.org], upload: 1MiB}}}
        network: public

        """
    _ = try Workflow(source: full, file: "full.yaml")
    for source in [builtIn, full] {
      let node = try #require(try Yams.compose(yaml: source))
      Self.check(node, schema, "")
    }
  }

  private static func check(_ node: Node, _ schema: [String: Any], _ path: String) {
    guard case .mapping(let mapping) = node else { return }
    let known = schema["properties"] as? [String: Any] ?? [:]
    for (key, value) in mapping {
      let name = key.string ?? ""
      let free = schema["additionalProperties"] as? [String: Any]
      guard let next = known[name] as? [String: Any] ?? free else {
        Issue.record("the schema does not know \(path).\(name): add it to WorkflowSchema")
        continue
      }
      check(value, next, "\(path).\(name)")
    }
  }
}
