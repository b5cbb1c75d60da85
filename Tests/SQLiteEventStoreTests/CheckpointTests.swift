import Domain
import EventLog
import Foundation
import LogStories
import SQLite
import Testing

@testable import SQLiteEventStore

/// The write-ahead log is copied into the database while appends go on.
struct CheckpointTests {
  @Test("a busy store keeps its write-ahead log short, and loses nothing")
  func bounded() async throws {
    let folder = try Folder()
    let store = try open(folder)
    let (writers, each) = (32, 100)
    let largest = try await withThrowingTaskGroup(of: Int.self) { group in
      for writer in 0..<writers {
        group.addTask {
          var largest = 0
          for n in 0..<each {
            let number = writer * each + n
            _ = try await store.append(Story.append(Story.goodDay(number), to: number))
            let file = try FileManager.default.attributesOfItem(atPath: folder.database + "-wal")
            largest = max(largest, file[.size] as? Int ?? 0)
          }
          return largest
        }
      }
      return try await group.reduce(0) { max($0, $1) }
    }
    await store.close()
    // Without checkpoints it would have several pages for each append.
    #expect(largest > 0 && largest < 24 << 20)
    let log = try LogFile(path: folder.database)
    #expect(try log.head().position == Int64(writers * each * Story.goodDay(0).count))
    #expect(try log.differences().isEmpty)
  }

  @Test("a copy ends, and a store that is closed meanwhile waits for it")
  func copying() throws {
    let folder = try Folder()
    try edit(folder, "PRAGMA journal_mode = WAL; CREATE TABLE t(x)")
    let database = try Database(path: folder.database, mode: .readWriteCreate)
    try database.execute("PRAGMA wal_autocheckpoint = 0; INSERT INTO t VALUES (1)")
    let checkpointer = try Checkpointer(path: folder.database)
    #expect(try !checkpointer.proceed())
    try checkpointer.settle()
    // Nothing is left to copy.
    #expect(try database.checkpoint(.passive))
    #expect(try !checkpointer.proceed())
    while try !checkpointer.proceed() {}
    #expect(try !checkpointer.proceed())
    try checkpointer.settle()
    checkpointer.stop()
  }

  @Test("a failed copy is heard of")
  func failing() throws {
    let folder = try Folder()
    let text = Data(String(repeating: "no database", count: 1000).utf8)
    try text.write(to: URL(fileURLWithPath: folder.database))
    let checkpointer = try Checkpointer(path: folder.database)
    #expect(try !checkpointer.proceed())
    #expect(throws: SQLiteError.self) { try checkpointer.settle() }
    checkpointer.stop()
  }

  /// As when this process has no more file descriptors.
  @Test("where the file cannot be opened, the writer copies everything")
  func withoutConnection() throws {
    let folder = try Folder()
    let checkpointer = try Checkpointer(path: folder.path + "/missing/aipm.db")
    #expect(try !checkpointer.proceed())
    try checkpointer.settle()
    #expect(try !checkpointer.proceed())
    while try !checkpointer.proceed() {}
    checkpointer.stop()
  }
}
