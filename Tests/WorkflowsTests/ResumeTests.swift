import Domain
import Testing

@testable import Workflows

private struct NoCommand: Error {}

/// How a workflow says that an agent's conversation is continued.
@Suite("Continued conversations of a definition") struct ResumeTests {
  private func workflow(_ lines: String) throws -> Workflow {
    try Workflow(source: DefinitionTests.minimal + lines, file: "w.yaml")
  }

  private func faults(_ lines: String) -> [String] {
    do throws(WorkflowFaults) {
      _ = try Workflow(source: DefinitionTests.minimal + lines, file: "w.yaml")
      return []
    } catch {
      return error.faults.map { "\($0.message); \($0.instead)" }
    }
  }

  @Test(
    "a conversation is kept for a week, for the time that is given, or not at all",
    arguments: [
      (nil, 7 * 86_400_000), ("90d", 90 * 86_400_000), ("12h", 43_200_000), ("never", 0),
      ("0", 0), ("\"0\"", 0), ("0s", 0),
    ] as [(String?, Int64)])
  func keepSession(_ value: String?, _ milliseconds: Int64) throws {
    let line = value.map { "keep-session: \($0)\n" } ?? ""
    #expect(try workflow(line).keepSession == Milliseconds(milliseconds))
  }

  @Test("anything else is a fault", arguments: ["91d", "1", "-1d", "[1d]", "true", "Never"])
  func wrongTimes(_ value: String) {
    #expect(faults("keep-session: \(value)\n").count == 1)
  }

  @Test("the command, the name and the protocol's flag are read; older definitions have none")
  func agents() throws {
    let agents = try workflow(
      """
      agents:
        mine:
          command: [prog, "{{prompt}}"]
          prompt: argument
          resume-command: [prog, --resume, "{{session}}", "{{prompt}}"]
          session-id: [{stream: output, json: {type: init}, read: {session-id: a.id}}]
        last:
          command: [prog]
          prompt: standard-input
          resume-command: [prog, --continue]
        stays: {protocol: agent-client-protocol, command: [prog], load-session: true}
        older: {protocol: agent-client-protocol, command: [prog]}
        plain: {command: [prog], prompt: standard-input}

      """
    ).agents
    guard case .command(let mine)? = agents["mine"]?.kind else { throw NoCommand() }
    #expect(
      mine.resumeArguments == [.literal("prog"), .literal("--resume"), .session, .prompt])
    #expect(
      agents["mine"]?.reading.session
        == [OutputSign(stream: .output, members: ["type": "init"], values: ["session-id": "a.id"])])
    let continuing = agents.filter(\.value.continuesConversations).keys
    #expect(continuing.sorted() == ["last", "mine", "stays"])
  }

  @Test("of what a conversation's total is reported, earlier rounds are not counted again")
  func totals() throws {
    let agents = try #require(try WorkflowCatalog()["personal-delegate"]).agents
    func counted(_ name: String) -> [String: Bool] {
      let signs = agents[name]?.reading.usage ?? []
      return signs.reduce(into: [:]) { found, sign in
        for figure in sign.values.keys { found[figure] = sign.ofConversation ?? false }
      }
    }
    #expect(
      counted("claude") == [
        "cost": true, "input-tokens": false, "output-tokens": false, "cached-tokens": false,
      ])
    #expect(
      counted("codex") == ["input-tokens": true, "output-tokens": true, "cached-tokens": true])
  }

  @Test(
    "what does not fit together is a fault",
    arguments: [
      ("resume-command: [prog, \"{{session}}\", \"{{prompt}}\"]", "no session-id"),
      ("session-id: [{text: x}]", "no resume-command"),
      (
        "resume-command: [prog, \"{{prompt}}\"], session-id: [{text: x}]",
        "has no {{session}}"
      ),
      ("resume-command: [other, \"{{prompt}}\"]", "another program"),
      ("resume-command: [prog]", "has no {{prompt}}"),
      ("long-prompt-command: [prog, \"{{session}}\", \"{{promptFile}}\"]", "no placeholder"),
      ("load-session: true", "agents in a session"),
      (
        "resume-command: [prog, \"{{session}}\", \"{{prompt}}\"], "
          + "session-id: [{json: {a: b}, read: {id: c}}]", "id"
      ),
    ])
  func wrongAgents(_ keys: String, _ word: String) {
    let found = faults(
      "agents:\n  mine: {command: [prog, \"{{prompt}}\"], prompt: argument, \(keys)}\n")
    #expect(found.count == 1 && found[0].contains(word), "\(found)")
  }

  @Test("a session of the protocol has no command for it")
  func wrongSession() {
    let found = faults(
      "agents:\n  mine: {protocol: agent-client-protocol, command: [p], resume-command: [p]}\n")
    #expect(found.count == 1 && found[0].contains("called by a command"), "\(found)")
  }

  /// Kiro's sessions stay locked after a crash (facts of the agent), and aider keeps its
  /// conversation in the tree.
  @Test("the agents that are shipped continue what their documentation says they can")
  func shipped() throws {
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    let continuing = workflow.agents.filter(\.value.continuesConversations).keys
    #expect(continuing.sorted() == ["claude", "codex", "gemini", "opencode"])
    #expect(workflow.keepSession == .seconds(7 * 24 * 3600))
    for name in continuing {
      guard case .command(let command)? = workflow.agents[name]?.kind else { continue }
      // The same rights as in a new conversation.
      let lasting = command.arguments.filter { argument in
        if case .literal(let text) = argument { return !["-C", "-s"].contains(text) }
        return false
      }
      let resumed = command.resumeArguments ?? []
      for case .literal(let word) in lasting {
        let isThere = resumed.contains { argument in
          if case .literal(let text) = argument { text.contains(word) } else { false }
        }
        #expect(isThere, "\(name): \(word)")
      }
    }
  }

  @Test("the prompt of a conversation that goes on has what is asked, and not the task")
  func prompt() throws {
    var text = TaskText(
      title: "Answer 2 comments", objective: "Users can export", pullRequestTitle: "feat: export",
      constraints: .text("Use buttons"), acceptanceCriteria: ["It works"])
    let id = DelegationID("0190")
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    #expect(workflow.resumePrompt(text, id: id) == nil)
    text.round = RoundText(
      feedback: [
        Feedback(
          id: FeedbackID(.reviewComment, 1), source: .reviewComment, author: "ann",
          isByBot: false, line: 7,
          text: FeedbackText(body: "Rename it.", path: "a.swift", hunk: "@@ -1 +1 @@\n+let x")),
        Feedback(
          id: FeedbackID(.check, 2), source: .check, author: "ci", isByBot: true,
          text: FeedbackText(body: "build failed: 2 errors")),
      ], earlier: [.init(subject: "feat: export", words: "I added a button.")])
    let prompt = try #require(workflow.resumePrompt(text, id: id))
    for part in [
      "[1] ann on a.swift, line 7:\nRename it.\n```diff\n@@ -1 +1 @@\n+let x\n```",
      "[2] ci:\nbuild failed: 2 errors", "feat: export", "I added a button.",
      "as in \"[1] Renamed it.\"",
    ] {
      #expect(prompt.contains(part), "\(prompt)")
    }
    #expect(!prompt.contains("Users can export") && !prompt.contains("It works"))
    #expect(prompt.utf8.count < workflow.prompt(text, id: id).utf8.count)
    let merge = MergeText(
      branch: "main", commit: ObjectID(String(repeating: "a", count: 40)), conflicts: ["a.swift"])
    let merging = try #require(workflow.resumePrompt(text, id: id, merge: merge))
    #expect(merging.contains("The branch main (at aaaa") && merging.contains("- a.swift\nEach"))
    let own = DefinitionTests.minimal.replacing(
      "templates:", with: "templates:\n  resume-prompt: \"{{title}}{{#feedback}}!{{/feedback}}\"")
    let mine = try Workflow(source: own, file: "w.yaml")
    #expect(mine.resumePrompt(text, id: id) == "Answer 2 comments!")
  }
}
