import Domain
import Workflows

/// Identifies a delegation's own commits.
package enum Trailers {
  /// Whether this is the commit of TASK.md of that delegation.
  package static func isTaskCommit(_ message: String, of id: DelegationID) -> Bool {
    guard let trailers = CommitTrailers(message: message), trailers.delegation == id,
      case .task = trailers.kind
    else { return false }
    return true
  }

  /// The attempt that generated this commit; nil if it is not a generated commit of the delegation.
  package static func generatedAttempt(_ message: String, of id: DelegationID) -> Int? {
    guard let trailers = CommitTrailers(message: message), trailers.delegation == id,
      case .generated(let attempt) = trailers.kind
    else { return nil }
    return attempt
  }
}
