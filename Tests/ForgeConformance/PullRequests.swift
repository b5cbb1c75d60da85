import Domain
import ForgePort
import Testing

extension ForgeConformance {
  static let pullRequests: [ConformanceCheck] = [
    ConformanceCheck("a pull request needs a commit, is opened once, and is found again", opened),
    ConformanceCheck("a draft is opened as the capabilities say", drafts),
    ConformanceCheck("comments are listed in their order", comments),
    ConformanceCheck(
      "a comment of its own account is deleted, once and alone, and is gone then", deletedComment),
    ConformanceCheck("more comments than a page holds are listed", commentPages),
    ConformanceCheck(
      "labels and reviewers that are there already change nothing", labelsAndReviewers),
  ]

  private static func opened(_ subject: any ForgeUnderTest) async throws {
    let name = subject.branch("opened")
    _ = try await subject.makeBranch(name)
    let call = ForgeCall.openPullRequest(subject.repository, try await subject.new(name))
    #expect(try await subject.client.fault(call).kind == .notYetVisible)
    let list = ForgeCall.pullRequests(subject.repository, headBranch: name)
    #expect(try await subject.reply(list) == .pullRequests([]))
    let head = try await subject.commit("x\n", on: name)
    guard case .pullRequest(let made) = try await subject.reply(call) else {
      Issue.record("no pull request")
      return
    }
    #expect(made.state == .open && made.body == "a body" && made.number > 0)
    #expect(made.headBranch == name && made.headSHA == head)
    #expect(made.url.hasPrefix("http"))
    #expect(try await subject.client.fault(call).kind == .exists)
    guard case .pullRequests(let listed) = try await subject.reply(list) else {
      Issue.record("no list")
      return
    }
    #expect(listed.map(\.lasting) == [made.lasting])
    #expect(try await subject.pullRequest(made.number).lasting == made.lasting)
    let missing = ForgeCall.pullRequest(subject.repository, number: 999_999)
    #expect(try await subject.client.fault(missing).kind == .notFound)
  }

  private static func drafts(_ subject: any ForgeUnderTest) async throws {
    guard subject.adapter.capabilities.draftPullRequests else { return }
    #expect(try await subject.open("draft", draft: true).state == .open)
  }

  private static func comments(_ subject: any ForgeUnderTest) async throws {
    let made = try await subject.open("comments")
    #expect(try await subject.comments(made.number) == [])
    for body in ["first", "sécond <!-- x -->"] {
      let call = ForgeCall.comment(subject.repository, number: made.number, body: body)
      #expect(try await subject.reply(call) == .created)
    }
    #expect(try await subject.comments(made.number) == ["first", "sécond <!-- x -->"])
  }

  private static func deletedComment(_ subject: any ForgeUnderTest) async throws {
    let made = try await subject.open("deleted-comment")
    for body in ["first", "twin", "twin"] {
      let call = ForgeCall.comment(subject.repository, number: made.number, body: body)
      #expect(try await subject.reply(call) == .created)
    }
    let account = try await subject.account()
    let found = try await subject.commentList(made.number)
    #expect(!account.isEmpty && found.allSatisfy { $0.author == account })
    #expect(Set(found.map(\.id)).count == 3)
    // The oldest is first, so the last one is the younger twin.
    let call = ForgeCall.deleteComment(subject.repository, id: try #require(found.last).id)
    for _ in 1...2 { #expect(try await subject.reply(call) == .deleted) }
    #expect(try await subject.commentList(made.number) == Array(found.dropLast()))
    guard let people = subject.people else { return }
    try await people.comment("of another account", on: made)
    let last = try #require(try await subject.commentList(made.number).last)
    #expect(last.author == people.reviewer && last.author != account)
  }

  private static func commentPages(_ subject: any ForgeUnderTest) async throws {
    guard subject.testsPages else { return }
    let made = try await subject.open("comment-pages")
    let bodies = (1...101).map { "comment \($0)" }
    for body in bodies {
      let call = ForgeCall.comment(subject.repository, number: made.number, body: body)
      #expect(try await subject.reply(call) == .created)
    }
    #expect(try await subject.comments(made.number) == bodies)
  }

  private static func labelsAndReviewers(_ subject: any ForgeUnderTest) async throws {
    let made = try await subject.open("labels")
    let (name, number) = (subject.repository, made.number)
    for _ in 1...2 {
      let labels = ForgeCall.addLabels(name, number: number, labels: ["aipm", "test"])
      #expect(try await subject.reply(labels) == .created)
      if subject.reviewers.isEmpty { continue }
      let review = ForgeCall.requestReviewers(
        name, number: number, users: subject.reviewers, teams: [])
      #expect(try await subject.reply(review) == .created)
    }
  }
}
