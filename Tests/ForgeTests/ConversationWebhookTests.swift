import Cryptography
import Domain
import ForgePort
import Testing

@testable import ForgeGitHub

/// Webhooks of a pull request's conversation, as GitHub sends them.
@Suite struct ConversationWebhookTests {
  private static let sha = ObjectID(WebhookExamples.sha)
  private static let secret = "It's a Secret to Everybody"

  private static func read(
    _ name: String, _ body: String, secret: String = secret
  ) throws -> WebhookEvent {
    let bytes = Array(body.utf8)
    let code = HMACSHA256.code(for: bytes, key: Array(secret.utf8))
    let hex = code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    let headers = [
      "content-type": "application/json", "x-github-event": name,
      "x-github-delivery": "72d3162e", "x-hub-signature-256": "sha256=\(hex)",
    ]
    return try GitHubWebhooks(secret: Self.secret).read(headers: headers, body: bytes).event
  }

  private static func report(
    _ pullRequests: [Int64], _ feedback: Feedback, head: ObjectID? = nil
  ) -> WebhookEvent {
    .feedback(
      FeedbackReport(
        repository: repository, pullRequests: pullRequests, head: head, feedback: [feedback],
        sender: "Codertocat"))
  }

  private static func feedback(_ event: WebhookEvent) throws -> Feedback {
    guard case .feedback(let report) = event else { throw CancellationError() }
    return try #require(report.feedback.first)
  }

  private static func at(_ text: String) -> Timestamp? { Timestamp(iso8601: text) }

  @Test func aSubmittedReviewWithWordsIsFeedback() throws {
    let expected = Feedback(
      id: FeedbackID("review/237895671"), source: .review, author: "Codertocat",
      commit: Self.sha, saidAt: Self.at("2019-05-15T15:20:38Z"),
      text: FeedbackText(body: "Please add a test."))
    let event = try Self.read("pull_request_review", WebhookExamples.review())
    #expect(event == Self.report([2], expected))
  }

  @Test func aCommentOnALineHasItsPlaceAsItWasWrittenAt() throws {
    let expected = Feedback(
      id: FeedbackID("review-comment/284312630"), source: .reviewComment, author: "Codertocat",
      thread: 284_312_630, commit: Self.sha, line: 7, saidAt: Self.at("2019-05-15T15:20:37Z"),
      text: FeedbackText(
        body: "More emoji.", path: "README.md", hunk: "@@ -1 +1 @@\n-# Hello\n+# Bye"))
    func read(_ more: String) throws -> WebhookEvent {
      try Self.read(
        "pull_request_review_comment", WebhookExamples.reviewComment(more: more))
    }
    #expect(try read(WebhookExamples.onLine) == Self.report([2], expected))
    var reply = expected
    reply.thread = 284_312_000
    #expect(
      try read(WebhookExamples.onLine + #""in_reply_to_id":284312000,"#)
        == Self.report([2], reply))
    // A comment on the whole file, and one on a line that was removed.
    var onFile = expected
    onFile.line = nil
    for more in [
      #""line":1,"original_line":1,"side":"RIGHT","subject_type":"file","#,
      #""line":7,"original_line":7,"side":"LEFT","#,
    ] {
      #expect(try read(more) == Self.report([2], onFile))
    }
  }

  @Test func aCommentOnAPullRequestIsFeedback() throws {
    var expected = Feedback(
      id: FeedbackID("comment/492700400"), source: .comment, author: "Codertocat",
      saidAt: Self.at("2019-05-15T15:20:21Z"), text: FeedbackText(body: "@aipm please"))
    #expect(
      try Self.read("issue_comment", WebhookExamples.issueComment())
        == Self.report([1], expected))
    expected.author = "helper[bot]"
    expected.isByBot = true
    let bot = #"{"login":"helper[bot]","type":"Bot"}"#
    #expect(
      try Self.read("issue_comment", WebhookExamples.issueComment(user: bot))
        == Self.report([1], expected))
    // The account was deleted.
    (expected.author, expected.isByBot) = ("ghost", false)
    #expect(
      try Self.read("issue_comment", WebhookExamples.issueComment(user: "null"))
        == Self.report([1], expected))
  }

  @Test(arguments: [#""failure""#, #""timed_out""#])
  func aCheckRunThatFailedIsFeedback(conclusion: String) throws {
    let body = "lint: failed\n\n1 error\nx.swift:3: no such name"
    let expected = Feedback(
      id: FeedbackID("check/128620228"), source: .check, author: "github-actions", isByBot: true,
      commit: Self.sha, saidAt: Self.at("2019-05-15T15:22:12Z"), text: FeedbackText(body: body))
    for (pulls, numbers) in [(#"[{"number":2}]"#, [Int64(2)]), ("[]", []), ("null", [])] {
      let message = WebhookExamples.checkRun(conclusion: conclusion, pulls: pulls)
      #expect(
        try Self.read("check_run", message) == Self.report(numbers, expected, head: Self.sha))
    }
  }

  @Test(arguments: ["failure", "error"])
  func aStatusThatFailedIsFeedback(state: String) throws {
    let expected = Feedback(
      id: FeedbackID("check/status-6805126730"), source: .check, author: "Codertocat",
      commit: Self.sha, saidAt: Self.at("2019-05-15T15:20:55Z"),
      text: FeedbackText(body: "ci/tests: failed\n\n2 tests failed"))
    #expect(
      try Self.read("status", WebhookExamples.status(state: state))
        == Self.report([], expected, head: Self.sha))
  }

  /// A workflow that failed because of its jobs is reported by their check runs.
  @Test func aWorkflowThatCouldNotStartIsFeedback() throws {
    let event = try Self.read("workflow_run", WebhookExamples.workflowRun())
    let expected = Feedback(
      id: FeedbackID("check/run-289782451"), source: .check, author: "github-actions",
      isByBot: true, commit: Self.sha, saidAt: Self.at("2019-05-15T15:22:12Z"),
      text: FeedbackText(
        body: "CI: failed\n\nThe workflow could not start: .github/workflows/ci.yml"))
    #expect(event == Self.report([2], expected, head: Self.sha))
  }

  /// Events and messages that say nothing new.
  private static let ignored: [(name: String, body: String)] = [
    ("pull_request_review", WebhookExamples.review(action: "edited")),
    ("pull_request_review", WebhookExamples.review(action: "dismissed", state: "dismissed")),
    ("pull_request_review", WebhookExamples.review(state: "pending")),
    ("pull_request_review", WebhookExamples.review(state: "commented", body: "null")),
    ("pull_request_review", WebhookExamples.review(body: #"" \n\t""#)),
    ("pull_request_review_comment", WebhookExamples.reviewComment(action: "edited")),
    ("pull_request_review_comment", WebhookExamples.reviewComment(action: "deleted")),
    ("pull_request_review_comment", WebhookExamples.reviewComment(body: #""""#)),
    ("issue_comment", WebhookExamples.issueComment(action: "edited")),
    ("issue_comment", WebhookExamples.issueComment(action: "deleted")),
    ("issue_comment", WebhookExamples.issueComment(onPull: false)),
    ("issue_comment", WebhookExamples.issueComment(body: #""""#)),
    ("check_run", WebhookExamples.checkRun(action: "created", status: "in_progress")),
    ("check_run", WebhookExamples.checkRun(action: "rerequested")),
    ("check_run", WebhookExamples.checkRun(conclusion: #""success""#)),
    ("check_run", WebhookExamples.checkRun(conclusion: #""cancelled""#)),
    ("check_run", WebhookExamples.checkRun(conclusion: #""action_required""#)),
    ("check_run", WebhookExamples.checkRun(conclusion: "null")),
    ("status", WebhookExamples.status(state: "pending")),
    ("status", WebhookExamples.status(state: "success", description: "null")),
    ("workflow_run", WebhookExamples.workflowRun(action: "requested")),
    ("workflow_run", WebhookExamples.workflowRun(conclusion: "failure")),
    ("pull_request_review_thread", #"{"action":"resolved"}"#),
    ("check_suite", #"{"action":"completed"}"#),
  ]

  @Test(arguments: ignored)
  func whatSaysNothingNewIsIgnoredWithAReason(example: (name: String, body: String)) throws {
    guard case .ignored(let reason) = try Self.read(example.name, example.body) else {
      Issue.record("\(example)")
      return
    }
    #expect(!reason.isEmpty)
  }

  @Test(arguments: [
    ("pull_request_review", WebhookExamples.review()),
    ("pull_request_review_comment", WebhookExamples.reviewComment()),
    ("issue_comment", WebhookExamples.issueComment()),
    ("check_run", WebhookExamples.checkRun()), ("status", WebhookExamples.status()),
  ])
  func aForgedSignatureIsRefused(name: String, body: String) {
    let fault = #expect(throws: WebhookFault.self) {
      try Self.read(name, body, secret: "another secret")
    }
    #expect(fault?.kind == .notAuthentic)
  }

  @Test(arguments: [
    "pull_request_review", "pull_request_review_comment", "issue_comment", "check_run", "status",
    "workflow_run",
  ])
  func anotherFormIsMalformed(name: String) {
    for body in ["{}", "[]", "nonsense", #"{"action":7}"#] {
      let fault = #expect(throws: WebhookFault.self) { try Self.read(name, body) }
      #expect(fault?.kind == .malformed)
    }
  }

  /// Of a hunk the end is kept, which holds the commented line.
  @Test func longWordsAreCut() throws {
    let long = String(repeating: "é", count: 100_000)
    let comment = WebhookExamples.reviewComment(
      body: "\"\(long)\"", more: WebhookExamples.onLine,
      hunk: String(repeating: #" x\n"#, count: 9000) + "+the commented line")
    let text = try Self.feedback(try Self.read("pull_request_review_comment", comment)).text
    #expect(text?.body.unicodeScalars.count == FeedbackText.bodyMax)
    #expect(text?.body.hasSuffix("[cut: it has 100000 characters]") == true)
    let hunk = try #require(text?.hunk)
    #expect(hunk.unicodeScalars.count <= FeedbackText.hunkMax)
    #expect(hunk.hasSuffix(" x\n+the commented line") && hunk.hasPrefix("[cut: "))
    let check = WebhookExamples.checkRun(summary: "\"\(long)\"")
    let body = try #require(try Self.feedback(try Self.read("check_run", check)).text?.body)
    #expect(body.unicodeScalars.count < ForgeCheck.summaryMax + 100)
  }
}
