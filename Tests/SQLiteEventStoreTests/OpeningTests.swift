import Domain
import EventLog
import Foundation
import LogStories
import Projections
import Randomness
import SQLite
import Testing

@testable import SQLiteEventStore

/// What is asked of the file, and which files are left alone.
struct OpeningTests {
  @Test func whatAnAnswerIsWorth() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 3)
    let log = try OpenedLog.open(directory: folder.path)
    func pragma(_ name: String) throws -> String? { try log.database.text("PRAGMA \(name)") }
    #expect(try pragma("journal_mode") == "wal")
    #expect(try pragma("synchronous") == "2", "FULL")
    #expect(try pragma("secure_delete") == "1")
    #expect(try pragma("foreign_keys") == "1")
    #expect(try pragma("mmap_size") == "0")
    #expect(try pragma("page_size") == "4096")
    #expect(try pragma("wal_autocheckpoint") == "0")
    #expect(try pragma("application_id") == String(Schema.applicationID))
    #expect(try pragma("user_version") == String(Schema.version))
    #expect(log.damage == nil)
  }

  @Test func readersNeverWrite() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 3)
    let reader = try Readers.connect(folder.database)
    #expect(throws: SQLiteError.self) { try reader.execute("DELETE FROM events") }
    #expect(try reader.text("PRAGMA query_only") == "1")
  }

  @Test func anotherProgramsDatabaseIsRefused() throws {
    let folder = try Folder()
    try edit(folder, "CREATE TABLE notes(t TEXT); INSERT INTO notes VALUES ('mine')")
    let before = try Data(contentsOf: URL(fileURLWithPath: folder.database))
    let fault = #expect(throws: StoreFault.self) { try open(folder) }
    #expect(fault?.message.contains("another program's") == true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.database)) == before)
    #expect(throws: StoreFault.self) { try LogFile(path: folder.database) }
  }

  @Test func aFileThatIsNoDatabaseIsRefused() throws {
    let folder = try Folder()
    let noise = Data(repeating: 7, count: 10_000)
    try noise.write(to: URL(fileURLWithPath: folder.database))
    #expect(throws: StoreFault.self) { try open(folder) }
    #expect(throws: StoreFault.self) { try LogFile(path: folder.database) }
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.database)) == noise)
  }

  @Test func aNewerSchemaIsRefused() async throws {
    let folder = try Folder()
    try await fill(folder, appends: 3)
    try edit(folder, "PRAGMA user_version = 99")
    for operation in [{ _ = try open(folder) }, { _ = try LogFile(path: folder.database) }] {
      let fault = #expect(throws: StoreFault.self) { try operation() }
      #expect(fault?.message.contains("schema 99") == true)
      #expect(fault?.message.contains("newer aipm") == true)
    }
  }

  @Test func whereThereIsNoLogThereIsNone() throws {
    let folder = try Folder()
    #expect(try LogFile.find(directory: folder.path) == nil)
    #expect(throws: StoreFault.self) {
      try SQLiteEventStore.open(
        directory: Folder.missing, clock: { Story.start }, onCommit: { _ in })
    }
    try edit(folder, "VACUUM")
    #expect(throws: StoreFault.self) { try LogFile(path: folder.database) }
  }

  @Test func aStoreThatIsClosedTakesNothing() async throws {
    let folder = try Folder()
    let store = try open(folder)
    await store.close()
    await #expect(throws: AppendFault.closed) {
      try await store.append(Story.append([Story.registered]))
    }
    await #expect(throws: StoreFault.self) { try await store.read(after: 0, limit: 1) }
  }

  /// Many who append at once share their commits.
  @Test func commitsAreShared() async throws {
    let folder = try Folder()
    let store = try open(folder)
    await withTaskGroup(of: Void.self) { group in
      for n in 0..<500 {
        group.addTask {
          do {
            _ = try await store.append(Story.append(Story.goodDay(n, to: .requested), to: n))
          } catch {
            Issue.record("\(error)")
          }
        }
      }
    }
    let activity = store.activity
    #expect(activity.appends == 500)
    #expect(activity.commits < 250)
    #expect(try await store.head().position == 500)
    await store.close()
    #expect(try LogFile(path: folder.database).differences().isEmpty)
  }

  /// What a server knew when it ended, the next one knows.
  @Test func aLogThatIsOpenedAgain() async throws {
    let folder = try Folder()
    let clock = HandClock()
    var random = RandomLog(seed: 4)
    for _ in 0..<12 {
      let store = try open(folder, clock: clock)
      #expect(store.damage == nil)
      for _ in 0..<15 {
        let append = random.next()
        clock.set(random.now)
        _ = try await store.append(append)
      }
      await store.close()
    }
    #expect(try LogFile(path: folder.database).differences().isEmpty)
  }
}

/// A stream that another program wrote nonsense to, in a log whose hashes fit.
struct StoredQuarantineTests {
  @Test func readsGoOnAndAppendsAreRefused() async throws {
    let folder = try Folder()
    let store = try open(folder)
    _ = try await store.append(Story.append(Story.goodDay(1, to: .branched), to: 1))
    _ = try await store.append(Story.append(Story.goodDay(2, to: .requested), to: 2))
    await store.close()
    try append([.retryRequested], to: folder, n: 1, after: 3)

    let again = try open(folder)
    #expect(again.damage == nil)
    let shown = try #require(try await again.delegation(.id(Story.id(1))))
    #expect(shown.row.state == .branchCreated)
    #expect(shown.row.quarantine?.contains("delegation.retry-requested") == true)
    #expect(try await again.read(.delegation(Story.id(1))).count == 4)
    let next = Story.append([Story.goodDay(1)[3]], to: 1, after: 4)
    let fault = await #expect(throws: AppendFault.self) { try await again.append(next) }
    guard case .corrupt(let why)? = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(why.event == "delegation.retry-requested")
    // The others go on.
    _ = try await again.append(Story.append([Story.goodDay(2)[1]], to: 2, after: 1))
    await again.close()
    #expect(try LogFile(path: folder.database).differences().isEmpty)
  }

  /// Writes events that no store would take, with hashes and views that fit.
  private func append(
    _ events: [DelegationEvent], to folder: Folder, n: Int, after version: Int64
  ) throws {
    let log = try OpenedLog.open(directory: folder.path)
    var sealer = EventSealer(last: log.last, random: Seeded(9))
    let append = Story.append(events, to: n, after: version)
    let now = sealer.time
    guard let sealed = sealer.seal(append, at: now) else {
      Issue.record("the append has a causation that is none")
      return
    }
    let name = append.stream.description
    let stream = try #require(
      try log.database.integer("SELECT id FROM streams WHERE name = ?", .text(name)))
    var projector = try Projector.folding(append.stream, in: log.database)
    var digests = log.digests
    for one in sealed {
      try EventTable.insert(one, stream: stream, into: log.database)
      let event = one.recorded
      let changes = projector.apply(
        event.event, stream: event.stream, version: event.version, position: event.position,
        time: event.time)
      for change in changes {
        try ViewTables.put(change.new, in: log.database)
        digests.follow(change)
      }
    }
    try log.database.run(
      "UPDATE streams SET version = ? WHERE id = ?", .integer(version + Int64(events.count)),
      .integer(stream))
    try ViewTables.put(digests, position: sealer.head.position, in: log.database)
  }
}
