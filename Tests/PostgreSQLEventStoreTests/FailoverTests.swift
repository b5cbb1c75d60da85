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

/// Servers that replace each other while the log is written.
extension PostgreSQLTests {
  private func head(of cluster: Cluster, _ scratch: Scratch) throws -> String? {
    try cluster.connection(to: scratch.name)
      .execute("SELECT position || ' ' || epoch FROM aipm.head").first?.text(0)
  }

  /// The standby ends and comes back, several times, while callers append.
  @Test(.timeLimit(.minutes(1))) func aStandbyThatComesAndGoes() async throws {
    let (primary, standby) = try Cluster.pair()
    let scratch = try primary.database()
    let store = try scratch.open(Self.options(), replicaPatience: .milliseconds(200))
    let callers = Callers()
    try await callers.append(to: store) {
      for round in 1...3 {
        try Cluster.await { callers.acknowledged >= round * 200 }
        try primary.kill(standby)
        let before = callers.refusals
        try Cluster.await { callers.refusals > before }
        let acknowledged = callers.acknowledged
        try primary.awaitWaitingCommit()
        #expect(callers.acknowledged == acknowledged)
        try standby.start()
      }
      try Cluster.await { callers.acknowledged >= 800 }
    }
    try await callers.expectAll(in: store)
    await store.close()
    #expect(store.damage == nil)
    try await Self.expectSound(scratch)
  }

  /// The primary is killed and its standby promoted. Then the former primary comes back, first in
  /// the address, and accepts writes.
  @Test(.timeLimit(.minutes(1))) func theLogGoesOnWithThePromotedStandby() async throws {
    let (primary, standby) = try Cluster.pair()
    let scratch = try primary.database(standby: standby)
    let store = try scratch.open(Self.options())
    let callers = Callers()
    try await callers.append(to: store) {
      try Cluster.await { callers.acknowledged >= 300 }
      try primary.kill()
      try standby.promote()
      let promoted = callers.acknowledged
      try Cluster.await { callers.acknowledged >= promoted + 300 }
      try primary.start()
      let before = try self.head(of: primary, scratch)
      // The server looks for a primary again.
      try standby.administer(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(scratch.name)'")
      let ended = callers.acknowledged
      try Cluster.await { callers.acknowledged >= ended + 300 }
      #expect(try self.head(of: primary, scratch) == before)
    }
    try await callers.expectAll(in: store)
    let head = try await store.head()
    #expect(try self.head(of: standby, scratch) == "\(head.position) 1")
    await store.close()
    #expect(store.damage == nil)
    // A server that starts finds the promoted one, too.
    let former = try self.head(of: primary, scratch)
    let again = try scratch.open(Self.options())
    #expect(again.damage == nil)
    #expect(try await again.head() == head)
    await again.close()
    #expect(try self.head(of: primary, scratch) == former)
    try await Self.expectSound(scratch)
  }

  /// The primary lives and has lost its standby, which is promoted: the commit that waits there
  /// is never answered, and is not in the log.
  @Test(.timeLimit(.minutes(1))) func aCommitThatAFormerPrimaryNeverAnswers() async throws {
    let (primary, standby) = try Cluster.pair()
    let scratch = try primary.database(standby: standby)
    let store = try scratch.open(Self.options(), replicaPatience: .seconds(1))
    _ = try await store.append(Story.append([Story.registered]))
    try primary.kill(standby)
    await #expect(throws: AppendFault.logWaitsForReplica) {
      try await store.append(Story.append([.draining], after: 1))
    }
    try standby.start(isCutOff: true)
    try standby.promote()
    try Cluster.await { store.damage == nil }
    #expect(try await store.head().position == 1)
    let events = try await store.append(Story.append([.draining], after: 1))
    #expect(events.map(\.position) == [2])
    #expect(try head(of: standby, scratch) == "2 1")
    await store.close()
    #expect(store.damage == nil)
    try await Self.expectSound(scratch)
  }

  /// A writer that is frozen in a transaction holds the head's row for two seconds.
  @Test(.timeLimit(.minutes(1))) func aFrozenWriterFreesTheHead() async throws {
    let scratch = try Cluster.shared.database()
    let proxy = try Proxy(to: scratch.cluster.port)
    let store = try scratch.open(Self.options(), port: proxy.port)
    _ = try await store.append(Story.append([Story.registered]))
    let other = try scratch.session()
    try other.execute("SET lock_timeout = '10s'")
    proxy.lose(.allThatFollows)
    async let appended = store.append(Story.append([.draining], after: 1))
    try Cluster.await { proxy.losses > 0 }
    let held = try ContinuousClock().measure { try other.execute("UPDATE head SET epoch = epoch") }
    #expect(held > .seconds(1) && held < .seconds(4))
    // It was rolled back, and is written again.
    #expect(try await appended.map(\.position) == [2])
    #expect(try await store.read(after: 0, limit: 10).map(\.position) == [1, 2])
    await store.close()
    #expect(store.damage == nil)
    try await Self.expectSound(scratch)
  }
}

#endif
