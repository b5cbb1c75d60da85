import EventLog
import Synchronization
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// Each write of a round to the forge is disturbed once: the push, the replies and the summary.
  @Suite("every write of a round, struck once") struct RoundCrashTests {}
}

extension EndToEndTests.RoundCrashTests {
  /// How a call to the forge is disturbed.
  enum Blow: CaseIterable {
    /// The server is killed and the call does not reach the forge.
    case killedBefore
    /// The server is killed; the forge has carried the call out.
    case killedAfter
    /// The forge has carried the call out, and its answer is lost.
    case answerLost
  }

  @Test("one commit, one reply in each thread and one summary", arguments: Blow.allCases)
  func round(blow: Blow) async throws {
    var number = 1
    while try await strike(blow, at: number) { number += 1 }
    // The fetch, the push, two replies and the summary.
    #expect(number > 5)
  }

  /// The call is sent, the server is killed, and the next one looks and writes before it arrives.
  @Test("a comment that arrives after a restart leaves no twin", arguments: [true, false])
  func lateComment(isReply: Bool) async throws {
    let start: @Sendable (Installation) throws -> [String] = { server in
      let program = try server.script("agent", Conversing.agent)
      return ["--workers", "1", "--agent", "command", "--agent-command", program]
        + (try Conversing.workflows(server))
    }
    try await GatedInstallation.with(
      agent: start, environment: ["AIPM_FEEDBACK_INTERVAL": "300ms"]
    ) { world in
      let talk = Conversing(
        server: world.server, repository: world.repository, token: GatedInstallation.token,
        forge: world.gate.url)
      let first = try await talk.pushed()
      let (sent, held, writes) = (Latch(), Latch(), Counter())
      world.gate.set { [server = world.server] call in
        let path = isReply ? "/replies" : "/issues/1/comments"
        guard call.method == "POST", call.path.hasSuffix(path), writes.next() == 1 else {
          return .pass
        }
        await server.kill()
        sent.open()
        await held.wait()
        return .loseAnswer
      }
      try await talk.review(["Rename it."])
      try await within(Installation.patience, "the first comment") { await sent.wait() }
      try await talk.server.start(talk.restart)
      let list = isReply ? "/pulls/1/comments" : "/issues/1/comments"
      @Sendable func written() async throws -> [String] {
        try await talk.bodies(list).filter { $0.contains("<!-- aipm: ") }
      }
      try await within(Installation.patience, "the second comment") {
        while try await written().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
      }
      held.open()
      let started = try await talk.server.event(of: first) {
        $0["type"].stringValue == "delegation.round-started"
      }
      try await talk.answered(try #require(started["data"]["delegation"].stringValue))
      #expect(try await written().count == 1)
      // It was there.
      #expect(world.gate.calls.filter { $0.method == "DELETE" }.count == 1)
    }
  }

  /// - Returns: whether there was a write of that number.
  private func strike(_ blow: Blow, at number: Int) async throws -> Bool {
    let struck = Latch()
    let start: @Sendable (Installation) throws -> [String] = { server in
      let program = try server.script("agent", Conversing.agent)
      return ["--workers", "1", "--agent", "command", "--agent-command", program]
        + (try Conversing.workflows(server))
    }
    try await GatedInstallation.with(
      agent: start, environment: ["AIPM_FEEDBACK_INTERVAL": "300ms"]
    ) { world in
      let talk = Conversing(
        server: world.server, repository: world.repository, token: GatedInstallation.token,
        forge: world.gate.url)
      let first = try await talk.pushed()
      try await talk.review(["Rename it.", "Test it."])
      let writes = Counter()
      world.gate.set { [server = world.server] call in
        // Reads are repeated at intervals, so their number says nothing.
        guard call.method != "GET" || call.isGit("git-receive-pack") else { return .pass }
        guard writes.next() == number else { return .pass }
        struck.open()
        if blow != .answerLost { await server.kill() }
        return blow == .killedBefore ? .drop : .loseAnswer
      }
      try await check(first, talk, "\(blow) at write \(number)")
    }
    return struck.isOpen
  }

  /// Waits for the end of the round, starting the server whenever it is down, and checks it.
  private func check(_ first: String, _ talk: Conversing, _ what: String) async throws {
    while true {
      do {
        if talk.server.processID == nil { try await talk.server.start(talk.restart) }
        let started = try await talk.server.event(of: first) {
          $0["type"].stringValue == "delegation.round-started"
        }
        let id = try #require(started["data"]["delegation"].stringValue)
        #expect(try await talk.server.end(of: id)["state"].stringValue == "Pushed", "\(what)")
        try await talk.answered(id)
        let branch = try await talk.server.delegation(id)["branchName"].stringValue ?? ""
        let commits = try await talk.repository.commits(of: branch, beyond: "main")
        #expect(commits.count == 3, "\(what)")
        let replies = try await talk.bodies("/pulls/1/comments").filter {
          $0.contains("<!-- aipm: \(id) reply-")
        }
        #expect(replies.count == 2, "\(what)")
        let summaries = try await talk.bodies("/issues/1/comments")
        #expect(summaries.count == 1, "\(what)")
        let types = try await talk.server.eventTypes(of: first)
        #expect(types.filter { $0 == "delegation.round-started" }.count == 1, "\(what)")
        #expect(try await talk.server.delegationCount() == 2, "\(what)")
        return
      } catch {
        // Only a server that was killed excuses a call that failed.
        guard await talk.server.hasDied() else { throw error }
      }
    }
  }
}

/// Counts calls that come from several tasks.
private final class Counter: Sendable {
  private let count = Mutex(0)

  func next() -> Int {
    count.withLock {
      $0 += 1
      return $0
    }
  }
}
