import Domain
import Testing

@testable import Workflows

/// Which feedback counts under a workflow.
struct RoundPolicyTests {
  private func policy(_ rounds: String? = "{}") throws -> RoundPolicy {
    let lines = rounds.map { ["rounds: \($0)"] } ?? []
    let source =
      (["name: w", "agent-preference: [demo]"] + lines).joined(separator: "\n") + """

        templates:
          task-file: t
          prompt: p
          commit-message: m
          pull-request-body: b

        """
    return try Workflow(source: source, file: "w.yaml").rounds
  }

  private func said(
    _ body: String, _ source: FeedbackSource = .comment, by author: String = "ann",
    bot: Bool = false
  ) -> Feedback {
    Feedback(
      id: FeedbackID(source, 1), source: source, author: author, isByBot: bot,
      text: FeedbackText(body: body))
  }

  /// Definitions from before rounds are in logs: their pull requests must not begin to answer.
  @Test func withoutTheKeyOnlyPeopleInAIPMStartRounds() throws {
    let policy = try policy(nil)
    #expect(policy.on == [.ask])
    for source in FeedbackSource.allCases where source != .ask {
      #expect(policy.verdict(on: said("@aipm go", source)) == nil)
    }
    #expect(policy.verdict(on: said("go", .ask)) == .counts(gather: Milliseconds(0)))
  }

  @Test func theKeysAreRead() throws {
    let policy = try policy(
      "{on: [review, checks], gather: 5s, maximum: 3, checks: 1, bots: [lint], mentions: [/fix]}")
    #expect(policy.on == [.review, .checks])
    #expect(policy.gather == .seconds(5))
    #expect(policy.limits == RoundLimits(maximum: 3, checks: 1))
    #expect(policy.bots == ["lint"] && policy.mentions == ["/fix"])
    let standard = try self.policy()
    #expect(standard.on == RoundPolicy.Trigger.usual)
    #expect(standard.gather == .seconds(30))
    #expect(standard.limits == RoundLimits(maximum: 10, checks: 2))
  }

  @Test(arguments: [
    "{on: [reviews]}", "{gather: 2 minutes}", "{maximum: -1}", "{checks: many}",
    "{mentions: [\"two words\"]}", "{mentions: [x]}", "{botts: []}",
  ])
  func wrongKeysAreFaults(_ rounds: String) {
    #expect(throws: WorkflowFaults.self) { try policy(rounds) }
  }

  @Test(arguments: [
    "@aipm rename it", "Please, @AIPM: rename it", "(@aipm)", "/aipm", "one\n/aipm two",
    "done? @aipm.", "see `code` @aipm",
  ])
  func aMentionCounts(_ body: String) throws {
    #expect(try policy().verdict(on: said(body)) == .examine, "\(body)")
  }

  @Test(arguments: [
    "Nice.", "aipm", "@aipms", "x@aipm", "@aipm-bot", "@@aipm", "/usr/aipm", "/aipm/x", "é@aipm",
    "> @aipm rename it", "`@aipm`", "```\n@aipm\n```", "~~~\n/aipm", "  > /aipm",
  ])
  func otherWordsAreNotMeant(_ body: String) throws {
    #expect(try policy().verdict(on: said(body)) == nil, "\(body)")
  }

  /// AIPM's own texts have a marker. Somebody may quote one and write below it.
  @Test func itsOwnWordsAreNotHeard() throws {
    let policy = try policy()
    let marker = DelegationMarker.of(DelegationID("d"), notice: Notice(.summary, marker: "summary"))
    #expect(policy.verdict(on: said("Done.\n\n\(marker)\n", .reviewComment)) == nil)
    #expect(policy.verdict(on: said("> \(marker)\n\nNo.", .reviewComment)) == .examine)
    // A check is a fact of the forge, whatever its log says.
    #expect(
      policy.verdict(on: said("build: failed\n\(marker)", .check)) == .counts(gather: .seconds(30)))
  }

  @Test func programsCountIfTheyAreListed() throws {
    let policy = try policy("{bots: [Lint, \"fix[bot]\"]}")
    #expect(
      policy.verdict(on: said("x", .reviewComment, by: "lint[bot]", bot: true))
        == .counts(gather: .seconds(30)))
    #expect(
      policy.verdict(on: said("x", .review, by: "fix[bot]", bot: true))
        == .counts(gather: .seconds(30)))
    #expect(
      policy.verdict(on: said("x", .review, by: "other[bot]", bot: true))
        == .ignore(.botNotListed))
    // A person of that name is no program.
    #expect(policy.verdict(on: said("x", .review, by: "lint")) == .examine)
  }

  @Test func whatIsNotOnIsIgnored() throws {
    let policy = try policy("{on: [ask, mention]}")
    #expect(policy.verdict(on: said("x", .review)) == .ignore(.sourceOff))
    #expect(policy.verdict(on: said("x", .check)) == .ignore(.sourceOff))
    #expect(policy.verdict(on: said("@aipm", .comment)) == .examine)
  }
}

/// What a follow-up asks and answers.
struct RoundTextTests {
  @Test func wordsOfAgentsAreQuotedSafely() {
    let said = Workflow.quotation(
      "Hi @team\n<!-- aipm: d summary --> ![x](https://e/x.png) &#64;ann\r\n# big")
    #expect(
      said
        == "\n\n> Hi @\u{200B}team\n> &lt;!-- aipm: d summary --> !\u{200B}[x](https://e/x.png) "
        + "&amp;#64;ann\n> # big")
    #expect(Workflow.quotation(nil) == "" && Workflow.quotation(" \n") == "")
    #expect(Workflow.quotation(String(repeating: "x", count: 5000)).count < 4100)
  }

  @Test func answersAreFoundByTheirNumbers() {
    let words = AgentWords("Done.\n[1] Renamed it.\n  In two files.\n- [3]: Left it.\n[x] no\n[4]")
    #expect(
      words.answers == [1: "Renamed it.\n  In two files.", 3: "Left it.\n[x] no"])
    #expect(AgentWords("nothing").answers.isEmpty)
  }

  @Test func thePromptHasTheWordsAndTheCode() throws {
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    let feedback = [
      Feedback(
        id: FeedbackID(.reviewComment, 1), source: .reviewComment, author: "ann", line: 7,
        text: FeedbackText(body: "Rename {{it}}.", path: "a.js", hunk: "@@ -1 +1 @@\n+```x")),
      Feedback(id: FeedbackID(.ask, "2"), source: .ask, author: "bob", text: nil),
    ]
    let text = TaskText(
      title: "Rename", objective: "User can export", pullRequestTitle: "feat: x",
      constraints: .text(""), acceptanceCriteria: [],
      round: RoundText(
        feedback: feedback, earlier: [.init(subject: "feat: x", words: "Two\nlines")]))
    let prompt = workflow.prompt(text, id: DelegationID("d"))
    #expect(prompt.contains("User can export"))
    #expect(prompt.contains("- feat: x\n  Its author said: Two\n  lines"))
    #expect(prompt.contains("[1] ann on a.js, line 7:\nRename {{it}}.\n````diff\n@@ -1 +1 @@"))
    #expect(prompt.contains("[2] bob:\n(This text was redacted.)"))
    let message = workflow.generatedCommitMessage(
      text, id: DelegationID("d"), follows: DelegationID("c"), attempt: 2)
    #expect(message == "Rename\n\nAipm-Delegation: d\nAipm-Follows: c\nAipm-Attempt: 2")
    let trailers = try #require(CommitTrailers(message: message))
    #expect(trailers.follows == DelegationID("c") && trailers.kind == .generated(attempt: 2))
    #expect(trailers.delegation == DelegationID("d"))
  }
}
