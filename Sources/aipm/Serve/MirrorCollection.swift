import Domain
import EventLog
import Logging
import Mirrors
import Processes
import Projections

extension GitMirrors {
  /// Removes mirrors by age and size, and packs that nobody needs, now and every hour until the
  /// task is cancelled.
  func collectHourly(_ limits: CacheLimits, _ store: any ReadModels, _ logger: Logger) async {
    while !Task.isCancelled {
      do {
        let live = Set(try await store.liveRepositories().map { $0.lowercased() })
        await collect(limits) { live.contains($0.lowercased()) }
        try await collectPacks(at: SystemClock.wall()) { id in
          try await store.delegation(.id(id))?.row.state.isTerminal == false
        }
      } catch {
        logger.error("mirrors could not be collected: \(error)")
      }
      try? await Task.sleep(for: .seconds(3600))
    }
  }
}
