import Domain
import EventLog
import Foundation
import LogStories
import Projections
import SQLite
import SQLiteEventStore
import Testing

/// A copy is one state of the log, whole and checked, and can take the log's place.
struct BackupTests {
  @Test func aCopyIsTheLog() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 120)
    let copy = try LogBackup.make(of: folder.path, to: folder.path + "/copy.db")
    #expect(copy.isSound)
    let own = try LogFile(path: folder.database).verify(headPath: folder.path + "/head")
    #expect(own.isSound && own.head == copy.head && own.digests == copy.digests)
    #expect(try rows(of: folder.database) == rows(of: folder.path + "/copy.db"))
    let beside = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(beside.filter { $0.hasPrefix("copy") } == ["copy.db"])
  }

  /// Everything that an SQLite of another program sees in it.
  private func rows(of path: String) throws -> [String] {
    let database = try Database(path: path, mode: .readOnly)
    return try ["events", "payloads", "streams", "delegations", "workers", "view_digests"].flatMap {
      try database.rows("SELECT json_array(count(*), total(rowid)) FROM \($0)")
    }
  }

  @Test func whileOthersWrite() async throws {
    let folder = try Folder()
    let store = try open(folder)
    let writing = Task {
      for n in 0..<100_000 where !Task.isCancelled {
        _ = try await store.append(Story.append(Story.goodDay(n), to: n))
      }
    }
    var heads: [Int64] = []
    for n in 0..<4 {
      let copy = try LogBackup.make(of: folder.path, to: folder.path + "/copy\(n).db")
      #expect(copy.isSound)
      heads.append(copy.head.position)
    }
    writing.cancel()
    try await writing.value
    #expect(heads == heads.sorted())
    await store.close()
  }

  @Test func whatIsThereIsNotOverwritten() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 10)
    let path = folder.path + "/taken"
    try "mine".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(throws: StoreFault.self) { try LogBackup.make(of: folder.path, to: path) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
  }

  @Test func aCorruptLogMakesNoBackup() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 40)
    try edit(folder, "UPDATE events SET actor = 'mallory' WHERE position = 20")
    let fault = #expect(throws: StoreFault.self) {
      try LogBackup.make(of: folder.path, to: folder.path + "/copy.db")
    }
    #expect(fault?.message.contains("event 20 was changed") == true)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!left.contains { $0.hasPrefix("copy") })
  }

  @Test func restoredAndAccepted() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 60)
    let copy = try LogBackup.make(of: folder.path, to: folder.path + "/copy.db")
    let clock = HandClock(Story.start + .seconds(10_000))
    let store = try open(folder, clock: clock)
    _ = try await store.append(Story.append(Story.goodDay(90), to: 90))
    let lost = try await store.head()
    await store.close()

    let restored = try LogBackup.restore(folder.path + "/copy.db", to: folder.path)
    #expect(restored.head == copy.head && restored.isSound)
    #expect(try LogFile(path: folder.database + ".replaced").head() == lost)
    // It is noticed, by the store and by a check, until it is accepted.
    let refused = try open(folder, clock: clock)
    #expect(refused.damage?.contains("it once reached \(lost.position)") == true)
    #expect(refused.damage?.contains("--accept-restore") == true)
    await refused.close()
    let seen = try LogFile(path: folder.database).verify(headPath: folder.path + "/head")
    #expect(seen.faults.contains { $0.contains("it once reached") })

    func accept() throws -> SQLiteEventStore {
      try SQLiteEventStore.open(
        directory: folder.path, clock: { clock.now }, acceptsRestore: true, onCommit: { _ in })
    }
    // An acceptance that was not recorded has not happened.
    let unused = try accept()
    #expect(unused.damage == nil && unused.acceptedRestore == copy.head.position)
    await unused.close()
    let accepted = try accept()
    #expect(accepted.acceptedRestore == copy.head.position)
    let version = Int64(try await accepted.read(.system).count)
    _ = try await accepted.append(
      Story.append([.restored(lostAfter: copy.head.position)], after: version))
    await accepted.close()
    let again = try open(folder, clock: clock)
    #expect(again.damage == nil && again.acceptedRestore == nil)
    await again.close()
    let file = try LogFile(path: folder.database)
    #expect(try file.verify(headPath: folder.path + "/head").isSound)
  }

  /// Only the separate head file is overruled; a corrupt log stays refused.
  @Test func damageIsNoRestore() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 60)
    try edit(folder, "UPDATE events SET actor = 'mallory' WHERE position = 20")
    let store = try SQLiteEventStore.open(
      directory: folder.path, clock: { Story.start }, acceptsRestore: true, onCommit: { _ in })
    #expect(store.damage?.contains("event 20 was changed") == true)
    await store.close()
  }

  @Test func aCorruptBackupIsNotRestored() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 40)
    let path = folder.path + "/copy.db"
    _ = try LogBackup.make(of: folder.path, to: path)
    try Database(path: path, mode: .readWriteCreate).execute(
      "UPDATE events SET actor = 'mallory' WHERE position = 20")
    let before = try Data(contentsOf: URL(fileURLWithPath: folder.database))
    let fault = #expect(throws: StoreFault.self) {
      try LogBackup.restore(path, to: folder.path)
    }
    #expect(fault?.message.contains("event 20 was changed") == true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.database)) == before)
    try "nonsense".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(throws: StoreFault.self) { try LogBackup.restore(path, to: folder.path) }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!left.contains { $0.contains(".part") })
  }

  /// What an older program has copied.
  @Test func aBackupOfAnOlderSchema() async throws {
    let folder = try Folder()
    let sql = try String(
      contentsOfFile: #filePath.replacing("BackupTests.swift", with: "Fixtures/schema-1.sql"),
      encoding: .utf8)
    let path = folder.path + "/old.db"
    try Database(path: path, mode: .readWriteCreate).execute(sql)
    let restored = try LogBackup.restore(path, to: folder.path)
    #expect(restored.isSound && restored.events > 0)
    let store = try open(folder)
    #expect(store.damage == nil)
    #expect(try await store.head() == restored.head)
    await store.close()
  }
}
