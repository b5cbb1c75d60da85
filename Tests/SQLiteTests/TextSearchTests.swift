import SQLite
import Testing

@Suite struct TextSearchTests {
  /// Compared with SQLite itself, for all short texts and patterns of few letters.
  @Test func itEqualsInstrOfLower() throws {
    let database = try Database(path: ":memory:", mode: .readWriteCreate)
    try database.addTextSearch()
    let letters = ["a", "A", "b", "é", "[", "@", ""]
    var texts = [""]
    for _ in 0..<4 { texts = Array(Set(texts.flatMap { text in letters.map { text + $0 } })) }
    let words = ["", "a", "b", "ab", "ba", "aab", "é", "[", "@", "é[", "abab", "aaaaa"]
    for text in texts {
      for word in words {
        let known = try database.integer(
          "SELECT instr(lower(?), ?) > 0", .text(text), .text(word))
        let found = try database.integer("SELECT holds(?, ?)", .text(text), .text(word))
        // An empty pattern is found everywhere.
        #expect(found == (word.isEmpty ? 1 : known), "\(text) \(word)")
      }
    }
  }

  @Test func nullIsNull() throws {
    let database = try Database(path: ":memory:", mode: .readWriteCreate)
    try database.addTextSearch()
    #expect(try database.integer("SELECT coalesce(holds(NULL, 'a'), 7)") == 7)
    #expect(try database.integer("SELECT coalesce(holds('a', NULL), 7)") == 7)
    #expect(try database.integer("SELECT holds(x'41FF42', 'b')") == 1)
  }
}
