import Glibc
import Synchronization
import SystemCalls
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

/// The HOMEs of agents that keep running, over the lives of their worker.
@Suite("HOMEs of agents that stay") struct LoadableSessionsTests {
  typealias Bench = AgentTurnsTests.Bench

  private func assignment(
    _ delegation: String, first: String = "d0", environment: [String] = []
  ) -> Assignment {
    var assignment = AgentTurnsTests.assignment(
      delegation, first: first, call: AgentTurnsTests.call(AgentTurnsTests.memory))
    assignment.agent = AgentCall(
      name: "stays", isDemo: false, arguments: [], promptOnStandardInput: false,
      environment: environment,
      session: AgentSession(arguments: ["x"], loadsSessions: true))
    return assignment
  }

  private func place(_ bench: Bench, _ assignment: Assignment) throws -> PersistentFiles {
    try #require(bench.files.persistent("stays", assignment.repository))
  }

  /// One attempt that ends well.
  private func work(
    _ store: SessionStore, _ bench: Bench, _ assignment: Assignment, session: String,
    isAccepted: Bool? = true
  ) async throws -> SessionRecord? {
    let loaded = try await store.load(assignment)
    let place = try place(bench, assignment)
    for folder in [place.home, place.trees, place.temporary] { try DurableFile.makeFolder(folder) }
    try DurableFile.replace("\(place.home)/\(session)", with: Array("talk".utf8))
    await store.ended(assignment, session: session)
    guard let isAccepted else { return loaded }
    await store.settle(AttemptKey(assignment.lease), isAccepted: isAccepted)
    return loaded
  }

  private func nextLife(
    _ bench: Bench, keeping key: AttemptKey? = nil, limits: SessionLimits = SessionLimits(),
    at clock: TestClock = TestClock()
  ) async -> SessionStore {
    let store = SessionStore(bench.files, bench.trash, limits) { clock.now }
    await store.sweep(keeping: key)
    return store
  }

  @Test("a session is loaded by its pull request alone, for its time")
  func loads() async throws {
    let clock = TestClock()
    let bench = try Bench(clock: clock)
    let store = bench.sessions
    #expect(try await work(store, bench, assignment("d0"), session: "s1", isAccepted: nil) == nil)
    #expect(try await store.load(assignment("d1")) == nil, "the server has not said its word")
    await store.settle(AttemptKey(assignment("d0").lease), isAccepted: true)
    #expect(try await store.load(assignment("d1"))?.session == "s1")
    #expect(try await store.load(assignment("e1", first: "e0")) == nil)
    var plain = assignment("d1")
    plain.agent.session?.loadsSessions = false
    #expect(try await store.load(plain) == nil)
    clock.pass(3_601_000)
    #expect(try await store.load(assignment("d1")) == nil)
  }

  @Test("the next life of the worker has what the agent said while it was idle")
  func outlives() async throws {
    let bench = try Bench()
    _ = try await work(bench.sessions, bench, assignment("d0"), session: "s1")
    _ = try await work(bench.sessions, bench, assignment("e0", first: "e0"), session: "s2")
    let place = try place(bench, assignment("d0"))
    let store = await nextLife(bench)
    #expect(DurableFile.exists("\(place.home)/s1") && !DurableFile.exists(place.trees))
    #expect(await store.pullRequests == ["d0", "e0"])
    #expect(try await store.load(assignment("d1"))?.session == "s1")
    // While the agent works there is no record, so a worker that dies now leaves nothing.
    #expect(!DurableFile.exists("\(place.folder)/kept.json"))
    let after = await nextLife(bench)
    #expect(await after.pullRequests.isEmpty && !DurableFile.exists(place.folder))
  }

  @Test("an attempt that failed leaves the other conversations")
  func failed() async throws {
    let bench = try Bench()
    _ = try await work(bench.sessions, bench, assignment("d0"), session: "s1")
    _ = try await bench.sessions.load(assignment("d1"))
    await bench.sessions.settle(AttemptKey(assignment("d1").lease), isAccepted: false)
    let store = await nextLife(bench)
    #expect(try await store.load(assignment("d2"))?.session == "s1")
  }

  @Test("a commit that waits in the journal keeps its conversation, and another does not")
  func handedIn() async throws {
    for isKept in [true, false] {
      let bench = try Bench()
      _ = try await work(bench.sessions, bench, assignment("d0"), session: "s1", isAccepted: nil)
      let key = AttemptKey(assignment("d0").lease)
      let store = await nextLife(bench, keeping: isKept ? key : nil)
      await store.settle(key, isAccepted: true)
      #expect(try await store.load(assignment("d1"))?.session == (isKept ? "s1" : nil))
    }
  }

  @Test("another call, other credentials, a link or a damaged record begin in a new HOME")
  func others() async throws {
    setenv("LOADABLE_TEST_KEY", "one", 1)
    defer { unsetenv("LOADABLE_TEST_KEY") }
    func isLoaded(
      _ change: (Bench, PersistentFiles, inout Assignment) throws -> Void
    ) async throws -> Bool {
      let bench = try Bench()
      let names = ["LOADABLE_TEST_KEY"]
      _ = try await work(
        bench.sessions, bench, assignment("d0", environment: names), session: "s1")
      var next = assignment("d1", environment: names)
      let place = try place(bench, next)
      try change(bench, place, &next)
      let store = await nextLife(bench)
      let isLoaded = try await store.load(next) != nil
      #expect(DurableFile.exists("\(place.home)/s1") == isLoaded)
      return isLoaded
    }
    #expect(try await isLoaded { _, _, _ in })
    #expect(try await !isLoaded { _, _, next in next.agent.session?.arguments = ["y"] })
    #expect(
      try await !isLoaded { _, place, _ in
        try DurableFile.replace("\(place.folder)/kept.json", with: Array("{".utf8))
      })
    #expect(
      try await !isLoaded { bench, place, _ in
        try DurableFile.rename(place.home, to: "\(bench.folder.path)/moved")
        symlink("\(bench.folder.path)/moved", place.home)
      })
    #expect(
      try await !isLoaded { bench, place, _ in
        try DurableFile.rename(
          place.folder, to: "\(bench.files.agents)/stays@other@repository")
      })
    #expect(try await !isLoaded { _, _, _ in setenv("LOADABLE_TEST_KEY", "two", 1) })
  }

  @Test("what has expired, has ended or is too large is removed")
  func removed() async throws {
    let clock = TestClock()
    let bench = try Bench(clock: clock)
    let place = try place(bench, assignment("d0"))
    func prepare() async throws {
      _ = try await work(bench.sessions, bench, assignment("d0"), session: "s1")
      _ = try await work(bench.sessions, bench, assignment("e0", first: "e0"), session: "s2")
    }
    try await prepare()
    var store = await nextLife(bench, at: clock)
    await store.forget(["d0"])
    #expect(await store.pullRequests == ["e0"] && DurableFile.exists(place.home))
    await store.forget(["e0"])
    #expect(!DurableFile.exists(place.folder))

    // In the life that has it, the agent may be at work: it goes with the worker.
    try await prepare()
    await bench.sessions.forget(["d0", "e0"])
    #expect(DurableFile.exists(place.home) && !DurableFile.exists("\(place.folder)/kept.json"))
    _ = await nextLife(bench, at: clock)
    #expect(!DurableFile.exists(place.folder))

    try await prepare()
    clock.pass(3_601_000)
    _ = await nextLife(bench, at: clock)
    #expect(!DurableFile.exists(place.folder))

    try await prepare()
    try DurableFile.replace("\(place.home)/large", with: [UInt8](repeating: 7, count: 2 << 20))
    var limits = SessionLimits()
    limits.homeBytesMax = 1 << 20
    store = await nextLife(bench, limits: limits, at: clock)
    #expect(await store.pullRequests.isEmpty && !DurableFile.exists(place.folder))
  }

  @Test("a HOME of an earlier life in which no session can begin is replaced in the same attempt")
  func renewed() async throws {
    let tests = SessionTests()
    try await tests.with { bench in
      let place = try #require(bench.files.persistent("stub", "o/r"))
      try DurableFile.makeFolder(place.home)
      try DurableFile.replace("\(place.home)/broken", with: [])
      // It dies as long as it finds what an earlier process left.
      let script = "\(bench.files.root)/moody.sh"
      let words = "[ -e \"$HOME/broken\" ] && exit 3\nexec python3 \(bench.script)\n"
      try DurableFile.replace(script, with: Array(words.utf8))
      let session = AgentSession(arguments: ["sh", script], loadsSessions: true)
      let failed = try await tests.run(bench, "who", session: session)
      guard case .failed = failed.end else {
        Issue.record("\(failed.end)")
        return
      }
      let renewed = Mutex(0)
      let outcome = try await tests.run(bench, "who", session: session) { place in
        renewed.withLock { $0 += 1 }
        return unlink("\(place.home)/broken") == 0
      }
      #expect(outcome.end == .finished && renewed.withLock { $0 } == 1)
    }
  }
}
