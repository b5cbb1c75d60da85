#if PostgreSQL

import EventLog
import Foundation
import PostgreSQL
import PostgreSQLCluster
import Processes
import SQLiteEventStore
import TestKit
import Testing
import Text

extension SeveralServersTests {
  /// The standby was left behind, and commits no longer waited for it. It is promoted while the
  /// servers run, and lacks what they have acknowledged. The active one has asked the forge which
  /// comments there are; it gets the answer when the log is another one.
  @Test("a stale standby is promoted")
  func staleStandby() async throws {
    let (primary, standby) = try Cluster.pair()
    try await World.commenting(
      primary, addresses: { Array(repeating: primary.address(of: $0, or: standby), count: 2) }
    ) { world in
      try await world.startWorker(through: 1)
      let kept = try await world.delegate(0, from: 1)
      _ = try await world.members[1].server.event("delegation.action-done", of: kept)
      let known = try await world.members[1].server.events(of: kept).map(\.canonicalText)
      try primary.administer("ALTER SYSTEM SET synchronous_standby_names = ''")
      try primary.administer("SELECT pg_reload_conf()")
      try primary.kill(standby)

      let (atComment, held) = (Latch(), Latch())
      world.members[0].gate.set { call in
        guard call.method == "GET", call.path.contains("/issues/2/comments") else { return .pass }
        atComment.open()
        await held.wait()
        return .pass
      }
      _ = try await world.delegate(1, from: 1)
      try await within(Installation.patience, "the question") { await atComment.wait() }
      try await world.awaitHeadFiles()
      try standby.start(isCutOff: true)
      try primary.kill()
      for member in world.members { member.gate.reset() }
      try standby.promote()
      world.move(to: standby)

      // One of them may be elected before it has compared, and then it compares what it has opened.
      // The other one ends then, since it has lost the log.
      try await waitUntil("their words") {
        world.members.allSatisfy { member in
          ["--accept-restore", "was rewritten", "another server has taken over this log"]
            .contains { member.server.errorText.contains($0) }
        }
      }
      #expect(
        world.members.contains { member in
          ["it once reached", "were acknowledged", "has read it up to"].contains {
            member.server.errorText.contains($0)
          }
        })
      held.open()
      let answer = try? await world.members[0].server.post(
        "/api/personal-delegate", Installation.request(), headers: [("Prefer", "respond-async")])
      if let answer {
        #expect(answer.status == 503, "\(answer.text)")
        #expect(answer.text.contains("--accept-restore"), "\(answer.text)")
      }
      world.expectNothingWritten()
      #expect(try await world.comments(on: 2) == 0)
      for member in world.members { await member.server.kill() }
      try await world.expectRefusalUntilAccepted()
      let events = try await world.members[1].server.events(of: kept)
      #expect(events.map(\.canonicalText) == known)
    }
  }

  /// The servers are started on a copy of the database that was made before.
  @Test("an old copy of the database")
  func oldCopy() async throws {
    try await World.with { world in
      try await world.startWorker(through: 1)
      let kept = try await world.delegate(0, from: 1)
      let known = try await world.members[1].server.events(of: kept).map(\.canonicalText)
      for member in world.members.reversed() {
        #expect(try await member.server.stop() == .exited(0))
      }
      let (name, copy) = (world.database, "\(world.database)_copy")
      try world.cluster.administer("CREATE DATABASE \(copy) TEMPLATE \(name)")
      for member in world.members { try await member.server.start() }
      _ = try await world.delegate(1, from: 1)
      try await world.awaitHeadFiles()
      for member in world.members { await member.server.kill() }
      try world.cluster.administer("DROP DATABASE \(name) WITH (FORCE)")
      try world.cluster.administer("ALTER DATABASE \(copy) RENAME TO \(name)")

      for member in world.members { member.gate.reset() }
      try await world.expectRefusalUntilAccepted()
      let events = try await world.members[1].server.events(of: kept)
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

  /// No server takes a log that is older than its head file, as the active one or as a follower,
  /// until the operator accepts it.
  fileprivate func expectRefusalUntilAccepted() async throws {
    let (first, second) = (members[0].server, members[1].server)
    for server in [first, second] {
      // One that has begun to follow before its election ends later.
      try? await server.start()
      #expect(await server.hasDied())
      #expect(server.errorText.contains("it once reached"), "\(server.errorText)")
      #expect(server.errorText.contains("aipm serve --accept-restore"))
      await server.kill()
    }
    expectNothingWritten()
    try await first.start(["--accept-restore"])
    try await second.start()
    let answer = try await second.get("/readyz")
    #expect(answer.status == 503)
    #expect(answer.text.contains("aipm serve --accept-restore"), "\(answer.text)")
    await second.kill()
    try await second.start(["--accept-restore"])
    #expect(try await second.get("/readyz").status == 200)
    let id = try await delegate(2, from: 1)
    _ = try await checkPushed(id, by: 1)
    #expect(try await second.delegationCount() == 2)
    try await verify()
  }
}

#endif
