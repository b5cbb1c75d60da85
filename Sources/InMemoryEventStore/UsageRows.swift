import EventLog
import Projections
import Synchronization

extension InMemoryEventStore {
  /// See `ReadModels`.
  package func repositoryUsage() async throws(StoreFault) -> [RepositoryUsage] {
    state.withLock { $0.projector.rows(RepositoryUsage.self) }
  }
}
