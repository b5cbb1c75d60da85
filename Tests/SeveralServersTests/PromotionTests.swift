#if PostgreSQL

import EventLog
import Foundation
import PostgreSQL
import PostgreSQLCluster
import TestKit
import Testing
import Text

extension SeveralServersTests {
  /// The primary dies, and the standby is promoted. One of the two servers is the active one
  /// afterwards, and goes on; nothing that was acknowledged is lost. Then the old primary comes
  /// back, and accepts writes as the new one does.
  @Test("the primary of the database dies, and comes back")
  func promotion() async throws {
    let (primary, standby) = try Cluster.pair()
    try await World.with(
      primary,
      addresses: {
        // Each of the two is the first for one server.
        [primary.address(of: $0, or: standby), standby.address(of: $0, or: primary)]
      }
    ) { world in
      try await world.startWorker(through: 1)
      let before = try await world.delegate(0, from: 0)
      let known = try await world.members[1].server.events(of: before).map(\.canonicalText)
      let id = try await world.submit(1, through: 1)
      try primary.kill()
      try standby.promote()
      world.move(to: standby)
      try await world.awaitElection()
      let active = try #require(try world.active())
      _ = try await world.members[active].server.end(of: id)
      _ = try await world.checkPushed(id, by: active)
      let after = try await world.members[active].server.events(of: before)
      #expect(after.map(\.canonicalText) == known)

      try primary.start()
      // Nothing would ever be committed there otherwise.
      try primary.administer("ALTER SYSTEM SET synchronous_standby_names = ''")
      try primary.administer("SELECT pg_reload_conf()")
      try primary.administer("CREATE TABLE writable()")
      let former = try world.head(on: primary)
      // Every session has to choose between the two.
      try standby.administer(
        "SELECT pg_terminate_backend(pid, 9999) FROM pg_stat_activity "
          + "WHERE application_name ~ '^aipm '")
      try await world.awaitElection()
      try await world.expectRound(2, through: 1)
      // So has a server that knows nothing of before.
      let follower = 1 - (try #require(try world.active()))
      await world.members[follower].server.kill()
      try await world.members[follower].server.start()
      try await world.expectRound(3, through: follower)
      // And the one that is elected next.
      await world.members[1 - follower].server.kill()
      try await waitUntil("a takeover") { try world.active() == follower }
      try await world.members[1 - follower].server.start()
      try await world.expectRound(4, through: 1 - follower)

      #expect(try world.head(on: primary) == former)
      for member in world.members {
        #expect(try await member.server.delegationCount() == 5)
        #expect(!member.server.errorText.contains("was rewritten"))
      }
      try await world.verify()
    }
  }
}

extension World {
  /// Returns when one server has the lock and the other one waits for it, after all sessions were
  /// lost. The one that had it before ends if it has not got it again; it is started then.
  fileprivate func awaitElection() async throws {
    var ended: [Member] = []
    try await waitUntil("an election") {
      ended = members.filter { $0.server.processID == nil }
      let locks = try session().query(
        """
        SELECT count(*) FILTER (WHERE granted), count(*) FILTER (WHERE NOT granted) FROM pg_locks
        WHERE locktype = 'advisory'
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """
      ).first
      return locks?.integer(0) == 1 && (locks?.integer(1) == 1 || !ended.isEmpty)
    }
    for member in ended {
      await member.server.kill()
      try await member.server.start()
    }
    try await waitUntil("an active server") { try active() != nil }
  }

  /// A delegation from its beginning to its end, which is on the forge once.
  fileprivate func expectRound(_ number: Int, through member: Int) async throws {
    var id: String?
    try await waitUntil("a server that accepts it") {
      id = try? await submit(number, through: member)
      return id != nil
    }
    guard let id else { return }
    _ = try await members[member].server.end(of: id)
    _ = try await checkPushed(id, by: member)
  }

  /// Who writes there, and how far the log goes.
  fileprivate func head(on cluster: Cluster) throws -> String? {
    try cluster.connection(to: database).query(
      "SELECT epoch || ' ' || position || ' ' || claimed_by FROM aipm.head"
    ).first?.text(0)
  }
}

#endif
