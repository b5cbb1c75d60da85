import Domain
import EventLog
import Projections
import Synchronization

extension InMemoryEventStore {
  /// See `EventStore`.
  package func read(
    _ stream: StreamName, types: [EventType]
  ) async throws(StoreFault) -> [RecordedEvent] {
    let names = Set(types.map(\.name))
    return readNow(stream).filter { names.contains($0.event.name) }
  }

  /// The starting state of a server: its delegations and workers, and the last epoch.
  package func startingPointNow() -> (
    live: [LiveDelegation], ended: [DelegationID], workers: [WorkerID], epoch: Int64
  ) {
    state.withLock { state in
      let rows = state.rows.sorted { $0.stamp < $1.stamp }
      return (
        rows.filter { !$0.state.isTerminal }.map { LiveDelegation($0) },
        rows.filter { $0.state.isTerminal && $0.nextIntent != nil }.map(\.id),
        state.projector.workers.keys.sorted(), state.epoch
      )
    }
  }

  /// Takes the next events of another store's log, for a simulation of several stores.
  package func copyNow(_ events: some Sequence<RecordedEvent>) {
    state.withLock { $0.copy(events) }
  }

  // MARK: LogReader

  /// See `LogReader`.
  package func head() async throws(StoreFault) -> LogHead { state.withLock { $0.sealer.head } }

  /// See `LogReader`.
  package func read(
    after position: Int64, limit: Int
  ) async throws(StoreFault) -> [StoredEvent] {
    state.withLock { Array($0.stored.dropFirst(Int(max(0, position))).prefix(max(0, limit))) }
  }

  /// See `LogReader`.
  package func events(of stream: StreamName) async throws(StoreFault) -> [StoredEvent] {
    readNow(stream).map { StoredEvent($0) }
  }

  /// See `LogReader`.
  package func last(of stream: StreamName) async throws(StoreFault) -> StoredEvent? {
    readNow(stream).last.map { StoredEvent($0) }
  }

  /// See `LogReader`.
  package func replay(
    _ plan: ReplayPlan, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> ReplayedLog {
    state.withLock { state in
      var fold = LogFold(isChecking: plan.isChecking)
      for event in state.stored {
        guard plan.end?.includes(event.position, event.time) ?? true else { break }
        fold.take(event)
      }
      onProgress(fold.events)
      let comparison = plan.comparesViews ? state.compare(with: fold.projector) : nil
      return ReplayedLog(fold: fold, comparison: comparison)
    }
  }

  /// See `LogReader`.
  package func verify(
    onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    let found = try await replay(.init(comparesViews: true), onProgress: onProgress)
    return Verification(fold: found.fold, comparison: found.comparison ?? Comparison())
  }

  /// See `LogReader`. Events that do not follow from their stream are never appended here.
  package func unfitStreams() async throws(StoreFault) -> [UnfitStream] { [] }
}
