import Domain
import EventLog
import LogStories
import Randomness
import Testing
import Text

struct EventIDTests {
  @Test func theFormOfAUUIDv7() {
    var ids = EventIDs()
    var random = Seeded(1)
    let time = Timestamp(milliseconds: 0x0189_0a5d_ac96)
    let text = UUIDText.encode(ids.next(at: time, using: &random))
    #expect(text.wholeMatch(of: /01890a5d-ac96-7000-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
    #expect(UUIDText.decode(text).map(UUIDText.encode) == text)
  }

  /// They rise, whatever the clock does, also over a change of the one who makes them.
  @Test func idsRise() {
    var ids = EventIDs()
    var random = Seeded(2)
    var last: [UInt8] = []
    var now = Story.start
    for round in 0..<20_000 {
      switch round % 7 {
      case 0: now = now + Milliseconds(Int64.random(in: -3...3, using: &random))
      case 3 where round % 1001 == 0: ids = EventIDs(after: last)
      case _: break
      }
      let id = ids.next(at: now, using: &random)
      #expect(last.lexicographicallyPrecedes(id))
      #expect(id[6] >> 4 == 7 && id[8] >> 6 == 2)
      last = id
    }
  }

  @Test func moreThanTheCounterHoldsInOneMillisecond() {
    var ids = EventIDs()
    var random = Seeded(3)
    let made = (0..<5000).map { _ in ids.next(at: Story.start, using: &random) }
    #expect(Set(made).count == 5000)
    #expect(made.map(UUIDText.encode) == made.map(UUIDText.encode).sorted())
  }

  @Test func anIDThatIsNoneIsNotGoneOnFrom() {
    var random = Seeded(4)
    for bytes in [[], [UInt8](repeating: 0xff, count: 16), [UInt8](repeating: 0x41, count: 16)] {
      var ids = EventIDs(after: bytes)
      let id = ids.next(at: Story.start, using: &random)
      #expect(id[..<6].reduce(0) { $0 << 8 | Int64($1) } == Story.start.milliseconds)
    }
  }

  @Test(arguments: [
    "", "01890a5dac96774bbcceb302099a8057", "01890a5d-ac96-774b-bcce-b302099a805",
    "01890a5d-ac96-774b-bcce-b302099a805g", "01890a5d-ac96-774b-bcceb-302099a8057",
    "01890a5d-ac96-774b-bcce-b302099a80577",
  ])
  func noUUIDs(text: String) { #expect(UUIDText.decode(text) == nil) }
}
