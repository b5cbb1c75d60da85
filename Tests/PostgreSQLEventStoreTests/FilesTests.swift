#if PostgreSQL

import Domain
import EventLog
import EventStoreConformance
import Foundation
import LogStories
import PostgreSQL
import PostgreSQLCluster
import PostgreSQLEventStore
import Projections
import Testing

/// The files that servers share.
extension PostgreSQLTests {
  private func files(_ store: PostgreSQLEventStore) throws -> any SharedFiles {
    try #require(store.files)
  }

  @Test func filesConform() async throws {
    let scratch = try Cluster.shared.database()
    let store = try scratch.open(Self.options())
    try await SharedFilesConformance.check(try files(store))
    let beside = try await scratch.driver.sharedFiles()
    try await SharedFilesConformance.check(try #require(beside))
    // Blocks end with their file.
    let blocks = try scratch.session().query("SELECT count(*) FROM file_blocks").first?.integer(0)
    #expect(blocks == 0)
    await store.close()
  }

  /// A server that another one has replaced changes nothing any more, and reads on.
  @Test func aReplacedServerWritesNoFile() async throws {
    let scratch = try Cluster.shared.database()
    let first = try scratch.open(Self.options())
    let old = try files(first)
    try await old.write([1, 2, 3], to: "output/d/1.log", at: 0, of: 0)
    let second = try scratch.open(Self.options(), isAlone: true)
    let new = try files(second)
    await #expect(throws: SharedFileFault.taken) {
      try await old.write([4], to: "output/d/1.log", at: 3, of: 3)
    }
    await #expect(throws: SharedFileFault.taken) {
      try await old.write([], to: "output/d/1.log", at: 3, of: 3)
    }
    await #expect(throws: SharedFileFault.taken) {
      try await old.replace("output/d/2.log", with: [4])
    }
    await #expect(throws: SharedFileFault.taken) { try await old.remove("output/d") }
    #expect(try await new.whole("output/d/1.log", atMost: 9) == [1, 2, 3])
    #expect(try await new.read("output/d/2.log", from: 0, atMost: 9) == nil)
    try await new.write([5], to: "output/d/1.log", at: 3, of: 3)
    #expect(try await old.whole("output/d/1.log", atMost: 9) == [1, 2, 3, 5])
    // A program without a claim, such as `aipm token`, writes all the same.
    let beside = try #require(try await scratch.driver.sharedFiles())
    try await beside.replace("tokens/t", with: [6])
    #expect(try await new.whole("tokens/t", atMost: 9) == [6])
    await first.close()
    await second.close()
  }

  /// A write that began before the takeover and waits for the file's row finds what the next server
  /// wrote. Meanwhile it delays no append; nor does an append that holds the head's row delay it.
  @Test func aWriteUnderWayFindsTheNextServer() async throws {
    let scratch = try Cluster.shared.database()
    let store = try scratch.open(Self.options())
    let files = try files(store)
    try await files.write([1], to: "f", at: 0, of: 0)
    let next = try scratch.session()
    try next.execute("BEGIN; UPDATE files SET epoch = epoch + 1, length = length")
    let late = Task { () async -> SharedFileFault? in
      do throws(SharedFileFault) {
        try await files.write([2], to: "f", at: 1, of: 1)
        return nil
      } catch { return error }
    }
    try scratch.cluster.await(
      """
      SELECT (count(*) = 1)::int::bigint FROM pg_stat_activity
      WHERE datname = '\(scratch.name)' AND application_name LIKE 'aipm % files'
        AND wait_event_type = 'Lock'
      """)
    _ = try await store.append(Story.append([Story.registered]))
    try next.execute("COMMIT")
    #expect(await late.value == .taken)
    #expect(try await files.whole("f", atMost: 9) == [1])
    try next.execute("BEGIN; SELECT 1 FROM head FOR UPDATE")
    try await files.write([3], to: "g", at: 0, of: 0)
    try next.execute("ROLLBACK")
    await store.close()
  }

  /// Sessions that ended are begun again, and a lost answer is settled: each write is made once.
  @Test func aLostSessionOfFiles() async throws {
    let scratch = try Cluster.shared.database()
    let proxy = try Proxy(to: scratch.cluster.port)
    let store = try scratch.open(Self.options(), port: proxy.port)
    let files = try files(store)
    proxy.lose(.answerToFile)
    try await files.write([1, 2], to: "f", at: 0, of: 0)
    #expect(proxy.losses == 1)
    #expect(try await files.whole("f", atMost: 9) == [1, 2])
    try scratch.cluster.administer(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(scratch.name)'")
    #expect(try await files.whole("f", atMost: 9) == [1, 2])
    try await files.write([3], to: "f", at: 2, of: 2)
    #expect(try await files.whole("f", atMost: 9) == [1, 2, 3])
    await store.close()
    await #expect(throws: SharedFileFault.unavailable("the store is closed")) {
      try await files.replace("f", with: [])
    }
  }

  /// A log of the layout before gets the tables; until then it has no files.
  @Test func aLogOfTheLayoutBeforeIsMigrated() async throws {
    let scratch = try Cluster.shared.database()
    let store = try scratch.open(Self.options())
    _ = try await store.append(Story.append([Story.registered]))
    await store.close()
    let session = try scratch.session()
    try session.execute(
      "DROP TABLE file_blocks, files; UPDATE meta SET value = '1' WHERE key = 'layout'")
    #expect(try await scratch.driver.sharedFiles() == nil)
    let again = try scratch.open(Self.options())
    #expect(again.damage == nil)
    try await SharedFilesConformance.check(try files(again))
    let layout = try session.query("SELECT value FROM meta WHERE key = 'layout'").first?.text(0)
    #expect(layout == "2")
    await again.close()
    try await Self.expectSound(scratch)
  }

  /// A restore replaces the log and keeps the files: a revoked token stays revoked.
  @Test func aRestoreKeepsTheFiles() async throws {
    let scratch = try Cluster.shared.database()
    let store = try scratch.open(Self.options())
    _ = try await store.append(Story.append([Story.registered]))
    let old = try files(store)
    try await old.replace("tokens/a", with: [1])
    let backup = scratch.folder + "/backup.db"
    _ = try await scratch.driver.backUp(to: backup) { _ in }
    let large = [UInt8](repeating: 7, count: 100_000)
    try await old.write(large, to: "output/d/1.log", at: 0, of: 0)
    _ = try await scratch.driver.restore(from: backup) { _ in }
    await #expect(throws: SharedFileFault.taken) { try await old.replace("tokens/a", with: [2]) }
    await store.close()
    // Once more: the log that is replaced is itself a restored one.
    _ = try await scratch.driver.restore(from: backup) { _ in }
    let again = try scratch.open(Self.options())
    let new = try files(again)
    #expect(try await new.whole("tokens/a", atMost: 9) == [1])
    #expect(try await new.whole("output/d/1.log", atMost: 200_000) == large)
    try await new.write([8], to: "output/d/1.log", at: large.count, of: large.count)
    try await new.remove("output/d")
    #expect(try await new.list("output") == [])
    await again.close()
  }

  /// A log that is copied into a database with files and without events keeps them.
  @Test func aCopyKeepsTheFiles() async throws {
    let (source, target) = (try Cluster.shared.database(), try Cluster.shared.database())
    let store = try source.open(Self.options())
    _ = try await store.append(Story.append([Story.registered]))
    let empty = try target.open(Self.options(), isAlone: true)
    try await files(empty).replace("secrets/worker-token", with: [1])
    await empty.close()
    _ = try await target.driver.copy(from: try source.driver.reader()) { _ in }
    let copy = try target.open(Self.options())
    #expect(try await files(copy).whole("secrets/worker-token", atMost: 9) == [1])
    #expect(try await copy.head() == store.head())
    await copy.close()
    await store.close()
  }
}

#endif
