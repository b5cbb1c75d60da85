import Domain
import Engine
import ForgePort

// What is said on the made-up forge's pull requests.

extension MadeUpForge {
  /// What was said on a pull request.
  func said(
    on number: Int, of name: RepositoryName, _ isMeant: (Feedback) -> Bool
  ) -> ForgeAnswer {
    guard repositories[name]?.pullRequests.contains(where: { $0.number == number }) == true else {
      return .failure(.absent)
    }
    let found = feedback[Discussed(repository: name, number: number)] ?? []
    return .success(.feedback(found.filter(isMeant)))
  }

  /// Answers in a thread.
  mutating func reply(
    _ name: RepositoryName, _ number: Int, _ thread: Int64, _ body: String
  ) -> ForgeAnswer {
    let place = Discussed(repository: name, number: number)
    guard let first = feedback[place]?.first(where: { $0.thread == thread }) else {
      return .failure(.absent)
    }
    lastReply += 1
    let key = lastReply + 1_000_000
    feedback[place]?.append(
      Feedback(
        id: FeedbackID(.reviewComment, key), source: .reviewComment, author: Self.principal,
        isByBot: true, thread: thread, commit: first.commit, line: first.line,
        text: FeedbackText(body: body, path: first.text?.path)))
    return .success(.created)
  }

  /// How a branch stands to its base. Which of the other commits conflict is drawn from both heads.
  enum Standing { case current, mergeable, behind, conflict }

  func standing(_ head: ObjectID, _ base: ObjectID, in name: RepositoryName) -> Standing {
    let branch = repositories[name]?.branches.values.first { $0.commits.last == head }
    if branch?.commits.contains(base) ?? false { return .current }
    return switch Self.sha("\(head) and \(base)").rawValue.utf8.first.map({ $0 % 4 }) {
    case 0: .conflict
    case 1: .mergeable
    case _: .behind
    }
  }

  /// Merges two commits as the server's mirror does.
  /// - Returns: nil if the head has the base already, and the commit to keep if there is one.
  mutating func merge(
    _ name: RepositoryName, _ merging: Merging
  ) -> (merge: GitMerge, commit: Commit?)? {
    let (head, base) = (merging.head, merging.base)
    let standing = standing(head, base, in: name)
    if standing == .current { return nil }
    let start = Self.sha("start \(head) \(base)")
    guard standing != .conflict else {
      return (GitMerge(start: start, conflicts: ["a.js"], commit: nil), nil)
    }
    let commit = merging.message.map {
      Commit(sha: newSHA("merge"), parents: [head, base], message: $0)
    }
    return (GitMerge(start: start, conflicts: [], commit: commit?.sha), commit)
  }

  /// What the forge says of an open pull request that cannot be merged as it is.
  func baseFeedback(on place: Discussed) -> Feedback? {
    guard
      let found = repositories[place.repository]?.pullRequests.first(where: {
        $0.number == place.number && $0.state == .open
      }), let head = head(of: found.head, in: place.repository),
      let base = self.head(of: found.base, in: place.repository)
    else { return nil }
    let source: FeedbackSource
    switch standing(head, base, in: place.repository) {
    case .current, .mergeable: return nil
    case .behind: source = .behind
    case .conflict: source = .conflict
    }
    return Feedback(
      id: FeedbackID(source, head), source: source, author: "the forge", isByBot: true,
      commit: head, text: FeedbackText(body: "It cannot be merged."))
  }
}
