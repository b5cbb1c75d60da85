import Domain

/// The forge's answer to a call that it carried out.
package enum ForgeReply: Equatable, Sendable {
  case repository(ForgeRepository)
  /// The head of a branch; nil if the branch does not exist.
  case head(ObjectID?)
  case blob(ObjectID?)
  case tree([ForgeTreeEntry])
  case created
  case committed(ObjectID)
  case commits([ForgeCommit])
  case pullRequest(ForgePullRequest)
  case pullRequests([ForgePullRequest])
  case comments([ForgeComment])
  case deleted
  /// The forge's name of the account, as in `ForgeComment.author`.
  case account(String)
  case mayPush(Bool)
  case feedback([Feedback])
  /// The open pull requests, and what to ask with next time; nil: ask without. What was said on one
  /// is to be read if its `updatedAt` is nil or another one than the last time.
  case openPullRequests([ForgePullRequest], ForgeValidator?)
  /// The checks of a commit, and what to ask with next time; nil: ask without.
  case checks([ForgeCheck], ForgeValidator?)
  /// The head of a branch, and what to ask with next time; nil: ask without.
  case changedHead(ObjectID, ForgeValidator?)
  /// A pull request, and what to ask with next time; nil: ask without.
  case changedPullRequest(ForgePullRequest, ForgeValidator?)
  /// At most `ForgeCheck.reportMax` characters. It may contain secrets that a job has printed.
  case checkReport(String)
  case issue(ForgeIssue)
  /// At most `ForgeRepository.listedMax`, and whether these are all.
  case repositories([RepositoryName], isComplete: Bool)
  /// What was asked for is as it was.
  case unchanged
}

/// A comment on a pull request.
package struct ForgeComment: Equatable, Sendable {
  package var id: FeedbackID
  /// The forge's name of the account that wrote it.
  package var author: String
  package var body: String

  package init(id: FeedbackID, author: String, body: String) {
    self.id = id
    self.author = author
    self.body = body
  }
}

/// An issue on the forge.
package struct ForgeIssue: Equatable, Sendable {
  package var number: Int
  /// For people.
  package var url: String
  package var title: String
  /// As it was written; empty if nothing was.
  package var body: String
  package var isOpen: Bool
  /// Whether the forge has a pull request by this number.
  package var isPullRequest: Bool

  package init(
    number: Int, url: String, title: String, body: String, isOpen: Bool, isPullRequest: Bool
  ) {
    self.number = number
    self.url = url
    self.title = title
    self.body = body
    self.isOpen = isOpen
    self.isPullRequest = isPullRequest
  }
}

/// A repository on the forge.
package struct ForgeRepository: Equatable, Sendable {
  /// The most repositories in a list.
  package static let listedMax = 500

  package var defaultBranch: String
  package var cloneURL: String
  package var archived: Bool
  package var disabled: Bool
  /// Whether the credential may push; nil if the forge does not say.
  package var mayPush: Bool?

  package init(
    defaultBranch: String, cloneURL: String, archived: Bool, disabled: Bool, mayPush: Bool?
  ) {
    self.defaultBranch = defaultBranch
    self.cloneURL = cloneURL
    self.archived = archived
    self.disabled = disabled
    self.mayPush = mayPush
  }
}

/// A commit on the forge.
package struct ForgeCommit: Equatable, Sendable {
  package var sha: ObjectID
  package var parents: [ObjectID]
  package var message: String

  package init(sha: ObjectID, parents: [ObjectID], message: String) {
    self.sha = sha
    self.parents = parents
    self.message = message
  }
}

/// A pull request on the forge.
package struct ForgePullRequest: Equatable, Sendable {
  package var number: Int
  package var url: String
  package var state: PullRequestState
  package var body: String
  package var headBranch: String
  package var headSHA: ObjectID
  package var baseBranch: String
  /// When it, or what was said on it, last changed; nil if the forge does not say, or if the next
  /// change may have the same time.
  package var updatedAt: Timestamp?
  /// Whether it cannot be merged because it conflicts with its base; nil if the forge has not
  /// computed it yet, or does not say it in this reply.
  package var conflicts: Bool?
  /// Whether the forge allows no merge before the branch has the newest commits of its base.
  package var isBehind: Bool

  package init(
    number: Int, url: String, state: PullRequestState, body: String, headBranch: String,
    headSHA: ObjectID, baseBranch: String, updatedAt: Timestamp? = nil, conflicts: Bool? = nil,
    isBehind: Bool = false
  ) {
    self.number = number
    self.url = url
    self.state = state
    self.body = body
    self.headBranch = headBranch
    self.headSHA = headSHA
    self.baseBranch = baseBranch
    self.updatedAt = updatedAt
    self.conflicts = conflicts
    self.isBehind = isBehind
  }
}

/// An entry of a folder.
package struct ForgeTreeEntry: Equatable, Sendable {
  /// The kind of entry, from git's file modes.
  package enum Kind: Equatable, Sendable { case file, link, folder, submodule }

  package var name: String
  package var kind: Kind
  package var sha: ObjectID

  package init(name: String, kind: Kind, sha: ObjectID) {
    self.name = name
    self.kind = kind
    self.sha = sha
  }
}
