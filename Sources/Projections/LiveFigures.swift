import Domain

/// Counts of the delegations that have not ended. A store counts without reading whole rows.
package struct LiveFigures: Equatable, Sendable {
  /// The number in each state; a state without delegations is absent.
  package var states: [DelegationStateName: Int] = [:]
  /// The delegations that wait after a failed step.
  package var failing = 0
  /// The delegations with events that this version cannot apply.
  package var quarantined = 0
  /// The delegation that has waited longest for a worker, and when it was requested, in
  /// milliseconds since 1970.
  package var oldestWaiting: (id: DelegationID, requestedAt: Int64)?

  package init() {}

  /// Counts the rows of delegations that have not ended.
  package init(_ rows: [DelegationRow]) {
    for row in rows {
      states[row.state, default: 0] += 1
      if row.troubleCode != nil { failing += 1 }
      if row.quarantine != nil { quarantined += 1 }
      if Self.isWaiting(row.state), row.requestedAt < oldestWaiting?.requestedAt ?? .max {
        oldestWaiting = (row.id, row.requestedAt)
      }
    }
  }

  /// The number of delegations without a worker yet.
  package var waiting: Int {
    states.reduce(0) { $0 + (Self.isWaiting($1.key) ? $1.value : 0) }
  }

  /// Whether a delegation in this state has not been assigned to a worker yet.
  package static func isWaiting(_ state: DelegationStateName) -> Bool {
    !state.isTerminal && state != .dispatched && state != .generating
  }

  package static func == (a: LiveFigures, b: LiveFigures) -> Bool {
    a.states == b.states && a.failing == b.failing && a.quarantined == b.quarantined
      && a.oldestWaiting?.id == b.oldestWaiting?.id
      && a.oldestWaiting?.requestedAt == b.oldestWaiting?.requestedAt
  }
}
