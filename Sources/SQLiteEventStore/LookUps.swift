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

  /// - Returns: the differences from the log.
  static func faults(in database: Database) throws -> [String] {
    var faults = try database.statement(
      """
      SELECT s.name, s.version, count(e.version) FROM streams s
      LEFT JOIN events e ON e.stream = s.id GROUP BY s.id HAVING s.version <> count(e.version)
      """
    ).rows {
      "stream \($0.text(0) ?? "") is counted as \($0.integer(1)) events, and has \($0.integer(2))"
    }
    let strange = try database.integer(
      "SELECT count(*) FROM (SELECT key, delegation, body FROM idempotency EXCEPT \(keys))")
    if let strange, strange > 0 { faults.append("\(strange) idempotency keys are not the log's") }
    let absent = try database.integer(
      "SELECT count(*) FROM (\(keys) EXCEPT SELECT key, delegation, body FROM idempotency)")
    if let absent, absent > 0 { faults.append("\(absent) idempotency keys of the log are absent") }
    return faults + (try AuditIndex.faults(in: database))
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
