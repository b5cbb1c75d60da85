import EventLog
import Foundation
import LogStories
import Projections
import SQLite
import Synchronization
import Testing
import Text

@testable import SQLiteEventStore

/// Views that a database does not have in this program's version are built when it is opened.
struct ViewVersionTests {
  /// What the store said of building views.
  private final class Builds: Sendable {
    private let all = Mutex<[ViewBuild]>([])
    var events: [ViewBuild] { all.withLock { $0 } }
    func take(_ build: ViewBuild) { all.withLock { $0.append(build) } }
  }

  private func open(_ folder: Folder, _ builds: Builds) throws -> SQLiteEventStore {
    let clock = HandClock()
    return try SQLiteEventStore.open(
      directory: folder.path, clock: { clock.now }, onViewBuild: builds.take, onCommit: { _ in })
  }

  private func tables(_ folder: Folder) throws -> [String] {
    try Database(path: folder.database, mode: .readOnly)
      .rows("SELECT coalesce(sql, '') FROM sqlite_schema ORDER BY type, name")
  }

  @Test(arguments: [
    ("UPDATE view_digests SET version = 0 WHERE view = 'workers'", ["workers"]),
    ("DELETE FROM view_digests WHERE view = 'workers'", ["workers"]),
    ("DROP TABLE repository_usage", ["repository-usage"]),
    (
      // As an older version might have had it.
      """
      ALTER TABLE pull_requests RENAME COLUMN url TO address;
      UPDATE view_digests SET version = 2 WHERE view = 'pull-requests';
      """, ["pull-requests"]
    ),
    (
      "DELETE FROM view_digests; DROP TABLE workers",
      [
        "delegations", "pull-requests", "workers", "repository-usage", "usage", "tasks",
      ]
    ),
  ])
  func anOutdatedViewIsBuilt(sql: String, views: [String]) async throws {
    let folder = try Folder()
    try await fill(folder, appends: 150)
    let before = try tables(folder)
    let digests = try LogFile(path: folder.database).storedDigests()
    try edit(folder, sql)
    let found = try LogFile(path: folder.database).differences()
    for view in views {
      #expect(found.contains { $0.contains("the view \(view) is missing or of another version") })
    }
    let builds = Builds()
    let store = try open(folder, builds)
    #expect(store.damage == nil)
    #expect(builds.events.first?.views.map(\.rawValue) == views)
    #expect(builds.events.first?.folded == 0)
    let head = try await store.head().position
    #expect(builds.events.last?.folded == Int(head) && builds.events.last?.events == head)
    #expect(try await store.digests().digests == digests.digests)
    #expect(try tables(folder) == before)
    _ = try await store.append(Story.append(Story.goodDay(900), to: 900))
    await store.close()
    #expect(try LogFile(path: folder.database).differences().isEmpty)

    let again = Builds()
    await (try open(folder, again)).close()
    #expect(again.events.isEmpty, "it is built once")
  }

  @Test func anIndexThatIsMissingIsMade() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 20)
    let before = try tables(folder)
    try edit(folder, "DROP INDEX delegations_by_pr; DROP INDEX delegations_by_stamp")
    let builds = Builds()
    await (try open(folder, builds)).close()
    #expect(try tables(folder) == before && builds.events.isEmpty)
  }

  /// A corrupt log is left unchanged.
  @Test func aCorruptLogIsNotFolded() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 20)
    try edit(
      folder,
      "UPDATE events SET actor = 'mallory' WHERE position = 5; DROP TABLE repository_usage")
    let builds = Builds()
    let store = try open(folder, builds)
    #expect(store.damage?.contains("event 5 was changed") == true && builds.events.isEmpty)
    await store.close()
  }

  /// The columns that databases of version 1 have are those that are declared.
  @Test func tablesOfTheFirstVersion() throws {
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/schema-1.sql")
    let old = try Folder()
    try edit(old, String(contentsOf: fixture, encoding: .utf8))
    let database = try Database(path: old.database, mode: .readOnly)
    let columns = "SELECT name || ' ' || type FROM pragma_table_info('"
    /// - Parameter later: the columns that a later version of the view added at the end.
    func compare<Row: ViewRow>(_ row: Row.Type, later: [String] = []) throws {
      let own = try Database(path: ":memory:", mode: .readWriteCreate)
      try own.execute("CREATE TABLE streams(id INTEGER PRIMARY KEY)")
      try ViewTables.create(row, in: own)
      try ViewTables.createIndexes(of: row, in: own)
      let table = columns + row.view.table + "')"
      #expect(try own.rows(table) == database.rows(table) + later)
    }
    try compare(DelegationRow.self, later: ["follows TEXT"])
    try compare(PullRequestRow.self)
    try compare(WorkerRow.self)
  }
}

/// A view is a declaration; its table, statements and JSON follow from it.
struct ViewDeclarationTests {
  private struct Row: ViewRow {
    var name = ""
    var count: Int64 = 0
    var isLarge: Bool?
    var lastURL: String?
    var words: [String] = []
    var id: String { name }
    static func countMax(in _: Projector) -> Int { 0 }

    static let view = View<Row>(
      "scratch-rows", version: 3,
      columns: [
        Column("count", \.count), Column("name", \.name, .key), Column("isLarge", \.isLarge),
        Column("lastURL", \.lastURL, .fixed), Column("words", \.words),
      ])
    static func forEach(in _: Projector, _ body: (Row) throws -> Void) rethrows {}
    static func row(like _: Row, in _: Projector) -> Row? { nil }
  }

  @Test func theTableFollows() throws {
    let database = try Database(path: ":memory:", mode: .readWriteCreate)
    try ViewTables.create(Row.self, in: database)
    #expect(
      try database.rows("SELECT sql FROM sqlite_schema WHERE type = 'table'") == [
        """
        CREATE TABLE scratch_rows(
          name TEXT NOT NULL,
          count INTEGER NOT NULL,
          is_large INTEGER,
          last_url TEXT,
          words TEXT NOT NULL,
          PRIMARY KEY (name)
        ) STRICT
        """
      ])
    var row = Row()
    row.name = "a"
    row.lastURL = "u"
    row.words = ["x", "\"y"]
    try ViewTables.put(row, in: database)
    #expect(try ViewTables.rows(Row.self, in: database) == [row])
    #expect(
      row.json.canonicalText
        == "{\"count\":0,\"lastURL\":\"u\",\"name\":\"a\",\"words\":[\"x\",\"\\\"y\"]}")
    var later = row
    later.count = 5
    later.isLarge = true
    later.lastURL = "other"
    try ViewTables.put(later, in: database)
    later.lastURL = "u"
    #expect(try ViewTables.rows(Row.self, in: database) == [later], "a fixed column stays")
    #expect(try ViewTables.row(like: row, in: database) == later)
    #expect(
      Row.view.listing.map { $0.heading } == ["NAME", "COUNT", "IS_LARGE", "LAST_URL", "WORDS"])
    #expect(Row.view.listing.map { $0.text(later) } == ["a", "5", "true", "u", "x, \"y"])
    try database.execute("UPDATE scratch_rows SET words = '5'")
    #expect(throws: UnreadableRow.self) { try ViewTables.rows(Row.self, in: database) }
  }
}
