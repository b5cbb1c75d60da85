#if PostgreSQL

import Domain
import EventLog
import LogStories
import PostgreSQL
import PostgreSQLCluster
import PostgreSQLEventStore
import Projections
import Testing

/// Which of several servers may write. `SeveralServersTests` has the servers themselves.
extension PostgreSQLTests {
  private func win(_ driver: PostgreSQLDriver) async throws -> any Leadership {
    let election = try #require(driver.election())
    return try #require(try await election.win())
  }

  /// How many sessions wait for the lock, or have it.
  private func sessions(_ scratch: Scratch, granted: Bool) throws -> Int64 {
    try scratch.cluster.connection(to: "postgres").query(
      """
      SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE l.locktype = 'advisory' AND d.datname = $1 AND l.granted = \(granted)
      """, [.text(scratch.name)]
    ).first?.integer(0) ?? 0
  }

  @Test func oneServerIsElectedAndTheNextAfterIt() async throws {
    let scratch = try Cluster.shared.database()
    let first = try await win(scratch.driver)
    #expect(await first.isConfirmed())
    let driver = scratch.driver
    let second = Task { try await self.win(driver) }
    try Cluster.await { try sessions(scratch, granted: false) == 1 }
    await first.resign()
    let next = try await second.value
    #expect(await next.isConfirmed())
    #expect(await !first.isConfirmed())
    await next.resign()
  }

  @Test func aServerThatStopsWaitingLeavesNothingBehind() async throws {
    let scratch = try Cluster.shared.database()
    let first = try await win(scratch.driver)
    let election = try #require(scratch.driver.election())
    let waiting = Task { try await election.win() }
    try Cluster.await { try sessions(scratch, granted: false) == 1 }
    // It looks at the active one with a second session, by which it ends the first.
    try Cluster.await {
      try scratch.session().query(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'aipm % follower' "
          + "AND datname = current_database()"
      ).first?.integer(0) ?? 0 > 0
    }
    election.stop()
    #expect(try await waiting.value == nil)
    try Cluster.await { try sessions(scratch, granted: false) == 0 }
    #expect(await first.isConfirmed())
    await first.resign()
  }

  /// PostgreSQL ends the session of the lock, as a restart does.
  @Test func theLockIsTakenAgainIfNobodyElseHasClaimed() async throws {
    let scratch = try Cluster.shared.database()
    let driver = scratch.driver
    let leadership = try await win(driver)
    let store = try driver.open(Self.options())
    try scratch.cluster.administer(
      "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        + "WHERE l.locktype = 'advisory' AND d.datname = '\(scratch.name)'")
    try Cluster.await { try sessions(scratch, granted: true) == 1 }
    #expect(await leadership.isConfirmed())
    await store.close()
    await leadership.resign()
  }

  @Test func aServerWithoutTheLockDoesNotClaim() async throws {
    let scratch = try Cluster.shared.database()
    let driver = scratch.driver
    let leadership = try await win(driver)
    let store = try driver.open(Self.options())
    let fault = #expect(throws: StoreFault.self) { try scratch.driver.open(Self.options()) }
    #expect(fault?.message.contains("another server has the log") == true)
    #expect(await leadership.isConfirmed())
    await store.close()
    await leadership.resign()
  }

  /// A server that has the lock, and learns by its writer that another one has claimed the log.
  @Test func aFencedWriterEndsTheLeadership() async throws {
    let scratch = try Cluster.shared.database()
    let driver = scratch.driver
    let leadership = try await win(driver)
    let store = try driver.open(Self.options())
    try scratch.session().execute("UPDATE head SET epoch = epoch + 1, claimed_by = 'another'")
    await #expect(throws: AppendFault.self) {
      try await store.append(Story.append([Story.registered]))
    }
    #expect(await leadership.loss().contains("another server has taken over"))
    #expect(await !leadership.isConfirmed())
    await store.close()
  }

  /// A tool that changes the log gives no signs of life, and is waited for.
  @Test func aToolIsNotReplaced() async throws {
    let scratch = try Cluster.shared.database()
    let hold = try scratch.driver.lock()
    hold.note("a tool")
    let election = try #require(scratch.driver.election())
    let waiting = Task { try await election.win() }
    let began = ContinuousClock.now
    try Cluster.await { ContinuousClock.now - began > .seconds(5) }
    #expect(try sessions(scratch, granted: true) == 1)
    let held = #expect(throws: StoreInUse.self) { try scratch.driver.lock() }
    #expect(held?.description.contains("in use by a tool") == true)
    withExtendedLifetime(hold) {}
    election.stop()
    #expect(try await waiting.value == nil)
  }
}

#endif
