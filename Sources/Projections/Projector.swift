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

/// A delegation as the projector keeps it: a value whose copies share one place until one of them
/// changes, so that a table of many is small and grows fast.
package struct ProjectedDelegation: Equatable, Sendable {
  private struct Content: Equatable {
    var state = DelegationState.absent
    var corrupt: CorruptStream?
    /// The last event that was taken in.
    var version: Int64 = 0
    var position: Int64 = 0
    var time = Timestamp(milliseconds: 0)
    /// Who has it or had it last.
    var worker: WorkerID?
  }

  private final class Place {
    var content: Content
    init(_ content: Content) { self.content = content }
  }

  // Written only where nobody else refers to it, as `change` sees to.
  nonisolated(unsafe) private var place = Place(Content())

  package static let absent = ProjectedDelegation()

  package static func == (a: Self, b: Self) -> Bool {
    a.place === b.place || a.place.content == b.place.content
  }

  package var state: DelegationState { _read { yield place.content.state } }
  /// Why its later events change nothing.
  package var corrupt: CorruptStream? { place.content.corrupt }

  /// What lists show of it; nil where it was never requested.
  package var row: DelegationRow? {
    let content = place.content
    return DelegationRow(
      state: content.state, worker: content.worker, version: content.version,
      position: content.position, time: content.time, quarantine: content.corrupt?.description)
  }

  private mutating func change<T>(_ body: (inout Content) -> T) -> T {
    if !isKnownUniquelyReferenced(&place) { place = Place(place.content) }
    return body(&place.content)
  }

  fileprivate mutating func quarantine(_ corrupt: CorruptStream) {
    change { $0.corrupt = corrupt }
  }

  /// Takes an event in; after one that its state does not allow, none changes it any more.
  /// - Returns: the leases before and after; nil where that is the same one.
  fileprivate mutating func take(
    _ event: DelegationEvent, id: DelegationID, version: Int64, position: Int64, time: Timestamp
  ) -> (old: Lease?, new: Lease?)? {
    change { content in
      let old = content.state.workingLease
      do throws(CorruptStream) {
        content.state = try content.state.evolve(event, id: id, at: time)
      } catch {
        content.corrupt = error
        return nil
      }
      (content.version, content.position, content.time) = (version, position, time)
      if let holder = content.state.lease?.worker { content.worker = holder }
      let new = content.state.workingLease
      return old?.worker == new?.worker && old?.token == new?.token ? nil : (old, new)
    }
  }
}

/// The views, and what the fold needs to go on.
///
/// Rows of pull requests are kept up with each event where changes are told. A fold that tells none
/// notes only whose delegation such a row is made from, and makes it when it is asked for.
package struct Projector: Sendable {
  package private(set) var delegations: [DelegationID: ProjectedDelegation] = [:]
  package private(set) var workers: [WorkerID: ProjectedWorker] = [:]
  private var pullRequestRows: [PullRequestKey: PullRequestRow] = [:]
  private var pullRequestOwners: [PullRequestKey: DelegationID] = [:]

  /// What names a pull request.
  package struct PullRequestKey: Hashable, Sendable {
    package var repository: String
    package var number: Int64
    package init(repository: String, number: Int64) {
      self.repository = repository
      self.number = number
    }
  }

  /// A worker as the projector keeps it.
  package struct ProjectedWorker: Equatable, Sendable {
    package var state: WorkerState
    package var delegation: DelegationID?
    package var busySince: Timestamp?
    package var row: WorkerRow?
    package var corrupt: CorruptStream?
  }

  package init() {}

  /// Folds one event in, and tells of no change.
  package mutating func absorb(
    _ event: Event, stream: StreamName, version: Int64, position: Int64, time: Timestamp
  ) {
    switch (event, stream) {
    case (.delegation(let event), .delegation(let id)):
      absorb(event, to: id, version: version, position: position, time: time)
    case (.worker(let event), .worker(let id)): _ = apply(event, to: id, time: time)
    case (.delegation, _), (.worker, _), (.system, _): break
    }
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
      var known =
        workers[id]
        ?? ProjectedWorker(state: .absent, delegation: nil, busySince: nil, row: nil, corrupt: nil)
      known.corrupt = known.corrupt ?? corrupt
      workers[id] = known
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
  package mutating func load(_ row: PullRequestRow) {
    pullRequestRows[PullRequestKey(repository: row.repository, number: row.number)] = row
  }
  /// Puts a worker in that was folded elsewhere.
  package mutating func load(_ id: WorkerID, _ worker: ProjectedWorker) { workers[id] = worker }

  /// Lets a delegation go, to be loaded again when its next event comes.
  package mutating func forget(_ id: DelegationID) { delegations[id] = nil }
  /// Lets a worker go, to be loaded again.
  package mutating func forget(_ id: WorkerID) { workers[id] = nil }
  /// Lets all pull requests go, to be loaded again.
  package mutating func forgetPullRequests() { pullRequestRows.removeAll() }

  // MARK: One event

  private mutating func apply(
    _ event: DelegationEvent, to id: DelegationID, version: Int64, position: Int64, time: Timestamp
  ) -> [RowChange] {
    tellPullRequests()
    var known = delegations[id] ?? .absent
    guard known.corrupt == nil else { return [] }
    let before = known.row
    let lease = known.take(event, id: id, version: version, position: position, time: time)
    delegations[id] = known
    guard let row = known.row else { return [] }
    var changes: [RowChange] = [.delegation(old: before, new: row)]
    changes += followPullRequest(row)
    if let lease { changes += followLease(id, from: lease.old, to: lease.new, time) }
    return changes
  }

  private mutating func absorb(
    _ event: DelegationEvent, to id: DelegationID, version: Int64, position: Int64, time: Timestamp
  ) {
    noteOwners()
    let lease = withDelegation(id) { known -> (old: Lease?, new: Lease?)? in
      guard known.corrupt == nil else { return nil }
      return known.take(event, id: id, version: version, position: position, time: time)
    }
    if case .pullRequestCreated = event { noteOwner(id) }
    if let lease { _ = followLease(id, from: lease.old, to: lease.new, time) }
  }

  /// Changes a delegation where it stands: one look-up, and no copy.
  private mutating func withDelegation<T>(
    _ id: DelegationID, _ body: (inout ProjectedDelegation) -> T
  ) -> T {
    body(&delegations[id, default: .absent])
  }

  // MARK: Pull requests

  /// Every pull request's row, from the delegation of the largest stamp that has it.
  package var pullRequests: [PullRequestKey: PullRequestRow] {
    pullRequestRows.merging(
      pullRequestOwners.compactMapValues { owner in ownedPullRequest(of: owner) }
    ) { $1 }
  }

  /// One pull request's row; nil where there is none.
  package func pullRequest(_ key: PullRequestKey) -> PullRequestRow? {
    pullRequestRows[key] ?? pullRequestOwners[key].flatMap { ownedPullRequest(of: $0) }
  }

  /// The keys of all pull requests.
  package var pullRequestKeys: [PullRequestKey] {
    Array(pullRequestRows.keys) + Array(pullRequestOwners.keys)
  }

  private func ownedPullRequest(of owner: DelegationID) -> PullRequestRow? {
    delegations[owner]?.row.flatMap { PullRequestRow(of: $0) }
  }

  /// From here on rows are kept up with each event.
  private mutating func tellPullRequests() {
    guard !pullRequestOwners.isEmpty else { return }
    pullRequestRows = pullRequests
    pullRequestOwners.removeAll()
  }

  /// From here on rows are made when they are asked for.
  private mutating func noteOwners() {
    guard !pullRequestRows.isEmpty else { return }
    for (key, row) in pullRequestRows { pullRequestOwners[key] = row.delegation }
    pullRequestRows.removeAll()
  }

  private mutating func noteOwner(_ id: DelegationID) {
    guard let d = delegations[id]?.state.delegation, let pr = d.pullRequest else { return }
    let key = PullRequestKey(
      repository: d.request.repository.description, number: Int64(pr.number))
    if let owner = pullRequestOwners[key],
      let held = delegations[owner]?.state.delegation?.request.stamp, held > d.request.stamp
    {
      return
    }
    pullRequestOwners[key] = id
  }

  private mutating func followPullRequest(_ row: DelegationRow) -> [RowChange] {
    guard let new = PullRequestRow(of: row) else { return [] }
    let key = PullRequestKey(repository: new.repository, number: new.number)
    let old = pullRequestRows[key]
    if let old, old.delegationStamp > new.delegationStamp { return [] }
    guard old != new else { return [] }
    pullRequestRows[key] = new
    return [.pullRequest(old: old, new: new)]
  }

  // MARK: Leases

  /// What a worker is working on is told by the delegations' streams alone.
  private mutating func followLease(
    _ id: DelegationID, from old: Lease?, to new: Lease?, _ time: Timestamp
  ) -> [RowChange] {
    var changes: [RowChange] = []
    if let old, old.worker != new?.worker, var worker = workers[old.worker],
      worker.delegation == id
    {
      worker.delegation = nil
      worker.busySince = time
      changes += put(old.worker, worker)
    }
    if let new, var worker = workers[new.worker], worker.delegation != id {
      worker.delegation = id
      worker.busySince = time
      changes += put(new.worker, worker)
    }
    return changes
  }

  private mutating func apply(
    _ event: WorkerEvent, to id: WorkerID, time: Timestamp
  ) -> [RowChange] {
    var known =
      workers[id]
      ?? ProjectedWorker(state: .absent, delegation: nil, busySince: nil, row: nil, corrupt: nil)
    guard known.corrupt == nil else { return [] }
    do {
      known.state = try known.state.evolve(event, at: time)
      known.busySince = nil
    } catch {
      known.corrupt = error
    }
    return put(id, known)
  }

  private mutating func put(_ id: WorkerID, _ worker: ProjectedWorker) -> [RowChange] {
    let old = workers[id]?.row
    var worker = worker
    worker.row = WorkerRow(id: id, worker: worker)
    workers[id] = worker
    guard let new = worker.row, new != old else { return [] }
    return [.worker(old: old, new: new)]
  }
}

extension CorruptStream {
  fileprivate static func foreign(_ event: Event, to stream: StreamName) -> CorruptStream {
    CorruptStream(event: event.name, state: stream.description, reason: "not of this stream")
  }
}

extension WorkerRow {
  fileprivate init?(id: WorkerID, worker: Projector.ProjectedWorker) {
    guard let life = worker.state.life, let name = worker.state.name else { return nil }
    let busy = name == .idle && worker.delegation != nil
    self.init(
      id: id, state: busy ? .busy : name, host: life.registration.host,
      agents: life.registration.agents, version: life.registration.version,
      incarnation: Int64(life.registration.incarnation), local: life.registration.local,
      delegation: worker.delegation,
      since: max(life.since, worker.busySince ?? life.since).milliseconds,
      restarts: Int64(life.restarts))
  }
}
