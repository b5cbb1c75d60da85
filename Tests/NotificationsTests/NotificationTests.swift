import Domain
import EventLog
import LogStories
import Notifications
import Randomness
import Testing
import Text
import Workflows

/// Events of one delegation, a second apart.
func recorded(_ events: [DelegationEvent], of n: Int = 1) throws -> [RecordedEvent] {
  var sealer = EventSealer(last: nil, random: Seeded(n))
  return try events.enumerated().flatMap { index, event in
    try sealer.record(
      Story.append([event], to: n, after: Int64(index)), at: Story.start + .seconds(Int64(index)))
  }
}

/// The notification of the last of these events.
func notification(_ events: [DelegationEvent]) throws -> DelegationNotification {
  let all = try recorded(events)
  let last = try #require(all.last)
  return try #require(DelegationNotification(last, in: all))
}

/// A delegation that failed, with these texts.
func failed(
  title: String = "A", requester: String = "local", message: String? = "it broke"
) throws -> DelegationNotification {
  var words = Story.words
  words.title = title
  let request = Story.request(1, requester: requester, text: words)
  return try notification(
    Story.goodDay(1, to: .generating, request: request) + [
      Story.failed(.generate, .agentFailed, message: message, hint: "Try again.")
    ])
}

/// The templates of a workflow.
func texts(_ notifications: String) throws -> NotificationTexts {
  let builtIn = try #require(try WorkflowCatalog()["personal-delegate"]).source
  return try Workflow(source: builtIn + "\nnotifications:\n" + notifications, file: "w.yaml")
    .notifications
}

struct NotificationTests {
  @Test func aTransitionIsWhatTheFoldHasThen() throws {
    let all = try recorded(Story.goodDay(1) + [.pullRequestUpdated(.init(state: .merged))])
    let states = all.map { DelegationNotification($0, in: all)?.state }
    #expect(
      states == [
        .requested, nil, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
        .generating, nil, .pushed, nil,
      ])
    // What comes later changes nothing.
    let early = try #require(DelegationNotification(all[3], in: all))
    #expect(early == DelegationNotification(all[3], in: Array(all[...3])))
    #expect(early.pullRequest == nil)
    #expect(early.commit == nil)
    let pushed = try #require(DelegationNotification(all[8], in: all))
    #expect(pushed.pullRequest?.number == 101)
    #expect(pushed.pullRequest?.state == .open)
    #expect(pushed.commit == Story.sha(2001))
    #expect(pushed.id == all[8].id)
    // A log that does not fold is in quarantine.
    #expect(DelegationNotification(all[8], in: Array(all[..<2]) + Array(all[4...])) == nil)
  }

  @Test func theBodyOfAWebhook() throws {
    let body = try failed().webhook
    #expect(body["type"] == "delegation.failed")
    #expect(body["timestamp"] == .string((Story.start + .seconds(7)).iso8601))
    #expect(body["data"]["failure"]["code"] == "agent-failed")
    #expect(body["data"]["failure"]["message"] == "it broke")
    #expect(body["data"]["repository"] == ["owner": "ebaejun", "repo": "tools"])
    #expect(body["data"]["pullRequest"]["number"] == 101)
    #expect(body["data"]["commitSHA"] == .null)
  }

  @Test func signaturesAreThoseOfTheStandard() throws {
    // The example of the reference implementations.
    let secret = try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    #expect(
      secret.signature(
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds: 1_614_265_330,
        body: Array(#"{"test": 2432232314}"#.utf8))
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    for wrong in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%"] {
      #expect(WebhookSecret(wrong) == nil)
    }
    let both = WebhookMessage(try failed(), secrets: [secret, secret], now: Story.start)
    let fields = Dictionary(uniqueKeysWithValues: both.headers.map { ($0.name, $0.value) })
    #expect(fields["webhook-timestamp"] == "1733356800")
    #expect(fields["webhook-signature"]?.split(separator: " ").count == 2)
  }

  @Test func textsOfOthersAreNoCommandsInSlack() throws {
    let evil = try failed(
      title: "<!channel> & <https://evil.example|click> <@U1>", message: "<!here>\n> *b*")
    let builtIn = SlackMessage.body(evil, nil)
    let own = SlackMessage.body(
      evil, try texts("  slack: '<{{pullRequest}}|{{title}}> {{{failureMessage}}} <!here>'"))
    for body in [builtIn, own] {
      let json = try JSONValue(json: body)
      let text = try #require(json["text"].stringValue)
      #expect(
        text.contains("&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt; &lt;@U1&gt;"))
      #expect(!text.contains("<!channel>"))
      #expect(!text.contains("<https://evil"))
      #expect(!text.contains("<@U1>"))
      #expect(json["parse"] == "none")
    }
    // The operator's template may mention people; values may not.
    let text = try #require(try JSONValue(json: own)["text"].stringValue)
    #expect(text.ranges(of: "<!here>").count == 1)
    #expect(text.hasPrefix("<https://github.com/ebaejun/tools/pull/101|&lt;!channel&gt;"))
    // A tag in a value is plain text.
    let tags = SlackMessage.body(try failed(title: "{{id}}"), try texts("  slack: '{{title}}'"))
    #expect(try JSONValue(json: tags)["text"] == "{{id}}")
  }

  @Test func aTemplateWithAnUnknownVariableIsRefused() {
    #expect(throws: WorkflowFaults.self) { try texts("  slack: '{{secret}}'") }
    #expect(throws: WorkflowFaults.self) { try texts("  teams: 'x'") }
  }

  @Test func longTextsAreCut() throws {
    let body = SlackMessage.body(
      try failed(message: String(repeating: "<", count: 100_000)), nil)
    #expect(body.count < 20_000)
  }
}
