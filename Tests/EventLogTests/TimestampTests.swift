import Domain
import EventLog
import LogStories
import Randomness
import Testing

struct TimestampTests {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"),
    (-1, "1969-12-31T23:59:59.999Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
    (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_800_000, "2000-03-01T00:00:00.000Z"),
    (1_733_356_800_123, "2024-12-05T00:00:00.123Z"),
    (1_795_435_200_123, "2026-11-23T12:00:00.123Z"),
    (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
    (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
  ])
  func vectors(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).iso8601 == text)
    #expect(Timestamp(iso8601: text)?.milliseconds == milliseconds)
  }

  @Test func manyMomentsRoundTrip() {
    var random = Seeded(1)
    for _ in 0..<5000 {
      let time = Timestamp(
        milliseconds: Int64.random(in: -62_167_219_200_000...253_402_300_799_999, using: &random))
      #expect(Timestamp(iso8601: time.iso8601) == time)
    }
  }

  @Test func partsMayBeLeftOut() {
    let day = Timestamp(iso8601: "2024-12-05")
    #expect(day?.iso8601 == "2024-12-05T00:00:00.000Z")
    #expect(Timestamp(iso8601: "2024-12-05T07:08Z")?.iso8601 == "2024-12-05T07:08:00.000Z")
    #expect(Timestamp(iso8601: "2024-12-05T07:08:09Z")?.iso8601 == "2024-12-05T07:08:09.000Z")
  }

  @Test(arguments: [
    "", "2024", "2024-12", "2024-13-01", "2024-00-01", "2024-02-30", "2023-02-29", "2024-12-5",
    "2024-12-05T", "2024-12-05T07:08", "2024-12-05T24:00Z", "2024-12-05T07:60Z",
    "2024-12-05T07:08:60Z", "2024-12-05T07:08:09.1Z", "2024-12-05T07:08:09.1234Z",
    "2024-12-05 07:08Z", "+024-12-05", "2024-12-05T07:08Z ", "２０２４-12-05",
  ])
  func noTimes(text: String) { #expect(Timestamp(iso8601: text) == nil) }

  /// A corrupt log may have any number as a time. Writing it never crashes.
  @Test(
    arguments: [
      Int64.min, Int64.min + 1, -62_167_219_200_001, 253_402_300_800_000, (1 << 53) + 1, Int64.max,
    ] as [Int64])
  func beyondTheCalendar(milliseconds: Int64) {
    let text = Timestamp(milliseconds: milliseconds).iso8601
    #expect(text.hasSuffix("Z"))
    #expect(text != Timestamp(milliseconds: milliseconds ^ 1).iso8601)
  }
}
