import Domain
import Foundation
import Testing
import Workflows

struct CatalogTests {
  /// Runs with a fresh folder that holds these files, and takes it away.
  func withFolder(_ files: [String: String], _ body: (String) throws -> Void) throws {
    let folder = URL.temporaryDirectory.appending(path: "catalog-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in files {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    try body(folder.path)
  }

  @Test func theBuiltInWorkflowIsTheFileInTheSources() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let file = try String(
      contentsOf: root.appending(path: "workflows/personal-delegate.yaml"), encoding: .utf8)
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    #expect(workflow.source == file)
    #expect(
      workflow.agentPreference == [
        "kiro-acp", "kiro", "claude", "codex", "gemini", "opencode", "goose", "aider", "demo",
      ])
    for name in ["kiro", "claude", "codex", "gemini", "aider", "opencode", "goose"] {
      #expect(workflow.agents[name] != nil, "\(name)")
    }
  }

  @Test func aFolderComesOnTop() throws {
    let mine = DefinitionTests.minimal
    let replaced = mine.replacing("name: tiny", with: "name: personal-delegate")
    try withFolder(["a.yaml": mine, "b.yml": replaced, "notes.txt": "x", ".c.yaml": "x"]) {
      let catalog = try WorkflowCatalog(directory: $0)
      #expect(catalog.all.map(\.name) == ["personal-delegate", "tiny"])
      #expect(catalog["personal-delegate"]?.source == replaced)
      #expect(catalog["nope"] == nil)
      #expect(catalog.hint(for: "tiyn") == "did you mean \"tiny\"?")
    }
  }

  @Test func faultsOfAllFilesAreReportedAtOnce() throws {
    try withFolder(["a.yaml": "nmae: x", "b.yaml": "[", "c.yaml": DefinitionTests.minimal]) {
      folder in
      let error = #expect(throws: WorkflowFaults.self) { try WorkflowCatalog(directory: folder) }
      let files = Set(error?.faults.map(\.file) ?? [])
      #expect(files == ["\(folder)/a.yaml", "\(folder)/b.yaml"])
      #expect(error?.description.contains("did you mean \"name\"?") == true)
    }
  }

  @Test func twoFilesOfOneNameAreAFault() throws {
    let text = DefinitionTests.minimal
    try withFolder(["a.yaml": text, "b.yaml": text]) { folder in
      let error = #expect(throws: WorkflowFaults.self) { try WorkflowCatalog(directory: folder) }
      #expect(error?.faults.first?.file == "\(folder)/b.yaml")
      #expect(error?.faults.first?.message.contains("also that of") == true)
    }
  }

  @Test func aFolderThatIsNotThereIsAFault() {
    let error = #expect(throws: WorkflowFaults.self) {
      try WorkflowCatalog(directory: "/nonexistent/workflows")
    }
    #expect(error?.faults.count == 1)
  }

  @Test func aFileThatIsNotUTF8IsAFault() throws {
    try withFolder([:]) { folder in
      try Data([0x6e, 0xff]).write(to: URL(filePath: folder).appending(path: "x.yaml"))
      let error = #expect(throws: WorkflowFaults.self) { try WorkflowCatalog(directory: folder) }
      #expect(error?.faults.first?.message == "the file is not UTF-8")
    }
  }

  @Test func theCustomAgentGetsThePromptTwice() throws {
    let agent = AgentProfile.custom(command: ["prog", "{{prompt}}", "a b"], environment: ["KEY"])
    guard case .command(let command) = agent.kind else {
      Issue.record("not a command")
      return
    }
    #expect(command.program == "prog")
    #expect(command.promptOnStandardInput)
    #expect(
      command.arguments
        == [.literal("prog"), .literal("{{prompt}}"), .literal("a b"), .prompt])
  }
}
