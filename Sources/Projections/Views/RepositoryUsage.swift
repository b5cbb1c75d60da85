import Domain
import EventLog

/// The generated commits of a repository in a calendar month, in UTC.
package struct RepositoryUsage: FoldedRow {
  package var repository = ""
  /// `2026-11`.
  package var month = ""
  /// The number of attempts that were assigned to a worker.
  package var attempts: Int64 = 0
  /// How many commits were accepted, and the time that agents took for them, in milliseconds.
  package var generations: Int64 = 0
  package var duration: Int64 = 0
  package var linesAdded: Int64 = 0
  package var linesRemoved: Int64 = 0
  /// How often delegations ended in this month. A cancelled one has failed.
  package var pushed: Int64 = 0
  package var failed: Int64 = 0

  package init() {}

  package static let view = View<RepositoryUsage>(
    "repository-usage", version: 1,
    columns: [
      Column("repository", \.repository, .key),
      Column("month", \.month, .key),
      Column("attempts", \.attempts),
      Column("generations", \.generations),
      Column("duration", \.duration),
      Column("linesAdded", \.linesAdded),
      Column("linesRemoved", \.linesRemoved),
      Column("pushed", \.pushed),
      Column("failed", \.failed),
    ])

  /// The key.
  package struct ID: Hashable, Sendable {
    var repository: String
    var month: String
  }

  package var id: ID { ID(repository: repository, month: month) }

  package init(id: ID) {
    repository = id.repository
    month = id.month
  }

  /// See `FoldedRow`.
  package static func id(of step: DelegationStep) -> ID? {
    switch step.event {
    case .dispatched, .generated, .pushed, .failed:
      guard let d = step.delegation else { return nil }
      return ID(
        repository: d.request.repository.description, month: String(step.time.iso8601.prefix(7)))
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating,
      .baseResolved, .stepFailed, .released, .cancelRequested, .retryRequested,
      .pullRequestUpdated, .actionDone, .networkUsed:
      return nil
    }
  }

  /// See `FoldedRow`.
  package mutating func fold(_ step: DelegationStep) {
    switch step.event {
    case .dispatched: attempts += 1
    case .generated(let generated):
      generations += 1
      // A commit that was found on the branch has no figures.
      guard let figures = generated.figures else { return }
      duration.add(figures.duration.count)
      linesAdded.add(Int64(figures.insertions))
      linesRemoved.add(Int64(figures.deletions))
    case .pushed: pushed += 1
    case .failed: failed += 1
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating,
      .baseResolved, .stepFailed, .released, .cancelRequested, .retryRequested,
      .pullRequestUpdated, .actionDone, .networkUsed:
      break
    }
  }
}

extension Int64 {
  /// Adds a number that a worker reported. No report can overflow the sum or make it smaller.
  fileprivate mutating func add(_ reported: Int64) {
    let (sum, isTooLarge) = addingReportingOverflow(Swift.max(0, reported))
    self = isTooLarge ? .max : sum
  }
}
