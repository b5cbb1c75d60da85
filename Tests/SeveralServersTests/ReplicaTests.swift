#if PostgreSQL

import EventLog
import Foundation
import PostgreSQL
import PostgreSQLCluster
import TestKit
import Testing
import Text

extension SeveralServersTests {
  /// A primary and its synchronous standby. Each test leaves the standby running.
  private static let replicated = Result { try Cluster.pair() }

  /// The standby is absent: nothing can be acknowledged, and each submission is answered so. With
  /// the standby everything goes on.
  @Test("no standby")
  func noStandby() async throws {
    let (primary, standby) = try Self.replicated.get()
    try await World.with(primary) { world in
      let (active, follower) = (world.members[0], world.members[1])
      try await world.startWorker(through: 1)
      let before = try await world.delegate(0, from: 1)
      let known = try await follower.server.events(of: before).map(\.canonicalText)
      let epoch = try world.epoch
      let (sent, held) = (Latch(), Latch())
      active.gate.set { call in
        guard call.method == "POST", call.path.hasSuffix("/pulls") else { return .pass }
        sent.open()
        await held.wait()
        return .pass
      }
      let underWay = try await world.submit(1, through: 1)
      try await within(Installation.patience, "the pull request") { await sent.wait() }
      try primary.kill(standby)
      held.open()
      // That of the pull request, which was made.
      try await waitUntil("a commit that waits") { try !world.waitingWriters().isEmpty }

      async let direct = world.answer(2, through: 0)
      async let passed = world.answer(3, through: 1)
      for answer in try await [direct, passed] { Self.expectWaiting(answer) }
      // The wait is known now, so nobody waits for it again.
      let began = ContinuousClock.now
      for member in [0, 1] { Self.expectWaiting(try await world.answer(2, through: member)) }
      #expect(ContinuousClock.now - began < .seconds(2))
      for member in world.members {
        let events = try await member.server.events(of: before)
        #expect(events.map(\.canonicalText) == known)
        #expect(try await member.server.delegationCount() == 2)
      }
      #expect(try world.active() == 0)

      try standby.start()
      _ = try await follower.server.end(of: underWay)
      _ = try await world.checkPushed(underWay, by: 1)
      let refused = try await world.delegate(2, from: 1)
      _ = try await world.checkPushed(refused, by: 1)
      #expect(try await follower.server.delegationCount() == 3)
      #expect(try world.epoch == epoch)
      let made = active.gate.calls.filter { $0.method == "POST" && $0.path.hasSuffix("/pulls") }
      #expect(made.count == 3)
      try await world.verify()
    }
  }

  private static func expectWaiting(_ answer: APIAnswer) {
    #expect(answer.status == 503, "\(answer.text)")
    let detail = answer.json["detail"].stringValue ?? ""
    #expect(detail.contains("the log waits for its replica"), "\(answer.text)")
    #expect(answer.header("Content-Type") == "application/problem+json")
    #expect(answer.header("Retry-After") == "5")
  }

  /// PostgreSQL answers success if the wait of a COMMIT for the standby is cancelled. The event is
  /// on the primary then, where everybody can read it, and not on the standby. The server asks on
  /// another session, which waits too, and answers nobody. The second time it dies meanwhile.
  @Test("a COMMIT that is cancelled")
  func cancelledCommit() async throws {
    let (primary, standby) = try Self.replicated.get()
    try await World.with(primary) { world in
      try await world.startWorker(through: 1)
      let server = world.members[1].server
      for (number, dies) in [false, true].enumerated() {
        let (epoch, position) = (try world.epoch, try world.position)
        try standby.freezeReceiver(true)
        let submitted = Task { try await world.submit(number, through: 1) }
        try await waitUntil("the commit") { try world.waitingWriters().count == 1 }
        let process = try #require(try world.waitingWriters().first)
        try primary.administer("SELECT pg_cancel_backend(\(process))")
        try await waitUntil("the question") {
          let waiting = try world.waitingWriters()
          return waiting.count == 1 && waiting != [process]
        }
        #expect(try world.position == position + 1)
        if dies { await world.members[0].server.kill() }
        try standby.freezeReceiver(false)
        if dies { try await waitUntil("a takeover") { try world.active() == 1 } }
        let id = try await world.submit(number, through: 1)
        _ = try await server.end(of: id)
        _ = try await world.checkPushed(id, by: 1)
        // An answer that was given before speaks of the same delegation.
        if let first = try? await submitted.value { #expect(first == id) }
        #expect(try await server.events(of: id).first?.position == position + 1)
        #expect(try await server.delegationCount() == number + 1)
        #expect(try world.epoch == (dies ? epoch + 1 : epoch))
      }
      try await world.verify()
    }
  }

  /// The server has committed, and its answer does not arrive. First the active server can ask
  /// again; the second time its network is gone, and the other one takes over.
  @Test("the answer to COMMIT is lost")
  func lostAnswer() async throws {
    try await World.behindProxy { world, proxy in
      try await world.startWorker(through: 1)
      let (first, second) = (world.members[0], world.members[1].server)
      for (number, isCutOff) in [false, true].enumerated() {
        let (epoch, position) = (try world.epoch, try world.position)
        first.gate.reset()
        proxy.lose(isCutOff ? .answerToCommitAndLink : .answerToCommit)
        let submitted = Task { try await world.submit(number, through: 1) }
        if isCutOff { try await waitUntil("a takeover") { try world.active() == 1 } }
        let id = try await world.submit(number, through: 1)
        if let found = try? await submitted.value { #expect(found == id) }
        #expect(proxy.losses == number + 1)
        _ = try await second.end(of: id)
        _ = try await world.checkPushed(id, by: 1)
        #expect(try await second.delegationCount() == number + 1)
        // What was lost was the answer for the submission.
        #expect(try await second.events(of: id).first?.position == position + 1)
        #expect(try world.active() == (isCutOff ? 1 : 0))
        #expect(try world.epoch == (isCutOff ? epoch + 1 : epoch))
      }
      proxy.mend()
      #expect(await first.server.hasDied())
      #expect(first.gate.calls.allSatisfy { $0.method == "GET" })
      try await world.verify()
    }
  }
}

extension JSONValue {
  /// That of an event of the API.
  fileprivate var position: Int64? { self["position"].integerValue }
}

extension World {
  /// The answer to a submission, whatever it is.
  fileprivate func answer(_ number: Int, through member: Int) async throws -> APIAnswer {
    try await members[member].server.post(
      "/api/personal-delegate", Installation.request(),
      headers: [("Prefer", "respond-async"), ("Idempotency-Key", "request-\(number)")])
  }

  /// The processes of the database that write this log, and wait for the standby.
  fileprivate func waitingWriters() throws -> [Int64] {
    try session().query(
      """
      SELECT pid::bigint FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event = 'SyncRep' AND application_name LIKE 'aipm % writer'
      """
    ).map { $0.integer(0) }
  }
}

#endif
