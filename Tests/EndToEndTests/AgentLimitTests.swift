import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// A provider's limit is a wait, and no failure.
  @Suite("A provider's limit") struct AgentLimitTests {}
}

extension EndToEndTests.AgentLimitTests {
  /// Agents of which `first` has no more of its provider until `end`, in seconds since 1970.
  private static func workflow(_ server: Installation, whenLimited: String, end: Int) throws {
    let limited = try server.script(
      "limited",
      """
      #!/bin/sh
      if [ "$(date +%s)" -lt \(end) ]; then
        echo 'used 1200 tokens'
        echo 'quota is used up until \(end)' >&2
        exit 1
      fi
      echo limited > made-by.txt
      """)
    let other = try server.script("other", "#!/bin/sh\necho other > made-by.txt\n")
    try FileManager.default.createDirectory(
      atPath: "\(server.folder)/workflows", withIntermediateDirectories: false)
    try """
    name: limits
    extends: personal-delegate
    attempts: 1
    agent-preference: [first, second]
    when-limited: \(whenLimited)
    agents:
      first:
        command: [\(limited)]
        prompt: standard-input
        usage: [{text: "used {input-tokens} tokens"}]
        limit: [{stream: error, text: "quota is used up until {reset-at}"}]
      second:
        command: [\(other)]
        prompt: standard-input
    """.write(
      toFile: "\(server.folder)/workflows/limits.yaml", atomically: true, encoding: .utf8)
  }

  private static func with(
    _ whenLimited: String, in seconds: Double,
    _ body: (Installation, BareRepository, String) async throws -> Void
  ) async throws {
    try await Installation.with(starts: false) { server in
      let repository = try await server.createRepository()
      let end = Int(Date().timeIntervalSince1970 + seconds)
      try workflow(server, whenLimited: whenLimited, end: end)
      try await server.start(["--workers", "1", "--workflows", "\(server.folder)/workflows"])
      let id = try await server.submit(
        Installation.request(
          "acme/tools", ["workflow": .string("limits"), "agent": .string("first")]))
      try await body(server, repository, id)
    }
  }

  @Test("the delegation waits until the limit ends, and uses up no attempt")
  func wait() async throws {
    try await Self.with("wait", in: 20) { server, repository, id in
      let released = try await server.event("delegation.released", of: id)
      #expect(released["data"]["code"].stringValue == "agent-limited")
      #expect(released["data"]["inputTokens"].integerValue == 1200)
      let waiting = try await server.event("delegation.step-failed", of: id)
      #expect(waiting["data"]["code"].stringValue == "agent-limited")
      let shown = try await server.delegation(id)
      #expect(shown["state"].stringValue == "PRCreated")
      // Another one waits for the same limit, without a start of its own.
      let other = try await server.submit(
        Installation.request(
          "acme/tools", ["workflow": .string("limits"), "agent": .string("first")]))
      let wait = try await server.event("delegation.step-failed", of: other)
      #expect(wait["data"]["retryAt"] == waiting["data"]["retryAt"])
      let show = try await server.aipm(["show", other])
      #expect(show.outputText.contains("waits for first until "), "\(show.outputText)")
      let told = try await server.aipm(["why", other]).outputText
      #expect(told.contains("It waits for the agent first, whose provider allows no more until"))
      #expect(!told.contains("waits for a worker"), "\(told)")
      let event = try await server.aipm(["audit", "id:\(id)", "type:step-failed"])
      #expect(event.outputText.contains(#/retryAt=\d{4}-\d\d-\d\d \d/#), "\(event.outputText)")
      let said = shown["attempts"].arrayValue?.first?["message"].stringValue
      #expect(said?.contains("quota is used up") == true)
      #expect(shown["waiting"]["code"].stringValue == "agent-limited", "\(shown.canonicalText)")
      // A server that starts while it waits goes on with the wait.
      await server.kill()
      try await server.start(["--workers", "1", "--workflows", "\(server.folder)/workflows"])
      // A server that has just started knows the limit, too.
      let late = try await server.submit(
        Installation.request(
          "acme/tools", ["workflow": .string("limits"), "agent": .string("first")]))
      let ended = try await server.end(of: id)
      #expect(ended["state"].stringValue == "Pushed", "\(ended.canonicalText)")
      let branch = try #require(ended["branchName"].stringValue)
      #expect(try await repository.file("made-by.txt", at: branch) == "limited\n")
      for other in [other, late] {
        let ended = try await server.end(of: other)
        #expect(ended["state"].stringValue == "Pushed" && ended["attempt"].integerValue == 1)
      }
      let why = try await server.aipm(["why", id])
      #expect(why.outputText.contains("used up none of its attempts"))
      #expect(try await server.replay(["--verify"]).succeeded)
    }
  }

  @Test("the next agent of the workflow goes on, if the workflow says so")
  func next() async throws {
    try await Self.with("next-agent", in: 3600) { server, repository, id in
      let ended = try await server.end(of: id)
      #expect(ended["state"].stringValue == "Pushed", "\(ended.canonicalText)")
      let branch = try #require(ended["branchName"].stringValue)
      #expect(try await repository.file("made-by.txt", at: branch) == "other\n")
      let released = try await server.event("delegation.released", of: id)
      #expect(released["data"]["agent"].stringValue == "second")
      let agents = ended["attempts"].arrayValue?.compactMap { $0["agent"].stringValue }
      #expect(agents == ["first", "second"])
      #expect(try await !server.eventTypes(of: id).contains("delegation.step-failed"))
      #expect(try await server.replay(["--verify"]).succeeded)
    }
  }
}
