// What the forge keeps beside git: rows of `forge.db`. Times are whole seconds since 1970, as
// GitHub's are.

struct RepositoryRecord: Sendable, Equatable {
  var id: Int64
  /// Of the folder; a folder that was removed and made anew is another repository.
  var folderID: String
  var owner: String
  var name: String
  var settings: RepositorySettings
  var createdAt: Int64
  var updatedAt: Int64
  var pushedAt: Int64

  var fullName: String { "\(owner)/\(name)" }
}

/// What a repository lets its users do.
package struct RepositorySettings: Sendable, Equatable {
  package var description: String?
  package var isPrivate = false
  /// Read-only, as GitHub's archived repositories are.
  package var isArchived = false
  /// Blocked altogether, as GitHub does it for unpaid bills.
  package var isDisabled = false
  /// False as on a private repository of GitHub's free plan: drafts are refused.
  package var allowsDrafts = true
  /// False: the token may read but not write.
  package var allowsWriting = true
  /// Branches that take no push, in the form of `fnmatch` patterns such as `main` or `release/*`.
  package var protectedBranches: [String] = []

  package init() {}
}

struct PullRequestRecord: Sendable, Equatable {
  var id: Int64
  var repository: Int64
  var number: Int
  var title: String
  var body: String?
  var isOpen: Bool
  var isDraft: Bool
  var headBranch: String
  var headSHA: ObjectName
  var baseBranch: String
  /// The base branch's head as last seen.
  var baseSHA: ObjectName
  var author: String
  var mergedAt: Int64?
  var mergedBy: String?
  /// Recorded before the base branch is moved, so that a crash in between is seen.
  var mergeCommit: ObjectName?
  var closedAt: Int64?
  var createdAt: Int64
  var updatedAt: Int64
  var labels: [LabelRecord] = []
  var reviewers: [String] = []
  var comments = 0

  var headRef: RefName? { RefName(branch: headBranch) }
  var baseRef: RefName? { RefName(branch: baseBranch) }
}

struct LabelRecord: Sendable, Equatable {
  var id: Int64
  var name: String
  var color: String
  var description: String?
}

struct CommentRecord: Sendable, Equatable {
  var id: Int64
  var number: Int
  var body: String
  var author: String
  var createdAt: Int64
  var updatedAt: Int64
}

struct UserRecord: Sendable, Equatable {
  var id: Int64
  var login: String
}
