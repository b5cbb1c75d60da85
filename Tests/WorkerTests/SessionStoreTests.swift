import Glibc
import Processes
import Synchronization
import SystemCalls
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

/// A clock that the test moves, in milliseconds.
final class TestClock: Sendable {
  private let time = Mutex<Int64>(1_000_000)
  var now: Int64 { time.withLock { $0 } }
  func pass(_ milliseconds: Int64) { time.withLock { $0 += milliseconds } }
}

/// Which conversations are kept, and who gets them.
@Suite("Kept conversations") struct SessionStoreTests {
  typealias Bench = AgentTurnsTests.Bench

  private func assignment(
    _ delegation: String, first: String = "d0", call: AgentCall? = nil
  ) -> Assignment {
    AgentTurnsTests.assignment(
      delegation, first: first, call: call ?? AgentTurnsTests.call(AgentTurnsTests.memory))
  }

  private func kept(_ bench: Bench) throws -> [String] {
    guard DurableFile.exists(bench.files.sessions) else { return [] }
    return try DirectoryListing.names(bench.files.sessions).sorted()
  }

  @Test("a HOME is given to the same pull request, repository and profile alone")
  func others() async throws {
    func isContinued(_ change: (inout Assignment) -> Void) async throws -> Bool {
      let bench = try Bench()
      _ = try await bench.run(assignment("d0"))
      var next = assignment("d1")
      change(&next)
      let round = try await bench.run(next)
      #expect(round.end == .finished)
      #expect(round.continued == (round.said == "all of it\nthe next\n"))
      return round.continued
    }
    #expect(try await isContinued { _ in })
    #expect(try await !isContinued { $0.session?.first = "e0" })
    #expect(try await !isContinued { $0.repository = "o/other" })
    #expect(try await !isContinued { $0.agent.name = "other" })
    #expect(try await !isContinued { $0.agent.sandbox = SandboxGrants(readable: ["/opt"]) })
    #expect(try await !isContinued { $0.agent.environment = ["SESSION_STORE_KEY"] })
    #expect(try await !isContinued { $0.session?.prompt = nil })
    // Another attempt at the delegation that made it.
    #expect(try await !isContinued { $0.lease = self.assignment("d0").lease })
    // It could never have two.
    #expect(try await isContinued { $0.lease.attempt = 7 })
  }

  @Test("another value of a credential begins a new conversation")
  func credentials() async throws {
    setenv("SESSION_STORE_TOKEN", "one", 1)
    defer { unsetenv("SESSION_STORE_TOKEN") }
    var call = AgentTurnsTests.call(AgentTurnsTests.memory)
    call.environment = ["SESSION_STORE_TOKEN"]
    let bench = try Bench()
    _ = try await bench.run(assignment("d0", call: call))
    let record = try text("\(bench.files.sessions)/d0@memory/kept.json")
    #expect(!record.contains("one\"") && !record.contains("TOKEN"))
    #expect(try await bench.run(assignment("d1", call: call)).continued)
    setenv("SESSION_STORE_TOKEN", "two", 1)
    #expect(try await !bench.run(assignment("d2", call: call)).continued)
    // Those of the commands beside the agent count as well.
    var planned = assignment("d3", call: call)
    planned.commands = CommandPlan(
      setup: [], verify: [], rounds: 0, environment: ["SESSION_STORE_PLAN"], repositoryMaySet: [],
      base: nil)
    _ = try await bench.run(planned)
    setenv("SESSION_STORE_PLAN", "new", 1)
    defer { unsetenv("SESSION_STORE_PLAN") }
    planned.lease = assignment("d4").lease
    #expect(try await !bench.run(planned).continued)
  }

  @Test("only what ended well and was accepted is kept")
  func accepted() async throws {
    let bench = try Bench()
    _ = try await bench.run(assignment("d0"), isAccepted: false)
    #expect(try kept(bench) == [])
    let failing = AgentTurnsTests.call(AgentTurnsTests.memory + "\nexit 3")
    #expect(try await bench.run(assignment("d0", call: failing)).end == .exited(3))
    #expect(try kept(bench) == [])
    var plain = assignment("d0")
    plain.agent.resumeArguments = nil
    #expect(try await bench.run(plain).end == .finished)
    var off = assignment("d0")
    off.session = nil
    #expect(try await bench.run(off).end == .finished)
    off.session = SessionOrder(first: "d0", keepMs: 0, prompt: nil)
    #expect(try await bench.run(off).end == .finished)
    #expect(try kept(bench) == [])
  }

  @Test("it is kept for its time, and no longer than the present order says")
  func time() async throws {
    let clock = TestClock()
    let bench = try Bench(clock: clock)
    _ = try await bench.run(assignment("d0"))
    clock.pass(3_599_000)
    var next = assignment("d1")
    next.session?.keepMs = 60_000
    #expect(try await !bench.run(next).continued)
    clock.pass(61_000)
    await bench.sessions.prune()
    #expect(try kept(bench) == [])
    #expect(try await !bench.run(assignment("d2")).continued)
  }

  @Test("the conversations of pull requests that have ended are removed, and no others")
  func ended() async throws {
    let bench = try Bench()
    for first in ["a0", "b0"] { _ = try await bench.run(assignment(first, first: first)) }
    #expect(await bench.sessions.pullRequests == ["a0", "b0"])
    await bench.sessions.forget(["a0", "c0"])
    #expect(try kept(bench) == ["b0@memory"])
    #expect(await bench.sessions.pullRequests == ["b0"])
    #expect(try await !bench.run(assignment("a1", first: "a0")).continued)
    // While an agent has it, it is the attempt's.
    let next = assignment("b1", first: "b0")
    let attempt = try bench.attempt(next)
    let entered = try #require(try await bench.sessions.enter(next, attempt))
    await bench.sessions.forget(["b0"])
    #expect(DurableFile.exists(entered.files.tree))
    try await bench.sessions.leave(entered, next, attempt, endedWell: true, session: "talk-1")
    await bench.sessions.settle(AttemptKey(next.lease), isAccepted: true)
    await bench.sessions.forget(["b0"])
    #expect(try kept(bench).allSatisfy { !$0.hasPrefix("b0") })
  }

  @Test("the oldest go first, by their number and by their size")
  func limits() async throws {
    let clock = TestClock()
    var limits = SessionLimits()
    limits.countMax = 2
    let bench = try Bench(limits, clock: clock)
    for first in ["a0", "b0", "c0"] {
      clock.pass(1)
      _ = try await bench.run(assignment(first, first: first))
    }
    #expect(try kept(bench) == ["b0@memory", "c0@memory"])

    limits.bytesMax = 3 << 20
    limits.homeBytesMax = 2 << 20
    limits.homeEntriesMax = 50
    let small = try Bench(limits, clock: clock)
    func filled(_ with: String) -> AgentCall {
      AgentTurnsTests.call(AgentTurnsTests.memory + "\n" + with)
    }
    let large = filled("head -c 1900000 /dev/urandom > ~/large")
    for first in ["a0", "b0"] {
      clock.pass(1)
      _ = try await small.run(assignment(first, first: first, call: large))
    }
    #expect(try kept(small) == ["b0@memory"])
    for more in ["head -c 2200000 /dev/urandom > ~/l", "for n in $(seq 60); do : > ~/$n; done"] {
      _ = try await small.run(assignment("b0", first: "b0", call: filled(more)))
      #expect(try kept(small) == [], "\(more)")
    }
  }

  @Test("a HOME is moved, measured and removed without following what an agent left in it")
  func hostile() async throws {
    let bench = try Bench()
    let outside = "\(bench.folder.path)/outside"
    try DurableFile.makeFolder("\(outside)/deep")
    try DurableFile.replace("\(outside)/deep/file", with: Array("kept".utf8))
    let hostile = AgentTurnsTests.call(
      AgentTurnsTests.memory + """

        ln -sfn \(outside) ~/link; ln -sfn / ~/root; mkfifo ~/pipe
        mkdir -p ~/shut/in; chmod 0 ~/shut
        """)
    let first = try await bench.run(assignment("d0", call: hostile))
    #expect(first.end == .finished)
    #expect(try kept(bench) == ["d0@memory"])
    var next = assignment("d1", call: hostile)
    next.session?.keepMs = 1
    // The second round may not have it, and removes it.
    #expect(try await bench.run(next).end == .finished)
    await bench.trash.emptied()
    #expect(try text("\(outside)/deep/file") == "kept")
    // A link is not taken for a HOME.
    let place = try #require(bench.files.session("e0", "memory"))
    _ = try await bench.run(assignment("e0", first: "e0"))
    try DurableFile.rename(place.home, to: "\(bench.folder.path)/moved")
    symlink("\(bench.folder.path)/moved", place.home)
    #expect(try await !bench.run(assignment("e1", first: "e0")).continued)
  }

  @Test("where the sandbox shows files of this machine, a HOME must have no link and nothing else")
  func mountPoints() throws {
    let folder = try TemporaryFolder()
    let home = "\(folder.path)/home"
    for path in ["tool/deep", "file"] { try DurableFile.makeFolder("\(home)/\(path)") }
    try DurableFile.replace("\(home)/auth.json", with: [])
    symlink("/tmp", "\(home)/link")
    symlink("/tmp/nothing", "\(home)/tool/gone")
    func isClear(_ path: String, isFolder: Bool = true) -> Bool {
      MountPoints.isClear(Array(path.utf8), TreeRoot(path: home), isFolder: isFolder)
    }
    for path in ["tool", "tool/deep", "tool/deep/new", "new", "new/deep"] {
      #expect(isClear(path), "\(path)")
    }
    #expect(isClear("auth.json", isFolder: false) && isClear("new.json", isFolder: false))
    for path in ["link", "link/x", "tool/gone", "tool/gone/x", "auth.json", "auth.json/x", "../x"] {
      #expect(!isClear(path), "\(path)")
    }
    #expect(!isClear("file", isFolder: false) && !isClear("link", isFolder: false))
    #expect(MountPoints.areClear(in: home, nil))
    #expect(MountPoints.areClear(in: home, SandboxGrants(readable: ["/opt", "~/no/such/thing"])))
  }

  /// Something in the home of who runs the tests.
  private static let homely =
    (try? DirectoryListing.names(UnprivilegedUser.startersHome))?.first { WorkerFiles.isSafe($0) }

  @Test(
    "a HOME with a link where the sandbox shows a file of this machine is given to nobody",
    .enabled(if: homely != nil, "the home is empty"))
  func linkedMountPoint() async throws {
    let name = try #require(Self.homely)
    for link in ["", "\nln -s /tmp ~/\(name)"] {
      var call = AgentTurnsTests.call(AgentTurnsTests.memory + link)
      call.sandbox = SandboxGrants(readable: ["~/\(name)"])
      let bench = try Bench()
      _ = try await bench.run(assignment("d0", call: call))
      #expect(try kept(bench) == ["d0@memory"])
      #expect(try await bench.run(assignment("d1", call: call)).continued == link.isEmpty)
    }
  }

  @Test("a worker that dies keeps a whole conversation or none")
  func dies() async throws {
    let bench = try Bench()
    _ = try await bench.run(assignment("d0"))
    let place = try #require(bench.files.session("d0", "memory"))

    func nextLife(keeping key: AttemptKey? = nil) async -> SessionStore {
      let store = SessionStore(bench.files, bench.trash) { 1_000_000 }
      await store.sweep(keeping: key)
      return store
    }
    // Idle: it is kept.
    _ = await nextLife()
    #expect(try kept(bench) == ["d0@memory"])

    // While an agent has it: it is gone, with the tree.
    let next = assignment("d1")
    let attempt = try bench.attempt(next)
    let entered = try #require(try await bench.sessions.enter(next, attempt))
    #expect(entered.continues != nil && DurableFile.exists(place.tree))
    #expect(!DurableFile.exists("\(place.folder)/kept.json"))
    _ = await nextLife()
    #expect(try kept(bench) == [])

    // After the agent and before the server's word: only with its attempt.
    for isHandedIn in [true, false] {
      let round = assignment(isHandedIn ? "d2" : "d3")
      let attempt = try bench.attempt(round)
      let place = try #require(try await bench.sessions.enter(round, attempt))
      try DurableFile.makeFolder("\(place.files.home)/x")
      try await bench.sessions.leave(
        place, round, attempt, endedWell: true, session: "talk-1")
      #expect(DurableFile.exists(attempt.tree) && !DurableFile.exists(place.files.tree))
      let key = AttemptKey(round.lease)
      let store = await nextLife(keeping: isHandedIn ? key : nil)
      await store.settle(key, isAccepted: true)
      #expect(try kept(bench) == (isHandedIn ? ["d0@memory"] : []))
      #expect(DurableFile.exists("\(place.files.home)/x") == isHandedIn)
    }

    // A record that cannot be read does not count.
    _ = try await bench.run(assignment("d0"))
    try DurableFile.replace("\(place.folder)/kept.json", with: Array("{\"version\":".utf8))
    _ = await nextLife()
    #expect(try kept(bench) == [])
  }
}
