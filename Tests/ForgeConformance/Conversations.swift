import Domain
import ForgePort
import Testing

/// What people and programs do on the forge under test, with other accounts than AIPM's.
package protocol ForgePeople: Sendable {
  /// The account that reviews and comments.
  var reviewer: String { get }

  /// Submits a review that asks for changes, with comments on lines of the new files.
  func review(
    _ words: String, _ comments: [LineComment], on pullRequest: ForgePullRequest) async throws
  /// Begins a review with one comment and AIPM's own account, and does not submit it.
  func beginReview(_ comment: LineComment, on pullRequest: ForgePullRequest) async throws
  /// Comments on the pull request.
  func comment(_ words: String, on pullRequest: ForgePullRequest) async throws
  /// Reports a job that failed, with a log.
  func failJob(_ name: String, log: String, on commit: ObjectID) async throws
  /// Opens an issue.
  /// - Returns: its number.
  func openIssue(_ title: String, _ body: String) async throws -> Int
  /// Reports the status of a commit.
  func report(_ name: String, failed: Bool, on commit: ObjectID) async throws
}

/// A comment on a line of the new file.
package struct LineComment: Sendable {
  package var path: String
  package var line: Int
  package var body: String

  package init(_ path: String, _ line: Int, _ body: String) {
    (self.path, self.line, self.body) = (path, line, body)
  }
}

extension ForgeConformance {
  static let conversations: [ConformanceCheck] = [
    ConformanceCheck("what people say is listed with its place, the oldest first", said),
    ConformanceCheck("a review that was not submitted is not seen", pending),
    ConformanceCheck("a reply goes to its thread, which must be there", replies),
    ConformanceCheck("more comments than a page holds are feedback", feedbackPages),
    ConformanceCheck("open pull requests are listed, and a list without changes is not", open),
    ConformanceCheck("checks have outcomes, and are listed when they change", checks),
    ConformanceCheck("a job that failed has a report with the end of its log", reports),
    ConformanceCheck("a branch's head is read again only if it has moved", heads),
    ConformanceCheck("a pull request that conflicts with its base says so", conflicts),
    ConformanceCheck("an issue is read with its title and its words", issues),
  ]

  private static func issues(_ subject: any ForgeUnderTest) async throws {
    guard let people = subject.people else { return }
    let number = try await people.openIssue("Add an ëxport", "First line\n\n- and more")
    let name = IssueName(repository: subject.repository, number: number)
    guard case .issue(let found) = try await subject.reply(.issue(name)) else {
      Issue.record("no issue")
      return
    }
    #expect(found.number == number && found.isOpen && !found.isPullRequest)
    #expect(found.title == "Add an ëxport" && found.body == "First line\n\n- and more")
    #expect(found.url.hasPrefix("http"))
    let absent = IssueName(repository: subject.repository, number: 999_999)
    #expect(try await subject.client.fault(.issue(absent)).kind == .notFound)
  }

  private static func said(_ subject: any ForgeUnderTest) async throws {
    guard let people = subject.people else { return }
    let made = try await subject.open("said")
    #expect(try await subject.feedback(made.number) == [])
    let places = [
      LineComment("notes/x.md", 1, "fïrst"), LineComment("notes/x.md", 1, "second"),
    ]
    try await people.review("Please change it.", places, on: made)
    try await people.comment("@aipm a remark", on: made)
    let found = try await subject.feedback(made.number)
    #expect(found.allSatisfy { $0.author == people.reviewer && !$0.isByBot })
    #expect(Set(found.map(\.id)).count == 4)
    let review = found.filter { $0.source == .review }
    #expect(review.map(\.text?.body) == ["Please change it."])
    #expect(review.map(\.commit) == [made.headSHA] && review.first?.thread == nil)
    let comment = found.filter { $0.source == .comment }
    #expect(comment.map(\.text) == [FeedbackText(body: "@aipm a remark")])
    let onLines = found.filter { $0.source == .reviewComment }
    #expect(onLines.map(\.text?.body) == ["fïrst", "second"])
    #expect(Set(onLines.map(\.thread)).count == 2)
    for one in onLines {
      #expect(one.commit == made.headSHA && one.line == 1 && one.text?.path == "notes/x.md")
      #expect(one.thread.map { FeedbackID(.reviewComment, $0) } == one.id)
      #expect(one.text?.hunk?.contains("+said") == true)
    }
    let call = ForgeCall.reviewComments(subject.repository, number: made.number)
    #expect(try await subject.reply(call) == .feedback(onLines))
    // The places of what was said stay when the branch moves.
    let blob = try await subject.blob("notes/x.md", at: made.headBranch)
    _ = try await subject.commit("above\nsaid\n", on: made.headBranch, replacing: blob)
    #expect(try await subject.feedback(made.number) == found)
  }

  private static func pending(_ subject: any ForgeUnderTest) async throws {
    guard let people = subject.people else { return }
    let made = try await subject.open("pending")
    try await people.beginReview(LineComment("notes/x.md", 1, "not yet"), on: made)
    #expect(try await subject.feedback(made.number) == [])
    let call = ForgeCall.reviewComments(subject.repository, number: made.number)
    #expect(try await subject.reply(call) == .feedback([]))
  }

  private static func replies(_ subject: any ForgeUnderTest) async throws {
    guard let people = subject.people else { return }
    let made = try await subject.open("replies")
    let words = "Please change it."
    try await people.review(words, [LineComment("notes/x.md", 1, "why?")], on: made)
    let first = try #require(
      try await subject.feedback(made.number).first { $0.source == .reviewComment })
    let thread = try #require(first.thread)
    func reply(_ thread: Int64) -> ForgeCall {
      .reply(subject.repository, number: made.number, thread: thread, body: "becäuse")
    }
    #expect(try await subject.reply(reply(thread)) == .created)
    let found = try await subject.feedback(made.number).filter { $0.source == .reviewComment }
    #expect(found.map(\.text?.body) == ["why?", "becäuse"])
    #expect(found.map(\.thread) == [thread, thread])
    #expect(found.last?.author != people.reviewer)
    #expect(found.last?.author == (try await subject.account()))
    // A twin of the reply goes away alone.
    #expect(try await subject.reply(reply(thread)) == .created)
    let twin = try #require(try await subject.feedback(made.number).last { $0.thread == thread })
    let delete = ForgeCall.deleteComment(subject.repository, id: twin.id)
    for _ in 1...2 { #expect(try await subject.reply(delete) == .deleted) }
    let kept = try await subject.feedback(made.number).filter { $0.source == .reviewComment }
    #expect(kept == found && twin.text?.body == "becäuse")
    #expect(try await subject.client.fault(reply(999_999_999)).kind == .notFound)
  }

  private static func feedbackPages(_ subject: any ForgeUnderTest) async throws {
    guard subject.testsPages, let people = subject.people else { return }
    let made = try await subject.open("feedback-pages")
    let bodies = (1...101).map { "comment \($0)" }
    for body in bodies { try await people.comment(body, on: made) }
    #expect(try await subject.feedback(made.number).map(\.text?.body) == bodies)
  }

  private static func open(_ subject: any ForgeUnderTest) async throws {
    let first = try await subject.open("open-1")
    let (found, validator) = try await subject.openPullRequests(since: nil)
    #expect(found.contains { $0.lasting == first.lasting })
    #expect(found.allSatisfy { $0.state == .open })
    guard let validator else { return }
    let again = ForgeCall.openPullRequests(subject.repository, since: validator)
    #expect(try await subject.reply(again) == .unchanged)
    let second = try await subject.open("open-2")
    let (next, newer) = try await subject.openPullRequests(since: validator)
    #expect(next.contains { $0.lasting == second.lasting } && next.count == found.count + 1)
    #expect(newer != nil && newer != validator)
    guard let people = subject.people, let newer else { return }
    func time(_ list: [ForgePullRequest]) -> Timestamp? {
      list.first { $0.number == first.number }?.updatedAt
    }
    // What is said changes the list and the time.
    try await people.comment("words", on: first)
    let (commented, third) = try await subject.openPullRequests(since: newer)
    #expect(time(commented) != time(next))
    try await people.review("more", [LineComment("notes/x.md", 1, "words")], on: first)
    let (reviewed, _) = try await subject.openPullRequests(since: third)
    #expect(time(reviewed) != time(commented))
  }

  private static func checks(_ subject: any ForgeUnderTest) async throws {
    guard let people = subject.people else { return }
    let commit = try await subject.open("checks").headSHA
    var validator: ForgeValidator?
    /// The checks, if they have changed.
    func changed() async throws -> [ForgeCheck]? {
      let call = ForgeCall.checks(subject.repository, commit: commit, since: validator)
      switch try await subject.reply(call) {
      case .checks(let found, let next):
        validator = next
        return found
      case .unchanged where validator != nil: return nil
      case let other: throw WrongAnswer(description: "\(other)")
      }
    }
    /// A forge may look at one of two lists in turn.
    func changedAtLast() async throws -> [ForgeCheck]? {
      if let found = try await changed() { return found }
      return try await changed()
    }
    #expect(try await changed() == [])
    #expect(validator == nil ? true : try await changed() == nil)
    try await people.report("tests", failed: false, on: commit)
    #expect(try await changedAtLast()?.map(\.outcome) == [.succeeded])
    try await people.failJob("build", log: "error: no\n", on: commit)
    let found = try #require(try await changedAtLast())
    #expect(Set(found.map(\.name)) == ["tests", "build"])
    let failed = found.filter { $0.outcome == .failed }
    #expect(failed.map(\.name) == ["build"] && failed.first?.job != nil)
    #expect(found.allSatisfy { $0.commit == commit && !$0.author.isEmpty })
    #expect(Set(found.map(\.id)).count == 2)
    try await people.report("tests", failed: true, on: commit)
    let last = try #require(try await changedAtLast())
    #expect(last.count == 2 && last.allSatisfy { $0.outcome == .failed })
    #expect(validator == nil ? true : try await changed() == nil)
  }

  private static func reports(_ subject: any ForgeUnderTest) async throws {
    guard let people = subject.people else { return }
    let commit = try await subject.open("reports").headSHA
    let log = (1...20_000).map { "line \($0)\n" }.joined() + "error: no such name\n"
    try await people.failJob("build", log: log, on: commit)
    let call = ForgeCall.checks(subject.repository, commit: commit, since: nil)
    guard case .checks(let found, _) = try await subject.reply(call) else {
      Issue.record("no checks")
      return
    }
    let check = try #require(found.first)
    guard
      case .checkReport(let report) = try await subject.reply(
        .checkReport(subject.repository, check))
    else {
      Issue.record("no report")
      return
    }
    #expect(report.hasSuffix("line 20000\nerror: no such name\n"))
    #expect(report.unicodeScalars.count <= ForgeCheck.reportMax)
    var other = check
    (other.id, other.job, other.annotations) = (FeedbackID(.check, 999_999_999), 999_999_999, 1)
    #expect(
      try await subject.reply(.checkReport(subject.repository, other)) == .checkReport(""))
  }

  private static func heads(_ subject: any ForgeUnderTest) async throws {
    let branch = subject.branch("watched")
    let start = try await subject.makeBranch(branch)
    func ask(_ validator: ForgeValidator?) async throws -> ForgeReply {
      try await subject.reply(
        .changedHead(subject.repository, branch: branch, since: validator))
    }
    guard case .changedHead(start, let first?) = try await ask(nil) else {
      Issue.record("no head, or no validator")
      return
    }
    #expect(try await ask(first) == .unchanged)
    let made = try await subject.commit("more\n", on: branch)
    guard case .changedHead(made, let second?) = try await ask(first) else {
      Issue.record("the head has changed")
      return
    }
    #expect(second != first)
    #expect(try await ask(second) == .unchanged)
    let missing = ForgeCall.changedHead(
      subject.repository, branch: "no-such", since: nil)
    #expect(try await subject.client.fault(missing).kind == .notFound)
  }

  private static func conflicts(_ subject: any ForgeUnderTest) async throws {
    let base = subject.branch("conflict-base")
    _ = try await subject.makeBranch(base)
    let topic = subject.branch("conflict-topic")
    _ = try await subject.makeBranch(topic)
    _ = try await subject.commit("ours\n", on: topic)
    var new = try await subject.new(topic)
    new.base = base
    guard
      case .pullRequest(let made) = try await subject.reply(
        .openPullRequest(subject.repository, new))
    else {
      Issue.record("no pull request")
      return
    }
    #expect(try await subject.conflicts(made.number) == false)
    _ = try await subject.commit("theirs\n", on: base)
    #expect(try await subject.conflicts(made.number, until: true) == true)
  }
}

extension ForgeUnderTest {
  func feedback(_ number: Int) async throws -> [Feedback] {
    guard case .feedback(let found) = try await reply(.feedback(repository, number: number)) else {
      throw WrongAnswer(description: "no feedback on \(number)")
    }
    return found
  }

  /// The open pull requests, once the forge's clock has passed the last change.
  fileprivate func openPullRequests(
    since validator: ForgeValidator?
  ) async throws -> ([ForgePullRequest], ForgeValidator?) {
    var validator = validator
    for _ in 1...20 {
      let call = ForgeCall.openPullRequests(repository, since: validator)
      guard case .openPullRequests(let found, let next) = try await reply(call) else {
        throw WrongAnswer(description: "the list has not changed")
      }
      if next != nil || found.allSatisfy({ $0.updatedAt != nil }) { return (found, next) }
      validator = nil
      try await Task.sleep(for: .milliseconds(500))
    }
    throw WrongAnswer(description: "the list never settles")
  }

  /// Whether a pull request conflicts with its base. A forge computes it some time after a change.
  fileprivate func conflicts(_ number: Int, until wanted: Bool? = nil) async throws -> Bool? {
    var last: Bool?
    for _ in 1...20 {
      last = try await pullRequest(number).conflicts
      if let last, wanted == nil || last == wanted { return last }
      try await Task.sleep(for: .milliseconds(500))
    }
    return last
  }
}
