import Foundation
import Testing

@testable import SQLite

/// The wrapper of libsqlite3, on real files.
final class DatabaseTests {
  private static let full: Int32 = 13
  private static let cannotOpen: Int32 = 14
  private let path = NSTemporaryDirectory() + "aipm-sqlite-" + UUID().uuidString + ".db"

  deinit {
    for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) }
  }

  private func database() throws -> Database { try Database(path: path, mode: .readWriteCreate) }

  @Test func valuesComeBackAsTheyWere() throws {
    let database = try database()
    try database.execute("CREATE TABLE t(n INTEGER, t TEXT, b BLOB) STRICT")
    let texts = ["", "a\u{0}b", "\u{1F600}e\u{301}", String(repeating: "x", count: 100_000)]
    for text in texts {
      try database.run(
        "INSERT INTO t VALUES (?, ?, ?)", .integer(.min), .text(text), .blob(Array(text.utf8)))
    }
    try database.run("INSERT INTO t VALUES (?, ?, ?)", .null, .null, .blob([]))
    let s = try database.statement("SELECT n, t, b FROM t ORDER BY rowid")
    for text in texts {
      #expect(try s.step())
      #expect(s.integer(0) == .min && s.blob(2) == Array(text.utf8))
      #expect(s.text(1)?.utf8.elementsEqual(text.utf8) == true)
    }
    #expect(try s.step())
    #expect(s.optionalInteger(0) == nil && s.text(1) == nil && s.blob(2).isEmpty)
    #expect(!s.isNull(2))
    #expect(try !s.step())
  }

  @Test func aReusedStatementHasNoBindings() throws {
    let database = try database()
    let first = try database.text("SELECT ?", .text("a"))
    let second = try database.text("SELECT ?")
    #expect(first == "a" && second == nil)
  }

  @Test func theStatementCacheIsBounded() throws {
    let database = try database()
    for n in 0..<1000 {
      let found = try database.integer("SELECT \(n)")
      #expect(found == Int64(n))
    }
    #expect(database.cachedCount <= Database.cachedMax)
  }

  @Test func aStatementIsStoppedAtItsDeadline() throws {
    let database = try database()
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    database.interrupt(at: .now + .milliseconds(50))
    let error = #expect(throws: SQLiteError.self) {
      try database.run(endless + "SELECT count(*) FROM n")
    }
    #expect(error?.kind == .interrupted)
    database.interrupt(at: nil)
    let found = try database.integer(endless + "SELECT i FROM n LIMIT 1 OFFSET 99999")
    #expect(found == 100_000)
  }

  @Test func errorsSayWhatWasAttempted() throws {
    let database = try database()
    let error = #expect(throws: SQLiteError.self) { try database.execute("SELECT nonsense") }
    #expect(error?.operation == "SELECT nonsense" && error?.kind == .other)
    #expect(error?.message.contains("nonsense") == true)
    let absent = #expect(throws: SQLiteError.self) {
      try Database(path: path + "/absent", mode: .readOnly)
    }
    #expect(absent?.primaryCode == Self.cannotOpen)
  }

  @Test func aTransactionIsAtomic() throws {
    struct Stop: Error {}
    let database = try database()
    try database.execute("CREATE TABLE t(n INTEGER) STRICT")
    #expect(throws: Stop.self) {
      try database.transaction {
        try database.run("INSERT INTO t VALUES (1)")
        throw Stop()
      }
    }
    #expect(database.isAutocommit)
    let before = try database.integer("SELECT count(*) FROM t")
    #expect(before == 0 && database.isAutocommit)
    try database.transaction { try database.run("INSERT INTO t VALUES (1)") }
    #expect(try database.integer("SELECT count(*) FROM t") == 1)
  }

  /// Each connection prepares a numbered text once, and each use starts without bindings.
  @Test func numberedTexts() throws {
    let insert = SQLText("INSERT INTO t VALUES (?, ?)")
    let count = SQLText("SELECT count(*) FROM t WHERE b IS NULL")
    func counted(_ database: Database) throws -> Int64 {
      let s = try database.statement(count)
      defer { s.reset() }
      return try s.step() ? s.integer(0) : -1
    }
    let database = try database()
    try database.execute("CREATE TABLE t(a INTEGER, b TEXT)")
    try database.run(insert, .integer(1), .text("one"))
    let known = try database.statement(insert)
    known.bind(2, at: 1)
    try known.finish()
    #expect(try database.statement(insert) === known)
    #expect(try counted(database) == 1)
    let other = try Database(path: path, mode: .readWriteCreate)
    #expect(try other.statement(insert) !== known)
    #expect(try counted(other) == 1)
    let numbers = Set((0..<10).map { _ in SQLText("SELECT 1").number })
    #expect(numbers.count == 10)
  }

  @Test func aFullDiskHasItsKind() throws {
    let database = try database()
    try database.execute("CREATE TABLE t(b BLOB); PRAGMA max_page_count = 10")
    let error = #expect(throws: SQLiteError.self) {
      try database.run("INSERT INTO t VALUES (?)", .blob([UInt8](repeating: 1, count: 1 << 20)))
    }
    #expect(error?.kind == .full && error?.primaryCode == Self.full)
  }

  @Test func aLockOfAnotherConnectionIsBusy() throws {
    let database = try database()
    let other = try Database(path: path, mode: .readWriteCreate)
    try other.execute("BEGIN IMMEDIATE")
    let error = #expect(throws: SQLiteError.self) { try database.execute("BEGIN IMMEDIATE") }
    #expect(error?.kind == .busy)
  }

  @Test func aFileThatIsNotADatabase() throws {
    let noise = String(repeating: "no database ", count: 1000)
    try noise.write(toFile: path, atomically: false, encoding: .utf8)
    let database = try Database(path: path, mode: .readOnly)
    let error = #expect(throws: SQLiteError.self) {
      try database.integer("SELECT count(*) FROM sqlite_schema")
    }
    #expect(error?.kind == .corrupt)
  }

  @Test func checkpointsAreCountedAndTruncateTheLog() throws {
    let database = try database()
    #expect(try database.text("PRAGMA journal_mode = WAL") == "wal")
    database.countWALPages()
    #expect(database.walPages == 0)
    try database.execute("CREATE TABLE t(n INTEGER)")
    #expect(database.walPages > 0)
    #expect(try database.checkpoint(.truncate))
    #expect(database.walPages == 0)
    let size = try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
    #expect(size == 0)
  }
}
