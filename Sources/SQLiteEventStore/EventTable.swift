import Domain
import EventLog
import SQLite
import Text

/// Reading and writing of `events` and `payloads`. Everything here that names columns is derived
/// from `EventColumn`.
enum EventTable {
  /// In the order of `EventColumn`.
  static let columns = EventColumn.table.map { "e.\($0.sqlName)" }.joined(separator: ", ")

  /// The same columns, with NULL for those that a fold doesn't read.
  static let leanColumns = EventColumn.table.map { column in
    column.kind != .envelope || foldedEnvelope.contains(column.column)
      ? "e.\(column.sqlName)" : "NULL"
  }.joined(separator: ", ")

  private static let foldedEnvelope: [EventColumn] = [
    .position, .stream, .version, .type, .time, .detail,
  ]

  /// Migrates the table to a schema version: creates it, or adds the missing columns.
  /// - Parameter columns: the columns that `EventColumn` declares.
  static func migrate(
    _ database: Database, to version: Int64, _ columns: [ColumnDeclaration]
  ) throws {
    let declared = columns.filter { $0.since <= version }
    if version == 1 {
      let lines = declared.map { "  \($0.sqlName) \($0.sqlType)" }.joined(separator: ",\n")
      try database.execute("CREATE TABLE events(\n\(lines)\n) STRICT")
      try database.execute("CREATE UNIQUE INDEX events_by_stream ON events(stream, version)")
    }
    let known = try database.statement("SELECT name FROM pragma_table_info('events')")
      .rows { $0.text(0) ?? "" }
    for column in declared where !known.contains(column.sqlName) {
      try database.execute("ALTER TABLE events ADD COLUMN \(column.sqlName) \(column.sqlType)")
    }
  }

  /// The index of the payload's salt in `select`. Its text follows.
  static let saltIndex = Int32(EventColumn.allCases.count)

  /// Selects events with their payloads; append a condition and an order.
  static let select = """
    SELECT \(columns), p.salt, p.body FROM events e LEFT JOIN payloads p ON p.position = e.position
    """

  /// Reads the current row of a statement that begins with `select`.
  /// - Parameter names: of the streams of this database.
  static func read(_ s: Statement, _ names: StreamNames) throws(SQLiteError) -> StoredEvent {
    let number = s.integer(Int32(EventColumn.stream.index))
    return StoredEvent(
      StatementRow(s, names),
      stream: StoredEvent.Stream(try names.text(number), number: number),
      salt: s.blob(saltIndex), body: s.blob(saltIndex + 1))
  }

  private static let insertEvent = SQLText(
    """
    INSERT INTO events(\(EventColumn.table.map(\.sqlName).joined(separator: ", "))) \
    VALUES (\(EventColumn.table.map { _ in "?" }.joined(separator: ", ")))
    """)
  private static let insertPayload = SQLText("INSERT INTO payloads VALUES (?, ?, ?)")

  /// Inserts an event and its payload.
  static func insert(
    _ sealed: SealedEvent, stream: Int64, into database: Database
  ) throws(SQLiteError) {
    let s = try database.statement(insertEvent)
    let event = sealed.recorded
    let content = sealed.content
    let facts = content.encoded.facts
    s.bind(event.position, at: .position)
    s.bind(sealed.id, at: .id)
    s.bind(stream, at: .stream)
    s.bind(event.version, at: .version)
    s.bind(Int64(content.encoded.type.rawValue), at: .type)
    s.bind(Int64(event.schema), at: .schema)
    s.bind(event.time.milliseconds, at: .time)
    s.bind(event.actor.kind.rawValue, at: .actorKind)
    s.bind(event.actor.name, at: .actor)
    s.bind(event.correlation, at: .correlation)
    if let causation = sealed.causation { s.bind(causation, at: .causation) }
    for fact in facts.values {
      switch fact.value {
      case .string(let text): s.bind(text, at: fact.column)
      case .integer(let number): s.bind(number, at: fact.column)
      case .bool(let flag): s.bind(flag ? 1 : 0, at: fact.column)
      case .null, .number, .array, .object: s.bind(facts.integer(fact.column), at: fact.column)
      }
    }
    if !content.detail.isEmpty { s.bind(utf8: content.detail, at: .detail) }
    s.bind(event.payloadHash, at: .payloadHash)
    s.bind(event.hash, at: .hash)
    try s.finish()
    guard !content.body.isEmpty else { return }
    let payload = try database.statement(insertPayload)
    payload.bind(event.position, at: 1)
    payload.bind(event.salt, at: 2)
    payload.bind(utf8: content.body, at: 3)
    try payload.finish()
  }

  /// Inserts an event as another store has it, and its payload.
  static func insert(
    _ stored: StoredEvent, stream: Int64, into database: Database
  ) throws(SQLiteError) {
    let s = try database.statement(insertEvent)
    s.bind(stored.position, at: .position)
    s.bind(stored.id, at: .id)
    s.bind(stream, at: .stream)
    s.bind(stored.version, at: .version)
    s.bind(stored.type, at: .type)
    s.bind(stored.schema, at: .schema)
    s.bind(stored.time.milliseconds, at: .time)
    s.bind(stored.actorKind, at: .actorKind)
    s.bind(stored.actor, at: .actor)
    s.bind(stored.correlation, at: .correlation)
    if let causation = stored.causation { s.bind(causation, at: .causation) }
    for fact in stored.facts.values {
      switch fact.value {
      case .string(let text): s.bind(text, at: fact.column)
      case .integer, .bool, .null, .number, .array, .object:
        s.bind(stored.facts.integer(fact.column), at: fact.column)
      }
    }
    s.bind(stored.detail, at: .detail)
    s.bind(stored.payloadHash, at: .payloadHash)
    s.bind(stored.hash, at: .hash)
    try s.finish()
    guard !stored.body.isEmpty || !stored.salt.isEmpty else { return }
    let payload = try database.statement(insertPayload)
    payload.bind(stored.position, at: 1)
    payload.bind(stored.salt, at: 2)
    payload.bind(utf8: stored.body, at: 3)
    try payload.finish()
  }

  /// All events of a stream in order; empty if there is no such stream.
  static func stream(_ name: StreamName, in database: Database) throws -> [StoredEvent] {
    let s = try database.statement(
      select + " WHERE e.stream = (SELECT id FROM streams WHERE name = ?) ORDER BY e.version")
    s.bind(name.description, at: 1)
    return try few(s, in: database)
  }

  /// The events that a statement selects: a few, or those of one stream.
  /// - Parameter s: begins with `select`, and its parameters are bound.
  static func few(_ s: Statement, in database: Database) throws -> [StoredEvent] {
    let names = StreamNames(database, for: .few)
    return try s.rows { row in try read(row, names) }
  }

  /// Up to `limit` events after `position`, in order.
  static func after(
    _ position: Int64, limit: Int, in database: Database
  ) throws -> [StoredEvent] {
    let s = try database.statement(
      select + " WHERE e.position > ? ORDER BY e.position LIMIT ?")
    s.bind(position, at: 1)
    s.bind(Int64(max(0, limit)), at: 2)
    return try few(s, in: database)
  }

  /// The events of a stream whose type is one of these, in order.
  static func stream(
    _ name: StreamName, types: [EventType], in database: Database
  ) throws -> [StoredEvent] {
    let numbers = types.map { String($0.rawValue) }.joined(separator: ", ")
    let s = try database.statement(
      select + " WHERE e.stream = (SELECT id FROM streams WHERE name = ?) "
        + "AND e.type IN (\(numbers)) ORDER BY e.version")
    s.bind(name.description, at: 1)
    return try few(s, in: database)
  }

  /// The last event of a stream; nil if there is no such stream.
  static func last(of name: StreamName, in database: Database) throws -> StoredEvent? {
    let s = try database.statement(
      select + " WHERE e.stream = (SELECT id FROM streams WHERE name = ?) "
        + "ORDER BY e.version DESC LIMIT 1")
    s.bind(name.description, at: 1)
    return try few(s, in: database).first
  }

  /// The end of the log.
  static func head(in database: Database) throws(SQLiteError) -> LogHead {
    try last(through: Int64.max, in: database).head
  }

  /// The last event up to `position`, and its time; `.empty` and nil if no such event exists.
  static func last(
    through position: Int64, in database: Database
  ) throws(SQLiteError) -> (head: LogHead, time: Timestamp?) {
    let s = try database.statement(
      "SELECT position, hash, time FROM events WHERE position <= ? ORDER BY position DESC LIMIT 1")
    defer { s.reset() }
    s.bind(position, at: 1)
    guard try s.step() else { return (.empty, nil) }
    return (
      LogHead(position: s.integer(0), hash: s.blob(1)), Timestamp(milliseconds: s.integer(2))
    )
  }
}

extension Statement {
  fileprivate func bind(_ text: String?, at column: EventColumn) {
    bind(text, at: Int32(column.index + 1))
  }
  fileprivate func bind(_ number: Int64?, at column: EventColumn) {
    bind(number, at: Int32(column.index + 1))
  }
  fileprivate func bind(_ bytes: [UInt8], at column: EventColumn) {
    bind(bytes, at: Int32(column.index + 1))
  }
  fileprivate func bind(utf8: [UInt8], at column: EventColumn) {
    bind(utf8: utf8, at: Int32(column.index + 1))
  }

  func bind(_ flag: Bool?, at index: Int32) { bind(flag.map { $0 ? Int64(1) : 0 }, at: index) }

  /// Calls `body` for each row.
  func forEach(_ body: (Statement) throws -> Void) throws {
    defer { reset() }
    while try step() { try body(self) }
  }

  /// Reads all rows.
  func rows<T>(_ read: (Statement) throws -> T) throws -> [T] {
    defer { reset() }
    var all: [T] = []
    while try step() { all.append(try read(self)) }
    return all
  }
}
