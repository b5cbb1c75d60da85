import Domain
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

  /// Merges the head of `base` into `branch`, always cleanly.
  mutating func mergeBase(
    _ name: RepositoryName, _ branch: String, _ base: String, _ now: Int64
  ) -> ForgeAnswer {
    guard let into = repositories[name]?.branches[branch], let ours = into.commits.last,
      let theirs = repositories[name]?.branches[base]?.commits.last
    else { return .failure(.absent) }
    if into.commits.contains(theirs) { return .success(.unchanged) }
    let sha = Self.sha("merge/\(ours)/\(theirs)")
    let blob = taskBlob(at: ours, in: name)
    repositories[name]?.commits[sha] = Commit(
      sha: sha, parents: [ours, theirs], message: "Merge \(base) into \(branch)", taskBlob: blob)
    repositories[name]?.branches[branch]?.commits += [theirs, sha]
    repositories[name]?.branches[branch]?.visibleAt = now + 300
    return .success(.committed(sha))
  }
}
