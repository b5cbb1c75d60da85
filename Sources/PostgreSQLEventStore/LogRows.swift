#if PostgreSQL

import Domain
import EventLog
import PostgreSQL

/// Reads `events` and `payloads`. Everything here that names columns is derived from `EventColumn`.
enum LogRows {
  private static let columns = EventColumn.table.map { "e.\($0.sqlName)" }.joined(separator: ", ")
  private static let saltIndex = EventColumn.allCases.count

  /// Selects events with their texts and the names of their streams; append a condition and an
  /// order.
  static let select = """
    SELECT \(columns), p.salt, p.body, s.name FROM events e \
    LEFT JOIN payloads p ON p.position = e.position LEFT JOIN streams s ON s.id = e.stream
    """

  /// The events that a statement selects.
  /// - Parameter rows: of a statement that begins with `select`.
  static func read(_ rows: PostgreSQLRows) -> [StoredEvent] {
    rows.map { row in
      let number = row.integer(EventColumn.stream.index)
      return StoredEvent(
        PostgreSQLEventRow(row),
        stream: StoredEvent.Stream(row.text(saltIndex + 2) ?? "", number: number),
        salt: row.blob(saltIndex), body: row.blob(saltIndex + 1))
    }
  }

  /// All events of a stream in order; empty if there is no such stream.
  static func stream(
    _ name: StreamName, in connection: PostgreSQLConnection
  ) throws -> [StoredEvent] {
    read(
      try connection.query(
        select + " WHERE e.stream = (SELECT id FROM streams WHERE name = $1) ORDER BY e.version",
        [.text(name.description)]))
  }

  /// The events of a stream whose type is one of these, in order.
  static func stream(
    _ name: StreamName, types: [EventType], in connection: PostgreSQLConnection
  ) throws -> [StoredEvent] {
    read(
      try connection.query(
        select + " WHERE e.stream = (SELECT id FROM streams WHERE name = $1) "
          + "AND e.type = ANY($2) ORDER BY e.version",
        [.text(name.description), .integers(types.map { Int64($0.rawValue) })]))
  }

  /// The last event of a stream; nil if there is no such stream.
  static func last(
    of name: StreamName, in connection: PostgreSQLConnection
  ) throws -> StoredEvent? {
    read(
      try connection.query(
        select + " WHERE e.stream = (SELECT id FROM streams WHERE name = $1) "
          + "ORDER BY e.version DESC LIMIT 1", [.text(name.description)])
    ).first
  }

  /// The events with these positions, in order.
  static func at(
    _ positions: [Int64], in connection: PostgreSQLConnection
  ) throws -> [StoredEvent] {
    read(
      try connection.query(
        select + " WHERE e.position = ANY($1) ORDER BY e.position", [.integers(positions)]))
  }

  /// Up to `limit` events after `position` and up to `last`, in order.
  static func after(
    _ position: Int64, through last: Int64 = .max, limit: Int, in connection: PostgreSQLConnection
  ) throws -> [StoredEvent] {
    read(
      try connection.query(
        select + " WHERE e.position > $1 AND e.position <= $2 ORDER BY e.position LIMIT $3",
        [.integer(position), .integer(last), .integer(Int64(max(0, limit)))]))
  }

  /// The last event up to `position`, and its time; `.empty` and nil if no such event exists.
  static func last(
    through position: Int64, in connection: PostgreSQLConnection
  ) throws -> (head: LogHead, time: Timestamp?) {
    let found = try connection.query(
      "SELECT position, hash, time FROM events WHERE position <= $1 "
        + "ORDER BY position DESC LIMIT 1", [.integer(position)]
    ).first
    guard let found else { return (.empty, nil) }
    return (
      LogHead(position: found.integer(0), hash: found.blob(1)),
      Timestamp(milliseconds: found.integer(2))
    )
  }

  /// The end of the log, by its events.
  static func head(in connection: PostgreSQLConnection) throws -> LogHead {
    try last(through: .max, in: connection).head
  }

  /// The hash of an event; nil if there is no event at this position.
  static func hash(
    at position: Int64, in connection: PostgreSQLConnection
  ) throws(PostgreSQLError) -> [UInt8]? {
    try connection.query("SELECT hash FROM events WHERE position = $1", [.integer(position)])
      .first?.blob(0)
  }
}

/// A row of a statement that begins with the columns of `events`.
final class PostgreSQLEventRow: EventRow {
  private let row: PostgreSQLRows.Row

  init(_ row: PostgreSQLRows.Row) { self.row = row }

  func integer(_ column: EventColumn) -> Int64? { row.optionalInteger(column.index) }
  func bytes(_ column: EventColumn) -> UnsafeRawBufferPointer? { row.bytes(column.index) }
  func text(_ column: EventColumn) -> String? { row.text(column.index) }
  func object(_ column: EventColumn) -> ObjectID? {
    bytes(column).map { ObjectID(decoding: $0) }
  }
}

#endif
