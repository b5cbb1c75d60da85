#if PostgreSQL

import EventLog
import Foundation
import PostgreSQLCluster
import TestKit
import Testing

extension SeveralServersTests {
  /// The cable of the active server's machine is pulled: to the database, to the forge and to the
  /// other server. All its connections stay open, and nobody hears of it.
  ///
  /// Two delegations are under way, and the active server has asked the forge a question for each:
  /// what the repository has before the first write of the one, and which comments there are before
  /// the comment of the other. It gets the answers when the cable is back, and the second one says
  /// that no comment is there.
  @Test(
    "a network namespace is cut off",
    .enabled(if: NetworkCell.isPossible, "this system lets nobody make a network namespace"))
  func namespace() async throws {
    let cell = try NetworkCell()
    defer { cell.end() }
    let cluster = try Cluster(reachedAt: cell.outside)
    try await World.commenting(
      cluster, serve: ["--access", "token"],
      addresses: { [cluster.address(of: $0, host: cell.outside), cluster.address(of: $0)] },
      in: cell
    ) { world in
      let (first, second) = (world.members[0], world.members[1])
      #expect(try world.active() == 0)
      try await world.useToken()
      try await world.startWorker(through: 1)
      let (atComment, atBeginning, held) = (Latch(), Latch(), Latch())
      first.gate.set { call in
        guard call.method == "GET", call.path.contains("/issues/1/comments") else { return .pass }
        atComment.open()
        await held.wait()
        return .answer(status: 200, body: "[]", headers: [])
      }
      let pushed = try await world.submit(0, through: 1)
      try await within(Installation.patience, "the first question") { await atComment.wait() }
      first.gate.set { _ in
        atBeginning.open()
        await held.wait()
        return .pass
      }
      let begun = try await world.submit(1, through: 1)
      try await within(Installation.patience, "the second question") { await atBeginning.wait() }

      try cell.cut()
      let cut = ContinuousClock.now
      try await waitUntil("a takeover") { try world.active() == 1 }
      let time = ContinuousClock.now - cut
      #expect(time > .seconds(2), "it was replaced while it could still write to the forge")
      #expect(time < .seconds(5))
      for id in [pushed, begun] {
        _ = try await second.server.event("delegation.action-done", of: id)
        _ = try await world.checkPushed(id, by: 1)
      }
      first.gate.reset()
      try cell.mend()
      held.open()
      try await waitUntil("its word") {
        first.server.errorText.contains("another server has taken over this log")
      }
      #expect(await first.server.hasDied())
      #expect(first.gate.calls.filter { $0.method != "GET" }.isEmpty)
      #expect(try await world.comments(on: 1) == 1)
      #expect(try await world.comments(on: 2) == 1)
      #expect(try await second.server.delegationCount() == 2)
      try await world.verify()
    }
  }
}

#endif
