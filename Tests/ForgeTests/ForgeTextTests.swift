import Domain
import ForgePort
import Testing

/// What outsiders wrote is cut to limits, in Unicode scalars, and says so.
struct ForgeTextTests {
  @Test(arguments: ["x", "é", "e\u{301}", "👩‍👩‍👧", "\r\n", "\n"])
  func eachCutKeepsToItsLimit(unit: String) {
    for count in [0, 1, 99, 100, 101, 500] {
      let text = String(repeating: unit, count: count)
      let length = text.unicodeScalars.count
      for limit in [60, 100, 101] {
        let beginning = ForgeText.beginning(of: text, limit: limit)
        let end = ForgeText.end(of: text, limit: limit)
        if length <= limit {
          #expect(beginning == text && end == text)
        } else {
          #expect(beginning.unicodeScalars.count == limit)
          #expect(beginning.hasSuffix("[cut: it has \(length) characters]"))
          #expect(end.unicodeScalars.count <= limit && end.hasPrefix("[cut: this is the end]\n"))
        }
      }
    }
  }

  @Test func theEndBeginsWithALine() {
    let text = (1...100).map { "line \($0)\n" }.joined()
    let end = ForgeText.end(of: text, limit: 50)
    #expect(end == "[cut: this is the end]\nline 98\nline 99\nline 100\n")
  }

  @Test func aPathThatIsTooLongIsLeftOut() {
    let long = String(repeating: "a", count: FeedbackText.pathMax + 1)
    #expect(FeedbackText(cutting: "x", path: long).path == nil)
    #expect(FeedbackText(cutting: "x", path: String(long.dropLast())).path != nil)
  }
}
