// Merging branches without a pull request, and a base branch into a pull request's branch.

import HTTPTypes
import Text

extension Route {
  static let merges: [Route] = [
    Route(
      .post, "merges", "branches/branches#merge-a-branch", .contents,
      history: { $0.mergeBranches }),
    Route(
      .put, "pulls/:number/update-branch", "pulls/pulls#update-a-pull-request-branch", .pulls,
      pull: { $0.updateBranch }),
  ]
}

extension RepositoryCall {
  @Sendable func mergeBranches() async throws -> APIReply {
    let git = repository.git
    let baseName = try call.requiredString("base")
    let headName = try call.requiredString("head")
    guard let ref = RefName(branch: baseName), let base = git.resolve(ref) else {
      throw APIError(status: .notFound, message: "Base does not exist")
    }
    guard let head = try await repository.commit(headName)?.id else {
      throw APIError(status: .notFound, message: "Head does not exist")
    }
    if repository.isProtected(baseName) {
      throw APIError.conflict("Changes must be made through a pull request.")
    }
    if try await git.isAncestor(head, of: base) { return .noContent }
    let message = try call.string("commit_message") ?? "Merge \(headName) into \(baseName)"
    guard let merged = try await merge(head, into: ref, at: base, message) else {
      throw APIError.conflict("Merge conflict")
    }
    try await api.refreshAll(in: repository, by: call.login)
    return .created(repository.objects.commit(merged))
  }

  /// Merges the base branch into the branch of a pull request.
  @Sendable func updateBranch(_ pull: PullRequestRecord) async throws -> APIReply {
    let git = repository.git
    guard pull.isOpen, let ref = pull.headRef, let baseRef = pull.baseRef,
      let head = git.resolve(ref), let base = git.resolve(baseRef)
    else { throw APIError.unprocessable("The pull request is closed.") }
    if let expected = try call.string("expected_head_sha"), expected != head.hex {
      throw APIError.unprocessable("expected head sha didn’t match current head ref.")
    }
    if try await git.isAncestor(base, of: head) {
      throw APIError.unprocessable("There are no new commits on the base branch.")
    }
    let message = "Merge branch '\(pull.baseBranch)' into \(pull.headBranch)"
    guard try await merge(base, into: ref, at: head, message) != nil else {
      throw APIError.unprocessable("merge conflict between base and head")
    }
    return .json(
      [
        "message": "Updating pull request branch.",
        "url": .string(repository.urls.page(repository.record, "/pull/\(pull.number)")),
      ], .accepted)
  }

  /// Moves a branch to a merge with a commit.
  /// - Returns: nil on a conflict.
  private func merge(
    _ other: ObjectName, into ref: RefName, at head: ObjectName, _ message: String
  ) async throws -> Commit? {
    let git = repository.git
    guard let tree = try await git.mergedTree(head, other) else { return nil }
    let object = Commit.object(
      tree: tree, parents: [head, other], author: user, committer: user, message: message)
    try await git.write([object])
    do {
      try await move(ref, from: head, to: object.id)
    } catch is BareRepository.RefUpdate {
      throw APIError.conflict("The branch was moved meanwhile. Try the merge again.")
    }
    return Commit(object)
  }
}
