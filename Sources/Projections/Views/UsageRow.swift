import Domain
import EventLog

/// What the attempts of a day in UTC used, for one repository, requester and agent. An attempt
/// counts on the day on which it ended.
package struct UsageRow: FoldedRow {
  /// `2026-11-23`.
  package var day = ""
  package var repository = ""
  package var requester = ""
  package var agent = ""
  /// The attempts whose agent had been started, and those of them without an accepted commit.
  package var attempts: Int64 = 0
  package var failedAttempts: Int64 = 0
  /// How many attempts reported tokens, a cost, or credits. What the others used is unknown.
  package var attemptsWithTokens: Int64 = 0
  package var attemptsWithCost: Int64 = 0
  package var attemptsWithCredits: Int64 = 0
  /// How often delegations ended on this day. A cancelled one has failed.
  package var pushed: Int64 = 0
  package var failed: Int64 = 0
  /// What the agents of all attempts reported, also of those that failed; nil if none reported it.
  package var used = UsageTotals()

  package init() {}

  package static let view = View<UsageRow>(
    "usage", version: 1,
    columns: [
      // The day is first, so that the rows of some days are a range of the key.
      Column("day", \.day, .key),
      Column("repository", \.repository, .key),
      Column("requester", \.requester, .key),
      Column("agent", \.agent, .key),
      Column("attempts", \.attempts),
      Column("failedAttempts", \.failedAttempts),
      Column("attemptsWithTokens", \.attemptsWithTokens),
      Column("attemptsWithCost", \.attemptsWithCost),
      Column("attemptsWithCredits", \.attemptsWithCredits),
      Column("pushed", \.pushed),
      Column("failed", \.failed),
    ] + UsageTotals.columns.map { $0.part(\.used) })

  /// The key.
  package struct ID: Hashable, Sendable {
    var day: String
    var repository: String
    var requester: String
    var agent: String
  }

  package var id: ID {
    ID(day: day, repository: repository, requester: requester, agent: agent)
  }

  package init(id: ID) {
    day = id.day
    repository = id.repository
    requester = id.requester
    agent = id.agent
  }

  /// See `FoldedRow`.
  package static func id(of step: DelegationStep) -> ID? {
    switch step.event {
    case .generated, .released:
      guard step.endsAttempt || !(step.event.usage?.isEmpty ?? true) else { return nil }
    case .pushed, .failed: break
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .baseResolved, .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated,
      .actionDone, .networkUsed, .conversation:
      return nil
    }
    guard let request = step.delegation?.sharedRequest else { return nil }
    return ID(
      day: step.date.day, repository: request.repository, requester: request.value.requester,
      agent: step.agent ?? request.value.agent)
  }

  /// See `FoldedRow`.
  package mutating func fold(_ step: DelegationStep) {
    if step.endsAttempt {
      attempts += 1
      if case .generated = step.event {} else { failedAttempts += 1 }
    }
    if let usage = step.event.usage {
      used.add(usage)
      if usage[.inputTokens] ?? usage[.outputTokens] != nil { attemptsWithTokens += 1 }
      if usage[.cost] != nil { attemptsWithCost += 1 }
      if usage[.credits] != nil { attemptsWithCredits += 1 }
    }
    switch step.event {
    case .pushed: pushed += 1
    case .failed: failed += 1
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .generated, .released, .baseResolved, .stepFailed, .cancelRequested, .retryRequested,
      .pullRequestUpdated, .actionDone, .networkUsed, .conversation:
      break
    }
  }

  /// Adds another row, whose key may be another one.
  package mutating func add(_ other: UsageRow) {
    used.add(other.used)
    attempts += other.attempts
    failedAttempts += other.failedAttempts
    attemptsWithTokens += other.attemptsWithTokens
    attemptsWithCost += other.attemptsWithCost
    attemptsWithCredits += other.attemptsWithCredits
    pushed += other.pushed
    failed += other.failed
  }
}
