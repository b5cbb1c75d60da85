import Testing

@testable import SQLite

struct RowFunctionTests {
  private struct Enough: Error {}

  private func database() throws -> Database {
    let database = try Database(path: ":memory:", mode: .readWriteCreate)
    try database.execute(
      """
      CREATE TABLE t(n INTEGER, s TEXT, b BLOB);
      INSERT INTO t VALUES (1, 'übung', x'00ff'), (-9223372036854775808, '', zeroblob(0)),
        (NULL, NULL, NULL);
      """)
    return database
  }

  @Test func rowsAsTheyStand() throws {
    let database = try database()
    let hand = try RowFunction("hand", on: database)
    var numbers: [Int64?] = []
    var texts: [String?] = []
    var bytes: [[UInt8]?] = []
    try hand.run(try database.statement("SELECT hand(n, s, b) FROM t ORDER BY rowid")) { row in
      numbers.append(row.integer(0))
      texts.append(row.bytes(1).map { String(decoding: $0, as: UTF8.self) })
      bytes.append(row.bytes(2).map { Array($0) })
    }
    #expect(numbers == [1, Int64.min, nil])
    #expect(texts == ["übung", "", nil])
    #expect(bytes == [[0, 255], [], nil])
  }

  @Test func anErrorEndsTheRun() throws {
    let database = try database()
    let hand = try RowFunction("hand", on: database)
    let statement = try database.statement("SELECT hand(n) FROM t")
    for _ in 0..<2 {
      var count = 0
      #expect(throws: Enough.self) {
        try hand.run(statement) { _ in
          count += 1
          if count == 2 { throw Enough() }
        }
      }
      #expect(count == 2)
    }
    // The function can be used again.
    var count = 0
    try hand.run(statement) { _ in count += 1 }
    #expect(count == 3)
  }

  @Test func anotherStatementMeanwhile() throws {
    let database = try database()
    let hand = try RowFunction("hand", on: database)
    var sums: [Int64?] = []
    try hand.run(try database.statement("SELECT hand(rowid) FROM t")) { row in
      let upTo = row.integer(0) ?? 0
      sums.append(
        try database.integer("SELECT count(*) FROM t WHERE rowid <= ?", .integer(upTo)))
    }
    #expect(sums == [1, 2, 3])
  }

  @Test func errorsOfSQLiteAreThrown() throws {
    let database = try database()
    let hand = try RowFunction("hand", on: database)
    let statement = try database.statement("SELECT hand(n), abs(n) FROM t ORDER BY rowid")
    var count = 0
    // The least number has no other of its size.
    #expect(throws: SQLiteError.self) { try hand.run(statement) { _ in count += 1 } }
    #expect(count == 2)
  }
}
