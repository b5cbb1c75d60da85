import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// Agents that go on with their conversation in the next round, with a real server.
  @Suite("Kept sessions") struct KeptSessionTests {}
}

extension EndToEndTests.KeptSessionTests {
  /// It keeps its conversation by its working directory, as Claude Code does, and writes into the
  /// tree what it remembers.
  private static let agent = #"""
    talks=$HOME/talks$PWD
    if [ "$1" = resume ]; then
      id=$2; shift
      [ -f "$talks/$id" ] || { echo "there is no conversation $id" >&2; exit 1; }
    else
      mkdir -p "$talks"; id=talk-$$
    fi
    printf '%s\n' "$2" >> "$talks/$id"
    echo "{\"type\":\"init\",\"id\":\"$id\"}"
    case $2 in *hold*) while :; do sleep 1; done;; esac
    cp "$talks/$id" said.txt
    echo '[1] Done.'
    """#

  private static func workflow(_ script: String, _ more: String) -> String {
    """
    name: personal-delegate
    agent-preference: [memory]
    \(more)
    templates:
      task-file: "{{objective}}"
      prompt: "TASK {{objective}}"
      round-prompt: "WHOLE {{objective}} {{#feedback}}{{#items}}{{.}}{{/items}}{{/feedback}}"
      resume-prompt: "NEXT {{#feedback}}{{#items}}{{.}}{{/items}}{{/feedback}}"
      commit-message: "{{prTitle}}"
      pull-request-body: "{{objective}}"
    agents:
      memory:
        command: [sh, "\(script)", new, "{{prompt}}"]
        prompt: argument
        resume-command: [sh, "\(script)", resume, "{{session}}", "{{prompt}}"]
        session-id: [{stream: output, json: {type: init}, read: {session-id: id}}]

    """
  }

  private struct Talk {
    let server: Installation
    let repository: BareRepository

    func ask(_ id: String, _ message: String) async throws -> String {
      let answer = try await server.post(
        "/api/delegations/\(id)/follow-ups", .object(["message": .string(message)]))
      return try #require(answer.json["id"].stringValue, "\(answer.text)")
    }

    /// A first delegation that ends while another one keeps one of two workers, which is then free.
    /// - Returns: the delegation, what its agent said, and its worker.
    func sayBesideABusyWorker() async throws -> (first: String, task: String, worker: String?) {
      // Else the one that registers first is busy, and not the one that is chosen first.
      try await awaitIdle(2)
      let busy = try await server.submit(
        Installation.request("acme/tools", ["objective": .string("hold")]))
      _ = try await server.event("delegation.generating", of: busy)
      let first = try await server.submit()
      let task = try await said(first)
      let worker = try await server.delegation(first)["worker"].stringValue
      _ = try await server.post("/api/delegations/\(busy)/cancel")
      _ = try await server.end(of: busy)
      return (first, task, worker)
    }

    /// What the agent remembers after a round.
    func said(_ id: String) async throws -> String {
      let end = try await server.end(of: id)
      #expect(end["state"].stringValue == "Pushed", "\(end)")
      let branch = try #require(end["branchName"].stringValue)
      let said = try await repository.git(["show", "\(branch):said.txt"])
      return said.split(separator: "\n").joined(separator: "\n")
    }

    func continues(_ id: String) async throws -> String? {
      let events = try await server.events(of: id)
      return events.last { $0["type"].stringValue == "delegation.generating" }?["data"]["continues"]
        .stringValue
    }

    /// The records of the kept conversations.
    var kept: [String] {
      let folder = "\(server.data)/workers/worker-1/sessions"
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return names.filter {
        FileManager.default.fileExists(atPath: "\(folder)/\($0)/kept.json")
      }
    }

    /// The forge, as people use it.
    func forge() throws -> Conversing {
      func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(server.data)/\(path)", encoding: .utf8)
          .filter { !$0.isNewline }
      }
      return Conversing(
        server: server, repository: repository, token: try text("secrets/forge-token"),
        forge: "http://127.0.0.1:\(try text("forge/port"))")
    }

    /// Returns when so many workers wait for work: after a start of the server, when it has heard
    /// from them. Of those that it has not heard from it says what the log says.
    func awaitIdle(_ count: Int) async throws {
      for _ in 0..<500 {
        let workers = try await server.get("/api/workers").json["items"].arrayValue ?? []
        let idle = workers.count {
          $0["state"].stringValue == "idle" && $0["lastHeartbeatAt"].stringValue != nil
        }
        if idle == count { return }
        try await Task.sleep(for: .milliseconds(20))
      }
      Issue.record("not \(count) workers are idle")
    }

    /// The server's word reaches the worker after the delegation has ended.
    func awaitKept(_ count: Int) async throws {
      for _ in 0..<3000 where kept.count != count { try await Task.sleep(for: .milliseconds(20)) }
      #expect(kept.count == count)
    }
  }

  private func with(
    _ more: String = "", sandbox: String = "off", _ body: (Talk) async throws -> Void
  ) async throws {
    try await Installation.with(environment: ["AIPM_SANDBOX": sandbox], starts: false) { server in
      let repository = try await server.createRepository()
      let script = try server.script("memory.sh", Self.agent)
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try Self.workflow(script, more).write(
        toFile: "\(folder)/personal-delegate.yaml", atomically: true, encoding: .utf8)
      try await server.start([
        "--workers", "1", "--agent", "memory", "--workflows", folder,
      ])
      try await body(Talk(server: server, repository: repository))
    }
  }

  @Test("the agent of a later round has heard the earlier ones, and another pull request's has not")
  func continues() async throws {
    try await with(sandbox: "auto") { talk in
      let first = try await talk.server.submit()
      let task = try await talk.said(first)
      #expect(task.hasPrefix("TASK ") && !task.contains("NEXT"))
      try await talk.awaitKept(1)
      let second = try await talk.ask(first, "Rename it.")
      #expect(try await talk.said(second) == "\(task)\nNEXT [1] local:\nRename it.")
      #expect(try await talk.continues(second) == first)
      #expect(try await talk.continues(first) == nil)
      try await talk.awaitKept(1)

      let other = try await talk.server.submit()
      #expect(try await talk.said(other) == task)
      try await talk.awaitKept(2)
      let third = try await talk.ask(first, "Test it.")
      #expect(try await talk.said(third).hasSuffix("Rename it.\nNEXT [1] local:\nTest it."))
      #expect(try await talk.continues(third) == second)

      let attempt = try await talk.server.delegation(third)["attempts"].arrayValue?.first
      #expect(attempt?["continues"].stringValue == second)
      let show = try await talk.server.aipm(["show", third])
      #expect(show.outputText.contains("its conversation of \(second)"))
      let why = try await talk.server.aipm(["why", third])
      #expect(why.outputText.contains("It continues its conversation of \(second)."))
      let logs = try await talk.server.aipm(["logs", third])
      #expect(logs.outputText.hasPrefix("[aipm: continues the conversation of \(second)]\n"))
      #expect(try await talk.server.replay(["--verify"]).succeeded)
    }
  }

  @Test("without the conversation, and after one that is lost, the agent gets the whole prompt")
  func beginsAgain() async throws {
    try await with { talk in
      let first = try await talk.server.submit()
      _ = try await talk.said(first)
      try await talk.awaitKept(1)
      // Another disk: the record is there, and the conversation is not.
      let folder = "\(talk.server.data)/workers/worker-1/sessions/\(talk.kept[0])/home"
      try FileManager.default.removeItem(atPath: "\(folder)/talks")
      let second = try await talk.ask(first, "Rename it.")
      let said = try await talk.said(second)
      #expect(said.hasPrefix("WHOLE ") && said.hasSuffix("[1] local:\nRename it."))
      #expect(try await talk.continues(second) == nil)
      #expect(try await talk.server.delegation(second)["attempt"].integerValue == 1)
      try await talk.awaitKept(1)
      // A worker that is killed while the agent has it keeps nothing, and goes on.
      let third = try await talk.ask(first, "hold")
      _ = try await talk.server.event("delegation.generating", of: third)
      #expect(try await talk.continues(third) == second)
      let worker = try #require(talk.server.workerProcesses["worker-1"])
      #expect(Glibc.kill(worker, SIGKILL) == 0)
      _ = try await talk.server.event(of: third) {
        $0["type"].stringValue == "delegation.generating"
          && $0["data"]["attempt"].integerValue == 2
      }
      #expect(try await talk.continues(third) == nil)
      _ = try await talk.server.post("/api/delegations/\(third)/cancel")
      _ = try await talk.server.end(of: third)
      try await talk.awaitKept(0)
    }
  }

  @Test("a conversation outlives the worker's process and the server's")
  func outlives() async throws {
    try await with { talk in
      let first = try await talk.server.submit()
      let task = try await talk.said(first)
      try await talk.awaitKept(1)
      await talk.server.kill()
      for pid in talk.server.workerProcesses.values { _ = Glibc.kill(pid, SIGKILL) }
      try await talk.server.start([
        "--workers", "1", "--agent", "memory", "--workflows", "\(talk.server.folder)/workflows",
      ])
      let second = try await talk.ask(first, "Rename it.")
      #expect(try await talk.said(second).hasPrefix("\(task)\nNEXT "))
    }
  }

  @Test("the worker that has the conversation gets the next round, where it is free")
  func worker() async throws {
    try await with { talk in
      _ = try await talk.server.stop()
      try await talk.server.start([
        "--workers", "2", "--agent", "memory", "--workflows", "\(talk.server.folder)/workflows",
      ])
      let (first, task, worker) = try await talk.sayBesideABusyWorker()
      let second = try await talk.ask(first, "Rename it.")
      #expect(try await talk.said(second).hasPrefix("\(task)\nNEXT "))
      #expect(try await talk.server.delegation(second)["worker"].stringValue == worker)
    }
  }

  @Test("the worker that has the conversation gets the next round, also after a restart")
  func workerOfTheLog() async throws {
    try await with { talk in
      let start = [
        "--workers", "2", "--agent", "memory", "--workflows", "\(talk.server.folder)/workflows",
      ]
      _ = try await talk.server.stop()
      try await talk.server.start(start)
      let (first, task, worker) = try await talk.sayBesideABusyWorker()
      #expect(worker == "worker-2", "the other one is busy")
      await talk.server.kill()
      for pid in talk.server.workerProcesses.values { _ = Glibc.kill(pid, SIGKILL) }
      try await talk.server.start(start)
      try await talk.awaitIdle(2)
      let second = try await talk.ask(first, "Rename it.")
      #expect(try await talk.said(second).hasPrefix("\(task)\nNEXT "))
      #expect(try await talk.server.delegation(second)["worker"].stringValue == worker)
    }
  }

  @Test("the conversation of a pull request that was merged or closed is removed")
  func ended() async throws {
    try await with { talk in
      let ids = [try await talk.server.submit(), try await talk.server.submit()]
      for id in ids { _ = try await talk.said(id) }
      try await talk.awaitKept(2)
      let forge = try talk.forge()
      try await forge.call("PUT", "/pulls/1/merge", .object([:]))
      try await talk.awaitKept(1)
      // One of which the worker does not hear before both have been killed.
      try await forge.call("PATCH", "/pulls/2", .object(["state": .string("closed")]))
      _ = try await talk.server.event("delegation.pull-request-updated", of: ids[1])
      await talk.server.kill()
      for pid in talk.server.workerProcesses.values { _ = Glibc.kill(pid, SIGKILL) }
      try await talk.server.start([
        "--workers", "1", "--agent", "memory", "--workflows", "\(talk.server.folder)/workflows",
      ])
      try await talk.awaitKept(0)
    }
  }

  @Test("a workflow that keeps no sessions begins each round with the whole prompt")
  func off() async throws {
    try await with("keep-session: never") { talk in
      let first = try await talk.server.submit()
      _ = try await talk.said(first)
      let second = try await talk.ask(first, "Rename it.")
      #expect(try await talk.said(second).hasPrefix("WHOLE "))
      #expect(talk.kept.isEmpty)
      #expect(try await talk.continues(second) == nil)
    }
  }
}
