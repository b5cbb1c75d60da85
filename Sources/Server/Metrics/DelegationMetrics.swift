import Domain
import Projections
import Prometheus
import Synchronization

/// Counts what happens to delegations.
final class DelegationMetrics: Sendable {
  private let agents: Set<String>
  /// The live delegations by state; nil until the engine has started.
  private let live = Mutex<[DelegationStateName: Int]?>(nil)

  private let stateTime = HistogramFamily(
    "aipm_state_duration_seconds", "Time in a state until the next one, by the state that ended.",
    bounds: ServiceMetrics.Bounds.step, labels: ["state"])
  private let queueWait = HistogramFamily(
    "aipm_queue_wait_seconds", "Time from a delegation's being ready until a worker got it.",
    bounds: ServiceMetrics.Bounds.step)
  /// The last waits, in milliseconds.
  private let waits = Mutex<[Int64]>([])
  private static let waitsMax = 1000
  private let generationTime = HistogramFamily(
    "aipm_generation_duration_seconds",
    "Time from an agent's start until the end of its attempt, by outcome.",
    bounds: ServiceMetrics.Bounds.step, labels: ["outcome"])
  private let wholeTime = HistogramFamily(
    "aipm_delegation_duration_seconds", "Time from the request to the end, by result.",
    bounds: ServiceMetrics.Bounds.step, labels: ["result"])
  private let failures = CounterFamily(
    "aipm_delegation_failures_total", "Delegations that failed, by code.", labels: ["code"],
    known: FailureCode.allCases.map { [$0.rawValue] })
  private let stepFailures = CounterFamily(
    "aipm_step_failures_total", "Failed tries of steps that are tried again, by step and code.",
    labels: ["step", "code"])
  private let attempts = CounterFamily(
    "aipm_attempts_total", "Attempts that have ended, by agent and outcome.",
    labels: ["agent", "outcome"])
  private let ends = CounterFamily(
    "aipm_delegations_ended_total", "Ends of delegations in the whole log; a retried one has two.",
    labels: ["result"], known: [["pushed"], ["failed"]])
  private let usage = UsageCounters(
    "aipm_tokens_total", "aipm_cost_dollars_total", "in the whole log")
  private let agentUsage = UsageCounters(
    "aipm_agent_tokens_total", "aipm_agent_cost_dollars_total", "by agent", labels: ["agent"])

  init(agents: Set<String>) { self.agents = agents }

  /// Adds what happened before this start.
  func restore(_ rows: [RepositoryUsage]) {
    for row in rows {
      ends.add(Double(row.pushed), ["pushed"])
      ends.add(Double(row.failed), ["failed"])
      for figure in UsageFigure.allCases { usage.add(row.used[figure], of: figure) }
    }
  }

  func begin(_ states: [DelegationStateName: Int]) { live.withLock { $0 = states } }

  func observe(
    _ event: DelegationEvent, at time: Timestamp, from before: DelegationState,
    to after: DelegationState
  ) {
    if let old = before.name, old != after.name, let since = before.delegation?.stateSince {
      leave(old, after: time - since)
    }
    follow(before.name, after.name)
    if let reported = event.usage {
      for figure in UsageFigure.allCases { usage.add(reported[figure], of: figure) }
    }
    switch event {
    case .dispatched:
      if case .pullRequestCreated(let d) = before {
        let wait = time - d.stateSince
        queueWait.observe(seconds(wait))
        waits.withLock { waits in
          if waits.count >= Self.waitsMax { waits.removeFirst(Self.waitsMax / 10) }
          waits.append(max(0, wait.count))
        }
      }
    case .generated: end("committed", event.usage, before, after, at: time)
    case .released(let released): end(released.cause.rawValue, event.usage, before, after, at: time)
    case .failed(let failed):
      end(failed.code.rawValue, event.usage, before, after, at: time)
      failures.add(1, [failed.code.rawValue])
      ends.add(1, ["failed"])
      finish(failed.code == .cancelled ? "cancelled" : "failed", after, at: time)
    case .pushed:
      ends.add(1, ["pushed"])
      finish("pushed", after, at: time)
    case .stepFailed(let failed):
      stepFailures.add(1, [failed.step.rawValue, failed.code.rawValue])
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating,
      .baseResolved, .cancelRequested, .retryRequested, .pullRequestUpdated, .actionDone,
      .networkUsed, .conversation:
      break
    }
  }

  /// Updates the numbers of live delegations.
  private func follow(_ old: DelegationStateName?, _ new: DelegationStateName?) {
    guard old != new else { return }
    live.withLock { states in
      if let old, !old.isTerminal { states?[old, default: 0] -= 1 }
      if let new, !new.isTerminal { states?[new, default: 0] += 1 }
    }
  }

  private func leave(_ state: DelegationStateName, after time: Milliseconds) {
    if !state.isTerminal { stateTime.observe(seconds(time), [state.rawValue]) }
  }

  /// Counts the end of an attempt, if `before` had one and `after` has none.
  private func end(
    _ outcome: String, _ usage: AgentUsage?, _ before: DelegationState, _ after: DelegationState,
    at time: Timestamp
  ) {
    guard before.workingLease != nil, after.workingLease == nil, let d = after.delegation else {
      return
    }
    let agent = agents.contains(d.request.agent) ? d.request.agent : "other"
    attempts.add(1, [agent, outcome])
    if case .generating(let d, _) = before {
      generationTime.observe(seconds(time - d.stateSince), [outcome])
    }
    for figure in UsageFigure.allCases { agentUsage.add(usage?[figure], of: figure, [agent]) }
  }

  private func finish(_ result: String, _ state: DelegationState, at time: Timestamp) {
    guard let d = state.delegation else { return }
    wholeTime.observe(seconds(time - d.requestedAt), [result])
  }

  /// How long the delegations that got a worker last had waited for it, in milliseconds.
  var recentWaits: [Int64] { waits.withLock { $0 } }

  private func seconds(_ time: Milliseconds) -> Double { Double(time.count) / 1000 }

  func write(to exposition: inout Exposition) {
    if let states = live.withLock({ $0 }) {
      exposition.write(
        .gauge, "aipm_delegations_live", "Delegations that have not ended, by state.",
        DelegationStateName.allCases.filter { !$0.isTerminal }.map {
          ([("state", $0.rawValue)], Double(states[$0, default: 0]))
        })
    }
    let own: [any MetricFamily] = [
      stateTime, queueWait, generationTime, wholeTime, ends, failures, stepFailures, attempts,
    ]
    for family in own + usage.families + agentUsage.families { family.write(to: &exposition) }
  }
}
