import Dispatch
import Domain
import EventLog
import Foundation
import LogStories
import Projections
import SQLite
import Testing

@testable import SQLiteEventStore

/// Every read ends in time, and a search through all rows does not delay other reads.
struct ReaderTests {
  /// Runs until it is stopped.
  private static let endless = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n
    """

  @Sendable private static func runForEver(_ database: Database) throws {
    try database.run(endless)
  }

  @Test(.timeLimit(.minutes(1)))
  func aReadThatTakesTooLongIsStoppedAndItsThreadGoesOn() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 3)
    let readers = try Readers(
      path: folder.database, limits: .init(time: .milliseconds(200), threads: 1))
    defer { readers.close() }
    for kind in [Readers.Kind.lookUp, .search] {
      let fault = await #expect(throws: StoreFault.self) {
        try await readers.read("endless", as: kind, Self.runForEver)
      }
      #expect(fault?.message.contains("took too long") == true)
      let count = try await readers.read("count", as: kind) {
        try $0.integer("SELECT count(*) FROM events")
      }
      #expect(count ?? 0 > 0)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func searchesThatTakeTheirTimeHoldUpNoLookUp() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 3)
    let readers = try Readers(path: folder.database, limits: .init(threads: 1))
    defer { readers.close() }
    let gate = DispatchSemaphore(value: 0)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { try await readers.read("held", as: .search) { _ in gate.wait() } }
      }
      for _ in 0..<10 {
        _ = try await readers.read("count") { try $0.integer("SELECT count(*) FROM events") }
      }
      for _ in 0..<4 { gate.signal() }
      try await group.waitForAll()
    }
  }

  @Test func searchesThatWaitHaveABound() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 3)
    let readers = try Readers(
      path: folder.database,
      limits: .init(time: .milliseconds(500), threads: 1, waitingSearchesMax: 1))
    defer { readers.close() }
    let faults = await withTaskGroup(of: String.self) { group in
      for _ in 0..<4 {
        group.addTask {
          do throws(StoreFault) {
            try await readers.read("endless", as: .search, Self.runForEver)
            return ""
          } catch { return error.message }
        }
      }
      return await group.reduce(into: [String]()) { $0.append($1) }
    }
    #expect(faults.contains("too many reads wait"))
  }

  @Test func aConnectionThatCouldNotBeMadeIsMadeLater() async throws {
    let folder = try Folder()
    let readers = try Readers(path: folder.database, limits: .init(threads: 1))
    defer { readers.close() }
    await #expect(throws: StoreFault.self) {
      try await readers.read("head") { try EventTable.head(in: $0) }
    }
    try await fill(folder, appends: 3)
    let head = try await readers.read("head") { try EventTable.head(in: $0) }
    #expect(head.position > 0)
  }

  /// What a start and the doctor see of a stream whose events are no events.
  @Test func aStreamThatCannotBeReadIsNamedAndHidesNoOther() async throws {
    let folder = try Folder()
    let store = try open(folder)
    for n in 1...3 { _ = try await store.append(Story.append(Story.goodDay(n, to: .based), to: n)) }
    for n in 4...140 { _ = try await store.append(Story.append(Story.goodDay(n), to: n)) }
    await store.close()
    #expect(try LogFile(path: folder.database).unfitStreams().isEmpty)
    let broken = StreamName.delegation(Story.id(2))
    try edit(
      folder,
      """
      UPDATE events SET type = 9999 WHERE version = 1
      AND stream = (SELECT id FROM streams WHERE name = '\(broken)')
      """)
    #expect(try LogFile(path: folder.database).unfitStreams().map(\.stream) == [broken])
    let again = try open(folder)
    #expect(again.damage == nil)
    await #expect(throws: StoreFault.self) { try await again.read(broken) }
    #expect(try await again.read(.delegation(Story.id(1))).count == 2)
    #expect(try await again.liveDelegations().count == 3)
    let shown = try await again.delegation(.id(Story.id(2)))
    #expect(shown != nil && shown?.text == nil)
    #expect(try await again.delegations(.init(), before: nil, limit: 500).count == 140)
    await again.close()
  }

  /// Audits and searches of delegations are the ones that may look through everything.
  @Test func whatIsSearchedWaitsForSearches() async throws {
    let folder = try Folder()
    let store = try open(folder)
    _ = try await store.append(Story.append(Story.goodDay(1), to: 1))
    store.readers.stopLookUps()
    let found = try await store.delegations(.init(text: "nothing"), before: nil, limit: 1)
    #expect(found.isEmpty)
    let query = try AuditQuery("timeout", now: .init(milliseconds: 0))
    #expect(try await store.audit(query, before: nil, limit: 1).isEmpty)
    await #expect(throws: StoreFault.self) {
      try await store.delegations(.init(), before: nil, limit: 1)
    }
    await store.close()
  }
}
