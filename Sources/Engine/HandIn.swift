// A worker's hand-in, its requirements, and its result.

import Domain
import Screening
import Workflows

/// A commit that a worker hands in.
package struct HandIn: Equatable, Sendable {
  package var repository: RepositoryName
  package var delegation: DelegationID
  package var attempt: Int
  package var commit: ObjectID
  /// The required parent, which is the first one of a merge.
  package var parent: ObjectID
  /// The required merge; nil if the commit has one parent.
  package var merge: BaseMerge?
  /// The commit that the agent started from. What differs from it is the agent's change.
  package var start: ObjectID { merge?.start ?? parent }
  /// The required message, compared as bytes.
  package var message: String
  /// Folders and files that must not change, as the workflow names them.
  package var refusedPaths: [String]
  /// The workflow's exemptions from the search for credentials.
  package var exemptions: SecretExemptions
  /// The most bytes of all added and changed files together, and the most files of a change.
  package var bytesMax: Int
  package var filesMax: Int
  /// The largest size of the pack.
  package var packBytesMax: Int { Workflow.Limits.packBytesMax(changed: bytesMax) }
  /// A file that must be the same as in another commit, and is not counted as a change; nil for
  /// none.
  package var restored: Restored?

  /// A file, and the commit with its required content.
  package struct Restored: Equatable, Sendable {
    package var path: String
    package var base: ObjectID
    package init(path: String, base: ObjectID) {
      self.path = path
      self.base = base
    }
  }

  package init(
    repository: RepositoryName, delegation: DelegationID, attempt: Int, commit: ObjectID,
    parent: ObjectID, merge: BaseMerge? = nil, message: String, refusedPaths: [String],
    exemptions: SecretExemptions = SecretExemptions(), bytesMax: Int, filesMax: Int,
    restored: Restored? = nil
  ) {
    self.restored = restored
    self.exemptions = exemptions
    self.repository = repository
    self.delegation = delegation
    self.attempt = attempt
    self.commit = commit
    self.parent = parent
    self.merge = merge
    self.message = message
    self.refusedPaths = refusedPaths
    self.bytesMax = bytesMax
    self.filesMax = filesMax
  }
}

/// What a worker reports about the run of an agent that made a commit.
package struct RunReport: Sendable {
  package var duration: Milliseconds
  package var outputSize: Int
  /// SHA-256, in hex.
  package var outputDigest: String
  package var usage: AgentUsage
  /// Usage as a sentence, from a worker that does not send numbers.
  package var usageText: String?
  /// nil if nothing is known.
  package var network: NetworkUse?
  /// The agent's last words; nil if it gave none.
  package var words: String?
  /// The most characters of these that are recorded.
  package static let wordsMax = 4000
  package init(
    duration: Milliseconds, outputSize: Int, outputDigest: String,
    usage: AgentUsage = AgentUsage(), usageText: String? = nil, network: NetworkUse? = nil,
    words: String? = nil
  ) {
    self.words = words
    self.duration = duration
    self.outputSize = outputSize
    self.outputDigest = outputDigest
    self.usage = usage
    self.usageText = usageText
    self.network = network
  }
}

extension HandIn {
  /// The accepted commit.
  /// - Parameter change: what the mirror counted.
  package func generated(
    _ change: HandInFigures, _ report: RunReport, token: FencingToken
  ) -> Generated {
    Generated(
      attempt: attempt, token: token, sha: commit, parent: parent, merge: merge,
      figures: GenerationFigures(
        filesChanged: change.filesChanged, insertions: change.insertions,
        deletions: change.deletions, duration: report.duration, outputSize: report.outputSize,
        outputDigest: report.outputDigest, usageText: report.usageText, flagged: change.flagged),
      usage: report.usage, words: report.words)
  }
}

/// The changes of an accepted commit.
package struct HandInFigures: Equatable, Sendable {
  package var filesChanged: Int
  package var insertions: Int
  package var deletions: Int
  /// The first paths that are allowed but that people should look at.
  package var flagged: [String]

  package init(
    filesChanged: Int, insertions: Int, deletions: Int, flagged: [String] = []
  ) {
    self.flagged = flagged
    self.filesChanged = filesChanged
    self.insertions = insertions
    self.deletions = deletions
  }
}

/// Why a hand-in was refused.
package enum HandInRefusal: Error, Equatable, Sendable {
  /// The change breaks a rule: the same commit will be refused again.
  /// - Parameter patch: the change for people to look at, for `git apply`; nil if it is not kept.
  case refused(message: String, hint: String?, patch: [UInt8]? = nil)
  /// The pack is incomplete, or does not contain the named commit.
  case malformed(String)
  /// The server's own disk or git failed, as a probe has shown: the worker keeps the commit and
  /// tries again.
  case unavailable(String)
}
