import EventLog
import SQLite

/// The writer's look-up tables: the streams' versions, the idempotency keys and the index for
/// audits. All are derived from the log.
enum LookUps {
  private static let keys = """
    SELECT json_extract(e.detail, '$.idempotencyKey') AS key,
      substr(s.name, length('delegation-') + 1) AS delegation,
      json_extract(e.detail, '$.requestBody') AS body
    FROM events e JOIN streams s ON s.id = e.stream
    WHERE e.type = \(EventType.requested.rawValue) AND e.version = 1
      AND json_extract(e.detail, '$.idempotencyKey') IS NOT NULL
    """

  /// - Parameter handing: of this connection.
  /// - Returns: the differences from the log.
  static func faults(in database: Database, _ handing: RowFunction) throws -> [String] {
    var faults = try database.statement(
      """
      SELECT s.name, s.version, count(e.version) FROM streams s
      LEFT JOIN events e ON e.stream = s.id GROUP BY s.id HAVING s.version <> count(e.version)
      """
    ).rows {
      "stream \($0.text(0) ?? "") is counted as \($0.integer(1)) events, and has \($0.integer(2))"
    }
    let counts = try database.statement(
      """
      WITH log AS MATERIALIZED (\(keys))
      SELECT
        (SELECT count(*) FROM (SELECT key, delegation, body FROM idempotency
          EXCEPT SELECT key, delegation, body FROM log)),
        (SELECT count(*) FROM (SELECT key, delegation, body FROM log
          EXCEPT SELECT key, delegation, body FROM idempotency))
      """
    ).rows { (strange: $0.integer(0), absent: $0.integer(1)) }.first
    if let counts, counts.strange > 0 {
      faults.append("\(counts.strange) idempotency keys are not the log's")
    }
    if let counts, counts.absent > 0 {
      faults.append("\(counts.absent) idempotency keys of the log are absent")
    }
    return faults + (try AuditIndex.faults(in: database, handing))
  }

  /// Rebuilds them. The caller has begun a transaction.
  static func rebuild(in database: Database) throws {
    try database.execute(
      """
      UPDATE streams SET version = (SELECT count(*) FROM events e WHERE e.stream = streams.id)
      WHERE version <> (SELECT count(*) FROM events e WHERE e.stream = streams.id);
      DELETE FROM idempotency;
      INSERT INTO idempotency \(keys);
      """)
    try AuditIndex.clear(in: database)
  }
}
