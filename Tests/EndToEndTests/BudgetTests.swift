import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// What agents may cost.
  @Suite("Budgets") struct BudgetTests {}
}

extension EndToEndTests.BudgetTests {
  /// An agent that costs 2 dollars and then fails, or works, or goes on until it is ended.
  private static let agent = """
    #!/bin/sh
    prompt=$(cat)
    echo 'cost 2.00'
    case $prompt in
      *'then hang'*) while :; do sleep 1; done;;
      *'then fail'*) exit 1;;
    esac
    echo done > done.txt
    """

  private static func with(
    _ budget: String, _ options: [String] = [],
    _ body: (Installation) async throws -> Void
  ) async throws {
    try await Installation.with(starts: false) { server in
      _ = try await server.createRepository()
      let agent = try server.script("agent", Self.agent)
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try """
      name: costly
      extends: personal-delegate
      attempts: 3
      \(budget)
      agents:
        paid:
          command: [\(agent)]
          prompt: standard-input
          usage: [{text: "cost {cost}"}]
      """.write(toFile: "\(folder)/costly.yaml", atomically: true, encoding: .utf8)
      try await server.start(["--workers", "2", "--workflows", folder] + options)
      try await body(server)
    }
  }

  private static func run(_ server: Installation, _ objective: String) async throws -> JSONValue {
    let id = try await server.submit(
      Installation.request(
        "acme/tools",
        [
          "workflow": .string("costly"), "agent": .string("paid"),
          "objective": .string(objective),
        ]))
    return try await server.end(of: id)
  }

  @Test("no attempt starts when the delegation's budget is used up")
  func delegation() async throws {
    try await Self.with("budget: {delegation: 3.5}") { server in
      let ended = try await Self.run(server, "then fail")
      #expect(ended["failure"]["code"].stringValue == "budget-exceeded")
      // Two attempts of 2 dollars: the second was allowed with 1.50 left.
      #expect(ended["attempt"].integerValue == 2)
      let message = ended["failure"]["message"].stringValue ?? ""
      #expect(message == "this delegation cost $4.00; the budget is $3.50")
      #expect(try await Self.run(server, "work")["state"].stringValue == "Pushed")
      #expect(try await server.replay(["--verify"]).succeeded)
    }
  }

  @Test("an agent that reports more than is left is ended")
  func running() async throws {
    try await Self.with("budget: {delegation: 1}") { server in
      let ended = try await Self.run(server, "then hang")
      #expect(ended["failure"]["code"].stringValue == "budget-exceeded")
      let attempt = ended["attempts"].arrayValue?.first
      #expect(attempt?["outcome"].stringValue == "agent-failed")
      let message = attempt?["message"].stringValue ?? ""
      #expect(
        message == "the agent cost $2.00, more than the $1.00 that were left",
        "\(ended.canonicalText)")
    }
  }

  @Test("a failure of the last attempt by its cost says to raise the budget")
  func lastAttempt() async throws {
    try await Self.with("budget: {delegation: 1}", ["--attempts", "1"]) { server in
      let failure = try await Self.run(server, "then hang")["failure"]
      #expect(failure["summary"].stringValue?.contains("the $1.00 that were left") == true)
      #expect(failure["remedy"].stringValue?.contains("Raise the budget") == true, "\(failure)")
    }
  }

  @Test(
    "the month's budgets of a requester and of a repository hold over delegations",
    arguments: ["requester", "repository"])
  func month(of what: String) async throws {
    try await Self.with("", ["--budget-\(what)", "2"]) { server in
      #expect(try await Self.run(server, "work")["state"].stringValue == "Pushed")
      let next = try await Self.run(server, "work")
      #expect(next["failure"]["code"].stringValue == "budget-exceeded")
      #expect(next["failure"]["message"].stringValue?.contains(what) == true)
      #expect(next["attempt"].integerValue == 0)
    }
  }

  /// Each costs less than is left when it starts.
  @Test("agents at work at the same time are ended when they cost too much together")
  func together() async throws {
    try await Self.with("", ["--budget-requester", "3"]) { server in
      async let first = Self.run(server, "then hang")
      async let second = Self.run(server, "then hang")
      for ended in try await [first, second] {
        #expect(ended["failure"]["code"].stringValue == "budget-exceeded")
        let said = ended["attempts"].arrayValue?.first?["message"].stringValue ?? ""
        #expect(
          said.hasPrefix("the agent cost $2.00, more than the $1.00 that were left"), "\(said)")
        #expect(ended["attempt"].integerValue == 1)
      }
      #expect(try await server.replay(["--verify"]).succeeded)
    }
  }
}
