#if PostgreSQL

import EventLog
import EventStoreConformance
import InMemoryEventStore
import LogStories
import PostgreSQLCluster
import PostgreSQLEventStore
import Projections
import Randomness
import Testing

extension PostgreSQLTests {
  @Test(arguments: EventStoreConformance.checks)
  func conforms(check: ConformanceCheck) async throws {
    let scratch = try Cluster.shared.database()
    let clock = HandClock()
    let heard = StoreUnderTest.Heard()
    var options = StoreOptions(clock: { clock.now })
    options.onCommit = { heard.take($0) }
    let store = try scratch.open(options)
    try await check.run(StoreUnderTest(store: store, clock: clock, heard: heard))
    await store.close()
    #expect(store.damage == nil)
    let found = try await scratch.driver.reader().verify { _ in }
    #expect(found.isSound, "\(found.faults)")
  }

  /// The store in memory is the model of this one.
  @Test(arguments: 1...2)
  func answersAreThoseOfTheModel(seed: Int) async throws {
    let scratch = try Cluster.shared.database()
    let (clock, modelClock) = (HandClock(), HandClock())
    let (heard, modelHeard) = (StoreUnderTest.Heard(), StoreUnderTest.Heard())
    var options = StoreOptions(clock: { clock.now })
    options.onCommit = { heard.take($0) }
    let store = try scratch.open(options)
    let model = InMemoryEventStore(
      clock: { modelClock.now }, random: Seeded(seed), onCommit: { modelHeard.take($0) })
    try await EventStoreConformance.compare(
      StoreUnderTest(store: store, clock: clock, heard: heard),
      with: StoreUnderTest(store: model, clock: modelClock, heard: modelHeard), seed: seed,
      appends: 250)
    await store.close()
  }
}

#endif
