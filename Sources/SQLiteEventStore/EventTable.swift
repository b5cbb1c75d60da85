import Domain
import EventLog
import SQLite

/// Reading and writing of `events` and `payloads`.
enum EventTable {
  /// In the order of `EventColumn`.
  static let columns = """
    e.position, e.id, e.stream, e.version, e.type, e.schema, e.time, e.actor_kind, e.actor, \
    e.correlation, e.causation, e.repository, e.branch, e.base_branch, e.requester, e.stamp, \
    e.priority, e.agent, e.workflow, e.digest, e.sha, e.parent, e.pr, e.url, e.adopted, \
    e.worker, e.incarnation, e.attempt, e.token, e.step, e.code, e.tries, e.retry_at, \
    e.ambiguous, e.retryable, e.detail, e.payload_hash, e.hash
    """

  /// The same, without what a fold never looks at.
  static let leanColumns = """
    e.position, NULL, e.stream, e.version, e.type, NULL, e.time, NULL, NULL, NULL, NULL, \
    e.repository, e.branch, e.base_branch, e.requester, e.stamp, e.priority, e.agent, e.workflow, \
    e.digest, e.sha, e.parent, e.pr, e.url, e.adopted, e.worker, e.incarnation, e.attempt, \
    e.token, e.step, e.code, e.tries, e.retry_at, e.ambiguous, e.retryable, e.detail, NULL, NULL
    """

  /// Events with their payloads; a condition and an order follow.
  static let select = """
    SELECT \(columns), p.salt, p.body FROM events e LEFT JOIN payloads p ON p.position = e.position
    """

  /// - Parameter names: of the streams of this database.
  static func read(_ s: Statement, _ names: StreamNames) throws(SQLiteError) -> StoredEvent {
    let words = Int32(EventColumn.allCases.count)
    let number = s.integer(Int32(EventColumn.stream.index))
    return StoredEvent(
      StatementRow(s, names),
      stream: StoredEvent.Stream(try names.text(number), number: number), salt: s.blob(words),
      body: s.blob(words + 1))
  }

  private static let insertSQL =
    "INSERT INTO events VALUES (\(Array(repeating: "?", count: 38).joined(separator: ",")))"

  static func insert(
    _ sealed: SealedEvent, stream: Int64, into database: Database
  ) throws(SQLiteError) {
    let s = try database.statement(insertSQL)
    let event = sealed.recorded
    let facts = sealed.encoded.facts
    s.bind(event.position, at: 1)
    s.bind(sealed.id, at: 2)
    s.bind(stream, at: 3)
    s.bind(event.version, at: 4)
    s.bind(Int64(sealed.encoded.type.rawValue), at: 5)
    s.bind(Int64(event.schema), at: 6)
    s.bind(event.time.milliseconds, at: 7)
    s.bind(event.actor.kind.rawValue, at: 8)
    s.bind(event.actor.name, at: 9)
    s.bind(event.correlation, at: 10)
    if let causation = sealed.causation { s.bind(causation, at: 11) }
    bind(facts, to: s)
    if !facts.detail.isEmpty { s.bind(JSONValue.object(facts.detail).canonicalText, at: 36) }
    s.bind(event.payloadHash, at: 37)
    s.bind(event.hash, at: 38)
    try s.finish()
    guard !sealed.body.isEmpty else { return }
    let payload = try database.statement("INSERT INTO payloads VALUES (?, ?, ?)")
    payload.bind(event.position, at: 1)
    payload.bind(event.salt, at: 2)
    payload.bind(String(decoding: sealed.body, as: UTF8.self), at: 3)
    try payload.finish()
  }

  private static func bind(_ facts: Facts, to s: Statement) {
    s.bind(facts.repository, at: 12)
    s.bind(facts.branch, at: 13)
    s.bind(facts.baseBranch, at: 14)
    s.bind(facts.requester, at: 15)
    s.bind(facts.stamp, at: 16)
    s.bind(facts.priority, at: 17)
    s.bind(facts.agent, at: 18)
    s.bind(facts.workflow, at: 19)
    s.bind(facts.digest, at: 20)
    s.bind(facts.sha, at: 21)
    s.bind(facts.parent, at: 22)
    s.bind(facts.pr, at: 23)
    s.bind(facts.url, at: 24)
    s.bind(facts.adopted, at: 25)
    s.bind(facts.worker, at: 26)
    s.bind(facts.incarnation, at: 27)
    s.bind(facts.attempt, at: 28)
    s.bind(facts.token, at: 29)
    s.bind(facts.step, at: 30)
    s.bind(facts.code, at: 31)
    s.bind(facts.tries, at: 32)
    s.bind(facts.retryAt, at: 33)
    s.bind(facts.ambiguous, at: 34)
    s.bind(facts.retryable, at: 35)
  }

  /// All events of a stream in order; none where there is no such stream.
  static func stream(_ name: StreamName, in database: Database) throws -> [StoredEvent] {
    let s = try database.statement(
      select + " WHERE e.stream = (SELECT id FROM streams WHERE name = ?) ORDER BY e.version")
    s.bind(name.description, at: 1)
    return try few(s, in: database)
  }

  /// The events that a statement finds, which are a few or of one stream.
  /// - Parameter s: begins with `select`, and has its values.
  static func few(_ s: Statement, in database: Database) throws -> [StoredEvent] {
    let names = StreamNames(database, for: .few)
    return try s.rows { row in try read(row, names) }
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

  static func head(in database: Database) throws(SQLiteError) -> LogHead {
    try last(through: Int64.max, in: database).head
  }

  /// The last event that does not stand beyond `position`, and its time; nothing where there is
  /// none.
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
  func bind(_ flag: Bool?, at index: Int32) { bind(flag.map { $0 ? Int64(1) : 0 }, at: index) }

  /// Runs to the end and forgets what it gives.
  func finish() throws(SQLiteError) {
    while try step() {}
    reset()
  }

  /// Hands each row to `body`.
  func forEach(_ body: (Statement) throws -> Void) throws {
    defer { reset() }
    while try step() { try body(self) }
  }

  func rows<T>(_ read: (Statement) throws -> T) throws -> [T] {
    defer { reset() }
    var all: [T] = []
    while try step() { all.append(try read(self)) }
    return all
  }
}
