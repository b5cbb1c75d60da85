#if PostgreSQL

import EventLog
import Foundation
import Glibc
import HTTPClient
import PostgreSQL
import PostgreSQLCluster
import Synchronization
import TestKit
import Testing
import Text

extension SeveralServersTests {
  /// What happens to the active server.
  enum Blow: CaseIterable, CustomStringConvertible {
    case killed
    /// Stopped by SIGSTOP, and continued after the other one has finished.
    case frozen

    var description: String { self == .killed ? "kill -9" : "SIGSTOP, SIGCONT" }
  }

  /// The active server is struck inside the transaction of each commit of a delegation, once. The
  /// other one takes over; the first is started again, and follows. What is left on the forge and
  /// in the log is what an undisturbed delegation leaves.
  @Test("struck inside each commit", arguments: Blow.allCases)
  func commits(blow: Blow) async throws {
    try await World.with { world in
      try await world.startWorker(through: 1)
      let undisturbed = try await world.delegate(0, from: 0)
      let footprint = try await world.checkPushed(undisturbed, by: 0)
      var struck = 0
      for number in 1... {
        let active = try #require(try world.active())
        try await world.startWorker(through: 1 - active)
        let stop = try CommitStop(
          world, at: try world.position + Int64(number), of: try world.epoch)
        guard
          let id = try await world.strike(blow, at: stop, active: active, number: number)
        else { break }
        let found = try await world.checkPushed(id, by: 1 - active)
        #expect(found == footprint, "\(blow) at commit \(number)")
        struck = number
      }
      // Fewer would mean that the stop is not at work.
      #expect(struck >= 8)
      try await world.verify()
    }
  }

  /// The active server is struck at each call to the forge, once.
  @Test("struck at each call to the forge", arguments: Blow.allCases, [true, false])
  func forge(blow: Blow, arrives: Bool) async throws {
    try await World.with { world in
      try await world.startWorker(through: 1)
      let undisturbed = try await world.delegate(0, from: 0)
      let footprint = try await world.checkPushed(undisturbed, by: 0)
      var struck = 0
      for number in 1... {
        let active = try #require(try world.active())
        try await world.startWorker(through: 1 - active)
        guard
          let id = try await world.strike(
            blow, atCall: number, arrives: arrives, active: active)
        else { break }
        let found = try await world.checkPushed(id, by: 1 - active)
        #expect(found == footprint, "\(blow) at call \(number)")
        struck = number
      }
      #expect(struck > 8)
      try await world.verify()
    }
  }

  /// The call of the former active server was sent, and arrives after the next one has looked and
  /// written its own comment.
  @Test("a comment that arrives after the takeover leaves no twin", arguments: Blow.allCases)
  func lateComment(blow: Blow) async throws {
    try await World.commenting { world in
      try await world.startWorker(through: 1)
      let (sent, held) = (Latch(), Latch())
      world.members[0].gate.set { call in
        guard call.method == "POST", call.path.hasSuffix("/issues/1/comments") else {
          return .pass
        }
        try? await world.hit(blow, 0)
        sent.open()
        await held.wait()
        return .loseAnswer
      }
      let id = try await world.submit(0, through: 0)
      try await within(Installation.patience, "the first comment") { await sent.wait() }
      try await waitUntil("a takeover") { try world.active() == 1 }
      try await waitUntil("the second comment") { try await world.comments(on: 1) == 1 }
      held.open()
      _ = try await world.members[1].server.event(of: id) {
        $0["type"].stringValue == "delegation.action-done"
      }
      #expect(try await world.comments(on: 1) == 1)
      // It was there.
      #expect(world.members[1].gate.calls.filter { $0.method == "DELETE" }.count == 1)
      try await world.recover(blow, 0)
      try await world.verify()
    }
  }
}

extension World {
  /// A workflow that comments on what was pushed.
  private static let telling = """
    name: personal-delegate
    agent-preference: [demo]
    attempts: 1
    on-pushed: {comment: "Done."}
    templates:
      task-file: "{{objective}}"
      prompt: "{{objective}}"
      commit-message: "{{prTitle}}"
      pull-request-body: "{{objective}}"

    """

  /// A world whose servers comment on what was pushed.
  static func commenting(
    _ cluster: Cluster? = nil, serve: [String] = [],
    addresses: ((String) -> [String])? = nil, in cell: NetworkCell? = nil,
    _ body: (World) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try telling.write(
      toFile: "\(folder)/personal-delegate.yaml", atomically: true, encoding: .utf8)
    try await with(
      cluster, serve: ["--workflows", folder] + serve, addresses: addresses, in: cell, body)
  }

  /// The number of comments on a pull request.
  func comments(on number: Int) async throws -> Int {
    let url = "\(members[1].gate.url)/repos/acme/tools/issues/\(number)/comments"
    let response = try await members[1].server.http.send(
      HTTPRequest(
        method: "GET", url: url,
        headers: [("Authorization", "Bearer \(GatedInstallation.token)")]))
    return try JSONValue(json: response.body).arrayValue?.count ?? 0
  }

  /// Submits through a member.
  func submit(_ number: Int, through member: Int) async throws -> String {
    try await members[member].server.submit(
      Installation.request(), headers: [("Idempotency-Key", "request-\(number)")])
  }

  /// Submits through a member, and waits for the end.
  func delegate(_ number: Int, from member: Int) async throws -> String {
    let id = try await submit(number, through: member)
    _ = try await members[member].server.end(of: id)
    return id
  }

  /// Strikes the active member when it stands at `stop`.
  /// - Returns: the delegation; nil if it ended before.
  func strike(
    _ blow: SeveralServersTests.Blow, at stop: CommitStop, active: Int, number: Int
  ) async throws -> String? {
    let other = 1 - active
    // The submission may be what is struck; its answer is then lost.
    let submitted = Task { try await submit(number, through: active) }
    var hasEnded = false
    try await waitUntil("commit \(number) of the delegation") {
      if try stop.hasStopped() { return true }
      hasEnded = try await members[other].server.hasPushed(all: number + 1)
      return hasEnded
    }
    guard !hasEnded else {
      try stop.release()
      _ = try await submitted.value
      return nil
    }
    try await hit(blow, active)
    try stop.release()
    try await waitUntil("a takeover") { try self.active() == other }
    submitted.cancel()
    let id = try await submit(number, through: other)
    _ = try await members[other].server.end(of: id)
    try await recover(blow, active)
    return id
  }

  /// Strikes the active member when its call to the forge stands at the gate.
  /// - Parameter arrives: whether the forge gets the call.
  /// - Returns: the delegation; nil if it made fewer calls.
  func strike(
    _ blow: SeveralServersTests.Blow, atCall number: Int, arrives: Bool, active: Int
  ) async throws -> String? {
    let (gate, other) = (members[active].gate, 1 - active)
    let isStruck = Latch()
    let isGit = Mutex(false)
    gate.reset()
    gate.set { call in
      guard call.number == number else { return .pass }
      isGit.withLock { $0 = call.isGit("git-receive-pack") }
      isStruck.open()
      try? await self.hit(blow, active)
      // A request that was sent arrives, whether its sender is frozen or not.
      guard arrives else { return .drop }
      return blow == .killed ? .loseAnswer : .pass
    }
    let submitted = Task { try await submit(number, through: active) }
    let id: String
    do {
      id = try await submitted.value
    } catch {
      guard isStruck.isOpen else { throw error }
      try await waitUntil("a takeover") { try self.active() == other }
      id = try await submit(number, through: other)
    }
    _ = try await members[other].server.end(of: id)
    guard isStruck.isOpen else { return nil }
    gate.set { _ in .pass }
    try await recover(blow, active, duringPush: isGit.withLock { $0 })
    return id
  }

  fileprivate func hit(_ blow: SeveralServersTests.Blow, _ member: Int) async throws {
    switch blow {
    case .killed: await members[member].server.kill()
    case .frozen: kill(members[member].server.processID ?? 0, SIGSTOP)
    }
  }

  /// Starts the member again. One that was frozen wakes up before, does nothing to the forge, and
  /// ends by itself.
  /// - Parameter duringPush: whether its `git push` was under way, which is a process of its own,
  ///   and was not frozen. It names the commit that it replaces, so it may try.
  fileprivate func recover(
    _ blow: SeveralServersTests.Blow, _ member: Int, duringPush: Bool = false
  ) async throws {
    let (server, gate) = (members[member].server, members[member].gate)
    if blow == .frozen {
      gate.reset()
      kill(server.processID ?? 0, SIGCONT)
      guard await server.hasDied() else { throw KitFault("the frozen server goes on") }
      let written = gate.calls.filter {
        $0.method != "GET" && !$0.isGit("upload-pack")
          && !(duringPush && $0.isGit("git-receive-pack"))
      }
      guard written.isEmpty else { throw KitFault("the frozen server wrote: \(written)") }
      await server.kill()
    }
    try await server.start()
  }
}

extension Installation {
  /// Whether there are so many delegations, and all of them have been pushed.
  fileprivate func hasPushed(all count: Int) async throws -> Bool {
    let items = try await get("/api/delegations").json["items"].arrayValue ?? []
    return items.count == count && items.allSatisfy { $0["state"].stringValue == "Pushed" }
  }
}

#endif
