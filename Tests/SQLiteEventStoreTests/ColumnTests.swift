import Domain
import Foundation
import LogStories
import SQLite
import Testing
import Text

@testable import EventLog
@testable import SQLiteEventStore

/// `EventColumn` is the only list of columns: everything else follows from it.
@Suite struct ColumnTests {
  private static func names(in database: Database) throws -> [String] {
    try database.statement("SELECT name FROM pragma_table_info('events')").rows { $0.text(0) ?? "" }
  }

  /// Columns are read by their index.
  @Test func theTableHasTheDeclaredOrder() throws {
    let folder = try Folder()
    let database = try Database(path: folder.database, mode: .readWriteCreate)
    try Schema.migrate(database, from: 0)
    let declared = EventColumn.table
    #expect(try Self.names(in: database) == declared.map(\.sqlName))
    #expect(declared.map(\.column.index) == Array(declared.indices))
    #expect(declared.map(\.name) == declared.map { "\($0.column)" })
  }

  /// A new database has the table that the first release made.
  @Test func theFirstSchemaIsFrozen() throws {
    let folder = try Folder()
    let database = try Database(path: folder.database, mode: .readWriteCreate)
    try Schema.migrate(database, from: 0, columns: EventColumn.table.filter { $0.since == 1 })
    let made = try database.text("SELECT sql FROM sqlite_schema WHERE name = 'events'")
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/schema-1.sql")
    let frozen = try String(contentsOf: fixture, encoding: .utf8)
    #expect(frozen.contains(try #require(made) + ";\n"))
  }

  /// Each fact in turn is taken as a column that the next schema adds. Nothing but its declaration
  /// changes, and an older database gets it, keeps it, exports it and hashes it.
  @Test(arguments: EventColumn.facts.map(\.column))
  func aColumnIsDeclaredOnce(column: EventColumn) throws {
    let next = Schema.version + 1
    let older = EventColumn.table.filter { $0.column != column }
    let newer = EventColumn.table.map { declared in
      var declared = declared
      if declared.column == column { declared.since = next }
      return declared
    }
    let folder = try Folder()
    let database = try Database(path: folder.database, mode: .readWriteCreate)
    try Schema.migrate(database, from: 0, columns: older)
    #expect(try !Self.names(in: database).contains(column.declaration.sqlName))
    try database.execute(
      """
      INSERT INTO streams VALUES (1, 'system', 2);
      INSERT INTO events(position, id, stream, version, type, schema, time, actor_kind, actor,
        payload_hash, hash) VALUES (1, X'00', 1, 1, 64, 1, 0, 'system', 'aipm', X'00', X'00')
      """)
    // The migration adds it, and an older program refuses the result.
    try Schema.migrate(database, from: Schema.version, columns: newer)
    #expect(try Self.names(in: database).last == column.declaration.sqlName)
    #expect(try Schema.inspect(database) == .newer(version: next))
    // An earlier event lacks the fact; a new one has it.
    let sealed = Self.sealed(with: column)
    try EventTable.insert(sealed, stream: 1, into: database)
    let rows = try EventTable.stream(.system, in: database)
    #expect(try rows.map { try $0.allFacts() } == [Facts(), sealed.encoded.facts])
    let name = column.declaration.name
    #expect(rows.map { $0.facts.object[name] != nil } == [false, true])
    // The exported envelope reads back to the same facts.
    #expect(Facts(object: sealed.encoded.facts.object) == sealed.encoded.facts)
    // Both ways to the hash agree, and the column's value is part of it.
    var check = ChainCheck(after: LogHead(position: 1, hash: LogHash.genesis))
    #expect(check.take(rows[1]) == nil)
    try database.execute(
      "UPDATE events SET \(column.declaration.sqlName) = NULL WHERE position = 2")
    check = ChainCheck(after: LogHead(position: 1, hash: LogHash.genesis))
    #expect(check.take(try EventTable.stream(.system, in: database)[1]) != nil)
  }

  /// An event with this column, and with details whose keys come before and after it.
  private static func sealed(with column: EventColumn) -> SealedEvent {
    var facts = Facts()
    facts.detail = ["a": .integer(1), "zz": .string("last")]
    switch column.declaration.kind {
    case .envelope: break
    case .name, .text: facts.put(column, "text")
    case .integer: facts.put(column, 7)
    case .flag: facts.put(column, true)
    }
    let id = [UInt8](repeating: 1, count: 16)
    var recorded = RecordedEvent(
      position: 2, id: UUIDText.encode(id), stream: .system, version: 2, schema: 1,
      time: Timestamp(milliseconds: 1), actor: .system, correlation: nil, causation: nil,
      event: .system(.restored(lostAfter: 1)), salt: [], payloadHash: LogHash.emptyPayload, hash: []
    )
    let leaf = LogHash.leaf(
      position: 2, id: recorded.id, stream: "system", version: 2,
      type: EventType.systemRestored.name, schema: 1, time: recorded.time, actor: .system,
      correlation: nil, causation: nil, facts: JSONValue.object(facts.object).canonical,
      payloadHash: recorded.payloadHash)
    recorded.hash = LogHash.chain(previous: LogHash.genesis, leaf: leaf)
    return SealedEvent(
      recorded: recorded, id: id, causation: nil,
      content: EventContent(EncodedEvent(type: .systemRestored, facts: facts, text: [:])))
  }
}
