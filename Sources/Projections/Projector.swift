// The views: what is seen of the log. A projector folds events into rows, and does nothing else; it
// is the same one in the writer's transaction, in a replay, and in a test, so that what is shown
// can be proven from the log.
//
// What it promises: the rows are a function of the events alone. An event that its stream's state
// does not allow does not stop the fold: the stream is marked as in quarantine, its row says why,
// and its later events change nothing. How it fails: it does not.

import Domain
import EventLog

/// A row before and after an event; nil where there was or is none.
package enum RowChange: Equatable, Sendable {
  case delegation(old: DelegationRow?, new: DelegationRow)
  case pullRequest(old: PullRequestRow?, new: PullRequestRow)
  case worker(old: WorkerRow?, new: WorkerRow)
}

/// The views, and what the fold needs to go on.
package struct Projector: Sendable {
  package private(set) var delegations = DelegationTable()
  package private(set) var workers: [WorkerID: ProjectedWorker] = [:]
  private var projectedPullRequests = ProjectedPullRequests()

  package init() {}

  /// Folds one event in, and tells of no change.
  /// - Parameter known: the place of the delegation, where that is known.
  /// - Returns: it; nil where the event is no delegation's.
  mutating func absorb(
    _ event: Event, stream: StreamName, version: Int64, position: Int64, time: Timestamp,
    known: Int?
  ) -> Int? {
    switch (event, stream) {
    case (.delegation(let event), .delegation(let id)):
      let place = known ?? delegations.place(of: id)
      let move = delegations.change(at: place) {
        $0.take(event, id: id, version: version, position: position, time: time)
      }
      if case .pullRequestCreated = event { projectedPullRequests.note(id) }
      if let move { follow(move, of: id, at: time) }
      return place
    case (.worker(let event), .worker(let id)):
      workers[id, default: ProjectedWorker(id)].take(event, at: time)
    case (.delegation, _), (.worker, _), (.system, _): break
    }
    return nil
  }

  /// Folds one event in.
  /// - Returns: the rows that changed, in an order that depends on the event alone.
  package mutating func apply(
    _ event: Event, stream: StreamName, version: Int64, position: Int64, time: Timestamp
  ) -> [RowChange] {
    switch (event, stream) {
    case (.delegation(let event), .delegation(let id)):
      return apply(event, to: id, version: version, position: position, time: time)
    case (.worker(let event), .worker(let id)):
      return apply(event, to: id, time: time)
    case (.system, .system):
      return []
    case (.delegation, _), (.worker, _), (.system, _):
      // The codec and the store keep types to their streams; such an event has no row to hurt.
      return []
    }
  }

  /// What a stream of a delegation would make of these events, without taking them in.
  /// - Throws: `CorruptStream` where its state does not allow one of them.
  package func check(
    _ events: [DelegationEvent], on id: DelegationID, at time: Timestamp
  ) throws(CorruptStream) {
    let known = delegations[id] ?? .absent
    if let corrupt = known.corrupt { throw corrupt }
    var state = known.state
    for event in events { state = try state.evolve(event, id: id, at: time) }
  }

  /// What a stream would make of these events, without taking them in.
  /// - Throws: `CorruptStream` where they are not events of such a stream, its state does not allow
  ///   one of them, or it is in quarantine.
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

  /// Marks a stream whose next event cannot even be read.
  /// - Returns: the rows that changed.
  package mutating func quarantine(_ stream: StreamName, _ corrupt: CorruptStream) -> [RowChange] {
    switch stream {
    case .delegation(let id):
      var known = delegations[id] ?? .absent
      guard known.corrupt == nil else { return [] }
      let old = known.row
      known.quarantine(corrupt)
      delegations[id] = known
      return known.row.map { [.delegation(old: old, new: $0)] } ?? []
    case .worker(let id):
      workers[id, default: ProjectedWorker(id)].quarantine(corrupt)
      return []
    case .system: return []
    }
  }

  // MARK: What a store loads and lets go

  package var knownDelegations: Int { delegations.count }

  /// Puts a delegation in that was folded elsewhere.
  package mutating func load(_ id: DelegationID, _ projected: ProjectedDelegation) {
    delegations[id] = projected
  }
  /// Puts a pull request in that was folded elsewhere.
  package mutating func load(_ row: PullRequestRow) { projectedPullRequests.load(row) }
  /// Puts a worker in that was folded elsewhere.
  package mutating func load(_ worker: ProjectedWorker) { workers[worker.id] = worker }

  /// Lets a delegation go, to be loaded again when its next event comes.
  package mutating func forget(_ id: DelegationID) { delegations[id] = nil }
  /// Lets a worker go, to be loaded again.
  package mutating func forget(_ id: WorkerID) { workers[id] = nil }
  /// Lets all pull requests go, to be loaded again.
  package mutating func forgetPullRequests() { projectedPullRequests = ProjectedPullRequests() }

  // MARK: Pull requests

  /// Hands over every pull request's row, in no order.
  package func forEachPullRequest(_ body: (PullRequestRow) throws -> Void) rethrows {
    try projectedPullRequests.forEach({ delegations[$0] }, body)
  }

  /// Every pull request's row, in no order.
  package var pullRequests: [PullRequestRow] {
    var all: [PullRequestRow] = []
    forEachPullRequest { all.append($0) }
    return all
  }

  /// What names each pull request, in no order.
  package var pullRequestKeys: [(repository: String, number: Int64)] {
    projectedPullRequests.keys { delegations[$0] }
  }

  /// One pull request's row; nil where there is none.
  package func pullRequest(_ repository: String, _ number: Int64) -> PullRequestRow? {
    projectedPullRequests.row(repository, number) { delegations[$0] }
  }

  /// Makes it quick to look single rows up, after a fold that told no changes.
  package mutating func settle() { projectedPullRequests.settle { delegations[$0] } }

  /// About how many pull requests there are.
  package var pullRequestCount: Int { projectedPullRequests.count }

  // MARK: One event

  private mutating func apply(
    _ event: DelegationEvent, to id: DelegationID, version: Int64, position: Int64, time: Timestamp
  ) -> [RowChange] {
    projectedPullRequests.keepRows { delegations[$0] }
    var known = delegations[id] ?? .absent
    guard known.corrupt == nil else { return [] }
    let before = known.row
    let move = known.take(event, id: id, version: version, position: position, time: time)
    delegations[id] = known
    guard let row = known.row else { return [] }
    var changes: [RowChange] = [.delegation(old: before, new: row)]
    if let change = projectedPullRequests.follow(row) { changes.append(change) }
    guard let move else { return changes }
    let concerned = [move.old == move.new ? nil : move.old, move.new].compactMap { $0 }
    let rows = concerned.map { workers[$0]?.row }
    follow(move, of: id, at: time)
    for (worker, old) in zip(concerned, rows) {
      guard let new = workers[worker]?.row, new != old else { continue }
      changes.append(.worker(old: old, new: new))
    }
    return changes
  }

  /// What a worker is working on is told by the delegations' streams alone.
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
    return [.worker(old: old, new: new)]
  }
}

extension CorruptStream {
  fileprivate static func foreign(_ event: Event, to stream: StreamName) -> CorruptStream {
    CorruptStream(event: event.name, state: stream.description, reason: "not of this stream")
  }
}
