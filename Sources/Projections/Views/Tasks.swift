import Domain
import EventLog

/// A task: a delegation and its follow-ups, which are rounds of one pull request.
package struct TaskRow: FoldedRow {
  /// The delegation that began it.
  package var first = DelegationID("")
  /// The delegation that was requested last.
  package var newest = DelegationID("")
  package var newestStamp: Int64 = 0
  package var phase = TaskPhase.queued
  package var repository = ""
  /// Who requested the first delegation.
  package var requester = ""
  /// The agent of the newest delegation.
  package var agent = ""
  /// The state of the pull request; nil before there is one.
  package var prState: PullRequestState?
  /// Whether a commit of it was pushed.
  package var hasCommit = false
  /// The number of delegations.
  package var rounds: Int64 = 0
  /// The number of attempts that were assigned to a worker.
  package var attempts: Int64 = 0
  package var linesAdded: Int64 = 0
  package var linesRemoved: Int64 = 0
  /// What the agents of all attempts reported; nil if none reported it.
  package var costMicrodollars: Int64?
  /// The ended attempts whose cost is not known.
  package var attemptsWithoutCost: Int64 = 0
  /// How long workers had it, without the current attempt.
  package var workedMs: Int64 = 0
  /// When a worker got the current attempt; nil without one.
  package var workingSince: Int64?

  package init() {}

  package static let view = View<TaskRow>(
    "tasks", version: 2,
    columns: [
      Column("first", \.first, .key),
      Column("newest", \.newest),
      Column("newestStamp", \.newestStamp),
      Column("phase", \.phase),
      Column("repository", \.repository, .fixed),
      Column("requester", \.requester, .fixed),
      Column("agent", \.agent),
      Column("prState", \.prState),
      Column("hasCommit", \.hasCommit),
      Column("rounds", \.rounds),
      Column("attempts", \.attempts),
      Column("linesAdded", \.linesAdded),
      Column("linesRemoved", \.linesRemoved),
      Column("costMicrodollars", \.costMicrodollars),
      Column("attemptsWithoutCost", \.attemptsWithoutCost),
      Column("workedMs", \.workedMs),
      Column("workingSince", \.workingSince),
    ],
    indexes: [
      .init("by_phase", on: "phase", "newest_stamp"),
      .init("by_stamp", on: "newest_stamp"),
      .init("by_repository", on: "repository", "newest_stamp"),
    ],
    listing: [
      .init("TASK", \.first.rawValue),
      .init("PHASE", \.phase.rawValue),
      .init("REPOSITORY", \.repository),
      .init("ROUNDS") { String($0.rounds) },
      .init("ATTEMPTS") { String($0.attempts) },
      .init("LINES") { "+\($0.linesAdded) -\($0.linesRemoved)" },
      .init("COST") { $0.costMicrodollars.map { "$\(Double($0) / 1_000_000)" } ?? "-" },
    ],
    order: { $0.newestStamp < $1.newestStamp })

  package var id: DelegationID { first }

  package init(id: DelegationID) { first = id }

  /// See `FoldedRow`.
  package static func id(of step: DelegationStep) -> DelegationID? {
    guard let d = step.delegation, step.changesState || step.event.concernsTask else { return nil }
    if case .followUp(let followUp) = d.sharedRequest.value.kind { return followUp.first }
    return d.id
  }

  /// See `FoldedRow`.
  package mutating func fold(_ step: DelegationStep) {
    guard let d = step.delegation, let state = step.state else { return }
    let request = d.sharedRequest
    if repository.isEmpty {
      repository = request.repository
      requester = request.value.requester
    }
    count(step)
    let stamp = request.value.stamp.milliseconds
    if stamp >= newestStamp {
      newest = d.id
      newestStamp = stamp
      agent = d.agent
      phase = TaskPhase(state, failure: step.failure, pullRequest: prState)
      if phase == .cancelled, hasCommit {
        // What was pushed before a follow-up was cancelled is still to be reviewed.
        phase = TaskPhase(.pushed, failure: nil, pullRequest: prState)
      }
    } else if let prState {
      // One that failed early does not know its pull request.
      phase.follow(prState)
    }
  }

  private mutating func count(_ step: DelegationStep) {
    switch step.event {
    case .requested: rounds += 1
    case .pullRequestCreated, .pullRequestUpdated: prState = step.delegation?.pullRequest?.state
    case .dispatched where workingSince == nil:
      attempts += 1
      workingSince = step.time.milliseconds
    // The same attempt under another lease.
    case .dispatched: break
    case .generated(let made):
      linesAdded = UsageTotals.sum(linesAdded, Int64(made.figures?.insertions ?? 0))
      linesRemoved = UsageTotals.sum(linesRemoved, Int64(made.figures?.deletions ?? 0))
      endAttempt(step, made.usage)
    case .released(let end): endAttempt(step, end.usage)
    case .failed(let end): endAttempt(step, end.usage)
    case .pushed: hasCommit = true
    case .branchCreated, .taskCommitted, .generating, .baseResolved, .stepFailed,
      .cancelRequested, .retryRequested, .actionDone, .networkUsed, .conversation:
      break
    }
  }

  /// An attempt ends once: with its commit, or with the event that gives it up.
  private mutating func endAttempt(_ step: DelegationStep, _ usage: AgentUsage) {
    if let cost = usage[.cost] {
      costMicrodollars = UsageTotals.sum(costMicrodollars ?? 0, cost)
    }
    guard let since = workingSince else { return }
    workingSince = nil
    if usage[.cost] == nil { attemptsWithoutCost += 1 }
    workedMs = UsageTotals.sum(workedMs, step.time.milliseconds - since)
  }
}

extension DelegationEvent {
  /// Whether a task's figures change, although the state does not.
  fileprivate var concernsTask: Bool {
    switch self {
    case .pullRequestUpdated, .dispatched, .generated: true
    case .stepFailed(let fault): fault.nextAgent != nil
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating, .pushed,
      .failed, .baseResolved, .released, .cancelRequested,
      .retryRequested, .actionDone, .networkUsed, .conversation:
      false
    }
  }
}
