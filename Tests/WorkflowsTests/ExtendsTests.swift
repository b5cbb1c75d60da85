import Domain
import Foundation
import Testing
import Workflows

/// Workflows with only the differences from another one.
struct ExtendsTests {
  private typealias File = (file: String, source: String)

  /// The one workflow that comes of these, and the faults.
  private func check(_ files: [File]) -> (workflows: [Workflow], faults: [WorkflowFault]) {
    WorkflowCatalog.check(files)
  }

  private func only(_ source: String) throws -> Workflow {
    let found = check([("mine.yaml", source)])
    #expect(found.faults.isEmpty, "\(found.faults)")
    return try #require(found.workflows.first)
  }

  private static let agent = """
    agents:
      mine: {command: [my-agent, "{{prompt}}"], prompt: argument, environment: [MY_KEY]}

    """

  @Test func oneAgentMoreIsAWorkflow() throws {
    let parent = try #require(try WorkflowCatalog()["personal-delegate"])
    let workflow = try only("name: team\nextends: personal-delegate\n" + Self.agent)
    #expect(workflow.name == "team")
    #expect(workflow.agents.keys.sorted() == (parent.agents.keys + ["mine"]).sorted())
    for (name, profile) in parent.agents { #expect(workflow.agents[name] == profile, "\(name)") }
    #expect(workflow.agentPreference == parent.agentPreference)
    #expect(workflow.limits == parent.limits && workflow.retry == parent.retry)
    let (text, id) = (Self.words, DelegationID("d"))
    #expect(workflow.prompt(text, id: id) == parent.prompt(text, id: id))
    #expect(workflow.taskFile(text, id: id) == parent.taskFile(text, id: id))
    #expect(
      workflow.generatedCommitMessage(text, id: id, attempt: 2)
        == parent.generatedCommitMessage(text, id: id, attempt: 2))
  }

  private static let words = TaskText(
    title: "T", objective: "O\nand more", pullRequestTitle: "P", constraints: .list(["a", "b"]),
    acceptanceCriteria: ["c", "d"])

  /// Without a name, it replaces the workflow that it extends.
  @Test func withoutANameItReplacesTheParent() throws {
    let workflow = try only("extends: personal-delegate\nattempts: 7\n")
    #expect(workflow.name == "personal-delegate" && workflow.attempts == 7)
    let named = try only("name: personal-delegate\nextends: personal-delegate\nattempts: 7\n")
    #expect(named.digest != workflow.digest || named.source == workflow.source)
  }

  @Test func mappingsMergeByKeyAndAllElseReplaces() throws {
    let workflow = try only(
      """
      name: team
      extends: personal-delegate
      agent-preference: [demo]
      time-limits: {stall: 3m}
      limits:
        output: 1MiB
      templates:
        prompt: "Do: {{objective}}"
      agents:
        claude: {environment: [ONLY_THIS]}
      """)
    #expect(workflow.agentPreference == ["demo"])
    #expect(workflow.agentTimeout == .seconds(600) && workflow.stallTimeout == .seconds(180))
    #expect(workflow.limits.outputBytesMax == 1 << 20 && workflow.limits.perRepository == 8)
    #expect(workflow.prompt(Self.words, id: DelegationID("d")) == "Do: O\nand more")
    #expect(workflow.agents["claude"]?.environment == ["ONLY_THIS"])
    let parent = try #require(try WorkflowCatalog()["personal-delegate"])
    #expect(workflow.agents["claude"]?.kind == parent.agents["claude"]?.kind)
    #expect(workflow.agents["claude"]?.reading == parent.agents["claude"]?.reading)
  }

  /// The log has only the result, so that it replays without the files.
  @Test func theSourceIsCompleteAndCanonical() throws {
    let source = "name: team\nextends: personal-delegate\n" + Self.agent
    let workflow = try only(source)
    #expect(!workflow.source.contains("extends"))
    let again = try Workflow(source: workflow.source, file: "log")
    #expect(again.digest == workflow.digest)
    #expect(again.agents == workflow.agents && again.limits == workflow.limits)
    #expect(again.name == workflow.name && again.notices == workflow.notices)
    #expect(try only(source).source == workflow.source)
    // Comments do not matter.
    #expect(try only("# other words\n" + source + "# and more\n").digest == workflow.digest)
    // A definition without `extends` is kept byte by byte.
    #expect(try only(DefinitionTests.minimal).source == DefinitionTests.minimal)
  }

  /// Texts that YAML would misread, or that a block cannot contain.
  @Test(arguments: [
    "true", "no", "12", "0x1f", "1.5", "~", "null", "2026-01-01", "a: b", "- a", "# a", " a", "a ",
    "\"quoted\"", "it's", "back\\slash", "{{title}}", "[a]", "*x", "&x", "!x", "%x", "@x", "`x",
    "tab\there", "ä → 語 🙂", "\u{85}next", "\u{2028}line", "\u{feff}bom", "a\nb", "a\n", "a\n\n",
    "\na\n", "  a\nb\n", "a\n  b\n\n  c\n", "a\r\nb\n", "a \nb\n", "\ta\nb\n", "-", "?", ":", "a:",
    "<<", "=", "..", "---", "...", "a\n---\nb\n",
  ])
  func everyTextComesBack(text: String) throws {
    let json = String(decoding: try JSONEncoder().encode([text]), as: UTF8.self).dropFirst()
      .dropLast()
    // JSON is YAML, so this is exactly the text.
    let own = """
      on-failed: {comment: \(json)}
      agents: {x: {command: [p, \(json)], prompt: standard-input}}

      """
    let found = check([("mine.yaml", "name: team\nextends: personal-delegate\n" + own)])
    guard let workflow = found.workflows.first else {
      // It is no argument; it could not be one in a whole definition either.
      #expect(text == "{{title}}" && found.faults.map(\.line) == [4], "\(found.faults)")
      return
    }
    // As YAML reads it: it makes a blank of U+0085, and nothing of a byte order mark.
    let plain = try Workflow(source: DefinitionTests.minimal + own, file: "plain")
    let again = try Workflow(source: workflow.source, file: "again")
    for one in [workflow, again] { #expect(one.agents["x"] == plain.agents["x"]) }
    #expect(again.digest == workflow.digest)
  }

  @Test func parentsMayHaveParents() throws {
    let found = check([
      ("c.yaml", "name: c\nextends: b\nattempts: 4\n"),
      ("a.yaml", "name: a\nextends: personal-delegate\nattempts: 2\ndescription: of a\n"),
      ("b.yaml", "name: b\nextends: a\nattempts: 3\ntime-limits: {agent: 1h}\n"),
    ])
    #expect(found.faults.isEmpty, "\(found.faults)")
    #expect(found.workflows.map(\.name) == ["c", "a", "b"])
    #expect(found.workflows.map(\.attempts) == [4, 2, 3])
    #expect(found.workflows[0].agentTimeout == .seconds(3600))
    #expect(found.workflows[0].description == "of a")
  }

  @Test func aFolderCanReplaceTheBuiltInOneAndExtendIt() throws {
    try CatalogTests().withFolder([
      "a.yaml": "extends: personal-delegate\nattempts: 5\n",
      "b.yaml": "name: team\nextends: personal-delegate\n",
    ]) { folder in
      let catalog = try WorkflowCatalog(directory: folder)
      #expect(catalog["personal-delegate"]?.attempts == 5)
      #expect(catalog["team"]?.attempts == 5)
    }
  }

  static let faults: [(source: String, line: Int, column: Int, messages: [String])] = [
    ("name: a\nextends: personal-delegat", 2, 10, ["unknown workflow", "\"personal-delegate\"?"]),
    ("name: a\nextends: nowhere", 2, 10, ["unknown workflow \"nowhere\"", "known are"]),
    ("name: a\nextends: a", 2, 10, ["unknown workflow \"a\""]),
    ("name: a\nextends: 5", 2, 10, ["extends is 5, not a text"]),
    ("name: a\nextends: [b]", 2, 10, ["extends is not a text"]),
    ("name: a\nextends: personal-delegate\natempts: 3", 3, 1, ["\"attempts\"?"]),
    ("name: a\nextend: personal-delegate", 2, 1, ["did you mean \"extends\"?"]),
    // Faults of the merged definition are at the child's text, or at `extends`.
    (
      "name: a\nextends: personal-delegate\ntime-limits: {stall: 20m}", 3, 22, ["never applies"]
    ),
    ("name: a\nextends: personal-delegate\nagent-preference: [mine]", 3, 20, ["unknown agent"]),
    (
      "name: a\nextends: personal-delegate\nagents: {claude: {prompt: file}}", 2, 10,
      ["{{promptFile}}"]
    ),
    ("name: a\nextends: personal-delegate\ntemplates: {prompt: \"{{x}}\"}", 3, 21, ["x"]),
    ("name: a\nextends: personal-delegate\nlimits: 5", 3, 9, ["limits is not a mapping"]),
  ]

  @Test(arguments: faults.indices)
  func eachFaultHasItsPosition(index: Int) throws {
    let example = Self.faults[index]
    let faults = check([("w.yaml", example.source)]).faults
    let text = faults.map(\.description).joined(separator: "\n")
    #expect(faults.contains { ($0.line, $0.column) == (example.line, example.column) }, "\(text)")
    for message in example.messages { #expect(text.contains(message), "\(text)") }
  }

  @Test func cyclesAreReportedInEachFile() {
    let found = check([
      ("a.yaml", "name: a\nextends: b\n"), ("b.yaml", "name: b\nextends: c\n"),
      ("c.yaml", "name: c\nextends: a\n"), ("d.yaml", "name: d\nextends: a\nattempts: 0\n"),
    ])
    #expect(found.workflows.isEmpty)
    let cycles = found.faults.filter { $0.message.contains("circular") }
    #expect(cycles.map(\.file) == ["a.yaml", "b.yaml", "c.yaml"])
    #expect(cycles.first?.message.contains("a → b → c → a") == true)
    #expect(cycles.allSatisfy { $0.line == 2 })
  }

  @Test func aChainHasALimit() {
    let files = (1...10).map { n in
      (
        file: "\(n).yaml",
        source: "name: w\(n)\nextends: \(n == 1 ? "personal-delegate" : "w\(n - 1)")\n"
      )
    }
    let found = check(files)
    #expect(found.workflows.map(\.name) == (1...8).map { "w\($0)" })
    #expect(found.faults.map(\.file) == ["9.yaml", "10.yaml"])
    #expect(found.faults.allSatisfy { $0.message.contains("more than 8") && $0.line == 2 })
  }

  @Test func faultsOfParentAndChildAreReportedInTheirFiles() {
    let found = check([
      ("a.yaml", "name: a\nextends: personal-delegate\nattempts: 0\n"),
      ("b.yaml", "name: b\nextends: a\ntime-limits: {agent: soon}\n"),
    ])
    #expect(found.workflows.isEmpty)
    #expect(found.faults.map { "\($0.file):\($0.line)" } == ["a.yaml:3", "b.yaml:3", "b.yaml:2"])
    #expect(found.faults.last?.message.contains("which has faults") == true)
  }

  /// Anchors make a small file large; neither merging nor writing it down may take for ever.
  @Test func hostileParentsAreFaults() {
    let bomb = (1...25).reduce("a0: &a0 [x]\n") { text, level in
      text + "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1), *a\(level - 1)]\n"
    }
    let found = check([
      ("a.yaml", "name: a\nextends: personal-delegate\n" + bomb),
      ("b.yaml", "name: b\nextends: a\n"),
      (
        "c.yaml",
        "name: c\nextends: personal-delegate\nx: " + String(repeating: "y", count: 300_000)
      ),
      ("d.yaml", "name: d\nextends: personal-delegate\n? [a]\n: b\n"), ("e.yaml", "["),
      ("f.yaml", "name: f\nextends: e\n"),
    ])
    #expect(found.workflows.isEmpty)
    #expect(
      Set(found.faults.map(\.file)) == ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "f.yaml"])
  }

  @Test func aMergedDefinitionThatIsTooLargeIsAFault() {
    let text = String(repeating: "word ", count: 30_000)
    let large = "templates: {prompt: \"\(text)\"}\n"
    let other = "templates: {pull-request-body: \"\(text)\"}\n"
    let found = check([
      ("a.yaml", "name: a\nextends: personal-delegate\n" + large),
      ("b.yaml", "name: b\nextends: a\n" + other),
    ])
    #expect(found.workflows.map(\.name) == ["a"])
    #expect(found.faults.first?.message.contains("larger than 256 KiB") == true)
    #expect(found.faults.first?.line == 2)
  }

  /// Definitions in the log do not extend others.
  @Test func aCompleteDefinitionExtendsNothing() {
    let faults = DefinitionTests.faults(appending: "extends: personal-delegate\n")
    #expect(faults.count == 1 && faults[0].line == 9)
  }
}
