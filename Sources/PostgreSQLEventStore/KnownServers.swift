#if PostgreSQL

import EventLog
import PostgreSQL
import Projections

/// The servers of a log, a row each. The active one is the one that `head` names.
enum KnownServers {
  /// Rows of servers that were not seen for so long are removed.
  private static let kept = "1 day"

  static let table = """
    CREATE TABLE IF NOT EXISTS servers(
      name text PRIMARY KEY,
      address text NOT NULL,
      position bigint,
      seen_at timestamptz NOT NULL
    )
    """

  /// Writes the row of a server.
  /// - Parameter position: how far it has read the log; nil for the one that writes it.
  static func put(
    _ place: PostgreSQLPlace, address: String, position: Int64?
  ) -> PostgreSQLStatement {
    PostgreSQLStatement(
      """
      WITH old AS (
        DELETE FROM servers WHERE seen_at < now() - interval '\(kept)'
          AND name NOT IN ($1, (SELECT claimed_by FROM head)))
      INSERT INTO servers(name, address, position, seen_at) VALUES ($1, $2, $3, now())
      ON CONFLICT (name) DO UPDATE
      SET address = excluded.address, position = excluded.position, seen_at = excluded.seen_at
      """,
      [
        .text(place.holder), .text(address), .integer(position),
      ])
  }

  /// The server that writes, and the end of its log.
  static func active(
    _ connection: PostgreSQLConnection
  ) throws -> (server: ActiveServer, head: LogHead)? {
    try connection.query(
      """
      SELECT h.epoch, h.claimed_by, coalesce(s.address, ''), h.position, h.hash
      FROM head h LEFT JOIN servers s ON s.name = h.claimed_by
      """
    ).first.map { row in
      (
        ActiveServer(
          epoch: row.integer(0), name: row.text(1) ?? "", address: row.text(2) ?? ""),
        LogHead(position: row.integer(3), hash: row.blob(4))
      )
    }
  }
}

#endif
