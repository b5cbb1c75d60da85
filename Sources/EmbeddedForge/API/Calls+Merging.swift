// Merging, and requesting reviews.

import HTTPTypes
import Text

extension RepositoryCall {
  @Sendable func isMerged(_ pull: PullRequestRecord) async throws -> APIReply {
    guard pull.mergedAt != nil else { throw APIError.notFound }
    return .noContent
  }

  /// Moves the base branch to a merge with the head. The merge commit is recorded before the branch
  /// is moved, so that it is found after a crash in between (`PullRequestKeeper`).
  @Sendable func mergePull(_ pull: PullRequestRecord) async throws -> APIReply {
    let git = repository.git
    guard pull.isOpen, !pull.isDraft, let baseRef = pull.baseRef, let base = git.resolve(baseRef)
    else { throw Self.notMergeable }
    if let expected = try call.string("sha"), expected != pull.headSHA.hex {
      throw APIError.conflict("Head branch was modified. Review and try the merge again.")
    }
    if try await repository.isBehind(pull) {
      throw APIError(
        status: .methodNotAllowed,
        message: "Head branch is out of date. Review and try the merge again.")
    }
    guard let tree = try await git.mergedTree(base, pull.headSHA) else { throw Self.notMergeable }
    let commit = try mergeCommit(of: pull, tree: tree, base: base)
    try await git.write([commit])
    _ = try await api.change(pull, in: repository, by: call.login) { record in
      record.mergeCommit = commit.id
      record.baseSHA = base
    }
    do {
      try await move(baseRef, from: base, to: commit.id)
    } catch is BareRepository.RefUpdate {
      throw APIError.conflict("Base branch was modified. Review and try the merge again.")
    }
    let login = call.login
    _ = try await api.change(pull, in: repository, by: login) { record in
      record.isOpen = false
      record.mergedAt = ForgeStore.now
      record.mergedBy = login
      record.closedAt = record.mergedAt
    }
    if pull.baseBranch == repository.facts.defaultBranch {
      try await api.store.closeIssues(
        ClosingWords.issues(in: pull.body ?? ""), of: repository.record.id)
    }
    return .json([
      "sha": .string(commit.id.hex), "merged": true,
      "message": "Pull Request successfully merged",
    ])
  }

  private static let notMergeable = APIError(
    status: .methodNotAllowed, message: "Pull Request is not mergeable")

  private func mergeCommit(
    of pull: PullRequestRecord, tree: ObjectName, base: ObjectName
  ) throws -> GitObject {
    let user = user
    let parents: [ObjectName]
    let title: String
    let text: String
    switch try call.string("merge_method") ?? "merge" {
    case "merge":
      parents = [base, pull.headSHA]
      title =
        "Merge pull request #\(pull.number) from \(repository.record.owner)/\(pull.headBranch)"
      text = pull.title
    case "squash":
      parents = [base]
      title = "\(pull.title) (#\(pull.number))"
      text = ""
    case _:
      throw APIError(
        status: .methodNotAllowed, message: "This merge method is not allowed on this repository")
    }
    let subject = try call.string("commit_title") ?? title
    let body = try call.string("commit_message") ?? text
    return Commit.object(
      tree: tree, parents: parents, author: user, committer: user,
      message: body.isEmpty ? subject : "\(subject)\n\n\(body)")
  }

  // MARK: Reviews

  @Sendable func listReviewers(_ pull: PullRequestRecord) async throws -> APIReply {
    let shown = try await objects(for: [pull]).simple(pull)
    return .json(["users": shown["requested_reviewers"], "teams": []])
  }

  @Sendable func addReviewers(_ pull: PullRequestRecord) async throws -> APIReply {
    let logins = try reviewers()
    if logins.contains(where: { $0.lowercased() == pull.author.lowercased() }) {
      throw APIError.unprocessable("Review cannot be requested from pull request author.")
    }
    try await api.store.addReviewers(logins, to: pull)
    return .json(try await shownAgain(), .created)
  }

  @Sendable func removeReviewers(_ pull: PullRequestRecord) async throws -> APIReply {
    try await api.store.removeReviewers(try reviewers(), from: pull)
    return .json(try await shownAgain())
  }

  /// The pull request as it is after a change.
  private func shownAgain() async throws -> JSONValue {
    let changed = try await pull()
    return try await objects(for: [changed]).simple(changed)
  }

  /// The users of the call. Teams are not supported.
  private func reviewers() throws -> [String] {
    let logins = try call.strings("reviewers") ?? []
    let teams = try call.strings("team_reviewers") ?? []
    guard logins.allSatisfy(ForgeName.isLogin), teams.isEmpty else {
      throw APIError.unprocessable(
        "Reviews may only be requested from collaborators. One or more of the users or teams you "
          + "specified is not a collaborator of the \(repository.record.fullName) repository.")
    }
    return logins
  }
}
