import EventStoreConformance
import LogStories
import SQLiteEventStore
import Testing

struct ConformanceTests {
  @Test(arguments: EventStoreConformance.checks)
  func conforms(check: ConformanceCheck) async throws {
    let folder = try Folder()
    let clock = HandClock()
    let heard = StoreUnderTest.Heard()
    let store = try SQLiteEventStore.open(
      directory: folder.path, clock: { clock.now }, onCommit: { heard.take($0) })
    try await check.run(StoreUnderTest(store: store, clock: clock, heard: heard))
    await store.close()
    #expect(store.damage == nil)
    #expect(try LogFile(path: folder.database).differences().isEmpty)
  }
}
