import Logging
import Processes
import Synchronization
import SystemCalls
import Testing
import WorkerProtocol

@testable import Worker

/// The whole worker against a server's end of the protocol, with real git and real agents.
@Suite("Worker") struct WorkerTests {
  /// A server with one repository, and a worker in a folder of its own.
  struct Bench: Sendable {
    let folder: TemporaryFolder
    let repository: SampleRepository
    let server: ProtocolServer

    init() async throws {
      folder = try TemporaryFolder()
      try DurableFile.makeFolder("\(folder.path)/forge/o")
      repository = try await SampleRepository("\(folder.path)/forge/o/r.git")
      server = ProtocolServer(repositories: "\(folder.path)/forge")
    }

    func configuration(_ address: ServerAddress) -> WorkerConfiguration {
      var configuration = WorkerConfiguration(
        id: "w1", dataDirectory: "\(folder.path)/worker", server: address, token: server.token,
        agents: ["script"], version: "1", host: "here", isLocal: false)
      // The agents of these tests tell what they do by files beside the worker's.
      configuration.sandbox = .off
      return configuration
    }

    /// Runs a worker while `body` does, then drains it.
    func withWorker(
      _ address: ServerAddress, _ body: @Sendable () async throws -> Void
    ) async throws -> WorkerExit {
      let (signals, signal) = AsyncStream.makeStream(of: WorkerSignal.self)
      let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
      async let departure = Worker.run(configuration(address), signals: signals, logger: logger)
      let result: Result<Void, any Error>
      do { result = .success(try await body()) } catch { result = .failure(error) }
      signal.yield(.drain)
      let departed = try await departure
      try result.get()
      return departed
    }

    /// Waits until the server has seen it.
    func sees(_ condition: @Sendable (ProtocolServer.State) -> Bool) async throws {
      let seen = try await eventually { server.state.withLock { condition($0) } }
      try #require(seen)
    }

    func result(_ count: Int = 1) async throws -> ResultReport {
      _ = try await eventually { server.state.withLock { $0.results.count >= count } }
      return try #require(server.state.withLock { $0.results.dropFirst(count - 1).first })
    }
  }

  @Test("the commit has the author whom the server names")
  func author() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["README.md": "hello\n"])
    var assignment = Assignment.sample(head: head, script: "echo new > new.txt")
    assignment.author = "Zoë Robot <bot@acme.example>"
    let wanted = assignment
    try await bench.server.serve { url in
      bench.server.want { $0.assignment = wanted }
      _ = try await bench.withWorker(.url(url)) {
        let result = try await bench.result()
        let commit = try #require(result.commit, "\(result.message ?? "")")
        let text = try await Git.run(
          ["cat-file", "commit", commit], gitDirectory: bench.repository.path
        ).outputText
        #expect(text.contains("\nauthor Zoë Robot <bot@acme.example> "))
        #expect(text.contains("\ncommitter Zoë Robot <bot@acme.example> "))
      }
    }
  }

  @Test("from the assignment to the commit on the branch")
  func happyPath() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["README.md": "hello\n", "a/b.txt": "b\n"])
    let script = "cat; echo said; echo new > a/new.txt; git status --porcelain"
    let assignment = Assignment.sample(head: head, script: script)
    try await bench.server.serve { url in
      bench.server.want { $0.assignment = assignment }
      let departure = try await bench.withWorker(.url(url)) {
        let result = try await bench.result()
        #expect(result.outcome == .committed, "\(result.message ?? "")")
        let commit = try #require(result.commit)
        let git = bench.repository.git
        #expect(try await git(["rev-parse", "refs/heads/feature/x-1"], .none) == commit)
        #expect(try await git(["rev-parse", "\(commit)^"], .none) == head)
        #expect(
          try await git(["diff", "--name-status", head, commit], .none) == "A\ta/new.txt")
        let message = try await Git.run(
          ["cat-file", "commit", commit], gitDirectory: bench.repository.path
        ).outputText
        #expect(message.hasSuffix("\n\n" + assignment.commitMessage))
        #expect(message.contains("author AIPM <aipm@aipm.invalid>"))
        let output = bench.server.state.withLock { $0.output["d1-1"] } ?? []
        #expect(String(decoding: output, as: UTF8.self) == "Implement: x\nsaid\n?? a/new.txt\n")
        #expect(result.outputBytes == output.count)
        #expect(bench.server.state.withLock { $0.generating.map(\.head) } == [head])
      }
      #expect(departure == .drained)
    }
  }

  @Test("an agent that fails, hangs or changes nothing is told, and the worker takes the next")
  func badAgents() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    let expected: [(script: String, outcome: ResultReport.Outcome)] = [
      ("echo oops >&2; exit 3", .agentFailed), ("true", .noChanges), ("sleep 60", .agentTimeout),
      ("echo 2 > a", .committed),
    ]
    try await bench.server.serve { url in
      let departure = try await bench.withWorker(.url(url)) {
        for (number, (script, outcome)) in expected.enumerated() {
          let assignment = Assignment.sample(
            delegation: "d\(number)", head: head, script: script,
            timeoutMs: outcome == .agentTimeout ? 300 : 20_000)
          bench.server.want { $0.assignment = assignment }
          let result = try await bench.result(number + 1)
          #expect(result.outcome == outcome, "\(result.message ?? "")")
          #expect(result.lease == assignment.lease)
          if outcome == .agentFailed { #expect(result.message?.contains("oops") == true) }
        }
      }
      #expect(departure == .drained)
      #expect(bench.server.state.withLock { $0.generating.count } == 4)
      // Nothing is left but what the next attempt can use.
      let left = try DirectoryListing.names("\(bench.folder.path)/worker/attempts")
      #expect(left.isEmpty)
    }
  }

  @Test("the server dies while the agent works, and comes back: nothing is lost")
  func serverDies() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    let (socket, gate) = ("\(bench.folder.path)/run", "\(bench.folder.path)/gate")
    try DurableFile.makeFolder(socket)
    let script = "echo before; while ! test -e \(gate); do sleep 0.05; done; echo after; echo 2 > a"
    let assignment = Assignment.sample(head: head, script: script)
    let departure = try await bench.withWorker(.socket(folder: socket)) {
      try await bench.server.serve(in: socket) {
        bench.server.want { $0.assignment = assignment }
        try await bench.sees { $0.output["d1-1"] == Array("before\n".utf8) }
      }
      // While nobody is there the agent ends and its work is committed.
      try DurableFile.replace(gate, with: [])
      let journal = Journal(path: "\(bench.folder.path)/worker/journal.json")
      #expect(try await eventually { journal.read()?.made != nil })
      try await bench.server.serve(in: socket) {
        let result = try await bench.result()
        #expect(result.outcome == .committed)
        let output = bench.server.state.withLock { $0.output["d1-1"] }
        #expect(output == Array("before\nafter\n".utf8))
      }
    }
    #expect(departure == .drained)
    #expect(bench.server.state.withLock { $0.registrations.count } == 1)
  }

  @Test("a commit that was made and not taken is handed in by the worker's next life")
  func secondLife() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    let runs = "\(bench.folder.path)/runs"
    let assignment = Assignment.sample(head: head, script: "echo x >> \(runs); echo 2 > a")
    let (signals, signal) = AsyncStream.makeStream(of: WorkerSignal.self)
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    try await bench.server.serve { url in
      bench.server.state.withLock { $0.refusals["pack"] = Array(repeating: 503, count: 10_000) }
      bench.server.want { $0.assignment = assignment }
      async let departure = Worker.run(
        bench.configuration(.url(url)), signals: signals, logger: logger)
      let journal = Journal(path: "\(bench.folder.path)/worker/journal.json")
      #expect(try await eventually { journal.read()?.made != nil })
      // The server is as good as away.
      bench.server.state.withLock { $0.proving = .none }
      signal.yield(.halt)
      let departed = try await departure
      #expect(departed == .halted)
      bench.server.state.withLock { $0.proving = .right }
      bench.server.want { state in
        state.refusals = [:]
        state.assignment?.lease.token = 2
      }
      _ = try await bench.withWorker(.url(url)) {
        let result = try await bench.result()
        #expect(result.outcome == .committed && result.lease.token == 2)
      }
      let registration = bench.server.state.withLock { $0.registrations.last }
      #expect(registration?.journal.first?.commit != nil)
      #expect(try text(runs) == "x\n")
    }
  }

  @Test("cancel ends the agent, another assignment takes its place")
  func cancelAndSupersede() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    try await bench.server.serve { url in
      _ = try await bench.withWorker(.url(url)) {
        let first = Assignment.sample(head: head, script: "sleep 60")
        bench.server.want { $0.assignment = first }
        try await bench.sees { !$0.generating.isEmpty }
        bench.server.want { $0.cancel = true }
        #expect(try await bench.result().outcome == .stopped)
        let second = Assignment.sample(delegation: "d2", head: head, script: "sleep 60")
        bench.server.want { $0.assignment = second }
        try await bench.sees { $0.generating.count == 2 }
        let third = Assignment.sample(delegation: "d3", head: head)
        bench.server.want { $0.assignment = third }
        let result = try await bench.result(2)
        #expect(result.lease == third.lease && result.outcome == .committed)
      }
    }
  }

  @Test("what a former life left running is ended before the worker registers")
  func leftovers() async throws {
    let bench = try await Bench()
    let folder = "\(bench.folder.path)/worker/attempts/d1-1"
    try DurableFile.makeFolder(folder)
    let (numbers, number) = AsyncStream.makeStream(of: Int32.self)
    var environment = Command.baseEnvironment
    environment[ProcessTable.mark] = folder
    let command = Command(
      "sh", ["-c", "trap '' TERM; sleep 300"], environment: environment, timeout: .seconds(60))
    async let left = command.run(onStart: { number.yield($0) })
    for await process in numbers {
      // Until the program has replaced the fork it carries our own environment.
      #expect(
        try await eventually {
          ProcessTable.processes(of: .attempt(folder)).contains(process)
        })
      break
    }
    try await bench.server.serve { url in
      _ = try await bench.withWorker(.url(url)) {
        try await bench.sees { !$0.registrations.isEmpty }
        #expect(ProcessTable.processes(of: .attempt(folder)).isEmpty)
        #expect(!DurableFile.exists(folder))
      }
    }
    let ended = try await left
    #expect(ended.exit == .signalled(9))
  }

  @Test("a second worker in one folder is refused and told who is there")
  func oneToAFolder() async throws {
    let bench = try await Bench()
    try await bench.server.serve { url in
      _ = try await bench.withWorker(.url(url)) {
        try await bench.sees { !$0.registrations.isEmpty }
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        await #expect {
          try await Worker.run(
            bench.configuration(.url(url)), signals: AsyncStream { $0.finish() }, logger: logger)
        } throws: { error in
          (error as? FolderLock.Held)?.holder.hasPrefix("worker w1, process ") == true
        }
        #expect(Worker.holder(ofDataDirectory: "\(bench.folder.path)/worker") != nil)
      }
      #expect(Worker.holder(ofDataDirectory: "\(bench.folder.path)/worker") == nil)
    }
  }
}
