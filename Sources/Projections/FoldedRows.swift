import Domain
import EventLog

/// An event that its delegation's state allowed, and its effect on the delegation.
package struct DelegationStep {
  package let event: DelegationEvent
  package let time: Timestamp
  /// The day and the month of `time` in UTC.
  package let date: Calendar.Date
  /// The state before the event; nil if it is the first.
  package let before: DelegationStateName?
  /// The agent that had been started under the lease before the event; nil if there was none.
  package let agent: String?
  /// Whether the event ends an attempt whose agent had been started.
  package let endsAttempt: Bool
  /// The state after the event.
  package let state: DelegationStateName?
  /// The delegation after the event.
  package let delegation: Delegation?
  private let known: ProjectedDelegation

  /// - Parameter before: the state before the event.
  init(
    event: DelegationEvent, time: Timestamp, date: Calendar.Date, before: StateBefore,
    known: ProjectedDelegation
  ) {
    self.event = event
    self.time = time
    self.date = date
    self.before = before.name
    self.known = known
    agent = before.agent
    endsAttempt = before.isAtWork && event.endsAttempt
    state = known.state.name
    delegation = known.delegation
  }

  package var changesState: Bool { before != state }

  /// Why the delegation has failed; nil if it has not.
  package var failure: FailureCode? {
    guard state == .failed, case .failed(_, let failure) = known.state else { return nil }
    return failure.code
  }
}

/// The dates of times. Most times have the date of the one before, which is formatted once.
package struct Calendar: Sendable {
  /// A day in UTC, as `Timestamp.day` and `Timestamp.month` write it.
  package struct Date: Sendable {
    package fileprivate(set) var day = ""
    package fileprivate(set) var month = ""
  }

  private static let dayMs: Int64 = 86_400_000
  private var number: Int64?
  private var date = Date()

  /// The date of a time.
  package mutating func date(of time: Timestamp) -> Date {
    let (quotient, remainder) = time.milliseconds.quotientAndRemainder(dividingBy: Self.dayMs)
    let number = remainder < 0 ? quotient - 1 : quotient
    if number != self.number {
      self.number = number
      date = Date(day: time.day, month: time.month)
    }
    return date
  }
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

/// The rows of every view that is a sum of events, each with its own type: code for any view would
/// take twice the time. To add one, add it to each member.
struct FoldedViews: Sendable {
  private var pullRequests = FoldedRows<PullRequestRow>()
  private var repositoryUsage = FoldedRows<RepositoryUsage>()
  private var usage = FoldedRows<UsageRow>()
  private var tasks = FoldedRows<TaskRow>()

  /// The most rows of one view.
  var countMax: Int {
    max(max(pullRequests.count, repositoryUsage.count), max(usage.count, tasks.count))
  }

  /// Removes the rows of each view that has more than `max`.
  mutating func removeAll(beyond max: Int) {
    pullRequests.removeAll(beyond: max)
    repositoryUsage.removeAll(beyond: max)
    usage.removeAll(beyond: max)
    tasks.removeAll(beyond: max)
  }

  /// Folds an event in.
  mutating func absorb(_ step: DelegationStep) {
    pullRequests.absorb(step)
    repositoryUsage.absorb(step)
    usage.absorb(step)
    tasks.absorb(step)
  }

  /// The same, and adds the rows that changed to `changes`.
  mutating func apply(
    _ step: DelegationStep, _ look: RowLookup, _ hasher: inout RowHasher,
    _ changes: inout [RowChange]
  ) rethrows {
    if let change = try pullRequests.apply(step, look, &hasher) { changes.append(change) }
    if let change = try repositoryUsage.apply(step, look, &hasher) { changes.append(change) }
    if let change = try usage.apply(step, look, &hasher) { changes.append(change) }
    if let change = try tasks.apply(step, look, &hasher) { changes.append(change) }
  }

  /// The rows that an event changes and that are not in memory, each with only its key.
  func missing(_ step: DelegationStep) -> [any ViewRow] {
    let all: [(any ViewRow)?] = [
      pullRequests.missing(step), repositoryUsage.missing(step), usage.missing(step),
      tasks.missing(step),
    ]
    return all.compactMap { $0 }
  }

  /// The rows of one view; nil if it is not named here.
  subscript<Row: FoldedRow>(_: Row.Type) -> FoldedRows<Row>? {
    let all: [any Sendable] = [pullRequests, repositoryUsage, usage, tasks]
    return all.lazy.compactMap { $0 as? FoldedRows<Row> }.first
  }
}

/// The rows of a view that are sums of events.
struct FoldedRows<Row: FoldedRow>: Sendable {
  /// The places of the rows, which are large and stay where they are when there are more.
  private var places: [Row.ID: Int32] = [:]
  private(set) var rows: [Row] = []
  /// The hashes of some of the rows.
  private var hashes: [RowHash?] = []

  var count: Int { rows.count }

  subscript(_ id: Row.ID) -> Row? { places[id].map { rows[Int($0)] } }

  mutating func removeAll(beyond max: Int) {
    if rows.count > max { self = FoldedRows() }
  }

  mutating func absorb(_ step: DelegationStep) {
    guard let id = Row.id(of: step) else { return }
    let place = places[id].map { Int($0) } ?? add(Row(id: id), id)
    rows[place].fold(step)
    if place < hashes.count { hashes[place] = nil }
  }

  /// - Returns: the row that changed; nil if none did.
  mutating func apply(
    _ step: DelegationStep, _ look: RowLookup, _ hasher: inout RowHasher
  ) rethrows -> RowChange? {
    guard let id = Row.id(of: step) else { return nil }
    var old: Row?
    let place: Int
    if let known = places[id] {
      place = Int(known)
      old = rows[place]
    } else {
      let first = Row(id: id)
      old = try look(first) as? Row
      place = add(old ?? first, id)
    }
    rows[place].fold(step)
    let new = rows[place]
    guard new != old else { return nil }
    while hashes.count < rows.count { hashes.append(nil) }
    let oldHash = hashes[place] ?? old.map { hasher.rowHash(of: $0) }
    let newHash = hasher.rowHash(of: new)
    hashes[place] = newHash
    return RowChange(new, from: oldHash, to: newHash)
  }

  /// The row that an event changes, with only its key; nil if it is in memory or none is changed.
  func missing(_ step: DelegationStep) -> Row? {
    guard let id = Row.id(of: step), places[id] == nil else { return nil }
    return Row(id: id)
  }

  private mutating func add(_ row: Row, _ id: Row.ID) -> Int {
    rows.append(row)
    places[id] = Int32(rows.count - 1)
    return rows.count - 1
  }
}
