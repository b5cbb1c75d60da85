import EventLog
import Foundation
import Glibc
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("kill -9 of the server after each transition") struct CrashTests {}
}

extension EndToEndTests.CrashTests {
  /// Where the server is killed: what is held back so that it stands there.
  enum Moment: String, CaseIterable {
    case requested, branchCreated, taskCommitted, pullRequestCreated, generated

    var event: String {
      switch self {
      case .requested: "delegation.requested"
      case .branchCreated: "delegation.branch-created"
      case .taskCommitted: "delegation.task-committed"
      case .pullRequestCreated: "delegation.pr-created"
      case .generated: "delegation.generated"
      }
    }

    /// The first call after that event.
    func holds(_ call: GateCall) -> Bool {
      switch self {
      case .requested: call.method == "GET"
      case .branchCreated: call.method == "PUT"
      case .taskCommitted: call.method == "POST" && call.path.hasSuffix("/pulls")
      case .pullRequestCreated: call.isGit("git-upload-pack")
      case .generated: call.isGit("git-receive-pack")
      }
    }
  }

  /// - Parameter reachesForge: whether the call under way is carried out although nobody hears of
  /// it.
  @Test("before the next call to the forge", arguments: Moment.allCases, [false, true])
  func atTheForge(moment: Moment, reachesForge: Bool) async throws {
    try await GatedInstallation.with { world in
      let latch = Latch()
      world.gate.set { call in
        guard moment.holds(call) else { return .pass }
        await latch.wait()
        return reachesForge ? .loseAnswer : .drop
      }
      let id = try await world.server.submit()
      try await world.server.event(moment.event, of: id)
      try await latch.reached()
      await world.server.kill()
      latch.open()
      world.gate.set { _ in .pass }
      try await world.server.start(["--agent", "demo"])
      _ = try await world.server.end(of: id)
      try await world.checkPushed(id)
    }
  }

  @Test("a worker that comes before the log has been read is told to come again")
  func early() async throws {
    try await Installation.with(starts: false) { server in
      try await server.createRepository()
      let agent = try server.script(
        "agent", "#!/bin/sh\nwhile ! test -e \(server.folder)/go; do sleep 0.05; done; echo x > a\n"
      )
      try await server.start(["--agent", "command", "--agent-command", agent])
      let id = try await server.submit()
      try await server.event("delegation.generating", of: id)
      // The more there is to be read, the longer that takes.
      for number in 0..<40 {
        let answer = try await server.post(
          "/api/personal-delegate", Installation.request(branch: "b\(number)"),
          headers: [("Prefer", "respond-async")])
        #expect(answer.status == 202)
      }
      let calling = Task { [caller = try await EarlyCaller(server)] in await caller.run() }
      for _ in 0..<8 {
        await server.kill()
        try await server.start(["--agent", "command", "--agent-command", agent])
      }
      try server.touch("go")
      let end = try await server.end(of: id)
      calling.cancel()
      let statuses = await calling.value
      #expect(end["state"].stringValue == "Pushed" && end["attempt"].integerValue == 1)
      #expect(statuses.contains(503), "nobody came early: \(statuses)")
      // Unknown, or not the worker's any more: it would drop what it has.
      #expect(!statuses.contains(410) && !statuses.contains(409), "\(statuses)")
    }
  }

  /// Asks as a worker does, without a pause, from before the server listens.
  private struct EarlyCaller {
    let worker: RawWorker
    let incarnation: Int64

    init(_ server: Installation) async throws {
      worker = RawWorker(server, name: "early", token: try await server.createToken("early"))
      incarnation = try await worker.register()
    }

    /// - Returns: each status that was answered until the task was cancelled.
    func run() async -> Set<Int> {
      var statuses: Set<Int> = []
      let beat = JSONValue.object([
        "worker": .string(worker.name), "incarnation": .integer(incarnation),
      ])
      while !Task.isCancelled {
        let answer = try? await worker.call("heartbeat", beat)
        if let answer { statuses.insert(answer.status) } else { await Task.yield() }
      }
      return statuses
    }
  }

  @Test("after Dispatched, with workers that do not hear of it")
  func afterDispatched() async throws {
    try await GatedInstallation.with { world in
      try await world.server.event("worker.registered", of: nil)
      let latch = Latch()
      world.gate.set { call in
        if call.isGit("git-upload-pack") { await latch.wait() }
        return .pass
      }
      let id = try await world.server.submit()
      try await latch.reached()
      let workers = world.server.workerProcesses
      for pid in workers.values { kill(pid, SIGSTOP) }
      latch.open()
      try await world.server.event("delegation.dispatched", of: id)
      await world.server.kill()
      for pid in workers.values { kill(pid, SIGCONT) }
      try await world.server.start(["--agent", "demo"])
      _ = try await world.server.end(of: id)
      try await world.checkPushed(id)
    }
  }

  @Test("while the agent works: it goes on, and its commit is handed in to the next server")
  func whileGenerating() async throws {
    try await withWaitingAgent { world, arguments in
      let id = try await world.server.submit()
      try await world.server.event("delegation.generating", of: id)
      await world.server.kill()
      try world.server.touch("go")
      try await world.server.start(arguments)
      _ = try await world.server.end(of: id)
      try await world.checkPushed(id)
      let types = try await world.server.eventTypes(of: id)
      #expect(
        types.count { $0 == "delegation.generating" } == 1, "it was generated again: \(types)")
      #expect(!types.contains("delegation.released"))
    }
  }

  @Test("after Pushed and after Failed: nothing more happens")
  func afterTheEnd() async throws {
    try await GatedInstallation.with { world in
      let pushed = try await world.server.submit()
      _ = try await world.server.end(of: pushed)
      let failed = try await world.server.submit(Installation.request("acme/missing"))
      _ = try await world.server.end(of: failed)
      let before = try await world.server.events(of: pushed)
      await world.server.kill()
      world.gate.reset()
      try await world.server.start(["--agent", "demo"])
      // Another one from end to end shows that the server is fully at work.
      let other = try await world.server.submit()
      _ = try await world.server.end(of: other)
      #expect(try await world.server.events(of: pushed) == before)
      try await world.checkPushed(pushed)
      #expect(try await world.server.delegation(failed)["state"].stringValue == "Failed")
      #expect(world.gate.calls.allSatisfy { !$0.path.contains("missing") })
    }
  }

  private func withWaitingAgent(
    _ body: (GatedInstallation, [String]) async throws -> Void
  ) async throws {
    @Sendable func arguments(_ server: Installation) throws -> [String] {
      let agent = try server.script("agent", Agents.waiting(for: "go"))
      return ["--agent", "command", "--agent-command", "\(agent) \(server.folder)"]
    }
    try await GatedInstallation.with(agent: arguments) { world in
      try await body(world, try arguments(world.server))
    }
  }
}
