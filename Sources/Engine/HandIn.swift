// What a worker hands in, what it is held against, and what comes of it.

import Domain
import Screening
import Workflows

/// A commit that a worker hands in.
package struct HandIn: Equatable, Sendable {
  package var repository: RepositoryName
  package var delegation: DelegationID
  package var attempt: Int
  package var commit: ObjectID
  /// The head that it must stand on.
  package var parent: ObjectID
  /// The message that it must have, to the byte.
  package var message: String
  /// Folders and files that must not change, as the workflow names them.
  package var refusedPaths: [String]
  /// What looks like a credential and is none, as the workflow says.
  package var exemptions: SecretExemptions
  /// How many bytes all files that it adds or changes may have together, and the most files that a
  /// change may hold.
  package var bytesMax: Int
  package var filesMax: Int
  /// How large its pack may be.
  package var packBytesMax: Int { Workflow.Limits.packBytesMax(changed: bytesMax) }
  /// A file that must be as it is in another commit, and counts as no change; nil: none.
  package var restored: Restored?

  /// A file, and the commit that it is to be taken from.
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
    parent: ObjectID, message: String, refusedPaths: [String],
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
  package init(
    duration: Milliseconds, outputSize: Int, outputDigest: String,
    usage: AgentUsage = AgentUsage(), usageText: String? = nil, network: NetworkUse? = nil
  ) {
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
      attempt: attempt, token: token, sha: commit, parent: parent,
      figures: GenerationFigures(
        filesChanged: change.filesChanged, insertions: change.insertions,
        deletions: change.deletions, duration: report.duration, outputSize: report.outputSize,
        outputDigest: report.outputDigest, usageText: report.usageText, flagged: change.flagged),
      usage: report.usage)
  }
}

/// What a commit that was taken in changes.
package struct HandInFigures: Equatable, Sendable {
  package var filesChanged: Int
  package var insertions: Int
  package var deletions: Int
  /// Paths that nothing forbids and that people should look at; the first of them.
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

/// Why a hand-in was not taken.
package enum HandInRefusal: Error, Equatable, Sendable {
  /// The change breaks a rule: no other try of the same commit will do.
  case refused(message: String, hint: String?)
  /// The pack is not whole, or is not the commit that was named.
  case malformed(String)
  /// The server's own disk or git failed, as a probe of its own has shown: the worker keeps the
  /// commit and tries again.
  case unavailable(String)
}
