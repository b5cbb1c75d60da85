import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// Rounds that bring a branch up to date with its base branch.
  @Suite("Rounds that merge the base branch") struct BaseRoundTests {}
}

extension Conversing {
  /// The file that the first delegation has added, and its branch.
  fileprivate func added(by first: String) async throws -> (path: String, branch: String) {
    let files = try await call("GET", "/pulls/1/files").arrayValue ?? []
    return (
      try #require(files.first?["filename"].stringValue),
      try #require(try await server.delegation(first)["branchName"].stringValue)
    )
  }

  /// Commits a file to the base branch.
  fileprivate func commit(_ path: String, _ content: String) async throws {
    _ = try await call(
      "PUT", "/contents/\(path)",
      .object([
        "message": .string("theirs"), "branch": .string("main"),
        "content": .string(Data(content.utf8).base64EncodedString()),
      ]))
  }

  /// The delegation of the next round.
  fileprivate func round(of first: String, taking source: String) async throws -> String {
    let said = try await server.event(of: first) {
      $0["type"].stringValue == "delegation.feedback-recorded"
        && $0["data"]["source"].stringValue == source
    }
    let started = try await server.event(of: first) {
      $0["type"].stringValue == "delegation.round-started"
        && $0["data"]["takes"].arrayValue?.contains(said["data"]["feedback"]) == true
    }
    return try #require(started["data"]["delegation"].stringValue)
  }
}

extension EndToEndTests.BaseRoundTests {
  private static let interval = ["AIPM_FEEDBACK_INTERVAL": "300ms"]

  private static func with(
    _ body: (Conversing, ForgeGate) async throws -> Void
  ) async throws {
    let start: @Sendable (Installation) throws -> [String] = { server in
      let program = try server.script("agent", Conversing.agent)
      return ["--workers", "1", "--agent", "command", "--agent-command", program]
        + (try Conversing.workflows(server))
    }
    try await GatedInstallation.with(agent: start, environment: interval) { gated in
      try await body(
        Conversing(
          server: gated.server, repository: gated.repository, token: GatedInstallation.token,
          forge: gated.gate.url), gated.gate)
    }
  }

  /// Returns when the server has read the head of the base branch so many times.
  private static func polls(_ count: Int, _ gate: ForgeGate) async {
    let (reads, source) = AsyncStream.makeStream(of: Void.self)
    gate.set { call in
      if call.method == "GET", call.path.hasSuffix("/git/ref/heads/main") { source.yield() }
      return .pass
    }
    var left = count
    for await _ in reads {
      left -= 1
      if left == 0 { break }
    }
    gate.set { _ in .pass }
  }

  @Test("a conflict is resolved by the agent in a commit with two parents")
  func conflict() async throws {
    try await Self.with { talk, gate in
      let first = try await talk.pushed()
      let (path, branch) = try await talk.added(by: first)
      let before = try await talk.repository.git(["rev-parse", branch]).filter { $0 != "\n" }
      try await talk.commit(path, "Theirs.\n")
      try await talk.commit("other.txt", "Theirs too.\n")
      let base = try await talk.repository.git(["rev-parse", "main"]).filter { $0 != "\n" }

      let id = try await talk.round(of: first, taking: "conflict")
      let ended = try await talk.server.end(of: id)
      #expect(ended["state"].stringValue == "Pushed", "\(ended.canonicalText)")
      let commits = try await talk.repository.commits(of: branch, beyond: before)
      let merge = try #require(commits.last)
      #expect(merge.parents == [before, base])
      #expect(merge.message.contains("Aipm-Delegation: \(id)\nAipm-Follows: \(first)"))
      let text = try await talk.repository.file(path, at: branch)
      #expect(text.contains("Theirs.") && text.contains("Implement") || text.contains("export"))
      #expect(!text.contains("<<<<<<<") && !text.contains(">>>>>>>"))
      #expect(try await talk.repository.file("other.txt", at: branch) == "Theirs too.\n")

      // The change that people see is what was resolved, and not all of the base branch.
      let diff = try await talk.server.get("/api/delegations/\(id)/diff").text
      #expect(diff.contains("-<<<<<<<") && !diff.contains("other.txt"))
      try await talk.answered(id)
      let comments = try await talk.bodies("/issues/1/comments")
      #expect(comments.count == 1 && comments[0].contains("AIPM merged the base branch in"))
      #expect(try await talk.call("GET", "/pulls/1")["mergeable"].boolValue == true)
      let why = try await talk.server.aipm(["why", id]).outputText
      #expect(why.contains("reported a conflict") && why.contains("merging \(base.prefix(7))"))
      let generating = try await talk.server.event("delegation.generating", of: id)
      #expect(generating["data"]["mergedBase"].stringValue == base)
      #expect(generating["data"]["sha"].stringValue == before)
      // The branch is up to date: nothing more is done.
      await Self.polls(3, gate)
      let types = try await talk.server.eventTypes(of: first)
      #expect(types.filter { $0 == "delegation.round-started" }.count == 1)
      #expect(try await talk.server.replay(["--verify"]).succeeded)
    }
  }

  @Test("without a conflict the server merges by itself where the forge asks for it")
  func behind() async throws {
    try await Self.with { talk, gate in
      let first = try await talk.pushed()
      let (_, branch) = try await talk.added(by: first)
      let before = try await talk.repository.git(["rev-parse", branch]).filter { $0 != "\n" }
      try await talk.commit("other.txt", "Theirs.\n")
      let base = try await talk.repository.git(["rev-parse", "main"]).filter { $0 != "\n" }
      // Nobody asks for the newest commits yet. So many polls take longer than the time in which
      // the forge may not tell two changes apart: nothing but the rule is new afterwards.
      await Self.polls(12, gate)
      #expect(
        try await talk.server.eventTypes(of: first).contains("delegation.round-started") == false)

      _ = try await talk.call("PUT", "/branches/main/protection", .object([:]))
      #expect(try await talk.call("GET", "/pulls/1")["mergeable_state"].stringValue == "behind")
      let id = try await talk.round(of: first, taking: "behind")
      #expect(try await talk.server.end(of: id)["state"].stringValue == "Pushed")
      let merge = try #require(
        try await talk.repository.commits(of: branch, beyond: before).last)
      #expect(merge.parents == [before, base])
      let types = try await talk.server.eventTypes(of: id)
      #expect(!types.contains("delegation.dispatched"), "no agent was needed")
      #expect(types.filter { $0 == "delegation.generated" }.count == 1)
      #expect(try await talk.call("GET", "/pulls/1")["mergeable_state"].stringValue == "clean")
      try await talk.answered(id)
      let why = try await talk.server.aipm(["why", id]).outputText
      #expect(why.contains("merged without a conflict") && why.contains("No agent was needed"))
      let comments = try await talk.bodies("/issues/1/comments")
      #expect(comments.count == 1 && comments[0].contains("AIPM merged the base branch in"))
      _ = try await talk.call("PUT", "/pulls/1/merge", .object([:]))
      #expect(try await talk.server.replay(["--verify"]).succeeded)
    }
  }

  /// The push of the server's own merge is the only write of such a round besides its summary.
  @Test(
    "a merge of the server is pushed once, whatever becomes of the push",
    arguments: EndToEndTests.RoundCrashTests.Blow.allCases)
  func push(blow: EndToEndTests.RoundCrashTests.Blow) async throws {
    try await Self.with { talk, gate in
      let first = try await talk.pushed()
      let (_, branch) = try await talk.added(by: first)
      let before = try await talk.repository.git(["rev-parse", branch]).filter { $0 != "\n" }
      let struck = Latch()
      gate.set { [server = talk.server] call in
        guard call.method == "POST", call.isGit("git-receive-pack"), !struck.isOpen else {
          return .pass
        }
        struck.open()
        if blow != .answerLost { await server.kill() }
        return blow == .killedBefore ? .drop : .loseAnswer
      }
      try await talk.commit("other.txt", "Theirs.\n")
      _ = try await talk.call("PUT", "/branches/main/protection", .object([:]))
      while true {
        do {
          if talk.server.processID == nil { try await talk.server.start(talk.restart) }
          let id = try await talk.round(of: first, taking: "behind")
          #expect(try await talk.server.end(of: id)["state"].stringValue == "Pushed")
          try await talk.answered(id)
          let types = try await talk.server.eventTypes(of: first)
          #expect(types.filter { $0 == "delegation.round-started" }.count == 1)
          break
        } catch {
          guard await talk.server.hasDied() else { throw error }
        }
      }
      #expect(struck.isOpen)
      let merges = try await talk.repository.commits(of: branch, beyond: before).filter {
        $0.parents.count == 2
      }
      #expect(merges.count == 1)
      #expect(try await talk.bodies("/issues/1/comments").count == 1)
    }
  }
}
