import Testing

@testable import Workflows

@Suite("Agents of a definition") struct AgentDefinitionTests {
  private func read(_ agents: String) throws -> [String: AgentProfile] {
    try Workflow(source: DefinitionTests.minimal + "agents:\n" + agents, file: "w.yaml").agents
  }

  private func faults(_ agents: String) -> [String] {
    do throws(WorkflowFaults) {
      _ = try Workflow(source: DefinitionTests.minimal + "agents:\n" + agents, file: "w.yaml")
      return []
    } catch {
      return error.faults.map { "\($0.message); \($0.instead)" }
    }
  }

  @Test("signs, codes, usage and a preflight are read")
  func everything() throws {
    let agent = try #require(
      try read(
        """
          mine:
            command: [prog, "{{prompt}}"]
            prompt: argument
            preflight:
              command: [prog, --version]
              signed-in: {environment: [MY_KEY], files: [.mine/auth], command: [prog, me], hint: h}
            success: {exit-codes: [0, 7], signs: [{stream: error, text: "done *"}]}
            failure:
              exit-codes: {3: it is broken}
              signs:
                - json: {type: failed, a.b: true}
                  read: {reason: error.message}
                  recovered-by: {stream: output, json: {type: again}}
            long-prompt-command: [prog, --file, "{{promptFile}}"]
            own-files: [.mine*]
            usage:
              - {text: "used {credits}", total: sum}
              - {stream: output, json: {type: end}, read: {cost: cost.usd}}
            limit:
              - {json: {type: failed}, text: "limit until {reset-at}"}
              - {stream: error, json: {type: limit}, read: {reset-seconds: after}}
        """)["mine"])
    #expect(
      agent.preflight
        == AgentPreflight(
          command: ["prog", "--version"],
          signIn: .init(
            variables: ["MY_KEY"], files: [".mine/auth"], command: ["prog", "me"], hint: "h")))
    var wanted = AgentReading(
      successCodes: [0, 7], codeMeanings: [3: "it is broken"],
      success: [OutputSign(stream: .error, text: "done *")],
      failure: [
        OutputSign(
          members: ["type": "failed", "a.b": "true"], values: ["reason": "error.message"],
          recovery: [OutputSign(stream: .output, members: ["type": "again"])])
      ],
      usage: [
        OutputSign(text: "used {credits}", adds: true),
        OutputSign(
          stream: .output, members: ["type": "end"], values: ["cost": "cost.usd"]),
      ])
    wanted.limit = [
      OutputSign(text: "limit until {reset-at}", members: ["type": "failed"]),
      OutputSign(
        stream: .error, members: ["type": "limit"], values: ["reset-seconds": "after"]),
    ]
    #expect(agent.reading == wanted)
    #expect(agent.ownFiles == [".mine*"])
    guard case .command(let command) = agent.kind else { throw SessionMissing() }
    #expect(
      command.longPromptArguments == [.literal("prog"), .literal("--file"), .promptFile])
  }

  @Test("a session's permissions are one value or one for each kind")
  func session() throws {
    let agents = try read(
      """
        one: {protocol: agent-client-protocol, command: [prog, acp], permissions: allow}
        two:
          protocol: agent-client-protocol
          command: [prog]
          permissions: {default: reject, read: allow}
          file-access: false
      """)
    guard case .session(let one)? = agents["one"]?.kind,
      case .session(let two)? = agents["two"]?.kind
    else { throw SessionMissing() }
    #expect(one == AgentSession(arguments: ["prog", "acp"]))
    #expect(one.permissions.allows("fetch") && one.permissions.allows(nil))
    #expect(two.permissions.allows("read") && !two.permissions.allows("edit"))
    #expect(!two.accessesFiles && agents["two"]?.program == "prog")
  }

  private struct SessionMissing: Error {}

  @Test(
    "faults say what to write instead",
    arguments: [
      (
        "  a: {protocol: acp, command: [x], prompt: argument}",
        "agents.a.protocol is \"acp\""
      ),
      (
        "  a: {protocol: agent-client-protocol, command: [x], prompt: argument}",
        "agents.a.prompt is for agents that are called by a command"
      ),
      (
        "  a: {protocol: agent-client-protocol, command: [x, \"{{prompt}}\"]}",
        "holds {{, which has no meaning here"
      ),
      (
        "  a: {protocol: agent-client-protocol, command: [x], permissions: {raed: allow}}",
        "did you mean \"read\"?"
      ),
      (
        "  a: {command: [x], prompt: standard-input, usage: [{text: \"a {creditz}\"}]}",
        "did you mean \"credits\"?"
      ),
      (
        "  a: {command: [x], prompt: standard-input, usage: [{text: \"a b\"}]}",
        "reads no figure"
      ),
      (
        "  a: {command: [x], prompt: standard-input, success: {signs: [{text: \"*x\"}]}}",
        "begins with no text"
      ),
      (
        "  a: {command: [x], prompt: standard-input, success: {signs: [{stream: output}]}}",
        "must have either text or json"
      ),
      (
        "  a: {command: [x], prompt: standard-input, preflight: {signed-in: {files: [/etc/x]}}}",
        "is not a path within the agent's HOME"
      ),
      (
        "  a: {command: [x], prompt: standard-input, success: {signs: [{recovered-by: {}}]}}",
        "recovered-by"
      ),
      (
        "  a: {command: [x], prompt: standard-input, own-files: [\"!x\"]}",
        "is not a pattern of files"
      ),
      (
        "  a: {command: [x], prompt: standard-input, long-prompt-command: [x, \"{{promptFile}}\"]}",
        "is for agents whose prompt is an argument"
      ),
      (
        """
          a:
            command: [x, "{{prompt}}"]
            prompt: argument
            long-prompt-command: [x, "{{prompt}}"]
        """, "must have {{promptFile}}"
      ),
      (
        """
          a:
            command: [x]
            prompt: standard-input
            preflight: {signed-in: {environment: [GITHUB_TOKEN]}}
        """, "may be a credential of the forge"
      ),
    ])
  func wrong(agents: String, message: String) {
    let faults = faults(agents)
    #expect(faults.contains { $0.contains(message) }, "\(faults)")
  }

  @Test("every agent that is shipped has a preflight and a call that was written for a version")
  func shipped() throws {
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    let names = [
      "aider", "claude", "codex", "demo", "gemini", "goose", "kiro", "kiro-acp", "opencode",
    ]
    #expect(workflow.agents.keys.sorted() == names)
    #expect(
      workflow.agentPreference == [
        "kiro-acp", "kiro", "claude", "codex", "gemini", "opencode", "goose", "aider", "demo",
      ])
    for (name, agent) in workflow.agents where name != "demo" {
      #expect(agent.preflight?.signIn?.hint.isEmpty == false, "\(name)")
      #expect(!agent.writtenFor.isEmpty, "\(name)")
    }
  }

  @Test(
    "a pattern is found where it stands, with its numbers",
    arguments: [
      ("▸ Credits: {credits}", "x ▸ Credits: 0.35 • Time: 12s", ["credits": 0.35]),
      (
        "Tokens: {input-tokens} sent, {output-tokens} received",
        "Tokens: 12.5k sent, 1,203 received.", ["input-tokens": 12_500, "output-tokens": 1203]
      ),
      ("Cost: $* message, ${cost} session", "Cost: $0.01 message, $0.25 session.", ["cost": 0.25]),
      ("a*b {cost}", "a b c b 7", nil), ("a {cost}", "a x", nil), ("abc", "ab", nil),
      ("abc", "ababc", [:]), ("n {cost}", "n 5.", ["cost": 5]), ("n {cost}", "n 2M", ["cost": 2e6]),
      ("done*", "done", [:]),
    ] as [(String, String, [String: Double]?)])
  func pattern(pattern: String, line: String, numbers: [String: Double]?) throws {
    let known = try #require(LinePattern(pattern))
    #expect(known.match(Array(line.utf8)) == numbers)
  }
}
