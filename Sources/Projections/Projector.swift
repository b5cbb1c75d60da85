// A projector folds events into the rows of the views. The same one runs in the writer's
// transaction, in a replay and in tests, so every row can be verified from the log.
//
// The rows are a function of the events alone. An event that its stream's state does not allow does
// not stop the fold: the stream is quarantined, its row has the reason, and its later events change
// nothing.

import Domain
import EventLog

/// The views, and the state that the fold needs to continue.
package struct Projector: Sendable {
  package private(set) var delegations = DelegationTable()
  package private(set) var workers: [WorkerID: ProjectedWorker] = [:]
  /// The rows that are sums of events, in the order of `allViews`.
  private var folded = allViews.compactMap { ($0 as? any FoldedRow.Type)?.noRows }

  package init() {}

  /// Folds one event in.
  /// - Parameter known: the slot of the delegation, if it is known.
  /// - Returns: the slot; nil if the event is not one of a delegation.
  mutating func absorb(
    _ event: Event, stream: StreamName, version: Int64, position: Int64, time: Timestamp,
    known: Int?
  ) -> Int? {
    switch (event, stream) {
    case (.delegation(let event), .delegation(let id)):
      let slot = known ?? delegations.slot(of: id)
      var step: DelegationStep?
      let move = delegations.change(at: slot) { known -> LeaseMove? in
        let before = known.state.name
        let taken = known.take(event, id: id, version: version, position: position, time: time)
        guard let taken else { return nil }
        step = DelegationStep(event: event, time: time, before: before, known: known)
        return taken.move
      }
      guard let step else { return slot }
      for index in folded.indices { folded[index].absorb(step) }
      if let move { follow(move, of: id, at: time) }
      return slot
    case (.worker(let event), .worker(let id)):
      workers[id, default: ProjectedWorker(id)].take(event, at: time)
    case (.delegation, _), (.worker, _), (.system, _): break
    }
    return nil
  }

  /// Folds one event in.
  /// - Parameter look: looks up a row that is summed up from events and not in memory.
  /// - Returns: the rows that changed, in an order that depends on the event alone.
  package mutating func apply(
    _ event: Event, stream: StreamName, version: Int64, position: Int64, time: Timestamp,
    look: RowLookup
  ) rethrows -> [RowChange] {
    switch (event, stream) {
    case (.delegation(let event), .delegation(let id)):
      return try apply(event, to: id, version: version, position: position, time: time, look)
    case (.worker(let event), .worker(let id)):
      return apply(event, to: id, time: time)
    case (.delegation, _), (.worker, _), (.system, _):
      // The codec and the store keep types to their streams; such an event changes no row.
      return []
    }
  }

  /// The same for a projector that has every row in memory.
  package mutating func apply(
    _ event: Event, stream: StreamName, version: Int64, position: Int64, time: Timestamp
  ) -> [RowChange] {
    apply(event, stream: stream, version: version, position: position, time: time) { _ in nil }
  }

  /// Checks these events of a delegation without applying them.
  /// - Throws: `CorruptStream` if its state does not allow one of them.
  package func check(
    _ events: [DelegationEvent], on id: DelegationID, at time: Timestamp
  ) throws(CorruptStream) {
    let known = delegations[id] ?? .absent
    if let corrupt = known.corrupt { throw corrupt }
    var state = known.state
    for event in events { state = try state.evolve(event, id: id, at: time) }
  }

  /// Checks these events of a stream without applying them.
  /// - Throws: `CorruptStream` if they are not events of such a stream, its state does not allow
  ///   one of them, or it is quarantined.
  package func check(
    _ events: [Event], on stream: StreamName, at time: Timestamp
  ) throws(CorruptStream) {
    switch stream {
    case .delegation(let id):
      var own: [DelegationEvent] = []
      for event in events {
        guard case .delegation(let event) = event else { throw .foreign(event, to: stream) }
        own.append(event)
      }
      try check(own, on: id, at: time)
    case .worker(let id):
      if let corrupt = workers[id]?.corrupt { throw corrupt }
      var state = workers[id]?.state ?? .absent
      for event in events {
        guard case .worker(let event) = event else { throw .foreign(event, to: stream) }
        state = try state.evolve(event, at: time)
      }
    case .system:
      for event in events {
        guard case .system = event else { throw .foreign(event, to: stream) }
      }
    }
  }

  /// Quarantines a stream whose next event cannot be read.
  /// - Returns: the rows that changed.
  package mutating func quarantine(_ stream: StreamName, _ corrupt: CorruptStream) -> [RowChange] {
    switch stream {
    case .delegation(let id):
      var known = delegations[id] ?? .absent
      guard known.corrupt == nil else { return [] }
      let old = known.row
      known.quarantine(corrupt)
      delegations[id] = known
      return known.row.map { [RowChange(old: old, new: $0)] } ?? []
    case .worker(let id):
      workers[id, default: ProjectedWorker(id)].quarantine(corrupt)
      return []
    case .system: return []
    }
  }

  // MARK: Loading and evicting

  package var knownDelegations: Int { delegations.count }

  /// Adds a delegation that was folded elsewhere.
  package mutating func load(_ id: DelegationID, _ projected: ProjectedDelegation) {
    delegations[id] = projected
  }
  /// Adds a worker that was folded elsewhere.
  package mutating func load(_ worker: ProjectedWorker) { workers[worker.id] = worker }

  /// Removes a delegation from memory. It is loaded again for its next event.
  package mutating func forget(_ id: DelegationID) { delegations[id] = nil }
  /// Removes a worker from memory. It is loaded again.
  package mutating func forget(_ id: WorkerID) { workers[id] = nil }
  /// Removes the rows of each view that has more than `max` rows of sums in memory. They are looked
  /// up again.
  package mutating func forgetFoldedRows(beyond max: Int) {
    for index in folded.indices where folded[index].count > max { folded[index].removeAll() }
  }

  /// The rows of a view that are sums of events.
  func foldedRows<Row: FoldedRow>(of _: Row.Type) -> [Row.ID: Row] {
    for rows in folded {
      if let rows = rows as? FoldedRows<Row> { return rows.rows }
    }
    return [:]
  }

  // MARK: One event

  private mutating func apply(
    _ event: DelegationEvent, to id: DelegationID, version: Int64, position: Int64, time: Timestamp,
    _ look: RowLookup
  ) rethrows -> [RowChange] {
    var known = delegations[id] ?? .absent
    guard known.corrupt == nil else { return [] }
    let before = known.row
    let state = known.state.name
    let taken = known.take(event, id: id, version: version, position: position, time: time)
    delegations[id] = known
    guard let row = known.row else { return [] }
    var changes = [RowChange(old: before, new: row)]
    guard let taken else { return changes }
    let step = DelegationStep(event: event, time: time, before: state, known: known)
    for index in folded.indices {
      if let change = try folded[index].apply(step, look) { changes.append(change) }
    }
    guard let move = taken.move else { return changes }
    let concerned = [move.old == move.new ? nil : move.old, move.new].compactMap { $0 }
    let rows = concerned.map { workers[$0]?.row }
    follow(move, of: id, at: time)
    for (worker, old) in zip(concerned, rows) {
      guard let new = workers[worker]?.row, new != old else { continue }
      changes.append(RowChange(old: old, new: new))
    }
    return changes
  }

  /// Only the streams of delegations record what a worker works on.
  private mutating func follow(_ move: LeaseMove, of id: DelegationID, at time: Timestamp) {
    if let old = move.old, old != move.new { workers[old]?.leave(id, at: time) }
    if let new = move.new { workers[new]?.enter(id, at: time) }
  }

  private mutating func apply(
    _ event: WorkerEvent, to id: WorkerID, time: Timestamp
  ) -> [RowChange] {
    let old = workers[id]?.row
    workers[id, default: ProjectedWorker(id)].take(event, at: time)
    guard let new = workers[id]?.row, new != old else { return [] }
    return [RowChange(old: old, new: new)]
  }
}

extension CorruptStream {
  fileprivate static func foreign(_ event: Event, to stream: StreamName) -> CorruptStream {
    CorruptStream(event: event.name, state: stream.description, reason: "not of this stream")
  }
}
