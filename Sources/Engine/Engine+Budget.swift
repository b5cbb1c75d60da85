// Budgets of a month: recorded costs, from the view that sums up each day's, and what the agents
// under way have reported so far.
//
// An attempt is given what is left when it starts. When an agent reports more, or an attempt ends,
// those under way are compared again, and the plan of one that costs more than the others leave
// says so: its worker ends it. So a budget is exceeded at most by what agents use between two
// heartbeats, and by what they report only at their end.

import Domain
import EventLog
import Projections
import Workflows

/// What the engine knows of costs.
struct CostWatch {
  /// The recorded costs of a month, as of `changes`.
  var recorded: (month: String, costs: MonthCosts)?
  /// How often a cost was recorded.
  var changes = 0
  /// Whether the attempts under way are to be compared again, and whether that is being done.
  var isDue = false
  var isAtWork = false
}

extension Engine {
  /// What this month's attempts have cost, those under way included.
  /// - Returns: nil if the log cannot be read.
  func monthCost(_ requester: String, _ repository: RepositoryName) async -> MonthCost? {
    guard var costs = await recordedCosts() else { return nil }
    core.addCostsUnderWay(to: &costs)
    return costs.of(requester: requester, repository: repository)
  }

  private func recordedCosts() async -> MonthCosts? {
    while true {
      let month = String(clock.now().wall.day.prefix("2026-11".utf8.count))
      if let known = costs.recorded, known.month == month { return known.costs }
      let before = costs.changes
      guard let rows = try? await store.usage(from: "\(month)-01", through: nil) else { return nil }
      // What was recorded meanwhile may be missing, and is no longer among what is under way.
      guard costs.changes == before else { continue }
      var sums = MonthCosts()
      for row in rows {
        sums.add(row.used[.cost] ?? 0, requester: row.requester, repository: row.repository)
      }
      costs.recorded = (month, sums)
    }
  }

  /// Notes the costs of attempts that have ended.
  func noteCosts(in events: [RecordedEvent]) {
    let hasCost = events.contains { event in
      guard case .delegation(let event) = event.event else { return false }
      return event.usage?[.cost] != nil
    }
    guard hasCost else { return }
    costs.changes += 1
    costs.recorded = nil
    compareCosts()
  }

  /// Compares what is under way with the budgets of months.
  func compareCosts() {
    guard core.hasMonthBudgets else { return }
    costs.isDue = true
    guard !costs.isAtWork else { return }
    costs.isAtWork = true
    begin {
      await self.compareDueCosts()
      return nil
    }
  }

  private func compareDueCosts() async {
    while costs.isDue {
      costs.isDue = false
      // If the log cannot be read now, the next report compares again.
      if let recorded = await recordedCosts() { step(.costsRecorded(recorded)) }
    }
    costs.isAtWork = false
  }
}

extension EngineCore {
  /// What the agents under way have reported.
  private var costsUnderWay: [(id: DelegationID, cost: Int64, request: Requested)] {
    occupied.compactMap { worker, id in
      guard let executor = executors[id], let lease = executor.state.workingLease,
        let cost = workers[worker]?.usage(under: lease.token)?[.cost],
        let request = executor.state.delegation?.request
      else { return nil }
      return (id, cost, request)
    }
  }

  func addCostsUnderWay(to costs: inout MonthCosts) {
    for (_, cost, request) in costsUnderWay {
      costs.add(
        cost, requester: request.requester, repository: request.repository.description)
    }
  }

  /// Lowers what attempts may cost that cost more than the others leave of a month's budget. This
  /// looks at all workers.
  mutating func limitCosts(_ recorded: MonthCosts) {
    let underWay = costsUnderWay
    var costs = recorded
    addCostsUnderWay(to: &costs)
    for (id, cost, request) in underWay {
      guard let executor = executors[id], let d = executor.state.delegation,
        let budget = executor.workflow?.budget, budget.looksAtMonths
      else { continue }
      var others = costs.of(requester: request.requester, repository: request.repository)
      others.requester -= cost
      others.repository -= cost
      var left: Int64? = 0
      do { left = try budget.left(own: d.cost, month: others) } catch {}
      guard let left, cost > left else { continue }
      executors[id]?.limitCost(to: left)
      if let worker = executor.worker { table.touch(worker) }
    }
  }
}
