import Domain
import ForgePort
import Testing

extension ForgeConformance {
  static let faults: [ConformanceCheck] = [
    ConformanceCheck("what does not exist is not found, by every call", notFound),
    ConformanceCheck("a wrong credential is unauthorized", wrongCredential),
    ConformanceCheck("an address where nobody listens is unreachable", unreachable),
    ConformanceCheck(
      "a lost answer may have been carried out, and what it made is found", answersLost),
    ConformanceCheck(
      "a forge that fails is unavailable, and left alone if it keeps failing", failing),
    ConformanceCheck("a limit holds for every call until it ends", limited),
    ConformanceCheck("a write without the right is forbidden", readOnly),
    ConformanceCheck("a repository without drafts says so", withoutDrafts),
    ConformanceCheck("an archived repository says so", archived),
    ConformanceCheck("a repository without a commit is empty", empty),
  ]

  /// Enters a situation, if the forge under test can create it.
  private static func enter(
    _ situation: Situation, _ subject: any ForgeUnderTest,
    _ body: (any ForgeClient, RepositoryName) async throws -> Void
  ) async throws {
    guard subject.situations.contains(situation) else { return }
    let (client, repository) = try await subject.enter(situation)
    try await body(client, repository)
  }

  /// Messages are for people, and hold no credential.
  private static func check(_ fault: ForgeFault, _ subject: any ForgeUnderTest) {
    #expect(!fault.message.isEmpty)
    for secret in subject.adapter.gitCredential.secrets {
      #expect(!fault.message.contains(secret) && fault.hint?.contains(secret) != true)
    }
  }

  private static func notFound(_ subject: any ForgeUnderTest) async throws {
    let missing = RepositoryName(owner: subject.repository.owner, name: "no-such-repository")
    let sha = try await subject.head(of: nil)
    let new = NewPullRequest(title: "t", head: "b", base: "main", body: "", draft: false)
    let file = type(of: subject).file("x\n", "x.md", "b", nil)
    let calls: [ForgeCall] = [
      .repository(missing), .branchHead(missing, branch: nil), .tree(missing, sha),
      .createBranch(missing, branch: "b", sha: sha), .putFile(missing, file),
      .compare(missing, base: sha, head: "b"), .openPullRequest(missing, new),
      .pullRequests(missing, headBranch: "b"), .pullRequest(missing, number: 1),
      .comments(missing, number: 1), .comment(missing, number: 1, body: "x"),
      .addLabels(missing, number: 1, labels: ["x"]),
      .requestReviewers(missing, number: 1, users: ["x"], teams: []),
      .feedback(missing, number: 1), .reviewComments(missing, number: 1),
      .reply(missing, number: 1, thread: 1, body: "x"), .openPullRequests(missing, since: nil),
      .checks(missing, commit: sha, since: nil), .changedHead(missing, branch: "main", since: nil),
      .changedPullRequest(missing, number: 1, since: nil),
      .issue(IssueName(repository: missing, number: 1)),
    ]
    for call in calls {
      let fault = try await subject.client.fault(call)
      #expect(fault.kind == .notFound, "\(call)")
      check(fault, subject)
    }
    let blob = ForgeCall.fileBlob(missing, path: "x", ref: nil)
    #expect(try await subject.reply(blob) == .blob(nil))
    #expect(try await subject.reply(.branch(missing, branch: "b")) == .head(nil))
    for source in [FeedbackSource.comment, .reviewComment] {
      let call = ForgeCall.deleteComment(missing, id: FeedbackID(source, 1))
      #expect(try await subject.reply(call) == .deleted)
    }
    let check = ForgeCheck(
      id: FeedbackID(.check, 1), name: "x", commit: sha, outcome: .failed, author: "x", job: 1,
      annotations: 1)
    #expect(try await subject.reply(.checkReport(missing, check)) == .checkReport(""))
    let unknown = ForgeCall.feedback(subject.repository, number: 999_999)
    #expect(try await subject.client.fault(unknown).kind == .notFound)
  }

  private static func wrongCredential(_ subject: any ForgeUnderTest) async throws {
    try await enter(.wrongCredential, subject) { client, repository in
      let fault = try await client.fault(.repository(repository))
      #expect(fault.kind == .unauthorized && fault.hint != nil)
      check(fault, subject)
    }
  }

  private static func unreachable(_ subject: any ForgeUnderTest) async throws {
    try await enter(.unreachable, subject) { client, repository in
      let fault = try await client.fault(.branch(repository, branch: "b"))
      #expect(fault.kind == .unreachable)
      check(fault, subject)
    }
  }

  private static func answersLost(_ subject: any ForgeUnderTest) async throws {
    try await enter(.answersLost, subject) { client, repository in
      let base = try await subject.head(of: nil)
      let name = subject.branch("lost")
      let fault = try await client.fault(.createBranch(repository, branch: name, sha: base))
      #expect(fault.kind == .noAnswer || fault.kind == .unavailable)
      check(fault, subject)
      #expect(try await client.perform(.branch(repository, branch: name)).get() == .head(base))
    }
  }

  private static func failing(_ subject: any ForgeUnderTest) async throws {
    try await enter(.failing, subject) { client, repository in
      var kinds: [ForgeFault.Kind] = []
      for _ in 1...20 {
        let fault = try await client.fault(.repository(repository))
        check(fault, subject)
        kinds.append(fault.kind)
      }
      #expect(kinds.first == .unavailable)
      guard case .down(let until) = kinds.last else {
        Issue.record("the last fault is \(String(describing: kinds.last))")
        return
      }
      #expect(client.condition.downUntil.map { $0 <= until } == true)
    }
  }

  private static func limited(_ subject: any ForgeUnderTest) async throws {
    try await enter(.limited, subject) { client, repository in
      let calls: [ForgeCall] = [
        .repository(repository), .branch(repository, branch: "b"),
        .comment(repository, number: 1, body: "x"),
      ]
      for call in calls {
        let fault = try await client.fault(call)
        check(fault, subject)
        guard case .limited = fault.kind else {
          Issue.record("\(call): \(fault)")
          return
        }
      }
      #expect(client.condition.limitedUntil != nil)
      await #expect(throws: ForgeFault.self) { try await client.pass() }
    }
  }

  private static func readOnly(_ subject: any ForgeUnderTest) async throws {
    try await enter(.readOnly, subject) { client, repository in
      let answer = try await client.perform(.branchHead(repository, branch: nil)).get()
      guard case .head(.some(let base)) = answer else {
        Issue.record("it cannot be read: \(answer)")
        return
      }
      let name = subject.branch("forbidden")
      let fault = try await client.fault(.createBranch(repository, branch: name, sha: base))
      #expect(fault.kind == .forbidden && fault.hint != nil)
    }
  }

  private static func withoutDrafts(_ subject: any ForgeUnderTest) async throws {
    try await enter(.withoutDrafts, subject) { client, repository in
      let name = subject.branch("no-drafts")
      guard
        case .head(.some(let base)) = try await client.perform(
          .branchHead(repository, branch: nil)
        ).get(),
        case .repository(let facts) = try await client.perform(.repository(repository)).get()
      else {
        Issue.record("it cannot be read")
        return
      }
      _ = try await client.perform(.createBranch(repository, branch: name, sha: base)).get()
      let file = type(of: subject).file("x\n", "x.md", name, nil)
      _ = try await client.perform(.putFile(repository, file)).get()
      var new = NewPullRequest(
        title: "t", head: name, base: facts.defaultBranch, body: "", draft: true)
      let fault = try await client.fault(.openPullRequest(repository, new))
      #expect(fault.kind == .draftsUnsupported)
      new.draft = false
      _ = try await client.perform(.openPullRequest(repository, new)).get()
    }
  }

  private static func archived(_ subject: any ForgeUnderTest) async throws {
    try await enter(.archived, subject) { client, repository in
      guard case .repository(let facts) = try await client.perform(.repository(repository)).get()
      else {
        Issue.record("it cannot be read")
        return
      }
      #expect(facts.archived)
    }
  }

  private static func empty(_ subject: any ForgeUnderTest) async throws {
    try await enter(.empty, subject) { client, repository in
      let fault = try await client.fault(.branchHead(repository, branch: nil))
      #expect(fault.kind == .empty)
      let blob = ForgeCall.fileBlob(repository, path: "x.md", ref: nil)
      #expect(try await client.perform(blob).get() == .blob(nil))
    }
  }
}
