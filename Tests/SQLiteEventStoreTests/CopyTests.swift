import EventLog
import Foundation
import LogStories
import Projections
import SQLiteEventStore
import Testing
import Text

/// A log that another store reads, written event by event into a new file.
struct CopyTests {
  @Test func aCopyHasTheSameEventsAndGoesOn() async throws {
    let (folder, other) = (try Folder(), try Folder())
    try await fill(folder, appends: 150)
    let source = SQLiteDriver(folder: folder.path)
    let target = SQLiteDriver(folder: other.path)
    let log = try source.reader()
    let copy = try await target.copy(from: log) { _ in }
    let original = try await log.verify { _ in }
    #expect(copy.isSound && copy.head == original.head && copy.digests == original.digests)
    #expect(try await LogCopy.difference(of: copy.head, from: log) == nil)
    let (a, b) = (
      try await log.read(after: 0, limit: 9999),
      try await target.reader().read(after: 0, limit: 9999)
    )
    #expect(a.map(\.json.canonical) == b.map(\.json.canonical) && a.map(\.hash) == b.map(\.hash))
    let store = try open(other)
    _ = try await store.append(Story.append(Story.goodDay(900), to: 900))
    await store.close()
    #expect(store.damage == nil)
    await #expect(throws: StoreFault.self) { try await target.copy(from: log) { _ in } }
    let more = try await target.reader().head()
    #expect(try await LogCopy.difference(of: more, from: log) != nil)
  }

  @Test func aCorruptLogIsNotCopied() async throws {
    let (folder, other) = (try Folder(), try Folder())
    try await fill(folder, appends: 60)
    try edit(folder, "UPDATE events SET actor = 'mallory' WHERE position = 20")
    let log = try SQLiteDriver(folder: folder.path).reader()
    let fault = await #expect(throws: StoreFault.self) {
      try await SQLiteDriver(folder: other.path).copy(from: log) { _ in }
    }
    #expect(fault?.message.contains("event 20 was changed") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: other.path).isEmpty)
  }
}
