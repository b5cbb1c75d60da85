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
  /// The rows that are sums of events.
  private var folded = FoldedViews()
  private var calendar = Calendar()

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
      let date = calendar.date(of: time)
      var step: DelegationStep?
      let move = delegations.change(at: slot) { known -> LeaseMove? in
        let before = StateBefore(known.state)
        let place = EventPlace(version: version, position: position, time: time)
        guard let taken = known.take(event, id: id, place) else { return nil }
        step = DelegationStep(
          event: event, time: time, date: date, before: before, known: known)
        return taken.move
      }
      guard let step else { return slot }
      folded.absorb(step)
      if let move { follow(move, of: id, at: time) }
      return slot
    case (.worker(let event), .worker(let id)):
      workers[id, default: ProjectedWorker(id)].take(event, at: time)
    case (.delegation, _), (.worker, _), (.system, _): break
    }
    return nil
  }

  /// Folds one event in. One that its stream's state does not allow quarantines the stream.
  /// - Returns: the rows that changed, in an order that depends on the event alone.
  package mutating func apply(
    _ event: Event, stream: StreamName, version: Int64, position: Int64, time: Timestamp
  ) -> [RowChange] {
    let place = EventPlace(version: version, position: position, time: time)
    var hasher = RowHasher()
    switch (event, stream) {
    case (.delegation(let event), .delegation(let id)):
      return quarantining(event, of: id, place, &hasher)
    case (.worker(let event), .worker(let id)): return apply(event, to: id, place, &hasher)
    case (.delegation, _), (.worker, _), (.system, _):
      // The codec and the store keep types to their streams; such an event changes no row.
      return []
    }
  }

  /// Folds the events of one append in, if their stream's state allows all of them.
  /// - Parameters:
  ///   - look: looks up a row that is summed up from events and not in memory.
  ///   - hasher: kept from one append to the next.
  /// - Returns: the rows that changed, each once.
  /// - Throws: `CorruptStream` if the events are not allowed; then nothing has changed. Errors of
  ///   `look`; then some of the events may be folded in.
  package mutating func apply(
    _ events: [RecordedEvent], look: RowLookup, _ hasher: inout RowHasher
  ) throws -> [RowChange] {
    guard let first = events.first else { return [] }
    // One event is checked while it is applied.
    if events.count > 1 {
      try check(events.map(\.event), on: first.stream, at: first.time)
    }
    var changes: [RowChange] = []
    for recorded in events {
      let place = EventPlace(
        version: recorded.version, position: recorded.position, time: recorded.time)
      switch (recorded.event, recorded.stream) {
      case (.delegation(let event), .delegation(let id)):
        changes += try apply(event, to: id, place, look, &hasher)
      case (.worker(let event), .worker(let id)):
        if events.count == 1 { try check([recorded.event], on: first.stream, at: first.time) }
        changes += apply(event, to: id, place, &hasher)
      case (.system, .system): break
      case (.delegation, _), (.worker, _), (.system, _):
        throw CorruptStream.foreign(recorded.event, to: recorded.stream)
      }
    }
    return events.count == 1 ? changes : changes.coalesced
  }

  /// The rows that `apply` would look up for these appends, each with only its key. A store can
  /// look all of them up at once. It is a hint: delegations that are not in memory are left out,
  /// and a row that two appends change may be there twice.
  /// - Parameter time: of the events.
  package func missingRows(for appends: [Append], at time: Timestamp) -> [any ViewRow] {
    var calendar = calendar
    let date = calendar.date(of: time)
    var missing: [any ViewRow] = []
    for append in appends {
      guard case .delegation(let id) = append.stream else { continue }
      var known = delegations[id] ?? .absent
      for case .delegation(let event) in append.events {
        let before = StateBefore(known.state)
        let place = EventPlace(version: 0, position: 0, time: time)
        guard known.take(event, id: id, place) != nil else { break }
        missing += folded.missing(
          DelegationStep(event: event, time: time, date: date, before: before, known: known))
      }
    }
    return missing
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
      guard delegations[id]?.corrupt == nil else { return [] }
      var hasher = RowHasher()
      let slot = delegations.slot(of: id)
      let old = delegations.hash(at: slot, &hasher)
      let row = delegations.change(at: slot) { known in
        known.quarantine(corrupt)
        return known.row
      }
      return row.map { [change($0, at: slot, from: old, &hasher)] } ?? []
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
  /// The most rows of sums that one view has in memory.
  package var foldedRowsMax: Int { folded.countMax }
  /// Removes the rows of each view that has more than `max` rows of sums in memory. They are looked
  /// up again.
  package mutating func forgetFoldedRows(beyond max: Int) {
    folded.removeAll(beyond: max)
  }

  /// The rows of a view that is a sum of events.
  func foldedRows<Row: FoldedRow>(of view: Row.Type) -> FoldedRows<Row> {
    folded[view] ?? FoldedRows()
  }

  // MARK: One event

  /// - Throws: `CorruptStream` if the state does not allow the event; then nothing has changed.
  ///   Errors of `look`.
  private mutating func apply(
    _ event: DelegationEvent, to id: DelegationID, _ place: EventPlace, _ look: RowLookup,
    _ hasher: inout RowHasher
  ) throws -> [RowChange] {
    if let corrupt = delegations[id]?.corrupt { throw corrupt }
    let isNew = delegations[id] == nil
    let slot = delegations.slot(of: id)
    let old = delegations.hash(at: slot, &hasher)
    let before = StateBefore(delegations[slot: slot].state)
    let taken: Taken
    do throws(CorruptStream) {
      taken = try delegations.change(at: slot) { known throws(CorruptStream) in
        try known.apply(event, id: id, place)
      }
    } catch {
      if isNew { delegations[id] = nil }
      throw error
    }
    let known = delegations[slot: slot]
    guard let row = known.row else { return [] }
    var changes = [change(row, at: slot, from: old, &hasher)]
    let step = DelegationStep(
      event: event, time: place.time, date: calendar.date(of: place.time), before: before,
      known: known)
    try folded.apply(step, look, &hasher, &changes)
    guard let move = taken.move else { return changes }
    let concerned = [move.old == move.new ? nil : move.old, move.new].compactMap { $0 }
    let rows = concerned.map { workers[$0]?.row }
    follow(move, of: id, at: place.time)
    for (worker, old) in zip(concerned, rows) {
      if let change = change(of: worker, from: old, &hasher) { changes.append(change) }
    }
    return changes
  }

  private mutating func quarantining(
    _ event: DelegationEvent, of id: DelegationID, _ place: EventPlace, _ hasher: inout RowHasher
  ) -> [RowChange] {
    do {
      return try apply(event, to: id, place, { _ in nil }, &hasher)
    } catch let corrupt as CorruptStream {
      return quarantine(.delegation(id), corrupt)
    } catch {
      return []
    }
  }

  /// The change of a delegation's row, whose hash is kept.
  private mutating func change(
    _ row: DelegationRow, at slot: Int, from old: RowHash?, _ hasher: inout RowHasher
  ) -> RowChange {
    let new = hasher.rowHash(of: row)
    delegations.note(new, at: slot)
    return RowChange(row, from: old, to: new)
  }

  /// - Returns: nil if the worker's row has not changed.
  private func change(
    of worker: WorkerID, from old: WorkerRow?, _ hasher: inout RowHasher
  ) -> RowChange? {
    guard let new = workers[worker]?.row, new != old else { return nil }
    let oldHash = old.map { hasher.rowHash(of: $0) }
    return RowChange(new, from: oldHash, to: hasher.rowHash(of: new))
  }

  /// Only the streams of delegations record what a worker works on.
  private mutating func follow(_ move: LeaseMove, of id: DelegationID, at time: Timestamp) {
    if let old = move.old, old != move.new { workers[old]?.leave(id, at: time) }
    if let new = move.new { workers[new]?.enter(id, at: time) }
  }

  private mutating func apply(
    _ event: WorkerEvent, to id: WorkerID, _ place: EventPlace, _ hasher: inout RowHasher
  ) -> [RowChange] {
    let old = workers[id]?.row
    workers[id, default: ProjectedWorker(id)].take(event, at: place.time)
    return change(of: id, from: old, &hasher).map { [$0] } ?? []
  }
}

extension CorruptStream {
  fileprivate static func foreign(_ event: Event, to stream: StreamName) -> CorruptStream {
    CorruptStream(event: event.name, state: stream.description, reason: "not of this stream")
  }
}
