#if PostgreSQL

import Domain
import EventLog
import LogStories
import PostgreSQL
import PostgreSQLCluster
import PostgreSQLEventStore
import Projections
import Synchronization
import Testing

/// A primary with a synchronous standby: a commit is acknowledged when both have it.
extension PostgreSQLTests {
  /// The events that observers saw.
  private final class Seen: Sendable {
    private let events = Mutex<[RecordedEvent]>([])
    var options: StoreOptions {
      var options = PostgreSQLTests.options()
      options.onCommit = { [self] events in self.events.withLock { $0 += events } }
      return options
    }
    var hashes: [[UInt8]] { events.withLock { $0.map(\.hash) } }
  }

  /// Whether the log has these positions, and observers saw each of its events once.
  private func expectLog(
    _ store: PostgreSQLEventStore, _ positions: ClosedRange<Int64>, _ seen: Seen
  ) async throws {
    let log = try await store.read(after: 0, limit: 1_000_000)
    #expect(log.map(\.position) == Array(positions))
    #expect(seen.hashes == log.map(\.hash))
    #expect(try await store.head().position == positions.upperBound)
  }

  private func expectWaiting(_ store: PostgreSQLEventStore) {
    #expect(store.damage?.hasPrefix("the log waits for its replica") == true)
  }

  /// Appends are refused within the bound, then at once; with a standby the log goes on by itself,
  /// whether the session that waits lives or ends meanwhile.
  @Test(.timeLimit(.minutes(1)), arguments: [false, true])
  func withoutAStandbyTheLogWaits(sessionEnds: Bool) async throws {
    let (primary, standby) = try Cluster.pair()
    let scratch = try primary.database()
    let seen = Seen()
    let store = try scratch.open(seen.options, replicaPatience: .seconds(1))
    _ = try await store.append(Story.append([Story.registered]))
    #expect(store.damage == nil)
    try primary.kill(standby)
    let clock = ContinuousClock()
    let first = await clock.measure {
      await #expect(throws: AppendFault.logWaitsForReplica) {
        try await store.append(Story.append([.draining], after: 1))
      }
    }
    #expect(first >= .seconds(1) && first < .seconds(3))
    expectWaiting(store)
    // Nobody sees what may be lost yet.
    #expect(try await store.read(after: 0, limit: 10).count == 1)
    if sessionEnds {
      let process = try primary.waitingProcess()
      try primary.administer("SELECT pg_terminate_backend(\(process))")
      try primary.awaitWaitingCommit(ofOtherThan: process)
    }
    let later = await clock.measure {
      for _ in 0..<20 {
        await #expect(throws: AppendFault.logWaitsForReplica) {
          try await store.append(Story.append([.draining], after: 1))
        }
      }
    }
    #expect(later < .seconds(1))
    expectWaiting(store)
    #expect(try await store.head().position == 1 && seen.hashes.count == 1)
    try standby.start()
    try Cluster.await { store.damage == nil }
    // The first append was not acknowledged, and is in the log; those that were refused are not.
    try await expectLog(store, 1...2, seen)
    await #expect(throws: AppendFault.conflict(actual: 2)) {
      try await store.append(Story.append([.draining], after: 1))
    }
    _ = try await store.append(Story.append([.stopped], after: 2))
    try await expectLog(store, 1...3, seen)
    await store.close()
    #expect(store.damage == nil)
    try await Self.expectSound(scratch)
  }

  /// PostgreSQL answers success with a warning if the wait is cancelled. That is unknown: here the
  /// standby gets the commit afterwards, so it is in the log.
  @Test(.timeLimit(.minutes(1))) func aCancelledWaitWhoseCommitIsReplicated() async throws {
    let (primary, standby) = try Cluster.pair()
    let scratch = try primary.database()
    let seen = Seen()
    let store = try scratch.open(seen.options)
    _ = try await store.append(Story.append([Story.registered]))
    try primary.kill(standby)
    async let appended = store.append(Story.append([.draining], after: 1))
    let process = try primary.waitingProcess()
    try primary.administer("SELECT pg_cancel_backend(\(process))")
    // The barrier waits, and nobody was answered.
    try primary.awaitWaitingCommit(ofOtherThan: process)
    #expect(try await store.head().position == 1 && seen.hashes.count == 1)
    try standby.start()
    #expect(try await appended.map(\.position) == [2])
    try await expectLog(store, 1...2, seen)
    await store.close()
    try await Self.expectSound(scratch)
  }

  /// The same, and the standby that lacks the commit becomes the primary: it is written again.
  @Test(.timeLimit(.minutes(1))) func aCancelledWaitWhoseCommitIsLost() async throws {
    let (primary, standby) = try Cluster.pair()
    let scratch = try primary.database(standby: standby)
    let seen = Seen()
    let store = try scratch.open(seen.options)
    let before = try await store.append(Story.append([Story.registered]))
    try primary.kill(standby)
    async let appended = store.append(Story.append([.draining], after: 1))
    let process = try primary.waitingProcess()
    try primary.administer("SELECT pg_cancel_backend(\(process))")
    try primary.awaitWaitingCommit(ofOtherThan: process)
    #expect(
      try primary.connection(to: scratch.name).execute("SELECT count(*)::text FROM aipm.events")
        .first?.text(0) == "2")
    try primary.kill()
    try standby.start()
    #expect(
      try standby.connection(to: scratch.name, takesStandby: true)
        .execute("SELECT count(*)::text FROM aipm.events").first?.text(0) == "1")
    try standby.promote()
    #expect(try await appended.map(\.position) == [2])
    try await expectLog(store, 1...2, seen)
    #expect(seen.hashes.first == before[0].hash)
    await store.close()
    #expect(store.damage == nil)
    try await Self.expectSound(scratch)
  }
}

#endif
