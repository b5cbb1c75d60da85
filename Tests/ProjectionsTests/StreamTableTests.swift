import Domain
import EventLog
import LogStories
import Randomness
import Testing

@testable import Projections

struct StreamTableTests {
  private func key(_ n: Int) -> StreamKey { .known(.delegation(Story.id(n))) }

  /// Whatever numbers streams have, and whether they have one, each keeps its own value.
  @Test(arguments: 0..<8) func eachStreamHasItsValue(seed: Int) {
    var random = Seeded(seed)
    var table = StreamTable<Int64>(missing: 0)
    var model: [Int: Int64] = [:]
    for _ in 0..<6000 {
      let stream = Int.random(in: 1...3000, using: &random)
      // Many are larger than what is believed at first, and believed later.
      let number = stream % 5 == 0 ? 0 : Int64(stream)
      let value = Int64.random(in: 1...1000, using: &random)
      if Bool.random(using: &random) {
        #expect(table.exchange(value, at: key(stream), number) == model[stream] ?? 0)
      } else {
        table[key(stream), number] = value
      }
      model[stream] = value
      let other = Int.random(in: 1...3000, using: &random)
      #expect(table[key(other), other % 5 == 0 ? 0 : Int64(other)] == model[other] ?? 0)
    }
  }

  /// No room is made for numbers that no log has.
  @Test func numbersOutOfAllBounds() {
    var table = StreamTable<Int64>(missing: 0)
    for number in [Int64.max, Int64.min, -1, 1 << 40, 1 << 62] {
      let stream = StreamKey.unknown("\(number)")
      table[stream, number] = 7
      #expect(table[stream, number] == 7)
      #expect(table.exchange(8, at: stream, number) == 7)
    }
  }
}
