import EventLog
import EventStoreConformance
import InMemoryEventStore
import LogStories
import Randomness
import SQLiteEventStore
import Testing

/// The store in memory is the model of this one.
struct ModelTests {
  @Test(arguments: 1...4)
  func answersAreThoseOfTheModel(seed: Int) async throws {
    let folder = try Folder()
    let (clock, modelClock) = (HandClock(), HandClock())
    let (heard, modelHeard) = (StoreUnderTest.Heard(), StoreUnderTest.Heard())
    let store = try SQLiteEventStore.open(
      directory: folder.path, clock: { clock.now }, onCommit: { heard.take($0) })
    let model = InMemoryEventStore(
      clock: { modelClock.now }, random: Seeded(seed), onCommit: { modelHeard.take($0) })
    try await EventStoreConformance.compare(
      StoreUnderTest(store: store, clock: clock, heard: heard),
      with: StoreUnderTest(store: model, clock: modelClock, heard: modelHeard), seed: seed,
      appends: 250)
    await store.close()
  }
}
