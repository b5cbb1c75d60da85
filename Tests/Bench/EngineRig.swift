import CSQLite
import Domain
import Engine
import EventLog
import FoundationEssentials
import Glibc
import InstantWorld
import LogStories
import Projections
import Stores
import Synchronization
import Workflows

/// The engine and the store as they run in earnest, with a forge, mirrors and workers that take no
/// time: what is measured is AIPM's own.
final class EngineRig: Sendable {
  struct Load {
    var inFlight: Int
    var requesters: Int
    /// Before it is counted, and while it is.
    var warmUp: Duration
    var span: Duration
  }

  struct Outcome {
    /// Whole delegations a second.
    var rate: Double
    /// Commits of the store for each of them.
    var commits: Double
  }

  let engine: Engine
  let store: any RunningStore
  private let workflow: Workflow
  private let pushes: Pushes
  private let made = Atomic<Int>(0)
  private let commits: CommitCount
  private let fleet = Mutex<[Task<Void, Never>]>([])

  /// Opens the log at `location`, and lets `standing` stand in it.
  init(location: StoreLocation, workflow: Workflow, standing: Standing?) async throws {
    let (pushes, commits, clock) = (Pushes(), CommitCount(), RunningClock())
    self.pushes = pushes
    self.commits = commits
    self.workflow = workflow
    var options = StoreOptions { clock.now().wall }
    options.onCommit = { pushes.observe($0) }
    options.onGroupCommit = { _ in commits.value.wrappingAdd(1, ordering: .relaxed) }
    store = try StoreAccess.driver(location).open(options)
    engine = Engine(
      store: store, feed: store.feed, forge: InstantForge(), mirrors: InstantMirrors(),
      clock: clock,
      launcher: NoLocalWorkers(), configuration: .init(localWorkers: [], epoch: 1),
      workflows: [workflow], overrides: .init(), stampMark: clock.now().wall.milliseconds)
    if let standing { try await append(standing) }
    _ = try await engine.start()
  }

  private func append(_ standing: Standing) async throws {
    let writers = 128
    let (store, digest) = (store, workflow.digest)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for first in 0..<writers {
        group.addTask {
          for n in stride(from: first, to: standing.count, by: writers) {
            _ = try await store.append(standing.append(n, workflow: digest))
          }
        }
      }
      try await group.waitForAll()
    }
  }

  func close() async {
    for task in fleet.withLock({ $0 }) { task.cancel() }
    await engine.stop()
    await store.close()
  }

  // MARK: Workers

  /// Registers workers, which live until `close`.
  /// - Parameter works: false for one that keeps what it is given.
  func hire(_ count: Int, _ prefix: String, agent: String, works: Bool) async throws {
    for n in 0..<count {
      let id = WorkerID("\(prefix)-\(n)")
      let life = try await engine.register(
        WorkerRegistration(
          id: id, host: "bench", version: "0", agents: [agent], local: false, journal: []))
      let polling = Task { [engine] in
        await Self.poll(engine, id, life.incarnation, works: works)
      }
      let living = Task { [engine] in
        while (try? await Task.sleep(for: .seconds(2))) != nil {
          try? await engine.heard(id, incarnation: life.incarnation, agentSilence: nil)
        }
      }
      fleet.withLock { $0 += [polling, living] }
    }
  }

  private static func poll(
    _ engine: Engine, _ id: WorkerID, _ incarnation: Int, works: Bool
  ) async {
    var revision: Int64 = -1
    var last: FencingToken?
    while !Task.isCancelled {
      guard
        let order = try? await engine.order(
          for: id, incarnation: incarnation, after: revision, limit: .seconds(25))
      else {
        try? await Task.sleep(for: .milliseconds(10))
        continue
      }
      revision = order.revision
      guard works, let work = order.assignment, work.lease.token != last else { continue }
      last = work.lease.token
      try? await generate(work, with: engine, as: id)
    }
  }

  private static func generate(
    _ work: WorkerAssignment, with engine: Engine, as id: WorkerID
  ) async throws {
    let (attempt, token) = (work.lease.attempt, work.lease.token)
    try await engine.generating(
      GenerationStarted(
        attempt: attempt, token: token, agent: work.agent.name, session: nil, head: work.head),
      of: work.delegation, by: id)
    let commit = Instant.commit(work.delegation)
    try await engine.accept(
      commit: commit, pack: "/dev/null", of: work.delegation, attempt: attempt, token: token,
      by: id)
    try await engine.finish(
      commit: commit,
      report: RunReport(
        duration: Story.figures.duration, outputSize: Story.figures.outputSize,
        outputDigest: Story.figures.outputDigest),
      of: work.delegation, attempt: attempt, token: token, by: id)
  }

  // MARK: Load

  /// Keeps so many delegations under way.
  func run(_ load: Load) async throws -> Outcome {
    let begin = ContinuousClock.now + load.warmUp
    let end = begin + load.span
    return try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<load.inFlight {
        group.addTask {
          while ContinuousClock.now < end { try await self.delegate(load.requesters, until: end) }
        }
      }
      try await Task.sleep(until: begin)
      let (pushed, committed) = (pushes.count, commits.count)
      try await Task.sleep(until: end)
      let count = Double(pushes.count - pushed)
      let rate = count / ((ContinuousClock.now - begin) / .seconds(1))
      let outcome = Outcome(
        rate: rate, commits: Double(commits.count - committed) / max(1, count))
      group.cancelAll()
      pushes.giveUp()
      try await group.waitForAll()
      return outcome
    }
  }

  private func delegate(_ requesters: Int, until end: ContinuousClock.Instant) async throws {
    let n = made.wrappingAdd(1, ordering: .relaxed).oldValue
    let id = DelegationID(UUID().uuidString.lowercased())
    let request = Requested(
      kind: .delegate, stamp: .unassigned,
      repository: RepositoryName(owner: "acme", name: "r\(n % 20)"),
      branch: "feature/change-\(n)", baseBranch: nil, requester: "user-\(n % requesters)",
      priority: 5, agent: "demo", workflow: .init(name: workflow.name, digest: workflow.digest),
      draft: false, attemptsMax: 2, idempotencyKey: nil, text: Story.words)
    let reply = await engine.submit(request, id: id)
    guard reply == .accepted(id) else {
      throw BenchFault(description: "a submission was not accepted: \(reply)")
    }
    await pushes.wait(for: id)
  }
}

/// How many transactions the store has committed.
private final class CommitCount: Sendable {
  let value = Atomic<Int>(0)
  var count: Int { value.load(ordering: .relaxed) }
}

/// Who waits for which push.
private final class Pushes: Sendable {
  private struct State {
    var count = 0
    var isOver = false
    var early: Set<DelegationID> = []
    var waiting: [DelegationID: CheckedContinuation<Void, Never>] = [:]
  }
  private let state = Mutex(State())

  var count: Int { state.withLock { $0.count } }

  func observe(_ events: [RecordedEvent]) {
    for event in events {
      guard case .delegation(.pushed) = event.event, case .delegation(let id) = event.stream else {
        continue
      }
      let waiting = state.withLock { state in
        state.count += 1
        let waiting = state.waiting.removeValue(forKey: id)
        if waiting == nil { state.early.insert(id) }
        return waiting
      }
      waiting?.resume()
    }
  }

  func wait(for id: DelegationID) async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.early.remove(id) != nil || state.isOver { return true }
        state.waiting[id] = continuation
        return false
      }
      if isOver { continuation.resume() }
    }
  }

  /// Nobody waits any more; whoever comes next does not begin to.
  func giveUp() {
    let waiting = state.withLock { state in
      state.isOver = true
      defer { state.waiting = [:] }
      return state.waiting
    }
    for continuation in waiting.values { continuation.resume() }
  }
}

private struct NoLocalWorkers: WorkerLauncher {
  func run(_ worker: WorkerID, onStart: @escaping @Sendable () -> Void) async -> String {
    "no local worker"
  }
}

private struct RunningClock: EngineClock {
  private let start = ContinuousClock.now

  func now() -> Moment {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Moment(
      wall: Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000),
      monotonic: Milliseconds(Int64((ContinuousClock.now - start) / .milliseconds(1))))
  }

  func sleep(_ span: Milliseconds) async throws {
    try await Task.sleep(for: .milliseconds(span.count))
  }
}

/// What libsqlite3 does at best on this disk: rows of an event's size, each commit durable.
enum BareSQLite {
  /// - Returns: rows a second, `batch` of them in each commit.
  static func rows(batch: Int, in directory: String, for span: Duration) throws -> Double {
    var handle: OpaquePointer?
    let path = "\(directory)/bare-\(batch).db"
    defer { sqlite3_close_v2(handle) }
    func check(_ code: Int32) throws {
      guard code == SQLITE_OK || code == SQLITE_DONE else {
        throw BenchFault(description: "\(path): \(String(cString: sqlite3_errmsg(handle)))")
      }
    }
    try check(sqlite3_open(path, &handle))
    try check(
      sqlite3_exec(
        handle,
        """
        PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)
        """, nil, nil, nil))
    var insert: OpaquePointer?
    try check(
      sqlite3_prepare_v2(
        handle, "INSERT INTO rows (body) VALUES (randomblob(600))", -1, &insert, nil))
    defer { sqlite3_finalize(insert) }
    let began = ContinuousClock.now
    var count = 0
    while ContinuousClock.now - began < span {
      try check(sqlite3_exec(handle, "BEGIN IMMEDIATE", nil, nil, nil))
      for _ in 0..<batch {
        try check(sqlite3_step(insert))
        try check(sqlite3_reset(insert))
      }
      try check(sqlite3_exec(handle, "COMMIT", nil, nil, nil))
      count += batch
    }
    return Double(count) / ((ContinuousClock.now - began) / .seconds(1))
  }
}

/// A folder for one measurement, gone after it.
func withFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let base = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
  let path = "\(base)/aipm-bench-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}
