import Domain
import EventLog
import EventStoreConformance
import InMemoryEventStore
import LogStories
import Randomness
import Testing

struct InMemoryEventStoreTests {
  private func subject(seed: Int = 1) -> StoreUnderTest {
    let clock = HandClock()
    let heard = StoreUnderTest.Heard()
    let store = InMemoryEventStore(
      clock: { clock.now }, random: Seeded(seed), onCommit: { heard.take($0) })
    return StoreUnderTest(store: store, clock: clock, heard: heard)
  }

  @Test(arguments: EventStoreConformance.checks)
  func conforms(check: ConformanceCheck) async throws { try await check.run(subject()) }

  @Test func itsFilesConform() async throws {
    try await SharedFilesConformance.check(InMemoryFiles())
  }

  /// The same appends make the same log to the byte; another source of chance another.
  @Test func sameSeedSameLog() throws {
    func head(_ seed: Int) throws -> [UInt8]? {
      var random = RandomLog(seed: 7)
      let clock = HandClock()
      let store = InMemoryEventStore(clock: { clock.now }, random: Seeded(seed))
      var last: [RecordedEvent] = []
      for _ in 0..<100 {
        let append = random.next()
        clock.set(random.now)
        last = try store.appendNow(append)
      }
      return last.last?.hash
    }
    #expect(try head(1) == head(1))
    #expect(try head(1) != head(2))
  }
}
