#if PostgreSQL

import Domain
import EventLog
import LogStories
import PostgreSQLEventStore
import Projections
import Testing

/// They share a server, which some of them stop.
@Suite(.serialized) struct PostgreSQLTests {
  /// Appends a random log.
  static func fill(
    _ store: any EventStore, _ clock: HandClock, seed: Int, appends: Int
  ) async throws {
    var random = RandomLog(seed: seed)
    for _ in 0..<appends {
      let append = random.next()
      clock.set(random.now)
      _ = try await store.append(append)
    }
  }

  static func options(_ clock: HandClock = HandClock()) -> StoreOptions {
    StoreOptions(clock: { clock.now })
  }

  /// Whether the log is sound, with what is wrong.
  static func expectSound(_ scratch: Scratch) async throws {
    let found = try await scratch.driver.reader().verify { _ in }
    #expect(found.isSound, "\(found.faults) \(found.comparison.differences)")
  }
}

#endif
