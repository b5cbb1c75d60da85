import EventLog
import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("Agents that go wrong") struct AgentTests {}
}

extension JSONValue {
  /// When an event happened, in seconds.
  fileprivate var moment: Double? {
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    return self["time"].stringValue.flatMap { try? format.parse($0) }?.timeIntervalSince1970
  }
}

extension EndToEndTests.AgentTests {
  /// One agent that does what its objective says.
  private static let script = """
    #!/bin/sh
    prompt=$(cat)
    echo "attempt"
    case $prompt in
      *"work and hang"*) echo half > half.txt; echo more >> README.md; while :; do sleep 1; done ;;
      *"exit with an error"*) echo "it broke" >&2; exit 3 ;;
      *"change nothing"*) exit 0 ;;
      *"hang for ever"*) trap '' TERM; echo $$ > "$1/hanging"; while :; do sleep 1; done ;;
      *"change a workflow"*)
        mkdir -p .github/workflows; echo "on: push" > .github/workflows/x.yml ;;
      *"commit by yourself"*)
        git init -q . 2>/dev/null; echo mine > mine.txt; git add -A
        git -c user.name=x -c user.email=x@y commit -qm 'by the agent' ;;
      *) echo fine > fine.txt ;;
    esac
    """

  private func with(
    _ more: [String] = [], _ body: (Installation, BareRepository) async throws -> Void
  ) async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let agent = try server.script("agent", Self.script)
      try await server.start(
        ["--workers", "1", "--agent", "command", "--agent-command", "\(agent) \(server.folder)"]
          + more)
      try await body(server, repository)
    }
  }

  private func delegate(_ server: Installation, _ objective: String) async throws -> JSONValue {
    try await server.end(
      of: try await server.submit(
        Installation.request("acme/tools", ["objective": .string(objective)])))
  }

  @Test("each ends with its code, after the attempts it has, and the worker takes the next")
  func codes() async throws {
    try await with { server, repository in
      for (objective, code, attempts) in [
        ("exit with an error", "agent-failed", 2), ("change nothing", "no-changes", 2),
        ("change a workflow", "change-refused", 1),
      ] {
        let failed = try await delegate(server, objective)
        #expect(failed["state"].stringValue == "Failed", "\(objective)")
        #expect(failed["failure"]["code"].stringValue == code, "\(failed["failure"])")
        #expect(!(failed["failure"]["message"].stringValue ?? "").isEmpty)
        #expect(failed["attempt"].integerValue == Int64(attempts), "\(objective)")
      }
      let next = try await delegate(server, "do it")
      try await Outcome(server: server, repository: repository, delegation: next).check()
    }
  }

  /// An agent that reports what it used, then fails, hangs or works.
  private static let reporting = #"""
    #!/bin/sh
    prompt=$(cat)
    echo '{"type":"step","cost":0.0125,"in":1200,"out":34}'
    echo '{"type":"step","cost":-5,"in":1e300,"out":6}'
    case $prompt in
      *"then fail"*) exit 3 ;;
      *"then hang"*) while :; do sleep 1; done ;;
      *) echo fine > fine.txt ;;
    esac
    """#

  @Test("what an agent reported that it used is in the log as numbers, however its attempt ends")
  func usage() async throws {
    try await Installation.with(starts: false) { server in
      _ = try await server.createRepository()
      let agent = try server.script("agent", Self.reporting)
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try """
      name: counting
      extends: personal-delegate
      attempts: 1
      agents:
        counted:
          command: [\(agent)]
          prompt: standard-input
          usage:
            - stream: output
              json: {type: step}
              total: sum
              read: {cost: cost, input-tokens: in, output-tokens: out}
      """.write(toFile: "\(folder)/counted.yaml", atomically: true, encoding: .utf8)
      try await server.start(
        ["--workers", "1", "--agent-timeout", "3s", "--workflows", folder])
      let numbers: [String: JSONValue] = [
        "inputTokens": .integer(1200), "outputTokens": .integer(40),
        "costMicrodollars": .integer(12_500),
      ]
      for (objective, code, type) in [
        ("then fail", "agent-failed", "failed"), ("then hang", "agent-timeout", "failed"),
        ("then work", nil, "generated"),
      ] as [(String, String?, String)] {
        let ended = try await server.end(
          of: try await server.submit(
            Installation.request(
              "acme/tools",
              [
                "objective": .string(objective), "agent": .string("counted"),
                "workflow": .string("counting"),
              ])))
        #expect(ended["failure"]["code"].stringValue == code, "\(ended["failure"])")
        let attempt = ended["attempts"].arrayValue?.last ?? .null
        #expect(attempt["usage"] == .object(numbers), "\(objective): \(attempt)")
        let id = ended["id"].stringValue ?? ""
        let events = try await server.get("/api/delegations/\(id)/events").json
        let event = (events["items"].arrayValue ?? []).last {
          $0["type"].stringValue == "delegation.\(type)"
        }
        for (name, number) in numbers {
          #expect(event?["data"][name] == number, "\(objective): \(name) in \(events)")
        }
        let shown = try await server.aipm(["show", id])
        #expect(shown.outputText.contains("1,200 tokens in, 40 out, $0.0125"), "\(shown)")
      }
      // The built-in agent reports nothing.
      let silent = try await server.submit(
        Installation.request("acme/tools", ["agent": .string("demo")]))
      #expect(try await server.end(of: silent)["state"].stringValue == "Pushed")
      try await sums(server)
      await server.kill()
      #expect(try await server.replay(["--rebuild"]).succeeded)
      try await server.start(["--workers", "1", "--workflows", folder])
      try await sums(server)
    }
  }

  /// Three attempts of one agent that reported, two of which failed, and one of another agent that
  /// did not.
  private func sums(_ server: Installation) async throws {
    let byAgent = try await server.get("/api/usage?by=agent").json
    let items = byAgent["items"].arrayValue ?? []
    #expect(items.map { $0["key"].stringValue } == ["counted", "demo"])
    #expect(items.map { $0["attempts"].integerValue } == [3, 1])
    #expect(items.map { $0["failedAttempts"].integerValue } == [2, 0])
    #expect(items.map { $0["attemptsWithCost"].integerValue } == [3, 0])
    #expect(items.map { $0["costMicrodollars"] } == [.integer(37_500), .null])
    #expect(items.map { $0["pushed"].integerValue } == [1, 1])
    #expect(items.map { $0["failed"].integerValue } == [2, 0])
    #expect(byAgent["total"]["costMicrodollars"] == .integer(37_500))
    #expect(byAgent["total"]["inputTokens"] == .integer(3600))
    #expect(byAgent["total"]["attempts"] == .integer(4))
    let table = try await server.aipm(["usage", "--by", "repository"]).outputText
    #expect(table.contains("$0.0375") && table.contains("3 of 4"), "\(table)")
    // Of those some were cancelled or met a limit, which is no failure.
    #expect(table.contains("NO COMMIT") && !table.contains("FAILED"), "\(table)")
    let csv = try await server.aipm(["usage", "--by", "agent", "--since", "7d", "--csv"]).outputText
    let lines = csv.split(whereSeparator: \.isNewline)
    #expect(lines.count == 3 && lines[0].hasPrefix("agent,attempts,failedAttempts,"), "\(csv)")
    #expect(lines.last?.hasSuffix(",,,,,") ?? false, "unknown is empty: \(csv)")
    let later = try await server.aipm(["usage", "--since", "2999-01-01"])
    #expect(later.outputText.isEmpty && later.errorText.contains("no attempt"))
    let wrong = try await server.get("/api/usage?since=yesterday")
    #expect(wrong.status == 422)
    let fields = try await server.aipm(["usage", "--by", "agent", "--json", "key,costMicrodollars"])
    #expect(
      fields.outputText
        == #"[{"costMicrodollars":37500,"key":"counted"},{"costMicrodollars":null,"key":"demo"}]"#
        + "\n")
  }

  @Test("one that hangs and ignores SIGTERM is ended at its limit, with all it started")
  func hanging() async throws {
    try await with(["--agent-timeout", "1s", "--attempts", "1"]) { server, repository in
      let failed = try await delegate(server, "hang for ever")
      #expect(failed["failure"]["code"].stringValue == "agent-timeout", "\(failed["failure"])")
      let text = try String(contentsOfFile: "\(server.folder)/hanging", encoding: .utf8)
      let pid = try #require(Int32(text.filter(\.isNumber)))
      #expect(Glibc.kill(pid, 0) != 0, "the agent still runs")
      let next = try await delegate(server, "do it")
      try await Outcome(server: server, repository: repository, delegation: next).check()
    }
  }

  @Test("what an agent had made at its limit is kept as a patch that git applies")
  func patch() async throws {
    try await with(["--agent-timeout", "1s", "--attempts", "1"]) { server, repository in
      let failed = try await delegate(server, "work and hang")
      #expect(failed["failure"]["code"].stringValue == "agent-timeout", "\(failed["failure"])")
      let hint = failed["failure"]["hint"].stringValue ?? ""
      #expect(hint.contains("aipm logs --patch"), "\(hint)")
      let id = try #require(failed["id"].stringValue)
      let kept = try await server.aipm(["logs", "--patch", id])
      #expect(kept.succeeded, "\(kept.errorText)")
      let clone = "\(server.folder)/applied"
      let applied = try await Command(
        "sh",
        [
          "-ec", "git clone -q \"$0\" \"$1\"; cd \"$1\"; git apply; cat half.txt", repository.path,
          clone,
        ],
        input: .bytes(kept.standardOutput), timeout: .seconds(60)
      ).run()
      #expect(applied.outputText == "half\n", "\(applied.errorText)")
      let other = try await server.aipm(["logs", "--patch", "--attempt", "7", id])
      #expect(!other.succeeded && other.errorText.contains("attempt 7"), "\(other.errorText)")
    }
  }

  @Test("commits that the agent made itself are folded into the one")
  func ownCommits() async throws {
    try await with { server, repository in
      let pushed = try await delegate(server, "commit by yourself")
      #expect(pushed["state"].stringValue == "Pushed", "\(pushed["failure"])")
      try await Outcome(server: server, repository: repository, delegation: pushed).check()
      let branch = pushed["branchName"].stringValue ?? ""
      #expect(try await repository.file("mine.txt", at: branch) == "mine\n")
    }
  }

  @Test("an agent that is not installed is told by its name")
  func notInstalled() async throws {
    try await Installation.with(starts: false) { server in
      try await server.createRepository()
      try await server.start([
        "--agent", "command", "--agent-command", "no-such-program-anywhere", "--attempts", "1",
      ])
      let failed = try await server.end(of: try await server.submit())
      #expect(failed["failure"]["code"].stringValue == "agent-not-found")
      let message = failed["failure"]["message"].stringValue ?? ""
      #expect(message.contains("no-such-program-anywhere"), "\(message)")
    }
  }

  @Test("cancel ends a running agent within two seconds; retry goes on with the same pull request")
  func cancelAndRetry() async throws {
    try await with { server, repository in
      let id = try await server.submit(
        Installation.request("acme/tools", ["objective": .string("hang for ever")]))
      try await server.event("delegation.generating", of: id)
      let cancelled = try await server.aipm(["cancel", id])
      #expect(cancelled.succeeded, "\(cancelled.errorText)")
      let failed = try await server.end(of: id)
      // It does not listen to SIGTERM, so this takes as long as any agent can make it take.
      let events = try await server.events(of: id)
      let asked = events.first { $0["type"].stringValue == "delegation.cancel-requested" }
      let took = try #require(events.last?.moment) - #require(asked?.moment)
      #expect(took < 2, "it took \(took) s")
      #expect(failed["failure"]["code"].stringValue == "cancelled")
      let again = try await server.aipm(["retry", id])
      #expect(again.succeeded, "\(again.errorText)")
      let generating = try await server.event(of: id) {
        $0["type"].stringValue == "delegation.generating" && $0["data"]["attempt"].integerValue == 2
      }
      #expect(generating["version"].integerValue ?? 0 > 8)
      let now = try await server.delegation(id)
      #expect(now["pullRequest"]["number"].integerValue == 1)
      #expect(try await server.aipm(["cancel", "acme/tools#1"]).succeeded)
      _ = try await server.event(of: id) {
        $0["type"].stringValue == "delegation.failed" && $0["version"].integerValue ?? 0 > 11
      }
      #expect(try await repository.branches().count == 2)
    }
  }
}
