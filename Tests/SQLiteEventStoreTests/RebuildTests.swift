import Domain
import EventLog
import Foundation
import LogStories
import Projections
import SQLite
import Testing

@testable import SQLiteEventStore

/// Views that are thrown away and made again are the same to the byte.
struct RebuildTests {
  /// Every statement of the schema, without the quotes that renaming puts in.
  private func schema(_ folder: Folder) throws -> [String] {
    let database = try Database(path: folder.database, mode: .readOnly)
    return try database.rows("SELECT coalesce(sql, '') FROM sqlite_schema ORDER BY type, name")
      .map { $0.replacing("\"", with: "") }
  }

  @Test func viewsThatAreTheLogsStayWhatTheyAre() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 150)
    let before = try LogFile(path: folder.database).storedDigests()
    let tables = try schema(folder)
    let rebuild = try LogAtRest.rebuild(directory: folder.path) { _ in }
    #expect(rebuild.isIdentical)
    #expect(rebuild.rebuilt == before.digests && rebuild.replaced == before.digests)
    #expect(rebuild.head.position == before.position)
    #expect(rebuild.events == Int(rebuild.head.position))
    #expect(try schema(folder) == tables)
    #expect(try LogFile(path: folder.database).differences().isEmpty)
  }

  @Test(arguments: [
    "UPDATE delegations SET state = 'Pushed', attempt = 99",
    "DELETE FROM pull_requests",
    "INSERT INTO workers VALUES ('ghost','idle','h','[]','1',1,0,NULL,0,0)",
    "DROP TABLE workers",
    "UPDATE repository_usage SET pushed = 99",
    "DROP INDEX delegations_by_state",
    "DELETE FROM view_digests",
    "UPDATE view_digests SET position = position - 1",
    "UPDATE streams SET version = version + 1",
    "DELETE FROM idempotency",
    "UPDATE idempotency SET delegation = 'x'",
    "DELETE FROM audit_index WHERE position = 7",
    "UPDATE audit_terms SET term = term || 'x' WHERE id = 2",
  ])
  func whatWasEditedIsMended(sql: String) async throws {
    let folder = try Folder()
    try await fill(folder, appends: 150)
    try index(folder)
    let tables = try schema(folder)
    try edit(folder, sql)
    if !sql.hasPrefix("DROP") {
      #expect(try !LogFile(path: folder.database).differences().isEmpty)
    }
    _ = try LogAtRest.rebuild(directory: folder.path) { _ in }
    #expect(try schema(folder) == tables)
    let store = try open(folder)
    #expect(store.damage == nil)
    await store.close()
    #expect(try LogFile(path: folder.database).differences().isEmpty)
  }

  /// Brings the index for audit up to the log.
  private func index(_ folder: Folder) throws {
    let database = try Database(path: folder.database, mode: .readWriteCreate)
    try database.transaction {
      var position = try AuditIndex.position(in: database)
      while true {
        let indexed = try AuditIndex.catchUp(from: position, in: database)
        if indexed == position { return }
        position = indexed
      }
    }
  }

  @Test func aCorruptLogIsLeftUnchanged() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 1200)
    try edit(folder, "UPDATE events SET actor = 'mallory' WHERE position = 20")
    let before = try LogFile(path: folder.database).storedDigests()
    let fault = #expect(throws: StoreFault.self) {
      try LogAtRest.rebuild(directory: folder.path) { _ in }
    }
    #expect(fault?.message.contains("event 20 was changed") == true)
    let store = try open(folder)
    await #expect(throws: StoreFault.self) { try await store.rebuild() }
    await store.close()
    let file = try LogFile(path: folder.database)
    #expect(try file.storedDigests().digests == before.digests)
    #expect(try file.differences().first == "event 20 was changed: its values do not fit its hash")
  }

  /// A process that ended in the middle of a rebuild leaves tables, and nothing else.
  @Test func whatARebuildLeftIsTakenAway() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 20)
    let tables = try schema(folder)
    try edit(folder, "CREATE TABLE rebuilt_workers(id TEXT); CREATE TABLE rebuilt_delegations(x)")
    await (try open(folder)).close()
    #expect(try schema(folder) == tables)
  }

  @Test func while64ClientsWrite() async throws {
    let folder = try Folder()
    let clock = HandClock()
    let store = try open(folder, clock: clock)
    let writing = Task {
      await withTaskGroup(of: Int.self) { group in
        for client in 0..<64 {
          group.addTask {
            var events = 0
            for n in stride(from: client, to: 1_000_000, by: 64) where !Task.isCancelled {
              for (index, event) in Story.goodDay(n).enumerated() {
                do {
                  let append = Story.append([event], to: n, after: Int64(index))
                  events += try await store.append(append).count
                } catch {
                  Issue.record("\(error)")
                  return events
                }
              }
            }
            return events
          }
        }
        return await group.reduce(0, +)
      }
    }
    _ = try await store.append(Story.append(Story.goodDay(2_000_000), to: 2_000_000))
    var heads: [Int64] = [0]
    for _ in 0..<5 {
      let rebuild = try await store.rebuild()
      #expect(rebuild.isIdentical)
      #expect(rebuild.events == Int(rebuild.head.position))
      heads.append(rebuild.head.position)
    }
    writing.cancel()
    let written = await writing.value
    #expect(heads == heads.sorted() && Set(heads).count == heads.count, "it goes on writing")
    #expect(try await store.head().position == Int64(written + 9))
    #expect(try await store.append(Story.append([Story.registered])).count == 1)
    await store.close()
    #expect(try LogFile(path: folder.database).differences().isEmpty)
  }

  @Test func oneAtATime() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 400)
    let store = try open(folder)
    let outcomes = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<6 { group.addTask { (try? await store.rebuild())?.isIdentical ?? false } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.contains(true))
    #expect(try await store.rebuild().isIdentical)
    await store.close()
  }
}

extension Database {
  /// The first column of each row.
  func rows(_ sql: String) throws -> [String] {
    let s = try prepare(sql)
    var all: [String] = []
    while try s.step() { all.append(s.text(0) ?? "") }
    return all
  }
}
