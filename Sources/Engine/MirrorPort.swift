// The engine's port to the server's mirrors of repositories. The cores make calls and read answers;
// the module Mirrors carries them out with git, and the simulation computes answers.

import Domain
import ForgePort

/// A call to the server's mirror of a repository, or between the mirror and the forge.
package enum GitCall: Equatable, Sendable {
  /// Fetches the branch into the mirror and reads its commits after `after`, oldest first.
  case fetch(RepositoryName, branch: String, after: ObjectID)
  /// Merges two commits of the mirror, and writes nothing to the forge.
  case merge(RepositoryName, Merging)
  /// `git push --force-with-lease=branch:expected`.
  case push(RepositoryName, branch: String, sha: ObjectID, expected: ObjectID)
}

/// The result of a git call that was carried out.
package enum GitReply: Equatable, Sendable {
  /// The branch's head and its commits; nil if the branch does not exist.
  case branch(GitBranch?)
  /// nil if the head has the commits of the base already.
  case merged(GitMerge?)
  case pushed
}

/// A merge of the base branch into a branch.
package struct Merging: Equatable, Sendable {
  package var delegation: DelegationID
  /// The head of the branch: the first parent.
  package var head: ObjectID
  /// The head of the base branch: the second parent.
  package var base: ObjectID
  /// The message of the commit, if the two merge without a conflict; nil if none is needed.
  package var message: String?

  package init(delegation: DelegationID, head: ObjectID, base: ObjectID, message: String?) {
    self.delegation = delegation
    self.head = head
    self.base = base
    self.message = message
  }
}

/// What git made of two commits.
package struct GitMerge: Equatable, Sendable {
  /// A commit with both as its parents, for an agent to start from. Its files have the conflicts
  /// marked. The same two commits give the same one.
  package var start: ObjectID
  /// The files with conflicts, in git's order, as text for people.
  package var conflicts: [String]
  /// A commit with the message that was asked for; nil if there are conflicts.
  package var commit: ObjectID?

  package init(start: ObjectID, conflicts: [String], commit: ObjectID?) {
    self.start = start
    self.conflicts = conflicts
    self.commit = commit
  }

  /// The most files with conflicts that are named.
  package static let conflictsMax = 100
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
package struct MirrorFault: Error, Equatable, Sendable {
  /// What the fault means. Effects decide by this alone.
  package enum Kind: Equatable, Sendable {
    case unreachable
    /// It may have been carried out.
    case noAnswer
    /// It was not tried because of a limit of the forge, which ends at `until`.
    case limited(until: Timestamp)
    /// It was not tried because the forge keeps failing. Nothing is sent before `until`.
    case down(until: Timestamp)
    case unauthorized
    case notFound
    /// The remote refused the update: the lease is stale, or a rule forbids it.
    case rejected(stale: Bool)
    /// The repository is too large, or contains objects that could harm a machine that checks it
    /// out.
    case refused
    /// The commit is no longer in the mirror.
    case objectMissing
    /// The server's own git or disk failed.
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

package typealias GitAnswer = Result<GitReply, MirrorFault>

/// The server's mirrors. Workers fetch from them and hand commits in to them, and the server pushes
/// from them.
package protocol RepositoryMirrors: Sendable {
  func perform(_ call: GitCall) async -> GitAnswer

  /// Makes sure that the mirror has what an agent starts from. The server that prepared it may have
  /// been replaced by this one. If the forge does not have it any more, nothing happens.
  func provide(_ checkout: Checkout, of delegation: DelegationID) async throws(MirrorFault)

  /// Unpacks a thin pack into the mirror and keeps its commit under a ref of this attempt, durably.
  /// - Parameter pack: the path of the pack.
  func accept(_ handIn: HandIn, pack: String) async throws(HandInRefusal)

  /// Counts the changes of an accepted commit.
  /// - Returns: nil if the mirror does not have the commit.
  func figures(of handIn: HandIn) async throws(HandInRefusal) -> HandInFigures?

  /// The patch between two commits of the mirror, for people; at most `limit` bytes.
  func patch(
    _ repository: RepositoryName, _ change: MirrorChange, limit: Int
  ) async throws(MirrorFault) -> [UInt8]

  /// A file that differs between two commits of the mirror, for people; at most `limit` bytes.
  func file(
    _ path: String, _ side: ChangeSide, of change: MirrorChange, in repository: RepositoryName,
    limit: Int
  ) async throws(MirrorFault) -> ChangedFile
}

extension RepositoryMirrors {
  /// See `RepositoryMirrors`; for mirrors that one server has.
  package func provide(
    _ checkout: Checkout, of delegation: DelegationID
  ) async throws(MirrorFault) {}
}

/// What an agent starts from.
package struct Checkout: Equatable, Sendable {
  package var repository: RepositoryName
  /// The head of the branch.
  package var head: ObjectID
  /// The merge that the server has made; nil if the agent starts from `head`.
  package var merge: BaseMerge?
  /// The commit that is checked out.
  package var start: ObjectID { merge?.start ?? head }

  package init(repository: RepositoryName, head: ObjectID, merge: BaseMerge?) {
    self.repository = repository
    self.head = head
    self.merge = merge
  }
}

/// What changed between two commits.
package struct MirrorChange: Sendable {
  package var from: ObjectID
  package var to: ObjectID
  /// Whether lines that differ in spaces only count as equal.
  package var ignoresWhitespace = false

  package init(from: ObjectID, to: ObjectID, ignoresWhitespace: Bool = false) {
    self.from = from
    self.to = to
    self.ignoresWhitespace = ignoresWhitespace
  }
}

/// One of the two versions of a changed file.
package enum ChangeSide: String, CaseIterable, Sendable {
  case before, after
}

/// One version of a changed file.
package enum ChangedFile: Equatable, Sendable {
  case content([UInt8])
  case tooLarge(bytes: Int)
  /// The file did not change, or is absent in that version, or is no file.
  case absent
}
