import Domain

/// Counts over the delegations that have not ended. A store counts where its rows are: what this
/// costs does not grow with what a row holds.
package struct LiveFigures: Equatable, Sendable {
  /// How many there are in each state; none is absent.
  package var states: [DelegationStateName: Int] = [:]
  /// How many of them wait after a failure of a step.
  package var troubled = 0
  /// How many of them hold events that this version cannot apply.
  package var quarantined = 0
  /// The one that has waited longest for a worker, and when it was requested, in milliseconds since
  /// 1970.
  package var oldestWaiting: (id: DelegationID, requestedAt: Int64)?

  package init() {}

  /// What the rows of those delegations come to.
  package init(_ rows: [DelegationRow]) {
    for row in rows {
      states[row.state, default: 0] += 1
      if row.troubleCode != nil { troubled += 1 }
      if row.quarantine != nil { quarantined += 1 }
      if Self.isWaiting(row.state), row.requestedAt < oldestWaiting?.requestedAt ?? .max {
        oldestWaiting = (row.id, row.requestedAt)
      }
    }
  }

  /// How many no worker has yet.
  package var waiting: Int {
    states.reduce(0) { $0 + (Self.isWaiting($1.key) ? $1.value : 0) }
  }

  /// Whether a delegation in this state has not come to a worker yet.
  package static func isWaiting(_ state: DelegationStateName) -> Bool {
    !state.isTerminal && state != .dispatched && state != .generating
  }

  package static func == (a: LiveFigures, b: LiveFigures) -> Bool {
    a.states == b.states && a.troubled == b.troubled && a.quarantined == b.quarantined
      && a.oldestWaiting?.id == b.oldestWaiting?.id
      && a.oldestWaiting?.requestedAt == b.oldestWaiting?.requestedAt
  }
}
