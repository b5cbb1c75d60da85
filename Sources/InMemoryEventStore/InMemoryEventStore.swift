// The event log in memory, for tests and the simulation. It has the same refusals, hashes and views
// as the store on SQLite, and the same conformance suite tests it. Its clock and its randomness are
// parameters, so that the same appends give the same log to the byte.
//
// Guarantees: those of `EventStore`, except that nothing is durable. Failures: none; the simulation
// adds faults of the disk.

import Domain
import EventLog
import Projections
import Synchronization

package final class InMemoryEventStore<Random: RandomNumberGenerator & Sendable>: EventStore,
  ReadModels, LogReader
{
  struct State {
    var events: [RecordedEvent] = []
    var streams: [StreamName: [Int]] = [:]
    var keys: [String: (delegation: DelegationID, body: String)] = [:]
    var stamps: Set<Int64> = []
    var epoch: Int64 = 0
    var projector = Projector()
    var digests: [ViewName: ViewDigest] = .empty
    var sealer: EventSealer<Random>
  }

  let state: Mutex<State>
  private let clock: @Sendable () -> Timestamp
  private let onCommit: CommitObserver

  /// - Parameters:
  ///   - random: the source of ids and salts.
  ///   - onCommit: called for each append before the append returns.
  package init(
    clock: @escaping @Sendable () -> Timestamp, random: Random,
    onCommit: @escaping CommitObserver = { _ in }
  ) {
    state = Mutex(State(sealer: EventSealer(last: nil, random: random)))
    self.clock = clock
    self.onCommit = onCommit
  }

  // MARK: EventStore

  /// See `EventStore`.
  package func append(_ append: Append) async throws(AppendFault) -> [RecordedEvent] {
    try appendNow(append)
  }

  /// The same for a simulation without concurrency.
  package func appendNow(_ append: Append) throws(AppendFault) -> [RecordedEvent] {
    // The observer is called under the lock, so that it receives appends in their order.
    let result = state.withLock { state -> Result<[RecordedEvent], AppendFault> in
      let result = Result { () throws(AppendFault) in try state.take(append, at: clock()) }
      if case .success(let events) = result, !events.isEmpty { onCommit(events) }
      return result
    }
    return try result.get()
  }

  /// See `EventStore`.
  package func redact(
    _ positions: [Int64], reason: String, by actor: Actor
  ) async throws(RedactionFault) -> [RecordedEvent] {
    let result = state.withLock { state -> Result<[RecordedEvent], RedactionFault> in
      let result = Result { () throws(RedactionFault) in
        try state.redact(positions, reason: reason, by: actor, at: clock())
      }
      if case .success(let events) = result, !events.isEmpty { onCommit(events) }
      return result
    }
    return try result.get()
  }

  /// See `EventStore`.
  package func read(_ stream: StreamName) async throws(StoreFault) -> [RecordedEvent] {
    readNow(stream)
  }

  /// The same for a simulation.
  package func readNow(_ stream: StreamName) -> [RecordedEvent] {
    state.withLock { state in (state.streams[stream] ?? []).map { state.events[$0] } }
  }

  /// Every event, and the current digests of the views.
  package func wholeNow() -> (events: [RecordedEvent], digests: [ViewName: ViewDigest]) {
    state.withLock { ($0.events, $0.digests) }
  }

  // MARK: ReadModels

  /// See `ReadModels`.
  package func delegation(
    _ reference: DelegationReference
  ) async throws(StoreFault) -> DelegationDetail? {
    state.withLock { state in
      switch reference {
      case .id(let id): return state.detail(of: id)
      case .stamp(let stamp):
        let row = state.rows.first { $0.stamp == stamp.milliseconds }
        return row.flatMap { state.detail(of: $0.id) }
      case .pullRequest(let repository, let number):
        let key = PullRequestRow.ID(repository: repository.description, number: number)
        let row = PullRequestRow.row(like: PullRequestRow(id: key), in: state.projector)
        return row.flatMap { state.detail(of: $0.delegation) }
      }
    }
  }

  /// See `ReadModels`.
  package func isKnown(key: String) async throws(StoreFault) -> Bool {
    state.withLock { $0.keys[key] != nil }
  }

  /// See `ReadModels`.
  package func delegations(
    _ filter: DelegationFilter, before: Stamp?, limit: Int
  ) async throws(StoreFault) -> [DelegationDetail] {
    state.withLock { state in
      let rows = state.rows.filter { row in
        (before.map { row.stamp < $0.milliseconds } ?? true)
          && (filter.states.isEmpty || filter.states.contains(row.state))
          && filter.isOf(row)
          && (filter.requester.map { row.requester == $0 } ?? true)
          && (filter.worker.map { row.worker == $0 } ?? true)
          && filter.repositories.permit(row.repository)
      }
      var found: [DelegationDetail] = []
      for row in rows.sorted(by: { $0.stamp > $1.stamp }) where found.count < limit {
        guard let detail = state.detail(of: row.id), detail.holds(filter.words) else { continue }
        found.append(detail)
      }
      return found
    }
  }

  /// See `ReadModels`.
  package func liveDelegations() async throws(StoreFault) -> [DelegationRow] {
    state.withLock { $0.rows.filter { !$0.state.isTerminal }.sorted { $0.stamp < $1.stamp } }
  }

  /// See `ReadModels`.
  package func liveDelegations(branch: String) async throws(StoreFault) -> [DelegationRow] {
    try await liveDelegations().filter { $0.branch == branch }
  }

  /// See `ReadModels`.
  package func liveFigures() async throws(StoreFault) -> LiveFigures {
    LiveFigures(try await liveDelegations())
  }

  /// See `ReadModels`.
  package func endedDelegationsWithWork() async throws(StoreFault) -> [DelegationRow] {
    state.withLock {
      $0.rows.filter { $0.state.isTerminal && $0.nextIntent != nil }
        .sorted { $0.stamp < $1.stamp }
    }
  }

  /// See `ReadModels`.
  package func ended(
    since: Timestamp, limit: Int
  ) async throws(StoreFault) -> [EndedDelegation] {
    let oldest = EndedDelegation.oldestStamp(since: since)
    return state.withLock { state in
      state.rows.filter {
        $0.state.isTerminal && $0.stamp >= oldest && $0.stateSince >= since.milliseconds
      }
      .sorted { $0.stamp > $1.stamp }.prefix(max(0, limit)).map {
        EndedDelegation(
          failure: $0.failureCode, requestedAt: $0.requestedAt, endedAt: $0.stateSince,
          repository: $0.repository, agent: $0.agent)
      }
    }
  }

  /// See `ReadModels`.
  package func texts(
    endedBefore time: Timestamp, limit: Int
  ) async throws(StoreFault) -> [Int64] {
    state.withLock { state in
      let ended = state.events.filter { event in
        guard case .delegation(let id) = event.stream, !event.salt.isEmpty,
          let row = state.projector.delegations[id]?.row
        else { return false }
        return row.isAtRest && row.stateSince < time.milliseconds && event.time < time
      }
      return ended.prefix(max(0, limit)).map(\.position)
    }
  }

  /// See `ReadModels`.
  package func pullRequests(
    in repositories: [RepositoryPattern], limit: Int
  ) async throws(StoreFault) -> [(row: PullRequestRow, title: String?)] {
    state.withLock { state in
      state.projector.rows(PullRequestRow.self).filter { repositories.permit($0.repository) }
        .sorted { $0.delegationStamp > $1.delegationStamp }.prefix(max(0, limit)).map {
          ($0, state.detail(of: $0.delegation)?.text?.title)
        }
    }
  }

  /// See `ReadModels`.
  package func workers() async throws(StoreFault) -> [WorkerRow] {
    state.withLock { $0.projector.rows(WorkerRow.self).sorted { $0.id < $1.id } }
  }

  /// See `ReadModels`.
  package func workerCounts() async throws(StoreFault) -> [WorkerStateName: Int] {
    Dictionary(grouping: try await workers(), by: \.state).mapValues(\.count)
  }

  /// See `ReadModels`.
  package func audit(
    _ query: AuditQuery, before: Int64?, limit: Int
  ) async throws(StoreFault) -> [StoredEvent] {
    state.withLock { state in
      var found: [StoredEvent] = []
      for event in state.stored.reversed() where found.count < limit {
        guard before.map({ event.position < $0 }) ?? true else { continue }
        var row: DelegationRow?
        if case .delegation(let id)? = event.stream.name {
          row = state.projector.delegations[id]?.row
        }
        if query.matches(AuditedEvent(event: event, row: row)) { found.append(event) }
      }
      return found
    }
  }

  /// See `ReadModels`.
  package func digests() async throws(StoreFault) -> (
    position: Int64, digests: [ViewName: ViewDigest]
  ) {
    state.withLock { ($0.sealer.head.position, $0.digests) }
  }

  /// See `ReadModels`.
  package func rebuild() async throws(StoreFault) -> Rebuild {
    state.withLock { $0.rebuild() }
  }

  /// See `ReadModels`.
  package func marks() async throws(StoreFault) -> (stamp: Int64, epoch: Int64) {
    state.withLock { ($0.stamps.max() ?? 0, $0.epoch) }
  }
}

extension InMemoryEventStore.State {
  var rows: [DelegationRow] { projector.rows(DelegationRow.self) }

  /// The events as a store keeps them.
  var stored: some BidirectionalCollection<StoredEvent> { events.lazy.map { StoredEvent($0) } }

  /// Compares the views with a projector that folded the whole log.
  func compare(with fresh: Projector) -> Comparison {
    var comparison = Comparison()
    for view in ViewName.allCases {
      for key in Set(fresh.keys(of: view)).union(projector.keys(of: view)).sorted() {
        let (folded, live) = (fresh.row(key), projector.row(key))
        if folded != live { comparison.note(key, folded: folded, live: live) }
      }
    }
    return comparison
  }

  fileprivate mutating func rebuild() -> Rebuild {
    var fresh = Projector()
    for event in events {
      _ = fresh.apply(
        event.event, stream: event.stream, version: event.version, position: event.position,
        time: event.time)
    }
    let comparison = compare(with: fresh)
    let replaced = digests
    projector = fresh
    digests = fresh.digests
    return Rebuild(
      events: events.count, head: sealer.head, rebuilt: digests, replaced: replaced,
      comparison: comparison)
  }

  fileprivate mutating func take(
    _ append: Append, at clock: Timestamp
  ) throws(AppendFault) -> [RecordedEvent] {
    let now = sealer.time(at: clock)
    try admit(append, at: now)
    guard !append.events.isEmpty else { return [] }
    var next = sealer
    guard let sealed = next.seal(append, at: now) else {
      throw .corrupt(
        CorruptStream(
          event: append.events.first?.name ?? "", state: append.stream.description,
          reason: "its causation is no id: \(append.causation ?? "")"))
    }
    sealer = next
    for event in sealed.map(\.recorded) { take(event) }
    return sealed.map(\.recorded)
  }

  fileprivate mutating func redact(
    _ positions: [Int64], reason: String, by actor: Actor, at clock: Timestamp
  ) throws(RedactionFault) -> [RecordedEvent] {
    var empty: [RecordedEvent] = []
    for position in positions {
      guard position > 0, position <= events.count else { throw .noSuchEvent(position) }
      let event = events[Int(position) - 1]
      if let fault = StoredEvent(event).redactionFault { throw fault }
      if case .delegation(let id) = event.stream,
        !(projector.delegations[id]?.row?.isAtRest ?? true)
      {
        throw .underWay(position)
      }
      guard let without = try? event.withoutText() else { throw .noSuchEvent(position) }
      empty.append(without)
    }
    let append = Append.redaction(
      of: positions, reason: reason, by: actor,
      after: Int64(streams[.system]?.count ?? 0))
    let redactions: [RecordedEvent]
    do throws(AppendFault) {
      redactions = try take(append, at: clock)
    } catch {
      throw .append(error)
    }
    for event in empty { events[Int(event.position) - 1] = event }
    return redactions
  }

  private func admit(_ append: Append, at now: Timestamp) throws(AppendFault) {
    var stamp: Int64?
    for case .delegation(.requested(let request)) in append.events {
      stamp = request.stamp.milliseconds
      if let key = request.idempotencyKey, let known = keys[key.key] {
        throw .duplicate(of: known.delegation, body: known.body)
      }
    }
    let version = Int64(streams[append.stream]?.count ?? 0)
    guard version == append.expectedVersion else { throw .conflict(actual: version) }
    if let stamp, stamps.contains(stamp) { throw .stampTaken }
    do throws(CorruptStream) {
      try projector.check(append.events, on: append.stream, at: now)
    } catch {
      throw .corrupt(error)
    }
  }

  /// Takes events of another store's log, which admitted them. They follow the last one here.
  mutating func copy(_ events: some Sequence<RecordedEvent>) {
    for event in events {
      sealer.follow(event)
      take(event)
    }
  }

  private mutating func take(_ event: RecordedEvent) {
    streams[event.stream, default: []].append(events.count)
    events.append(event)
    if case .delegation(.requested(let request)) = event.event,
      case .delegation(let id) = event.stream
    {
      stamps.insert(request.stamp.milliseconds)
      if let key = request.idempotencyKey { keys[key.key] = (id, key.body) }
    }
    if case .system(.started(let epoch, _)) = event.event { self.epoch = max(self.epoch, epoch) }
    let changes = projector.apply(
      event.event, stream: event.stream, version: event.version, position: event.position,
      time: event.time)
    for change in changes { digests.follow(change) }
  }

  func detail(of id: DelegationID) -> DelegationDetail? {
    guard let row = projector.delegations[id]?.row else { return nil }
    var text: TaskText?
    var failure: Failed?
    for index in streams[.delegation(id)] ?? [] {
      switch events[index].event {
      case .delegation(.requested(let request)): text = request.text
      case .delegation(.failed(let failed)): failure = failed
      case .delegation, .worker, .system: break
      }
    }
    if row.state != .failed { failure = nil }
    return DelegationDetail(
      row: row, text: text, failureMessage: failure?.message, failureHint: failure?.hint)
  }
}

extension DelegationDetail {
  /// Whether the title, the branch, the repository or the code contains each of `words`.
  fileprivate func holds(_ words: [String]) -> Bool {
    let parts = [
      row.branch, row.repository, Stamp(milliseconds: row.stamp).confirmationCode,
      text?.title ?? "",
    ].map(DelegationFilter.folded)
    return words.allSatisfy { word in parts.contains { $0.utf8.contains(word.utf8) } }
  }
}
