#if PostgreSQL

import EventLog
import Foundation
import Glibc
import PostgreSQL
import PostgreSQLCluster
import SQLiteEventStore
import TestKit
import Testing
import Text

extension SeveralServersTests {
  /// The standby was left behind, and commits no longer waited for it. It is promoted while the
  /// servers run, and lacks what they have acknowledged. The active one has asked the forge which
  /// comments there are, and gets the answer when the log is another one. The other server is
  /// frozen meanwhile, so that it does not take over first.
  @Test("a stale standby is promoted")
  func staleStandby() async throws {
    let (primary, standby) = try Cluster.pair()
    try await World.commenting(
      primary, addresses: { Array(repeating: primary.address(of: $0, or: standby), count: 2) }
    ) { world in
      let (active, follower) = (world.members[0], world.members[1])
      try await world.startWorker(through: 1)
      let kept = try await world.delegate(0, from: 1)
      _ = try await follower.server.event("delegation.action-done", of: kept)
      let known = try await follower.server.events(of: kept).map(\.canonicalText)
      try primary.administer("ALTER SYSTEM SET synchronous_standby_names = ''")
      try primary.administer("SELECT pg_reload_conf()")
      try primary.kill(standby)

      let (atComment, held) = (Latch(), Latch())
      active.gate.set { call in
        guard call.method == "GET", call.path.contains("/issues/2/comments") else { return .pass }
        atComment.open()
        await held.wait()
        return .pass
      }
      _ = try await world.delegate(1, from: 1)
      try await within(Installation.patience, "the question") { await atComment.wait() }
      try await world.awaitHeadFiles()
      let frozen = try #require(follower.server.processID)
      kill(frozen, SIGSTOP)
      defer { kill(frozen, SIGCONT) }
      try standby.start(isCutOff: true)
      try primary.kill()
      for member in world.members { member.gate.reset() }
      try standby.promote()
      world.move(to: standby)

      // For a second it believes what was confirmed before; after its word, nothing.
      try await waitUntil("the active server's word") {
        active.server.errorText.contains("were acknowledged")
      }
      held.open()
      let answer = try await active.server.post(
        "/api/personal-delegate", Installation.request(), headers: [("Prefer", "respond-async")])
      #expect(answer.status == 503, "\(answer.text)")
      #expect(answer.text.contains("aipm serve --accept-restore"), "\(answer.text)")
      kill(frozen, SIGCONT)
      try await waitUntil("the follower's word") {
        follower.server.errorText.contains("was rewritten")
      }
      #expect(try world.active() == 0)
      world.expectNothingWritten()
      #expect(try await world.comments(on: 2) == 0)
      for member in world.members { await member.server.kill() }
      try await world.expectRefusal(by: 0)
      for member in world.members { try await member.server.start(["--accept-restore"]) }
      try await world.expectToGoOn()
      let events = try await follower.server.events(of: kept)
      #expect(events.map(\.canonicalText) == known)
    }
  }

  /// How a database gets older.
  enum Restore: String, CaseIterable {
    /// A copy that was made before takes its place.
    case copy
    /// The server is recovered to a point in time, from a base backup and its archived log.
    case pointInTime

    func cluster() throws -> Cluster {
      switch self {
      case .copy: try .shared
      case .pointInTime: try Cluster(isArchived: true)
      }
    }

    /// Keeps the database as it is.
    fileprivate func keep(_ world: World) throws {
      let (cluster, name) = (world.cluster, world.database)
      switch self {
      case .copy:
        try cluster.await(
          "SELECT (count(*) = 0)::int::bigint FROM pg_stat_activity WHERE datname = '\(name)'")
        try cluster.administer("CREATE DATABASE \(name)_copy TEMPLATE \(name)")
      case .pointInTime: try cluster.nameMoment("kept")
      }
    }

    /// Brings back what was kept.
    fileprivate func bringBack(_ world: World) throws {
      let (cluster, name) = (world.cluster, world.database)
      switch self {
      case .copy:
        try cluster.administer("DROP DATABASE \(name) WITH (FORCE)")
        try cluster.administer("ALTER DATABASE \(name)_copy RENAME TO \(name)")
      case .pointInTime: try cluster.recover(to: "kept")
      }
    }
  }

  /// The servers are started on the database of an earlier time.
  @Test("an older database", arguments: Restore.allCases)
  func olderDatabase(_ restore: Restore) async throws {
    try await World.with(try restore.cluster()) { world in
      try await world.startWorker(through: 1)
      let kept = try await world.delegate(0, from: 1)
      let known = try await world.members[1].server.events(of: kept).map(\.canonicalText)
      for member in world.members { await member.server.kill() }
      try restore.keep(world)
      for member in world.members { try await member.server.start() }
      _ = try await world.delegate(1, from: 1)
      try await world.awaitHeadFiles()
      for member in world.members { await member.server.kill() }
      try restore.bringBack(world)

      for member in world.members { member.gate.reset() }
      try await world.expectRefusal(by: 0)
      try await world.expectRefusal(by: 1)
      world.expectNothingWritten()
      let (first, second) = (world.members[0].server, world.members[1].server)
      try await first.start(["--accept-restore"])
      // Each server is a witness of its own.
      try await second.start()
      let answer = try await second.get("/readyz")
      #expect(answer.status == 503)
      #expect(answer.text.contains("aipm serve --accept-restore"), "\(answer.text)")
      await second.kill()
      try await second.start(["--accept-restore"])
      try await world.expectToGoOn()
      try await world.verify()
      let events = try await second.events(of: kept)
      #expect(events.map(\.canonicalText) == known)
    }
  }
}

extension World {
  /// Returns when each server has written down how far the log goes.
  fileprivate func awaitHeadFiles() async throws {
    try await waitUntil("the head files") {
      let end = try position
      return try members.allSatisfy { member in
        guard case .head(let head) = try HeadFile.read(path: "\(member.server.data)/head")
        else { return false }
        return head.position == end
      }
    }
  }

  fileprivate func expectNothingWritten() {
    for member in members {
      let written = member.gate.calls.filter { $0.method != "GET" && !$0.isGit("upload-pack") }
      #expect(written.isEmpty, "\(written)")
    }
  }

  /// A server does not start with a log that is older than its head file.
  fileprivate func expectRefusal(by member: Int) async throws {
    let server = members[member].server
    // One that has begun to follow before its election ends later.
    try? await server.start()
    #expect(await server.hasDied())
    #expect(server.errorText.contains("it once reached"), "\(server.errorText)")
    #expect(server.errorText.contains("aipm serve --accept-restore"))
    await server.kill()
  }

  /// The operator has accepted the log, which has one delegation.
  fileprivate func expectToGoOn() async throws {
    for member in members { #expect(try await member.server.get("/readyz").status == 200) }
    let id = try await delegate(2, from: 1)
    _ = try await checkPushed(id, by: 1)
    #expect(try await members[1].server.delegationCount() == 2)
  }
}

#endif
