import EventLog
import Projections
import Synchronization

extension InMemoryEventStore {
  /// See `ReadModels`.
  package func repositoryUsage() async throws(StoreFault) -> [RepositoryUsage] {
    state.withLock { $0.projector.rows(RepositoryUsage.self) }
  }

  /// See `ReadModels`.
  package func usage(
    from first: String?, through last: String?
  ) async throws(StoreFault) -> [UsageRow] {
    state.withLock { $0.projector.rows(UsageRow.self) }.filter { row in
      (first.map { row.day >= $0 } ?? true) && (last.map { row.day <= $0 } ?? true)
    }
  }
}
