import EventLog
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("Stopping") struct StopTests {}
}

extension EndToEndTests.StopTests {
  private static func agent(_ server: Installation) throws -> [String] {
    let agent = try server.script("agent", Agents.waiting(for: "go"))
    return ["--workers", "2", "--agent", "command", "--agent-command", "\(agent) \(server.folder)"]
  }

  @Test("SIGTERM: idle workers end, a busy one goes on and is picked up by the next start")
  func drain() async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let arguments = try Self.agent(server)
      try await server.start(arguments)
      let id = try await server.submit()
      try await server.event("delegation.generating", of: id)
      let worker = try await server.delegation(id)["worker"].stringValue ?? ""
      #expect(server.workerProcesses.count == 2)
      #expect(try await server.stop() == .exited(0))
      #expect(Array(server.workerProcesses.keys) == [worker])
      try server.touch("go")
      try await server.start(arguments)
      let pushed = try await server.end(of: id)
      try await Outcome(server: server, repository: repository, delegation: pushed).check()
      #expect(try await server.eventTypes(of: id).count { $0 == "delegation.generating" } == 1)
    }
  }

  @Test("--stop-workers ends busy ones too, and what they had is generated again")
  func stopWorkers() async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let arguments = try Self.agent(server) + ["--stop-workers"]
      try await server.start(arguments)
      let id = try await server.submit()
      try await server.event("delegation.generating", of: id)
      #expect(try await server.stop() == .exited(0))
      #expect(server.workerProcesses.isEmpty)
      try server.touch("go")
      try await server.start(arguments)
      let pushed = try await server.end(of: id)
      try await Outcome(server: server, repository: repository, delegation: pushed).check()
      let released = try await server.events(of: id).filter {
        $0["type"].stringValue == "delegation.released"
      }
      #expect(released.map { $0["data"]["code"].stringValue } == ["drained"])
    }
  }
}
