import Domain
import EventLog

/// An event that its delegation's state allowed, and its effect on the delegation.
package struct DelegationStep {
  package let event: DelegationEvent
  package let time: Timestamp
  /// The state before the event; nil if it is the first.
  package let before: DelegationStateName?
  let known: ProjectedDelegation

  /// The state after the event.
  package var state: DelegationStateName? { known.state.name }
  package var changesState: Bool { before != state }
  /// The delegation after the event.
  package var delegation: Delegation? { known.state.delegation }
}

/// Looks up a row that a projector does not have in memory. The argument is a row with only its key
/// set; nil if there is no row with this key.
package typealias RowLookup = (any ViewRow) throws -> (any ViewRow)?

/// The rows of a view that are sums of events.
struct FoldedRows<Row: FoldedRow>: AnyFoldedRows {
  private(set) var rows: [Row.ID: Row] = [:]

  var count: Int { rows.count }

  mutating func removeAll() { rows.removeAll() }

  mutating func absorb(_ step: DelegationStep) {
    guard let id = Row.id(of: step) else { return }
    rows[id, default: Row(id: id)].fold(step)
  }

  mutating func apply(_ step: DelegationStep, _ look: RowLookup) rethrows -> RowChange? {
    guard let id = Row.id(of: step) else { return nil }
    let first = Row(id: id)
    let old = try rows[id] ?? look(first) as? Row
    var new = old ?? first
    new.fold(step)
    rows[id] = new
    return new == old ? nil : RowChange(old: old, new: new)
  }
}

/// `FoldedRows` of any view.
protocol AnyFoldedRows: Sendable {
  var count: Int { get }
  mutating func removeAll()

  /// Folds an event in.
  mutating func absorb(_ step: DelegationStep)

  /// The same.
  /// - Returns: the row that changed; nil if none did.
  mutating func apply(_ step: DelegationStep, _ look: RowLookup) rethrows -> RowChange?
}

extension FoldedRow {
  /// No rows of this view.
  static var noRows: any AnyFoldedRows { FoldedRows<Self>() }
}
