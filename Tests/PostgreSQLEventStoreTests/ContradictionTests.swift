#if PostgreSQL

import Domain
import EventLog
import Foundation
import LogStories
import PostgreSQL
import PostgreSQLCluster
import PostgreSQLEventStore
import Projections
import SQLiteEventStore
import Testing

/// Servers that know more of the log than the database has.
extension PostgreSQLTests {
  /// A follower of the log with a data folder of its own, for as long as `body` runs.
  private func withFollower(
    _ scratch: Scratch, _ options: StoreOptions = PostgreSQLTests.options(),
    _ body: (FollowedStore, PostgreSQLDriver) async throws -> Void
  ) async throws {
    let folder = NSTemporaryDirectory() + "aipm-follower-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let driver = PostgreSQLDriver(address: scratch.address, folder: folder)
    let election = try #require(driver.election())
    let followed = try await election.follow(options)
    try await body(followed, driver)
    await followed.store.close()
  }

  /// Returns when the condition is met, or throws when the test's time is over.
  private func waitFor(_ isMet: () async throws -> Bool) async throws {
    while try await !isMet() {
      try Task.checkCancellation()
      await Task.yield()
    }
  }

  /// Puts the log back to its first event.
  private func cut(_ scratch: Scratch) throws {
    let session = try scratch.session()
    try session.execute(
      "DELETE FROM events WHERE position > 1; "
        + "UPDATE head SET position = 1, hash = (SELECT hash FROM events WHERE position = 1)")
  }

  /// The active server loses its session, and finds a database without its last event. It has
  /// nothing to append, so only its part in the election can notice.
  @Test(.timeLimit(.minutes(1))) func aServerWhoseEventsAreMissingIsNotConfirmed() async throws {
    let scratch = try Cluster.shared.database()
    let driver = scratch.driver
    let election = try #require(driver.election())
    let leadership = try #require(try await election.win())
    let store = try driver.open(Self.options())
    _ = try await store.append(Story.append([Story.registered]))
    _ = try await store.append(Story.append([.draining], after: 1))
    #expect(await leadership.isConfirmed())
    #expect(store.damage == nil)
    try cut(scratch)
    try scratch.cluster.administer(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(scratch.name)'")
    try Cluster.await { store.damage?.contains("events up to 2 were acknowledged") ?? false }
    #expect(await !leadership.isConfirmed())
    await #expect(throws: AppendFault.self) {
      try await store.append(Story.append([.stopped], after: 2))
    }
    await store.close()
    await leadership.resign()
  }

  /// The server does not know what became of its commit. Another one can go on, so it gives way.
  @Test(.timeLimit(.minutes(1))) func aCommitThatCannotBeSettledEndsTheLeadership() async throws {
    let scratch = try Cluster.shared.database()
    let proxy = try Proxy(to: scratch.cluster.port)
    let driver = PostgreSQLDriver(
      address: scratch.cluster.address(of: scratch.name, port: proxy.port), folder: scratch.folder)
    let election = try #require(driver.election())
    let leadership = try #require(try await election.win())
    let store = try PostgreSQLEventStore.open(
      try driver.place, Self.options(), patience: .milliseconds(300))
    _ = try await store.append(Story.append([Story.registered]))
    #expect(await leadership.isConfirmed())
    proxy.lose(.answerToCommit)
    proxy.refuse()
    await #expect(throws: AppendFault.self) {
      try await store.append(Story.append([.draining], after: 1))
    }
    try #require(await !leadership.isConfirmed())
    #expect(await leadership.loss().contains("the outcome of a commit is unknown"))
    await store.close()
    await leadership.resign()
    let another = try #require(scratch.driver.election())
    let next = try #require(try await another.win())
    #expect(await next.isConfirmed())
    await next.resign()
  }

  /// A follower can read a commit whose wait for the standby was cancelled. Nobody was answered for
  /// it, so it may be missing on the standby that is promoted.
  @Test(.timeLimit(.minutes(1))) func aFollowerThatHasReadWhatWasNotAcknowledged() async throws {
    let (primary, standby) = try Cluster.pair()
    let scratch = try primary.database(standby: standby)
    let store = try scratch.open(
      Self.options(), port: primary.port, patience: .milliseconds(300))
    _ = try await store.append(Story.append([Story.registered]))
    try await withFollower(scratch) { followed, _ in
      try await waitFor { try await followed.store.head().position == 1 }
      try primary.kill(standby)
      let lost = Task { try? await store.append(Story.append([.draining], after: 1)) }
      let process = try primary.waitingProcess()
      try primary.administer("SELECT pg_cancel_backend(\(process))")
      try await waitFor { try await followed.store.head().position == 2 }
      try primary.kill()
      #expect(await lost.value == nil)
      await store.close()
      try standby.start()
      try standby.promote()
      let next = try scratch.open(Self.options())
      _ = try await next.append(Story.append([.draining], after: 1))
      let head = try await next.head()
      try await waitFor {
        try await followed.store.head() == head || followed.log.contradiction != nil
      }
      #expect(followed.log.contradiction == nil)
      await next.close()
    }
  }

  /// `--accept-restore` is about the log that the server found at its start.
  @Test(.timeLimit(.minutes(1))) func aLaterLossIsNotAccepted() async throws {
    let scratch = try Cluster.shared.database()
    let store = try scratch.open(Self.options())
    _ = try await store.append(Story.append([Story.registered]))
    _ = try await store.append(Story.append([.draining], after: 1))
    let head = try await store.head()
    var options = Self.options()
    options.acceptsRestore = true
    try await withFollower(scratch, options) { followed, driver in
      let path = try #require(try driver.place.folder) + "/head"
      try await waitFor { try HeadFile.read(path: path) == .head(head) }
      await store.close()
      try cut(scratch)
      try Cluster.await { followed.log.contradiction != nil }
      let next = try driver.open(options)
      #expect(next.damage?.contains("it once reached 2") == true)
      await next.close()
    }
  }
}

#endif
