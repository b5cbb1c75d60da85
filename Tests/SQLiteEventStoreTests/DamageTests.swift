import EventLog
import Foundation
import LogStories
import Projections
import SQLite
import SQLiteEventStore
import Testing

/// Whatever was done to the files: it is noticed, writes are refused, reads go on.
struct DamageTests {
  /// A folder with a log of 60 appends that was closed.
  private func folder() async throws -> Folder {
    let folder = try Folder()
    try await fill(folder, appends: 60)
    return folder
  }

  /// Opens a corrupt log: appends are refused with the reason, reads continue.
  private func damage(of folder: Folder) async throws -> String? {
    let store = try open(folder)
    defer { Task { await store.close() } }
    guard let damage = store.damage else { return nil }
    await #expect(throws: AppendFault.damaged(damage)) {
      try await store.append(Story.append([Story.registered], after: 0))
    }
    #expect(try await !store.delegations(DelegationFilter(), before: nil, limit: 1).isEmpty)
    return damage
  }

  @Test func aLogThatIsWhole() async throws {
    #expect(try await damage(of: folder()) == nil)
  }

  @Test func anOlderCopyIsNoticed() async throws {
    let folder = try await folder()
    let old = try Data(contentsOf: URL(fileURLWithPath: folder.database))
    let store = try open(folder)
    _ = try await store.append(Story.append(Story.goodDay(90), to: 90))
    await store.close()
    try old.write(to: URL(fileURLWithPath: folder.database))
    let damage = try await damage(of: folder)
    #expect(damage?.contains("it once reached") == true)
    #expect(damage?.contains("--accept-restore") == true)
    // The advice holds: without the head outside, the older log is gone on with.
    try FileManager.default.removeItem(atPath: folder.path + "/head")
    #expect(try await self.damage(of: folder) == nil)
  }

  @Test func aLogThatWasCutIsNoticed() async throws {
    let folder = try await folder()
    try edit(
      folder,
      """
      DELETE FROM payloads WHERE position = (SELECT max(position) FROM events);
      DELETE FROM events WHERE position = (SELECT max(position) FROM events)
      """)
    #expect(try await damage(of: folder)?.contains("it was cut") == true)
  }

  @Test func anotherLogInItsPlaceIsNoticed() async throws {
    let (folder, other) = (try await folder(), try Folder())
    try await fill(other, seed: 2, appends: 200)
    let longer = try Data(contentsOf: URL(fileURLWithPath: other.database))
    try longer.write(to: URL(fileURLWithPath: folder.database))
    #expect(try await damage(of: folder)?.contains("another was put in its place") == true)
  }

  @Test func aHeadThatCannotBeReadIsNoticed() async throws {
    let folder = try await folder()
    let path = URL(fileURLWithPath: folder.path + "/head")
    var bytes = try Data(contentsOf: path)
    for index in bytes.indices where index % 4096 == 20 { bytes[index] ^= 1 }
    try bytes.write(to: path)
    #expect(try await damage(of: folder)?.contains("`head` is corrupt") == true)
  }

  /// One of two slots torn by a crash is no damage: the other is whole.
  @Test(arguments: [0, 1])
  func halfAHeadIsEnough(slot: Int) async throws {
    let folder = try await folder()
    let store = try open(folder)
    _ = try await store.append(Story.append(Story.goodDay(90), to: 90))
    await store.close()
    let path = URL(fileURLWithPath: folder.path + "/head")
    var bytes = try Data(contentsOf: path)
    bytes[slot * 4096 + 20] ^= 1
    try bytes.write(to: path)
    #expect(try await damage(of: folder) == nil)
  }

  @Test(arguments: [
    "UPDATE events SET actor = 'mallory' WHERE position = 20",
    "UPDATE events SET time = time + 1 WHERE position = 20",
    "UPDATE events SET hash = zeroblob(32) WHERE position = 20",
    "UPDATE payloads SET body = replace(body, 'b', 'c') WHERE position = 1",
    "UPDATE payloads SET salt = zeroblob(16) WHERE position = 1",
    "UPDATE streams SET name = name || '0' WHERE id = 1",
    "PRAGMA foreign_keys = OFF; DELETE FROM payloads WHERE position = 20; "
      + "DELETE FROM events WHERE position = 20",
    // Two neighbours change places, with their texts.
    "PRAGMA foreign_keys = OFF; "
      + ["events", "payloads"].map { table in
        "UPDATE \(table) SET position = -20 WHERE position = 20; "
          + "UPDATE \(table) SET position = 20 WHERE position = 21; "
          + "UPDATE \(table) SET position = 21 WHERE position = -20; "
      }.joined(),
    "UPDATE view_digests SET position = position - 1",
  ])
  func whatWasEditedIsNoticedAtTheOpening(sql: String) async throws {
    let folder = try await folder()
    try edit(folder, "\(sql)")
    #expect(try await damage(of: folder) != nil)
    #expect(try !LogFile(path: folder.database).differences().isEmpty)
  }

  /// Each opening looks at the end of the log; a check of the whole finds what is older.
  @Test func whatIsOlderIsFoundByTheWholeCheck() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 1200)
    try edit(folder, "UPDATE events SET actor = 'mallory' WHERE position = 20")
    #expect(try await damage(of: folder) == nil)
    let found = try LogFile(path: folder.database).differences()
    #expect(found.first == "event 20 was changed: its values do not fit its hash")
  }

  @Test(arguments: [
    ("UPDATE delegations SET state = 'Pushed' WHERE state <> 'Pushed'", "delegations"),
    ("UPDATE delegations SET attempt = 99", "delegations"),
    ("UPDATE delegations SET state = 'Nonsense'", "delegations"),
    ("DELETE FROM delegations WHERE stamp = (SELECT min(stamp) FROM delegations)", "delegations"),
    ("UPDATE workers SET restarts = restarts + 1", "workers"),
    ("UPDATE workers SET agents = 'no json'", "workers"),
    ("UPDATE pull_requests SET url = url || '/'", "pull-requests"),
    ("UPDATE repository_usage SET duration = duration + 1", "repository-usage"),
    ("INSERT INTO workers VALUES ('ghost','idle','h','[]','1',1,0,NULL,0,0)", "workers"),
  ])
  func anEditedViewRowIsFoundByComparison(sql: String, view: String) async throws {
    let folder = try await folder()
    try edit(folder, sql)
    let found = try LogFile(path: folder.database).differences()
    #expect(found.contains { $0.hasPrefix(view + " ") })
    #expect(found.contains("the kept digest of \(view) is not that of its rows"))
  }

  @Test func whatIsKeptForLookUpsIsCompared() async throws {
    let folder = try await folder()
    try edit(folder, "UPDATE idempotency SET body = 'other'")
    let keys = try LogFile(path: folder.database).differences()
    #expect(keys.contains { $0.contains("idempotency keys are not the log's") })
    try edit(folder, "UPDATE streams SET version = version + 1 WHERE id = 1")
    let found = try LogFile(path: folder.database).differences()
    #expect(found.contains { $0.contains("is counted as") })
  }

  /// A byte of a page, in the middle of a text: SQLite itself sees nothing.
  @Test func aFlippedByteInAPageIsNoticed() async throws {
    let folder = try await folder()
    let path = URL(fileURLWithPath: folder.database)
    var bytes = try Data(contentsOf: path)
    let word = try #require(bytes.range(of: Data("feature/add-export".utf8), options: .backwards))
    bytes[word.lowerBound + 3] ^= 1
    try bytes.write(to: path)
    let database = try Database(path: folder.database, mode: .readOnly)
    #expect(try database.text("PRAGMA integrity_check") != nil)
    #expect(try !LogFile(path: folder.database).differences().isEmpty)
  }
}
