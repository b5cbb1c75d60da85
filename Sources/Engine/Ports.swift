// The doors through which the engine reaches the world. Each is a set of values: a call, and what
// came of it. The cores of the engine make calls and read answers; adapters carry them out, the
// simulation makes them up. So every look-up and every rule of adoption runs in both.

import Domain

// MARK: - The forge

/// A call to the forge's REST API. One call is one request and one answer.
package enum ForgeCall: Equatable, Sendable {
  /// GET /repos/{o}/{r}
  case repository(RepositoryName)
  /// The head of a branch, or of the default branch where `branch` is nil (GET …/commits/HEAD).
  case branchHead(RepositoryName, branch: String?)
  /// The blob of a file as of a branch, a commit, or the default branch. Absent: `.blob(nil)`.
  case fileBlob(RepositoryName, path: String, ref: String?)
  /// What stands in a folder, by the name of its tree, or in a commit's root
  /// (GET …/git/trees/{sha}).
  case tree(RepositoryName, ObjectID)
  /// POST …/git/refs
  case createBranch(RepositoryName, branch: String, sha: ObjectID)
  /// GET …/git/ref/heads/{b}. Absent: `.head(nil)`.
  case branch(RepositoryName, branch: String)
  /// PUT …/contents/{path}
  case putFile(RepositoryName, FileCommit)
  /// The commits of `head` that `base` has not, oldest first (GET …/compare/{base}...{head}).
  case compare(RepositoryName, base: ObjectID, head: String)
  /// POST …/pulls
  case openPullRequest(RepositoryName, NewPullRequest)
  /// GET …/pulls?head=o:b&state=all
  case pullRequests(RepositoryName, headBranch: String)
  /// GET …/pulls/{n}
  case pullRequest(RepositoryName, number: Int)
  /// The bodies of the comments on a pull request (GET …/issues/{n}/comments).
  case comments(RepositoryName, number: Int)
  /// POST …/issues/{n}/comments
  case comment(RepositoryName, number: Int, body: String)
  /// POST …/issues/{n}/labels: those that are there already change nothing.
  case addLabels(RepositoryName, number: Int, labels: [String])
  /// POST …/pulls/{n}/requested_reviewers: those that are asked already change nothing.
  case requestReviewers(RepositoryName, number: Int, users: [String], teams: [String])
}

/// A commit of one file on the head of a branch.
package struct FileCommit: Equatable, Sendable {
  package var path: String
  package var branch: String
  package var content: String
  package var message: String
  /// The blob that it replaces; nil for a new file.
  package var replaces: ObjectID?
  /// Author's and committer's date: fixed, so that the same commit has the same name each time.
  package var date: Timestamp

  package init(
    path: String, branch: String, content: String, message: String, replaces: ObjectID?,
    date: Timestamp
  ) {
    self.path = path
    self.branch = branch
    self.content = content
    self.message = message
    self.replaces = replaces
    self.date = date
  }
}

/// A pull request to be opened.
package struct NewPullRequest: Equatable, Sendable {
  package var title: String
  package var head: String
  package var base: String
  package var body: String
  package var draft: Bool

  package init(title: String, head: String, base: String, body: String, draft: Bool) {
    self.title = title
    self.head = head
    self.base = base
    self.body = body
    self.draft = draft
  }
}

/// What the forge answered to a call that it carried out.
package enum ForgeReply: Equatable, Sendable {
  case repository(ForgeRepository)
  /// A branch's commit; nil where there is no such branch.
  case head(ObjectID?)
  case blob(ObjectID?)
  case tree([ForgeTreeEntry])
  case created
  case committed(ObjectID)
  case commits([ForgeCommit])
  case pullRequest(ForgePullRequest)
  case pullRequests([ForgePullRequest])
  case comments([String])
}

/// A repository, as the forge tells of it.
package struct ForgeRepository: Equatable, Sendable {
  package var defaultBranch: String
  package var cloneURL: String
  package var archived: Bool
  package var disabled: Bool
  /// nil where the forge does not say.
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

/// A commit, as the forge tells of it.
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

/// A pull request, as the forge tells of it.
package struct ForgePullRequest: Equatable, Sendable {
  package var number: Int
  package var url: String
  package var state: PullRequestState
  package var body: String
  package var headBranch: String
  package var headSHA: ObjectID
  package var baseBranch: String

  package init(
    number: Int, url: String, state: PullRequestState, body: String, headBranch: String,
    headSHA: ObjectID, baseBranch: String
  ) {
    self.number = number
    self.url = url
    self.state = state
    self.body = body
    self.headBranch = headBranch
    self.headSHA = headSHA
    self.baseBranch = baseBranch
  }
}

/// Why a call has no reply.
package struct ForgeFault: Error, Equatable, Sendable {
  /// What kind of fault it is; effects decide by this alone.
  package enum Kind: Equatable, Sendable {
    /// The request never left this machine: no name, refused, no TLS.
    case unreachable
    /// It was sent and no whole answer came: it may have been carried out.
    case noAnswer
    /// 500–504, or an answer that is not the API's. It may have been carried out.
    case unavailable
    /// A limit; not before that moment.
    case limited(until: Timestamp)
    /// It was not sent, for the forge has failed again and again; not before that moment.
    case down(until: Timestamp)
    /// 401
    case unauthorized
    /// 403 without a limit.
    case forbidden
    /// 404, 410: what the call names is not there, or not to be seen.
    case notFound
    /// 409, or a 422 that says that what stands there is something else.
    case conflict
    /// The 422s that say it exists already: a ref, a pull request, a file whose blob was not named.
    case exists
    /// 422 "No commits between", or a head that cannot be seen yet.
    case notYetVisible
    /// 409 of a repository without a commit.
    case empty
    /// Any other 4xx.
    case refused
  }

  package var kind: Kind
  /// 0 where there was no answer.
  package var status: Int
  /// What the forge said, or what went wrong on the way, without credentials.
  package var message: String
  /// What a person can do.
  package var hint: String?
  /// The forge's own name of the request.
  package var requestID: String?

  package init(
    kind: Kind, status: Int, message: String, hint: String? = nil, requestID: String? = nil
  ) {
    self.kind = kind
    self.status = status
    self.message = message
    self.hint = hint
    self.requestID = requestID
  }
}

package typealias ForgeAnswer = Result<ForgeReply, ForgeFault>

/// The forge, as the engine's adapter sees it.
package protocol Forge: Sendable {
  /// Carries out one call, within its own time limit.
  func perform(_ call: ForgeCall) async -> ForgeAnswer

  /// How the forge does, as far as calls have told.
  var condition: ForgeCondition { get }

  /// Returns when nothing forbids a call, having waited for a limit that ends soon: for git, which
  /// calls the forge beside this port.
  /// - Throws: `ForgeFault` with the moment to come again, where that is not soon.
  func pass() async throws(ForgeFault)

  /// Takes note that the forge asked git, which calls it beside this port, to be silent for so
  /// long.
  /// - Returns: until when nothing is sent; nil where that is not kept.
  func noteLimit(_ span: Milliseconds) -> Timestamp?
}

extension Forge {
  package var condition: ForgeCondition { ForgeCondition() }
  /// Nothing forbids one.
  package func pass() async throws(ForgeFault) {}
  /// Nothing is kept.
  package func noteLimit(_ span: Milliseconds) -> Timestamp? { nil }
}

/// How the forge does, as far as calls have told.
package struct ForgeCondition: Equatable, Sendable {
  /// What the credential may still ask, as the forge told last; nil where it told nothing.
  package var allowance: ForgeAllowance?
  /// Until when no call is sent because of a limit.
  package var limitedUntil: Timestamp?
  /// Until when no call is sent because the forge fails.
  package var downUntil: Timestamp?
  /// Calls since the start, and the connections that were opened for them.
  package var calls: Int64 = 0
  package var connections: Int64 = 0

  package init() {}
}

/// How many calls a credential has left.
package struct ForgeAllowance: Equatable, Sendable {
  package var limit: Int
  package var remaining: Int
  /// When it is full again.
  package var resetAt: Timestamp

  package init(limit: Int, remaining: Int, resetAt: Timestamp) {
    self.limit = limit
    self.remaining = remaining
    self.resetAt = resetAt
  }
}

// MARK: - Git

/// Work on the server's mirror of a repository, and between the mirror and the forge.
package enum GitCall: Equatable, Sendable {
  /// Brings the branch into the mirror and reads its commits after `after`, oldest first.
  case fetch(RepositoryName, branch: String, after: ObjectID)
  /// `git push --force-with-lease=branch:expected`.
  case push(RepositoryName, branch: String, sha: ObjectID, expected: ObjectID)
}

/// What came of a git call that was carried out.
package enum GitReply: Equatable, Sendable {
  /// The branch's head and its commits; nil where the branch is gone.
  case branch(GitBranch?)
  case pushed
}

/// A branch, as it is in the mirror after a fetch.
package struct GitBranch: Equatable, Sendable {
  package var head: ObjectID
  package var commits: [ForgeCommit]

  package init(head: ObjectID, commits: [ForgeCommit]) {
    self.head = head
    self.commits = commits
  }
}

/// Why a git call has no reply.
package struct GitFault: Error, Equatable, Sendable {
  /// What kind of fault it is; effects decide by this alone.
  package enum Kind: Equatable, Sendable {
    case unreachable
    /// It may have happened.
    case noAnswer
    /// It was not tried: a limit of the forge; not before that moment.
    case limited(until: Timestamp)
    /// It was not tried: the forge has failed again and again; not before that moment.
    case down(until: Timestamp)
    case unauthorized
    case notFound
    /// The remote refused the update: the lease is stale, or a rule forbids it.
    case rejected(stale: Bool)
    /// What the repository holds is taken from nobody: it is too large, or could harm whoever
    /// checks it out.
    case refused
    /// The commit is not in the mirror any more.
    case objectMissing
    /// The server's own git or disk.
    case local
  }

  package var kind: Kind
  package var message: String
  package var hint: String?

  package init(kind: Kind, message: String, hint: String? = nil) {
    self.kind = kind
    self.message = message
    self.hint = hint
  }
}

package typealias GitAnswer = Result<GitReply, GitFault>

/// The server's mirrors: where workers fetch from, where their commits arrive, and whence they are
/// pushed.
package protocol Mirrors: Sendable {
  func perform(_ call: GitCall) async -> GitAnswer

  /// Takes a thin pack into the mirror and keeps `commit` under a ref of this attempt, durably.
  /// - Parameter pack: the path of a file that holds the pack.
  func accept(_ handIn: HandIn, pack: String) async throws(HandInRefusal) -> HandInFigures

  /// The patch between two commits of the mirror, for people; at most `limit` bytes.
  func patch(
    _ repository: RepositoryName, from: ObjectID, to: ObjectID, limit: Int
  ) async throws(GitFault) -> [UInt8]
}
