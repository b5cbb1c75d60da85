#if PostgreSQL

import Domain
import EventLog
import LogStories
import PostgreSQL
import PostgreSQLCluster
import PostgreSQLEventStore
import Projections
import SQLiteEventStore
import Synchronization
import Testing

/// Sessions that end, servers that are killed, and other servers that take over.
extension PostgreSQLTests {
  /// The answer to COMMIT is lost, or COMMIT itself: either way the append is in the log once.
  @Test(arguments: [Proxy.Loss.answerToCommit, .commit])
  func aLostCommitIsSettled(loss: Proxy.Loss) async throws {
    let scratch = try Cluster.shared.database()
    let proxy = try Proxy(to: scratch.cluster.port)
    let store = try scratch.open(Self.options(), port: proxy.port)
    _ = try await store.append(Story.append([Story.registered]))
    proxy.lose(loss)
    let events = try await store.append(Story.append([.draining], after: 1))
    #expect(proxy.losses == 1)
    #expect(events.map(\.position) == [2])
    _ = try await store.append(Story.append([.stopped], after: 2))
    let log = try await store.read(after: 0, limit: 10)
    #expect(log.map(\.position) == [1, 2, 3])
    #expect(log[1].hash == events[0].hash)
    #expect(try await store.head().position == 3)
    await store.close()
    #expect(store.damage == nil)
    try await Self.expectSound(scratch)
  }

  /// Without a server to ask, nothing is guessed: the writer stops, and the next opening knows.
  @Test func aLostCommitThatCannotBeSettled() async throws {
    let scratch = try Cluster.shared.database()
    let proxy = try Proxy(to: scratch.cluster.port)
    let store = try scratch.open(Self.options(), port: proxy.port, patience: .milliseconds(300))
    _ = try await store.append(Story.append([Story.registered]))
    proxy.lose(.answerToCommit)
    proxy.refuse()
    let fault = await #expect(throws: AppendFault.self) {
      try await store.append(Story.append([.draining], after: 1))
    }
    guard case .io(let reason) = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(reason.contains("the outcome of a commit is unknown"))
    #expect(store.damage == reason)
    await #expect(throws: AppendFault.io(reason)) {
      try await store.append(Story.append([.draining], after: 1))
    }
    await store.close()
    let again = try scratch.open(Self.options())
    #expect(again.damage == nil)
    #expect(try await again.head().position == 2)
    await again.close()
  }

  /// A session that ended between two appends, or a server that restarted, is not the append's.
  @Test func aSessionThatEnded() async throws {
    let scratch = try Cluster.shared.database()
    let store = try scratch.open(Self.options())
    _ = try await store.append(Story.append([Story.registered]))
    try scratch.cluster.administer(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(scratch.name)'")
    _ = try await store.append(Story.append([.draining], after: 1))
    #expect(try await store.read(.worker(Story.worker)).count == 2)
    await store.close()
    #expect(store.damage == nil)
  }

  @Test func aServerThatWasReplacedWritesNothing() async throws {
    let scratch = try Cluster.shared.database()
    let first = try scratch.open(Self.options(), isAlone: true)
    _ = try await first.append(Story.append([Story.registered]))
    let second = try scratch.open(Self.options(), isAlone: true)
    let fault = await #expect(throws: AppendFault.self) {
      try await first.append(Story.append([.draining], after: 1))
    }
    guard case .damaged(let reason) = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(reason.contains("another server has taken over this log (epoch 2, process "))
    #expect(first.damage == reason)
    // Reads go on.
    #expect(try await first.read(after: 0, limit: 10).count == 1)
    await #expect(throws: StoreFault.self) { try await first.rebuild() }
    _ = try await second.append(Story.append([.draining], after: 1))
    #expect(try await second.read(after: 0, limit: 10).map(\.position) == [1, 2])
    await first.close()
    await second.close()
    #expect(second.damage == nil)
    try await Self.expectSound(scratch)
  }

  /// A database that was put back to an older state has another end than was acknowledged.
  @Test func acknowledgedEventsThatAreMissingAreNoticed() async throws {
    let scratch = try Cluster.shared.database()
    let store = try scratch.open(Self.options())
    let events = try await store.append(Story.append([Story.registered]))
    _ = try await store.append(Story.append([.draining], after: 1))
    let head = try await store.head()
    while try HeadFile.read(path: scratch.folder + "/head") != .head(head) { await Task.yield() }
    let session = try scratch.session()
    try session.execute("DELETE FROM events WHERE position = 2")
    try session.query(
      "UPDATE head SET position = 1, hash = $1", [.bytes(events[0].hash)])
    let fault = await #expect(throws: AppendFault.self) {
      try await store.append(Story.append([.stopped], after: 2))
    }
    #expect("\(String(describing: fault))".contains("ends at position 1, and events up to 2"))
    await store.close()
    let again = try scratch.open(Self.options())
    #expect(again.damage?.contains("it once reached 2") == true)
    await again.close()
  }

  /// The events that callers were answered for.
  private final class Acknowledged: Sendable {
    struct State {
      var hashes: [Int64: [UInt8]] = [:]
      var isRepeated = false
      var isOver = false
    }
    private let state = Mutex(State())

    var now: State { state.withLock { $0 } }

    func take(_ events: [RecordedEvent]) {
      state.withLock { state in
        for event in events {
          let known = state.hashes.updateValue(event.hash, forKey: event.position)
          if known != nil { state.isRepeated = true }
        }
      }
    }

    func end() { state.withLock { $0.isOver = true } }
  }

  /// The server is killed and started again, several times, while eight callers append.
  @Test(.timeLimit(.minutes(1))) func whatWasAcknowledgedOutlivesTheServer() async throws {
    let cluster = try Cluster()
    let scratch = try cluster.database()
    let store = try scratch.open(Self.options())
    let acknowledged = Acknowledged()
    await withTaskGroup(of: Void.self) { group in
      for caller in 0..<8 {
        group.addTask {
          var n = caller
          while !acknowledged.now.isOver {
            for (index, event) in Story.goodDay(n).enumerated() {
              do throws(AppendFault) {
                let events = try await store.append(
                  Story.append([event], to: n, after: Int64(index)))
                acknowledged.take(events)
              } catch {
                Issue.record("delegation \(n), event \(index + 1): \(error)")
                return
              }
            }
            n += 8
          }
        }
      }
      group.addTask {
        for round in 1...4 {
          // Each time there is more in the log than before.
          while acknowledged.now.hashes.count < round * 300 {
            if store.damage != nil { break }
            await Task.yield()
          }
          do {
            try cluster.kill()
            try cluster.start()
          } catch {
            Issue.record("\(error)")
          }
        }
        acknowledged.end()
      }
    }
    let known = acknowledged.now
    #expect(!known.isRepeated && known.hashes.count >= 1200)
    let log = try await store.read(after: 0, limit: 1_000_000)
    #expect(log.map(\.position) == Array(1...Int64(log.count)))
    let hashes = Dictionary(uniqueKeysWithValues: log.map { ($0.position, $0.hash) })
    #expect(known.hashes.allSatisfy { hashes[$0.key] == $0.value })
    // Nothing was written that nobody was answered for, either.
    #expect(log.count == known.hashes.count)
    await store.close()
    #expect(store.damage == nil)
    try await Self.expectSound(scratch)
  }

  /// The writer's session is ended again and again while callers append, so also while appends are
  /// planned that follow a batch which is not in the database.
  @Test(.timeLimit(.minutes(1))) func sessionsThatEndUnderLoad() async throws {
    let scratch = try Cluster.shared.database()
    let store = try scratch.open(Self.options())
    let callers = Callers()
    try await callers.append(to: store) {
      for round in 1...40 {
        try Cluster.await { callers.acknowledged >= round * 50 || store.damage != nil }
        try scratch.cluster.administer(
          """
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = '\(scratch.name)' AND application_name LIKE '% writer'
          """)
      }
    }
    #expect(callers.acknowledged >= 2000)
    try await callers.expectAll(in: store)
    await store.close()
    #expect(store.damage == nil)
    try await Self.expectSound(scratch)
  }

  /// The server refuses every fifth batch, and so also batches behind which others are planned.
  @Test(.timeLimit(.minutes(1))) func batchesThatAreRefusedUnderLoad() async throws {
    let scratch = try Cluster.shared.database()
    let store = try scratch.open(Self.options())
    let session = try scratch.session()
    try session.execute(
      """
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF random() < 0.2 THEN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END IF;
        RETURN NULL;
      END $$;
      CREATE TRIGGER refuse AFTER INSERT ON view_digests EXECUTE FUNCTION refuse()
      """)
    let callers = Callers()
    try await callers.append(to: store) {
      try Cluster.await { callers.refusals >= 200 || store.damage != nil }
    }
    #expect(store.damage == nil)
    try await callers.expectAll(in: store)
    await store.close()
    try await Self.expectSound(scratch)
  }
}

#endif
