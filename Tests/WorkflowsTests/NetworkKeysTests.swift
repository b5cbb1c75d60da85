import Domain
import NetworkRules
import Testing
import Workflows

@Suite("The network of a definition") struct NetworkKeysTests {
  private static let minimal = """
    name: tiny
    agent-preference: [demo]
    templates: {task-file: a, prompt: b, commit-message: c, pull-request-body: d}

    """

  private func workflow(_ more: String) throws -> Workflow {
    try Workflow(source: Self.minimal + more + "\n", file: "w.yaml")
  }

  private func rules(_ texts: String...) throws -> NetworkPolicy.Mode {
    NetworkPolicy(.hosts(try texts.map { try HostRule(parsing: $0) })).mode
  }

  private func faults(_ more: String) -> [String] {
    do throws(WorkflowFaults) {
      _ = try Workflow(source: Self.minimal + more + "\n", file: "w.yaml")
      return []
    } catch {
      return error.faults.map { "\($0.message); \($0.instead)" }
    }
  }

  @Test("an agent reaches the hosts of its workflow and its profile, and none by default")
  func union() throws {
    let agents = """
      agents:
        mine: {command: [x], prompt: standard-input, network: {allow: [api.example.com]}}
        bare: {command: [x], prompt: standard-input}
      """
    let own = try workflow(agents)
    let mine = try #require(own.agents["mine"])
    let bare = try #require(own.agents["bare"])
    #expect(own.network(of: bare).mode == .none)
    #expect(own.network(of: mine).mode == (try rules("api.example.com")))
    let both = try workflow(
      agents + "\nnetwork: {allow: [\"*.example.org\", a.net:8443], upload: 1MiB}")
    #expect(
      both.network(of: mine).mode == (try rules("api.example.com", "*.example.org", "a.net:8443")))
    #expect(both.network(of: mine).uploadBytesMax == 1 << 20)
    #expect(both.network(of: .demo).uploadBytesMax == 1 << 20)
    #expect(try workflow("network: {allow: [npm]}").network.rules == HostSet.npm.rules)
    #expect(try workflow("network: public").network.mode == .publicHosts())
    #expect(try workflow("network: host").network.mode == .host)
    #expect(try workflow("network: none").network.mode == .none)
  }

  @Test("definitions of earlier versions keep their meaning")
  func earlier() throws {
    func mode(_ sandbox: String) throws -> NetworkPolicy.Mode? {
      try workflow("agents: {x: {command: [x], prompt: standard-input, sandbox: \(sandbox)}}")
        .agents["x"]?.sandbox.network.mode
    }
    #expect(try mode("{network: false}") == NetworkPolicy.Mode.none)
    #expect(try mode("{network: true}") == .publicHosts())
    #expect(try mode("{readable: [/opt/x]}") == NetworkPolicy.Mode.none)
  }

  @Test(
    "faults say what to write instead",
    arguments: [
      ("network: {allow: [https://pypi.org/simple]}", "write the host alone"),
      ("network: {allow: [\"*\"]}", "network: public"),
      ("network: {allow: [127.0.0.1]}", "address"),
      ("network: {allow: [npmm]}", "neither a host nor a set"),
      ("network: open", "none, public, host"),
      ("network: {deny: [x.org]}", "allow"), ("network: {upload: lots}", "upload"),
      ("network: [x.org]", "network"),
      (
        "agents: {x: {command: [x], prompt: standard-input, sandbox: {toolchains: [rust]}}}",
        "rustup"
      ),
      (
        "agents: {x: {command: [x], prompt: standard-input, model-keys: {variable: A}}}",
        "not a list"
      ),
      (
        "agents: {x: {command: [x], prompt: standard-input, model-keys: [{variable: A_KEY}]}}",
        "base-url-variable"
      ),
      (
        "agents: {x: {command: [x], prompt: standard-input, "
          + "model-keys: [{variable: A_KEY, base-url-variable: A_URL}]}}", "write both"
      ),
      (
        "agents: {x: {command: [x], prompt: standard-input, model-keys: "
          + "[{base-url-variable: A_URL, host: http://x.org}]}}", "write https://"
      ),
      (
        "agents: {x: {command: [x], prompt: standard-input, model-keys: [{variable: GITHUB_TOKEN, "
          + "header: x-key, base-url-variable: A_URL}]}}", "credential of the forge"
      ),
      (
        "agents: {x: {command: [x], prompt: standard-input, model-keys: "
          + "[{variable: A_KEY, header: \"a b: c\\r\\nd\", base-url-variable: A_URL}]}}",
        "header's name"
      ),
    ])
  func wrong(text: String, message: String) {
    let faults = faults(text)
    #expect(faults.contains { $0.contains(message) }, "\(text): \(faults)")
  }

  @Test("a repository's file only narrows")
  func narrowing() throws {
    let file = "network: {allow: [a.example.org, evil.org]}\n"
    let merged = try CommandRules().merged(withRepositoryFile: file)
    let asked = try #require(merged.repositoryNetwork)
    let allowed = NetworkPolicy(try rules("*.example.org"))
    #expect(allowed.narrowed(by: asked).mode == (try rules("a.example.org")))
    let host = try CommandRules().merged(withRepositoryFile: "network: host\n")
    #expect(allowed.narrowed(by: try #require(host.repositoryNetwork)) == allowed)
    // If the workflow lets it set nothing, the rest of the file is ignored.
    #expect(try CommandRules().merged(withRepositoryFile: "verify: [[make]]\n").verify.isEmpty)
    #expect(throws: WorkflowFaults.self) {
      try CommandRules().merged(withRepositoryFile: "network: {allow: [\"*\"]}\n")
    }
  }

  @Test("every shipped agent has the hosts of its model, and the variables of its keys")
  func shipped() throws {
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    for agent in workflow.agents.values where agent.kind != .demo {
      #expect(!agent.sandbox.network.rules.isEmpty, "\(agent.name) names no host")
      for endpoint in agent.endpoints {
        #expect(agent.environment.contains(endpoint.baseURLVariable), "\(agent.name)")
        #expect(endpoint.variable.map(agent.environment.contains) ?? true, "\(agent.name)")
      }
    }
    let claude = try #require(workflow.agents["claude"])
    #expect(claude.endpoints.first?.header == "x-api-key")
    let goose = try #require(workflow.agents["goose"])
    #expect(
      goose.endpoints.last?.header == "authorization" && goose.endpoints.last?.scheme == "Bearer")
  }
}
