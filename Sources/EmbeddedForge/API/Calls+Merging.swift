// Merging, and requesting reviews.

import HTTPTypes
import Text

extension ForgeAPI {
  @Sendable func isMerged(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    guard try await pull(call, repository).mergedAt != nil else { throw APIError.notFound }
    return .noContent
  }

  /// Moves the base branch to a merge with the head. The merge commit is recorded before the branch
  /// is moved, so that it is found after a crash in between (`PullRequestKeeper`).
  @Sendable func mergePull(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call, .writing)
    let pull = try await pull(call, repository)
    let git = repository.git
    guard pull.isOpen, !pull.isDraft, let baseRef = pull.baseRef, let base = git.resolve(baseRef)
    else { throw Self.notMergeable }
    if let expected = try call.string("sha"), expected != pull.headSHA.hex {
      throw APIError.conflict("Head branch was modified. Review and try the merge again.")
    }
    guard let tree = try await git.mergedTree(base, pull.headSHA) else { throw Self.notMergeable }
    let commit = try mergeCommit(call, pull, repository, tree: tree, base: base)
    try await git.write([commit])
    _ = try await store.change(pull) { record in
      record.mergeCommit = commit.id
      record.baseSHA = base
    }
    do {
      try await git.update(baseRef, to: commit.id, from: base)
    } catch is BareRepository.RefUpdate {
      throw APIError.conflict("Base branch was modified. Review and try the merge again.")
    }
    let login = call.login
    _ = try await store.change(pull) { record in
      record.isOpen = false
      record.mergedAt = ForgeStore.now
      record.mergedBy = login
      record.closedAt = record.mergedAt
    }
    return .json([
      "sha": .string(commit.id.hex), "merged": true,
      "message": "Pull Request successfully merged",
    ])
  }

  private static let notMergeable = APIError(
    status: .methodNotAllowed, message: "Pull Request is not mergeable")

  private func mergeCommit(
    _ call: APICall, _ pull: PullRequestRecord, _ repository: RepositoryContext, tree: ObjectName,
    base: ObjectName
  ) throws -> GitObject {
    let user = Signature(
      name: call.login, email: "\(call.login)@users.noreply.localhost", seconds: ForgeStore.now)
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

  @Sendable func listReviewers(_ call: APICall) async throws -> APIReply {
    let repository = try await repository(call)
    let pull = try await pull(call, repository)
    let shown = try await objects(for: [pull], repository).simple(pull)
    return .json(["users": shown["requested_reviewers"], "teams": []])
  }

  @Sendable func addReviewers(_ call: APICall) async throws -> APIReply {
    let (repository, pull, logins) = try await reviewersCall(call)
    if logins.contains(where: { $0.lowercased() == pull.author.lowercased() }) {
      throw APIError.unprocessable("Review cannot be requested from pull request author.")
    }
    try await store.addReviewers(logins, to: pull)
    let changed = try await self.pull(call, repository)
    return .json(try await objects(for: [changed], repository).simple(changed), .created)
  }

  @Sendable func removeReviewers(_ call: APICall) async throws -> APIReply {
    let (repository, pull, logins) = try await reviewersCall(call)
    try await store.removeReviewers(logins, from: pull)
    let changed = try await self.pull(call, repository)
    return .json(try await objects(for: [changed], repository).simple(changed))
  }

  private func reviewersCall(_ call: APICall) async throws -> (
    RepositoryContext, PullRequestRecord, logins: [String]
  ) {
    let repository = try await repository(call, .writing)
    let pull = try await pull(call, repository)
    let logins = try call.strings("reviewers") ?? []
    let teams = try call.strings("team_reviewers") ?? []
    guard logins.allSatisfy(ForgeName.isLogin), teams.isEmpty else {
      throw APIError.unprocessable(
        "Reviews may only be requested from collaborators. One or more of the users or teams you "
          + "specified is not a collaborator of the \(repository.record.fullName) repository.")
    }
    return (repository, pull, logins)
  }
}
