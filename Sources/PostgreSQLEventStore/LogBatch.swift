#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import Text

/// What one transaction writes.
struct LogBatch {
  /// The end of the log before and after.
  let old: LogHead
  var new: LogHead
  private var events = EventBuffer()
  /// The streams that the batch touches, with their versions after it.
  private var streams: [StreamName: (number: Int64, version: Int64)] = [:]
  private var keys: [(key: String, delegation: DelegationID, body: String)] = []
  private var rows = ChangedRows()
  /// The positions whose texts are removed.
  var redacted: [Int64] = []

  init(after head: LogHead) {
    old = head
    new = head
  }

  var isEmpty: Bool { old == new }

  /// Adds the events of one append, which stream they belong to, and the rows that they change.
  /// - Throws: `StoreFault` if a row is of no view that has a table.
  mutating func add(
    _ sealed: [SealedEvent], to stream: StreamName, _ place: (number: Int64, version: Int64),
    _ changes: [RowChange]
  ) throws {
    for one in sealed { events.add(one, stream: place.number) }
    streams[stream] = place
    for change in changes { try rows.add(change.new, stream: place.number) }
  }

  /// Adds the idempotency key of a request.
  mutating func add(_ key: Requested.IdempotencyKey, of id: DelegationID) {
    keys.append((key.key, id, key.body))
  }

  /// Begins a transaction with the new head and the events, in one message.
  /// - Parameter meanwhile: runs while the server begins. It must not use the session.
  /// - Returns: false if the head in the database is not the one before; the transaction is open.
  func begin(
    on connection: PostgreSQLConnection, epoch: Int64, meanwhile: () -> Void
  ) throws(PostgreSQLError) -> Bool {
    let head = """
      UPDATE head SET position = \(new.position), hash = \(Self.literal(new.hash)) \
      WHERE epoch = \(epoch) AND position = \(old.position) AND hash = \(Self.literal(old.hash))
      """
    return try events.copy(to: connection, after: "BEGIN; \(head); ", meanwhile: meanwhile) {
      $0?.changes != 0
    }
  }

  private static func literal(_ hash: [UInt8]) -> String { "'\\x\(Hex.encode(hash))'" }

  /// The statements that follow, without COMMIT. The server runs each while the values of the next
  /// are made, so the one that takes longest is first.
  func statements(_ digests: [ViewName: ViewDigest]) -> [PostgreSQLStatement] {
    var all = rows.statements
    let names = Array(streams.keys)
    all.append(
      PostgreSQLStatement(
        """
        INSERT INTO streams(id, name, version)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])
        ON CONFLICT (id) DO UPDATE SET version = excluded.version
        """,
        [
          .integers(names.map { streams[$0]?.number }), .texts(names.map(\.description)),
          .integers(names.map { streams[$0]?.version }),
        ]))
    if !keys.isEmpty {
      all.append(
        PostgreSQLStatement(
          "INSERT INTO idempotency(key, delegation, body) "
            + "SELECT * FROM unnest($1::text[], $2::text[], $3::text[])",
          [
            .texts(keys.map(\.key)), .texts(keys.map(\.delegation.rawValue)),
            .texts(keys.map(\.body)),
          ]))
    }
    if let texts = events.texts { all.append(texts) }
    if !redacted.isEmpty {
      all.append(
        PostgreSQLStatement(
          "DELETE FROM payloads WHERE position = ANY($1)", [.integers(redacted.map { $0 })]))
    }
    all.append(ViewRows.put(digests, position: new.position))
    all.append(
      PostgreSQLStatement(
        "SELECT pg_notify('\(PostgreSQLSchema.channel)', $1)", [.text(String(new.position))]))
    return all
  }
}

/// Events for COPY, and their texts.
struct EventBuffer {
  private static let columns = EventColumn.table.map(\.sqlName).joined(separator: ", ")

  private var events = CopyBuffer(columns: EventColumn.allCases.count)
  private var positions: [Int64] = []
  private var salts: [[UInt8]] = []
  private var bodies: [[UInt8]] = []
  private var textBytes = 0

  /// The size in bytes.
  var size: Int { events.size + textBytes }

  mutating func removeAll() { self = EventBuffer() }

  /// Adds an event.
  /// - Parameter stream: the number of its stream.
  mutating func add(_ sealed: SealedEvent, stream: Int64) {
    let event = sealed.recorded
    let content = sealed.content
    add(
      Envelope(
        position: event.position, id: sealed.id, stream: stream, version: event.version,
        type: Int64(content.encoded.type.rawValue), schema: Int64(event.schema),
        time: event.time.milliseconds, actorKind: event.actor.kind.rawValue,
        actor: event.actor.name, correlation: event.correlation, causation: sealed.causation,
        detail: content.detail.isEmpty ? nil : content.detail, payloadHash: event.payloadHash,
        hash: event.hash), content.encoded.facts)
    guard !content.body.isEmpty else { return }
    addPayload(of: event.position, salt: event.salt, body: content.body)
  }

  /// Adds an event as another store has it.
  mutating func add(_ stored: StoredEvent, stream: Int64) {
    add(
      Envelope(
        position: stored.position, id: stored.id, stream: stream, version: stored.version,
        type: stored.type, schema: stored.schema, time: stored.time.milliseconds,
        actorKind: stored.actorKind, actor: stored.actor, correlation: stored.correlation,
        causation: stored.causation, detail: stored.detail.map { Array($0.utf8) },
        payloadHash: stored.payloadHash, hash: stored.hash), stored.facts)
    guard !stored.body.isEmpty || !stored.salt.isEmpty else { return }
    addPayload(of: stored.position, salt: stored.salt, body: stored.body)
  }

  /// The columns that are no facts.
  private struct Envelope {
    var position: Int64
    var id: [UInt8]
    var stream: Int64
    var version: Int64
    var type: Int64
    var schema: Int64
    var time: Int64
    var actorKind: String
    var actor: String
    var correlation: String?
    var causation: [UInt8]?
    var detail: [UInt8]?
    var payloadHash: [UInt8]
    var hash: [UInt8]
  }

  private mutating func add(_ envelope: Envelope, _ facts: Facts) {
    events.beginRow()
    // Facts are in the order of the table.
    var rest = facts.values[...]
    for declaration in EventColumn.table {
      guard declaration.kind == .envelope else {
        if let fact = rest.first, fact.column == declaration.column {
          rest.removeFirst()
          put(fact.value, facts, declaration)
        } else {
          events.put(nil as Int64?)
        }
        continue
      }
      put(declaration.column, of: envelope)
    }
  }

  private mutating func put(_ value: JSONValue, _ facts: Facts, _ column: ColumnDeclaration) {
    switch column.kind {
    case .integer, .flag: events.put(facts.integer(column.column))
    case .name, .text, .envelope: events.put(value.stringValue)
    }
  }

  private mutating func put(_ column: EventColumn, of envelope: Envelope) {
    switch column {
    case .position: events.put(envelope.position)
    case .id: events.put(envelope.id)
    case .stream: events.put(envelope.stream)
    case .version: events.put(envelope.version)
    case .type: events.put(envelope.type)
    case .schema: events.put(envelope.schema)
    case .time: events.put(envelope.time)
    case .actorKind: events.put(envelope.actorKind)
    case .actor: events.put(envelope.actor)
    case .correlation: events.put(envelope.correlation)
    case .causation: events.put(envelope.causation)
    case .detail: events.put(envelope.detail)
    case .payloadHash: events.put(envelope.payloadHash)
    case .hash: events.put(envelope.hash)
    case _: events.put(nil as Int64?)
    }
  }

  private mutating func addPayload(of position: Int64, salt: [UInt8], body: [UInt8]) {
    positions.append(position)
    salts.append(salt)
    bodies.append(body)
    textBytes += salt.count + body.count
  }

  /// Copies the events into their table.
  /// - Parameters:
  ///   - before: statements that run first, in the same message.
  ///   - meanwhile: as that of `PostgreSQLConnection.run`.
  ///   - goesOn: as that of `PostgreSQLConnection.run`.
  @discardableResult
  func copy(
    to connection: PostgreSQLConnection, after before: String = "", meanwhile: () -> Void = {},
    goesOn: (PostgreSQLRows?) -> Bool = { _ in true }
  ) throws(PostgreSQLError) -> Bool {
    guard events.count > 0 else { return true }
    return try connection.run(
      "\(before)COPY events(\(Self.columns)) FROM STDIN (FORMAT binary)", copying: events,
      meanwhile: meanwhile, goesOn: goesOn)
  }

  /// The statement that inserts their texts; nil for none. With it there is one wait for the server
  /// less than with a copy.
  var texts: PostgreSQLStatement? {
    guard !positions.isEmpty else { return nil }
    return PostgreSQLStatement(
      "INSERT INTO payloads(position, salt, body) "
        + "SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])",
      [.integers(positions), .manyBytes(salts), .manyBytes(bodies)])
  }
}

/// The one character that a text column of PostgreSQL cannot hold. The texts of users and agents
/// may contain it: they are stored as bytes.
enum NullCharacter {
  /// Whether what is stored of an append in text columns contains it.
  static func isIn(_ encoded: EncodedAppend) -> Bool {
    let append = encoded.append
    return isIn(append.actor.name) || append.correlation.map(isIn) ?? false
      || isIn(append.stream.description) || encoded.encoded.contains { isIn($0.facts) }
  }

  /// Whether the facts contain it, or a view's row that is made of them.
  static func isIn(_ facts: Facts) -> Bool {
    facts.values.contains { isIn($0.value) } || facts.detail.values.contains(where: isIn)
  }

  private static func isIn(_ text: String) -> Bool { text.utf8.contains(0) }

  private static func isIn(_ value: JSONValue) -> Bool {
    switch value {
    case .string(let text): isIn(text)
    case .array(let items): items.contains(where: isIn)
    case .object(let members): members.values.contains(where: isIn)
    case .null, .bool, .integer, .number: false
    }
  }
}

#endif
