import Domain
import ForgeConformance
import ForgePort

// What is said on the table's pull requests.

extension Table.Repository {
  /// Adds something that was said.
  /// - Parameter thread: the first comment of the thread that it answers in; nil for a new one.
  /// - Returns: its number.
  @discardableResult
  mutating func say(
    _ source: FeedbackSource, _ body: String, by author: String, on pullRequest: ForgePullRequest,
    thread: Int64? = nil, line: Int? = nil, text: FeedbackText? = nil
  ) -> Int64 {
    lastKey += 1
    let key = lastKey
    let isOnChange = source == .reviewComment
    feedback[pullRequest.number, default: []].append(
      Feedback(
        id: FeedbackID(source, key), source: source, author: author,
        thread: isOnChange ? thread ?? key : nil,
        commit: source == .comment ? nil : pullRequest.headSHA, line: line,
        saidAt: Timestamp(milliseconds: 1_733_356_800_000 + key * 1000),
        text: text ?? FeedbackText(body: body)))
    return key
  }

  mutating func reply(
    _ number: Int, _ thread: Int64, _ body: String
  ) throws(ForgeFault) {
    let pullRequest = try pullRequest(number)
    guard let first = feedback[number]?.first(where: { $0.thread == thread }) else {
      throw Table.fault(.notFound, "there is no thread \(thread)")
    }
    say(
      .reviewComment, body, by: Table.account, on: pullRequest, thread: thread, line: first.line,
      text: FeedbackText(body: body, path: first.text?.path, hunk: first.text?.hunk))
  }

  /// A pull request with its branch's present head, and when something was last said on it.
  func current(_ pullRequest: ForgePullRequest) -> ForgePullRequest {
    var copy = pullRequest
    copy.headSHA = branches[copy.headBranch] ?? copy.headSHA
    copy.updatedAt = feedback[copy.number]?.last?.saidAt ?? copy.updatedAt
    return copy
  }

  func conflicts(_ pullRequest: ForgePullRequest) -> Bool {
    guard let ours = branches[pullRequest.headBranch],
      let theirs = branches[pullRequest.baseBranch]
    else { return false }
    let common = firstShared(theirs, with: ancestors(of: ours))
    let before = common.flatMap { commits[$0]?.files } ?? [:]
    let files = commits[ours]?.files ?? [:]
    return (commits[theirs]?.files ?? [:]).contains { path, blob in
      blob != before[path] && files[path] != before[path] && files[path] != blob
    }
  }

  private func ancestors(of sha: ObjectID) -> Set<ObjectID> {
    var found: Set<ObjectID> = []
    var open = [sha]
    while let next = open.popLast() {
      if found.insert(next).inserted { open += commits[next]?.parents ?? [] }
    }
    return found
  }

  /// The nearest commit of `sha`'s history that is in `known`.
  private func firstShared(_ sha: ObjectID, with known: Set<ObjectID>) -> ObjectID? {
    var next: ObjectID? = sha
    while let commit = next, !known.contains(commit) { next = commits[commit]?.parents.first }
    return next
  }
}

/// A person, and a program that checks.
struct TablePeople: ForgePeople {
  let table: Table
  let repository: RepositoryName
  let reviewer = "ann"

  func review(
    _ words: String, _ comments: [LineComment], on pullRequest: ForgePullRequest
  ) async throws {
    table.change(repository) { repository in
      repository.say(.review, words, by: reviewer, on: pullRequest)
      for comment in comments {
        let blob = repository.commits[pullRequest.headSHA]?.files[comment.path]
        let lines = blob.flatMap { repository.texts[$0] }?.split(separator: "\n") ?? []
        let hunk =
          "@@ -0,0 +1 @@\n"
          + lines.prefix(comment.line).map { "+\($0)" }
          .joined(separator: "\n")
        repository.say(
          .reviewComment, comment.body, by: reviewer, on: pullRequest, line: comment.line,
          text: FeedbackText(body: comment.body, path: comment.path, hunk: hunk))
      }
    }
  }

  /// The table shows a comment when its review is submitted.
  func beginReview(_ comment: LineComment, on pullRequest: ForgePullRequest) async throws {}

  func comment(_ words: String, on pullRequest: ForgePullRequest) async throws {
    table.change(repository) {
      $0.say(.comment, words, by: reviewer, on: pullRequest)
    }
  }

  func openIssue(_ title: String, _ body: String) async throws -> Int {
    table.change(repository) { repository in
      repository.issues.append(
        ForgeIssue(
          number: 500 + repository.issues.count, url: "https://table.example/issues", title: title,
          body: body, isOpen: true, isPullRequest: false))
    }
    return 500
  }

  func failJob(_ name: String, log: String, on commit: ObjectID) async throws {
    table.change(repository) { repository in
      let number = Int64(repository.reports.count + 1)
      let id = FeedbackID(.check, number)
      repository.add(
        ForgeCheck(
          id: id, name: name, commit: commit, outcome: .failed, author: "ci", job: number))
      repository.reports[id] = ForgeText.end(of: log, limit: ForgeCheck.reportMax)
    }
  }

  func report(_ name: String, failed: Bool, on commit: ObjectID) async throws {
    table.change(repository) { repository in
      let key = "status-\(repository.checks.values.reduce(0) { $0 + $1.count } + 1)-\(failed)"
      repository.add(
        ForgeCheck(
          id: FeedbackID(.check, key), name: name, commit: commit,
          outcome: failed ? .failed : .succeeded, author: "ci"))
    }
  }
}

extension Table.Repository {
  /// The latest of its name is kept.
  fileprivate mutating func add(_ check: ForgeCheck) {
    checks[check.commit, default: []].removeAll { $0.name == check.name }
    checks[check.commit, default: []].append(check)
  }
}
