import Domain
import EventLog
import LogStories
import Projections
import SQLite
import Testing

@testable import SQLiteEventStore

/// The index for audit may be anywhere behind the log: the answers are the same.
struct AuditIndexTests {
  @Test func answersDoNotDependOnTheIndex() async throws {
    let folder = try Folder()
    try await fill(folder, seed: 6, appends: 200)
    let database = try Database(path: folder.database, mode: .readWriteCreate)
    try database.addTextSearch()
    let head = try EventTable.head(in: database).position
    let commits = try database.statement("SELECT sha FROM events WHERE sha IS NOT NULL").rows {
      $0.text(0) ?? ""
    }
    var expected: [[Int64]] = []
    for indexed in [0, head / 3, head / 2, head] {
      try index(database, through: indexed)
      #expect(try AuditIndex.position(in: database) == indexed)
      var queries = RandomQueries(seed: 6, commits: commits)
      var answers: [[Int64]] = []
      for _ in 0..<150 {
        let query = try AuditQuery(queries.next(), now: Story.start + .seconds(4000))
        var search = AuditSearch(query, in: database)
        answers.append(try search.run(before: nil, limit: 1000).map(\.position))
      }
      if expected.isEmpty { expected = answers }
      #expect(answers == expected, "indexed through \(indexed)")
    }
    #expect(expected.count { !$0.isEmpty } > 30)
  }

  /// Rebuilds the index up to a position.
  private func index(_ database: Database, through position: Int64) throws {
    try database.execute(
      """
      DELETE FROM audit_index; DELETE FROM audit_commits; DELETE FROM audit_terms;
      DELETE FROM meta WHERE key = 'audit-position'
      """)
    var indexed: Int64 = 0
    while indexed < position {
      indexed = try AuditIndex.catchUp(from: indexed, through: position, in: database)
    }
  }

  /// The writer indexes all events when it is idle.
  @Test func itCatchesUp() async throws {
    let folder = try Folder()
    let store = try open(folder)
    for n in 0..<20 { _ = try await store.append(Story.append(Story.goodDay(n), to: n)) }
    let reader = try Readers.connect(folder.database)
    let deadline = ContinuousClock.now + .seconds(10)
    while try AuditIndex.position(in: reader) < 180, ContinuousClock.now < deadline {
      await Task.yield()
    }
    #expect(try AuditIndex.position(in: reader) == 180)
    let term = try #require(try AuditIndex.id(of: "type:7", in: reader))
    let listed = try reader.integer(
      "SELECT count(*) FROM audit_index WHERE term = ?", .integer(term))
    #expect(listed == 20)
    await store.close()
  }
}
