// The rows of `forge.db`. Times are whole seconds since 1970, as on GitHub.

struct RepositoryRecord: Sendable, Equatable {
  var id: Int64
  /// Of the folder: a folder that was removed and created again is another repository.
  var folderID: String
  var owner: String
  var name: String
  var settings: RepositorySettings
  var createdAt: Int64
  var updatedAt: Int64
  var pushedAt: Int64

  var fullName: String { "\(owner)/\(name)" }
}

/// The permissions of a repository's users.
package struct RepositorySettings: Codable, Sendable, Equatable {
  package var description: String?
  package var isPrivate = false
  /// Read-only, as GitHub's archived repositories.
  package var isArchived = false
  /// Blocked, as on GitHub for unpaid bills.
  package var isDisabled = false
  /// If false, drafts are refused, as on a private repository of GitHub's free plan.
  package var allowsDrafts = true
  /// If false, the token may read but not write.
  package var allowsWriting = true
  /// Branches that refuse pushes, as patterns such as `main` or `release/*`.
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
  /// Recorded before the base branch is moved, so that a crash in between is detected.
  var mergeCommit: ObjectName?
  var closedAt: Int64?
  var createdAt: Int64
  var updatedAt: Int64
  var labels: [LabelRecord] = []
  var reviewers: [String] = []
  var comments = 0
  var reviewComments = 0

  var headRef: RefName? { RefName(branch: headBranch) }
  var baseRef: RefName? { RefName(branch: baseBranch) }
}

/// An issue that is no pull request.
struct IssueRecord: Sendable, Equatable {
  var id: Int64
  var repository: Int64
  var number: Int
  var title: String
  var body: String?
  var isOpen: Bool
  var author: String
  var closedAt: Int64?
  var createdAt: Int64
  var updatedAt: Int64
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

  /// GitHub's apps act as accounts of this type.
  var isBot: Bool { login.lowercased().hasSuffix("[bot]") }
}
