import Domain
import EventLog

/// The generated commits of a repository in a calendar month, in UTC, and what they cost.
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
  /// What the agents of all attempts reported, also of those that failed; nil if none reported it.
  package var used = UsageTotals()

  package init() {}

  package static let view = View<RepositoryUsage>(
    "repository-usage", version: 2,
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
    ] + UsageTotals.columns.map { $0.part(\.used) })

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
    case .dispatched, .generated, .released, .pushed, .failed:
      guard let request = step.delegation?.sharedRequest else { return nil }
      return ID(repository: request.repository, month: step.date.month)
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating,
      .baseResolved, .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated,
      .actionDone, .networkUsed, .conversation:
      return nil
    }
  }

  /// See `FoldedRow`.
  package mutating func fold(_ step: DelegationStep) {
    if let usage = step.event.usage { used.add(usage) }
    switch step.event {
    case .dispatched: attempts += 1
    case .generated(let generated):
      generations += 1
      // A commit that was found on the branch has no figures.
      guard let figures = generated.figures else { return }
      duration = UsageTotals.sum(duration, figures.duration.count)
      linesAdded = UsageTotals.sum(linesAdded, Int64(figures.insertions))
      linesRemoved = UsageTotals.sum(linesRemoved, Int64(figures.deletions))
    case .pushed: pushed += 1
    case .failed: failed += 1
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating,
      .baseResolved, .stepFailed, .released, .cancelRequested, .retryRequested,
      .pullRequestUpdated, .actionDone, .networkUsed, .conversation:
      break
    }
  }
}
