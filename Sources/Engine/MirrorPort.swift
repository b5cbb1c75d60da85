// The engine's port to the server's mirrors of repositories. The cores make calls and read answers;
// the module Mirrors carries them out with git, and the simulation computes answers.

import Domain
import ForgePort

/// A call to the server's mirror of a repository, or between the mirror and the forge.
package enum GitCall: Equatable, Sendable {
  /// Fetches the branch into the mirror and reads its commits after `after`, oldest first.
  case fetch(RepositoryName, branch: String, after: ObjectID)
  /// `git push --force-with-lease=branch:expected`.
  case push(RepositoryName, branch: String, sha: ObjectID, expected: ObjectID)
}

/// The result of a git call that was carried out.
package enum GitReply: Equatable, Sendable {
  /// The branch's head and its commits; nil if the branch does not exist.
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

  /// Unpacks a thin pack into the mirror and keeps its commit under a ref of this attempt, durably.
  /// - Parameter pack: the path of the pack.
  func accept(_ handIn: HandIn, pack: String) async throws(HandInRefusal)

  /// Counts the changes of an accepted commit.
  /// - Returns: nil if the mirror does not have the commit.
  func figures(of handIn: HandIn) async throws(HandInRefusal) -> HandInFigures?

  /// The patch between two commits of the mirror, for people; at most `limit` bytes.
  func patch(
    _ repository: RepositoryName, from: ObjectID, to: ObjectID, limit: Int
  ) async throws(MirrorFault) -> [UInt8]
}
