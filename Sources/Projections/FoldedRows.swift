import Domain
import EventLog

/// An event that its delegation's state allowed, and its effect on the delegation.
package struct DelegationStep {
  package let event: DelegationEvent
  package let time: Timestamp
  /// The state before the event; nil if it is the first.
  package let before: DelegationStateName?
  /// The agent that had been started under the lease before the event; nil if there was none.
  package let agent: String?
  /// Whether the event ends an attempt whose agent had been started.
  package let endsAttempt: Bool
  let known: ProjectedDelegation

  /// - Parameter before: the state before the event.
  init(
    event: DelegationEvent, time: Timestamp, before: StateBefore, known: ProjectedDelegation
  ) {
    self.event = event
    self.time = time
    self.before = before.name
    self.known = known
    agent = before.agent
    endsAttempt = before.isAtWork && event.endsAttempt
  }

  /// The state after the event.
  package var state: DelegationStateName? { known.state.name }
  package var changesState: Bool { before != state }
  /// The delegation after the event.
  package var delegation: Delegation? { known.state.delegation }
}

/// What the views need to know of a delegation's state before an event. A copy of the whole state
/// would keep the fold from changing it in place.
struct StateBefore {
  var name: DelegationStateName?
  /// The agent that was started under the lease, and whether its hand-in is still awaited.
  var agent: String?
  var isAtWork = false

  init(_ state: DelegationState) {
    name = state.name
    guard case .generating(_, let generation) = state else { return }
    agent = generation.agent
    isAtWork = generation.accepted == nil
  }
}

extension DelegationEvent {
  /// Whether the event ends the attempt of an agent that is at work.
  fileprivate var endsAttempt: Bool {
    switch self {
    case .generated, .released, .failed: true
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .pushed, .baseResolved, .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated,
      .actionDone, .networkUsed, .conversation:
      false
    }
  }
}

/// Looks up a row that a projector does not have in memory. The argument is a row with only its key
/// set; nil if there is no row with this key.
package typealias RowLookup = (any ViewRow) throws -> (any ViewRow)?

/// The rows of a view that are sums of events.
///
/// They are reached through `AnyFoldedRows`, where nothing is specialized by itself. What is done
/// for each event is therefore specialized by name: a view that is missing there is folded more
/// slowly.
struct FoldedRows<Row: FoldedRow>: AnyFoldedRows {
  private(set) var rows: [Row.ID: Row] = [:]
  /// The hashes of some of the rows.
  private var hashes: [Row.ID: RowHash] = [:]

  var count: Int { rows.count }

  mutating func removeAll() {
    rows.removeAll()
    hashes.removeAll()
  }

  @specialized(where Row == PullRequestRow)
  @specialized(where Row == RepositoryUsage)
  @specialized(where Row == TaskRow)
  @specialized(where Row == UsageRow)
  mutating func absorb(_ step: DelegationStep) {
    guard let id = Row.id(of: step) else { return }
    rows[id, default: Row(id: id)].fold(step)
    if !hashes.isEmpty { hashes[id] = nil }
  }

  @specialized(where Row == PullRequestRow)
  @specialized(where Row == RepositoryUsage)
  @specialized(where Row == TaskRow)
  @specialized(where Row == UsageRow)
  mutating func apply(
    _ step: DelegationStep, _ look: RowLookup, _ hasher: inout RowHasher
  ) rethrows -> RowChange? {
    guard let id = Row.id(of: step) else { return nil }
    let first = Row(id: id)
    let old = try rows[id] ?? look(first) as? Row
    var new = old ?? first
    new.fold(step)
    rows[id] = new
    guard new != old else { return nil }
    let oldHash = hashes[id] ?? old.map { hasher.rowHash(of: $0) }
    let newHash = hasher.rowHash(of: new)
    hashes[id] = newHash
    return RowChange(new, from: oldHash, to: newHash)
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
  mutating func apply(
    _ step: DelegationStep, _ look: RowLookup, _ hasher: inout RowHasher
  ) rethrows -> RowChange?
}

extension FoldedRow {
  /// No rows of this view.
  static var noRows: any AnyFoldedRows { FoldedRows<Self>() }
}
