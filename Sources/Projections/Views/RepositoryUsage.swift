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
  package var inputTokens: Int64?
  package var outputTokens: Int64?
  package var cachedTokens: Int64?
  package var costMicrodollars: Int64?
  package var millicredits: Int64?

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
      Column("inputTokens", \.inputTokens),
      Column("outputTokens", \.outputTokens),
      Column("cachedTokens", \.cachedTokens),
      Column("costMicrodollars", \.costMicrodollars),
      Column("millicredits", \.millicredits),
    ])

  /// The sum of what agents reported, in the unit of `UsageFigure.field`; nil if none reported it.
  package subscript(_ figure: UsageFigure) -> Int64? { self[keyPath: Self.column(of: figure)] }

  private subscript(_ figure: UsageFigure, default value: Int64) -> Int64 {
    get { self[figure] ?? value }
    set { self[keyPath: Self.column(of: figure)] = newValue }
  }

  private static func column(of figure: UsageFigure) -> WritableKeyPath<Self, Int64?> {
    switch figure {
    case .inputTokens: \.inputTokens
    case .outputTokens: \.outputTokens
    case .cachedTokens: \.cachedTokens
    case .cost: \.costMicrodollars
    case .credits: \.millicredits
    }
  }

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
      guard let d = step.delegation else { return nil }
      return ID(repository: d.request.repository.description, month: step.time.month)
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating,
      .baseResolved, .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated,
      .actionDone, .networkUsed, .conversation:
      return nil
    }
  }

  /// See `FoldedRow`.
  package mutating func fold(_ step: DelegationStep) {
    if let usage = step.event.usage { fold(usage) }
    switch step.event {
    case .dispatched: attempts += 1
    case .generated(let generated):
      generations += 1
      // A commit that was found on the branch has no figures.
      guard let figures = generated.figures else { return }
      Self.add(figures.duration.count, to: &duration)
      Self.add(Int64(figures.insertions), to: &linesAdded)
      Self.add(Int64(figures.deletions), to: &linesRemoved)
    case .pushed: pushed += 1
    case .failed: failed += 1
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating,
      .baseResolved, .stepFailed, .released, .cancelRequested, .retryRequested,
      .pullRequestUpdated, .actionDone, .networkUsed, .conversation:
      break
    }
  }
  private mutating func fold(_ usage: AgentUsage) {
    for figure in UsageFigure.allCases {
      guard let value = usage[figure] else { continue }
      Self.add(value, to: &self[figure, default: 0])
    }
  }

  /// Adds a number that a worker reported. No report can overflow the sum or make it smaller.
  private static func add(_ reported: Int64, to sum: inout Int64) {
    let (total, isTooLarge) = sum.addingReportingOverflow(max(0, reported))
    sum = isTooLarge ? .max : total
  }
}
