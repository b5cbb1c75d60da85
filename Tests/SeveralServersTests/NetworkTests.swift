#if PostgreSQL

import EventLog
import Foundation
import Glibc
import PostgreSQL
import PostgreSQLCluster
import Processes
import TestKit
import Testing
import Text

extension SeveralServersTests {
  /// Nothing passes between the active server and the database, and nobody tells either of them.
  /// Their connections stay open. The forge can be reached.
  @Test("cut off from the database")
  func cutOff() async throws {
    try await World.behindProxy { world, proxy in
      try await world.startWorker(through: 1)
      let (first, second) = (world.members[0], world.members[1])
      #expect(try world.active() == 0)
      let id = try await world.submit(0, through: 0)
      try await second.server.event("delegation.pr-created", of: id)
      proxy.cut()
      let began = ContinuousClock.now
      try await waitUntil("a takeover") { try world.active() == 1 }
      let time = ContinuousClock.now - began
      #expect(time > .seconds(2), "it was replaced while it could still write to the forge")
      #expect(time < .seconds(5))
      first.gate.reset()
      _ = try await second.server.end(of: id)
      _ = try await world.checkPushed(id, by: 1)
      #expect(first.gate.calls.filter { $0.method != "GET" }.isEmpty)
      // It learns of it, and ends.
      proxy.mend()
      // The connection that it was making has to be given up first.
      try await waitUntil("its word") {
        first.server.errorText.contains("another server has taken over this log")
      }
      #expect(await first.server.hasDied())
      #expect(first.server.errorText.contains("another server has taken over this log"))
    }
  }

  /// SIGTERM of the active server: the other one does not wait for its silence. SIGTERM of a
  /// follower ends it in order.
  @Test("stopped in order")
  func stopped() async throws {
    try await World.with { world in
      try await world.startWorker(through: 1)
      _ = try await world.delegate(0, from: 0)
      #expect(try await world.members[0].server.stop() == .exited(0))
      let began = ContinuousClock.now
      try await waitUntil("a takeover") { try world.active() == 1 }
      #expect(ContinuousClock.now - began < .seconds(2))
      try await world.members[0].server.start()
      #expect(try world.active() == 1)
      #expect(try await world.members[0].server.stop() == .exited(0))
      #expect(try world.active() == 1)
    }
  }

  /// A follower has read the log, so it notices if the database is not the one that it was.
  @Test("a history that was rewritten is named by the follower")
  func rewritten() async throws {
    try await World.with { world in
      try await waitUntil("what the follower has read") {
        try world.session().query(
          "SELECT count(*) FROM servers s, head h WHERE s.position = h.position"
        ).first?.integer(0) == 1
      }
      try world.session().execute(
        "UPDATE events SET hash = sha256(hash) WHERE position = (SELECT position FROM head)")
      let began = ContinuousClock.now
      try await waitUntil("the follower's word") {
        world.members[1].server.errorText.contains("was rewritten")
      }
      #expect(ContinuousClock.now - began < .seconds(2))
    }
  }
}

#endif
