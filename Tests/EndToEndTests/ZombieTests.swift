import EventLog
import Glibc
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("Workers that come back") struct ZombieTests {}
}

extension EndToEndTests.ZombieTests {
  /// The first one that starts waits for the file `go`; every other is done at once.
  private static let agent = """
    #!/bin/sh
    if mkdir "$1/first" 2>/dev/null; then
      while [ ! -e "$1/go" ]; do sleep 0.05; done
      echo late > generated.txt
    else
      echo "in time" > generated.txt
    fi
    """

  @Test(
    "frozen past its lease, superseded, and continued: one generated commit, the late one refused")
  func frozen() async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let agent = try server.script("agent", Self.agent)
      try await server.start([
        "--agent", "command", "--agent-command", "\(agent) \(server.folder)",
      ])
      let id = try await server.submit()
      try await server.event("delegation.generating", of: id)
      let name = try #require(try await server.delegation(id)["worker"].stringValue)
      let frozen = try #require(server.workerProcesses[name])
      kill(frozen, SIGSTOP)
      let pushed = try await server.end(of: id)
      #expect(pushed["state"].stringValue == "Pushed", "\(pushed["failure"])")
      let before = try await server.events(of: id)
      let released = before.first { $0["type"].stringValue == "delegation.released" }
      #expect(released?["data"]["code"].stringValue == "worker-lost", "\(before)")

      // Its agent finishes, and it wakes up with a result that nobody waits for.
      try server.touch("go")
      kill(frozen, SIGCONT)
      _ = try await server.event(of: nil) {
        $0["stream"].stringValue == "worker-\(name)"
          && $0["type"].stringValue == "worker.registered"
          && $0["data"]["incarnation"].integerValue ?? 0 > 1
      }
      // It is fit for the next, and told that the other is over.
      let next = try await server.end(of: try await server.submit())
      #expect(next["state"].stringValue == "Pushed")
      #expect(try await server.events(of: id) == before)
      try await Outcome(server: server, repository: repository, delegation: pushed).check()
      let branch = pushed["branchName"].stringValue ?? ""
      #expect(try await repository.file("generated.txt", at: branch) == "in time\n")
    }
  }
}
