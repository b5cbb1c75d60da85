import Domain
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
    let key = Int64(feedback.values.reduce(1) { $0 + $1.count })
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
      .reviewComment, body, by: "aipm", on: pullRequest, thread: thread, line: first.line,
      text: FeedbackText(body: body, path: first.text?.path, hunk: first.text?.hunk))
  }

  /// Merges the head of `base` into `branch`. Two changes of one file are a conflict.
  mutating func mergeBase(_ base: String, into branch: String) throws(ForgeFault) -> ForgeReply {
    guard let ours = branches[branch], let theirs = branches[base] else {
      throw Table.fault(.notFound, "there is no \(branches[branch] == nil ? branch : base)")
    }
    let known = ancestors(of: ours)
    if known.contains(theirs) { return .unchanged }
    let common = firstShared(theirs, with: known)
    let before = common.flatMap { commits[$0]?.files } ?? [:]
    var files = commits[ours]?.files ?? [:]
    for (path, blob) in commits[theirs]?.files ?? [:] where blob != before[path] {
      guard files[path] == before[path] || files[path] == blob else {
        throw Table.fault(.conflict, "\(path) was changed on both sides")
      }
      files[path] = blob
    }
    let sha = add(
      Table.Commit(
        parents: [ours, theirs], message: "Merge \(base) into \(branch)", files: files))
    branches[branch] = sha
    return .committed(sha)
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
