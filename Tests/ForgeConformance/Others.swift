import Domain
import ForgePort
import Testing

extension ForgeConformance {
  static let others: [ConformanceCheck] = [
    ConformanceCheck("names that the forge has are allowed, and unsafe ones are not", names),
    ConformanceCheck("git gets a user and a password, which is a secret", gitCredential),
    ConformanceCheck("webhooks are read, and forged ones are refused", webhooks),
    ConformanceCheck("the owner may push, and somebody unknown may not", pushPermission),
    ConformanceCheck("the examination finds a repository, and a missing one", examination),
  ]

  private static func names(_ subject: any ForgeUnderTest) async throws {
    let rules = subject.adapter.names
    #expect(rules.faults(in: subject.repository).isEmpty)
    for text in ["", " ", ".", "..", "a b", "a\0", "../a", "a.git", "a/../b"] {
      #expect(!rules.faults(inRepository: text).isEmpty, "\(text.debugDescription)")
    }
    for text in ["", " ", "..", "a b", "a/../b", "/a", "a//b", "a/"] {
      #expect(!rules.faults(inOwner: text).isEmpty, "\(text.debugDescription)")
    }
  }

  private static func gitCredential(_ subject: any ForgeUnderTest) async throws {
    let credential = subject.adapter.gitCredential
    let login = try await credential.login()
    #expect(!login.user.isEmpty && !login.password.isEmpty)
    #expect(credential.secrets.contains(login.password))
    #expect(!credential.accessHint(subject.repository).isEmpty)
    #expect(!credential.rejectionHint("refused by a rule").isEmpty)
  }

  private static func webhooks(_ subject: any ForgeUnderTest) async throws {
    let secret = "It's a Secret to Everybody"
    let reader = subject.adapter.webhooks(secret: secret)
    let changed = PullRequestChange(
      repository: subject.repository, number: 7, state: .merged,
      asOf: Timestamp(milliseconds: 1_733_356_800_000), body: "a body", sender: "octocat")
    var reopened = changed
    reopened.state = .open
    let events: [WebhookEvent] =
      [
        .ping, .pullRequest(changed), .pullRequest(reopened),
        .push(repository: subject.repository, branch: "feature/x"),
      ] + feedbackEvents(subject)
    for event in events {
      let sent = try subject.webhook(event, id: "delivery-1", secret: secret)
      #expect(reader.mayBeAuthentic(headers: sent.headers))
      let read = try reader.read(headers: sent.headers, body: sent.body)
      #expect(read == WebhookDelivery(id: "delivery-1", event: event))
      let forged = try subject.webhook(event, id: "delivery-1", secret: "another secret")
      for (headers, body) in [(forged.headers, forged.body), ([:], sent.body)] {
        let fault = #expect(throws: WebhookFault.self) {
          try reader.read(headers: headers, body: body)
        }
        #expect(fault?.kind == .notAuthentic)
      }
      #expect(!reader.mayBeAuthentic(headers: [:]))
    }
  }

  /// One of each kind.
  private static func feedbackEvents(_ subject: any ForgeUnderTest) -> [WebhookEvent] {
    let commit = ObjectID(String(repeating: "a", count: 40))
    let time = Timestamp(milliseconds: 1_733_356_800_000)
    func report(_ feedback: Feedback, head: ObjectID? = nil) -> WebhookEvent {
      .feedback(
        FeedbackReport(
          repository: subject.repository, pullRequests: [7], head: head, feedback: [feedback],
          sender: "octocat"))
    }
    let check = ForgeCheck(
      id: FeedbackID(.check, 9), name: "build", commit: commit, outcome: .failed,
      summary: "1 error\nx.swift does not compile", author: "ci", endedAt: time)
    var onLine = Feedback(
      id: FeedbackID(.reviewComment, 12), source: .reviewComment, author: "ann", thread: 12,
      commit: commit, line: 3, saidAt: time,
      text: FeedbackText(body: "why?", path: "a b.swift", hunk: "@@ -1 +1 @@\n+x"))
    let comment = Feedback(
      id: FeedbackID(.comment, 10), source: .comment, author: "helper[bot]", isByBot: true,
      saidAt: time, text: FeedbackText(body: "@aipm wörds"))
    let review = Feedback(
      id: FeedbackID(.review, 11), source: .review, author: "ann", commit: commit, saidAt: time,
      text: FeedbackText(body: "Please change it."))
    let events = [
      report(comment), report(review), report(onLine), report(check.feedback(), head: commit),
    ]
    (onLine.thread, onLine.line) = (4, nil)
    return events + [report(onLine)]
  }

  private static func pushPermission(_ subject: any ForgeUnderTest) async throws {
    let owner = ForgeCall.mayPush(subject.repository, user: subject.repository.owner)
    #expect(try await subject.reply(owner) == .mayPush(true))
    let nobody = ForgeCall.mayPush(subject.repository, user: "aipm-nobody-0")
    #expect(try await subject.reply(nobody) == .mayPush(false))
  }

  private static func examination(_ subject: any ForgeUnderTest) async throws {
    let findings = await subject.adapter.examine(subject.repository)
    #expect(!findings.isEmpty)
    #expect(!findings.contains { $0.verdict == .bad }, "\(findings)")
    let missing = RepositoryName(owner: subject.repository.owner, name: "no-such-repository")
    let bad = await subject.adapter.examine(missing).filter { $0.verdict == .bad }
    #expect(bad.count == 1 && bad.first?.hint != nil)
  }
}
