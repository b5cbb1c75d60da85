import Domain
import Testing

@testable import Projections

struct FoldedViewsTests {
  @Test("each view that is a sum of events is folded")
  func complete() {
    func isFolded<Row: FoldedRow>(_: Row.Type) -> Bool { FoldedViews()[Row.self] != nil }
    let folded = allViews.compactMap { $0 as? any FoldedRow.Type }
    #expect(folded.count >= 4)
    for view in folded {
      let isThere = isFolded(view)
      #expect(isThere, "\(view)")
    }
  }

  @Test(
    "a time has the date that it is written with",
    arguments: [-1, 0, 86_399_999, 86_400_000, 1_733_356_800_000, -86_400_000, -86_400_001])
  func dates(milliseconds: Int64) {
    var calendar = Calendar()
    for near in [milliseconds, milliseconds + 1, milliseconds - 86_400_000, milliseconds] {
      let time = Timestamp(milliseconds: near)
      let date = calendar.date(of: time)
      #expect(date.day == time.day && date.month == time.month)
    }
  }
}
