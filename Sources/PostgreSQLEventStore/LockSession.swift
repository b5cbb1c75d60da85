#if PostgreSQL

import PostgreSQL

/// The session that has the lock of the log, or waits for it. The lock ends with it.
final class LockSession {
  let connection: PostgreSQLConnection

  init(_ place: PostgreSQLPlace) throws(PostgreSQLSessionFault) {
    connection = try PostgreSQLSession.begin(place, for: .electing)
    do throws(PostgreSQLError) {
      // The server ends the session of a client that is cut off after about three seconds. Its own
      // default is two hours.
      try connection.execute(
        """
        SET tcp_keepalives_idle = 1;
        SET tcp_keepalives_interval = 1;
        SET tcp_keepalives_count = 2;
        SET tcp_user_timeout = 3000;
        SET client_connection_check_interval = 1000
        """)
    } catch {
      throw .failed(error)
    }
  }

  /// Asks for the lock; `isGranted` waits for it.
  func ask() throws(PostgreSQLError) {
    try connection.send([
      PostgreSQLStatement("SELECT pg_advisory_lock($1)", [.integer(PostgreSQLLock.serving)])
    ])
  }

  /// Whether the lock was granted in this time.
  func isGranted(within time: Duration) throws(PostgreSQLError) -> Bool {
    try connection.answers(within: time) != nil
  }

  /// Takes the lock if it is free.
  func takeFree() throws(PostgreSQLError) -> Bool {
    try connection.query(
      "SELECT pg_try_advisory_lock($1)", [.integer(PostgreSQLLock.serving)]
    ).first?.integer(0) == 1
  }

  /// Ends a session of the server, with another one.
  static func end(
    process: Int64, with connection: PostgreSQLConnection
  ) throws(PostgreSQLError) {
    try connection.query("SELECT pg_terminate_backend($1::int)", [.integer(process)])
  }

  /// A sign of life: the server notes when a session last did something.
  func beat() throws(PostgreSQLError) { try connection.execute("SELECT 1") }
}

/// The session that has the lock of the log, as another one sees it.
struct LockHolder: Equatable {
  /// Of the server to which the session belongs; empty if it is no server, but a tool that changes
  /// the log: it gives no signs of life, and is not replaced.
  var instance: String
  /// The server's process and machine.
  var name: String
  /// The process of the session in the database.
  var process: Int64
  /// Changes with each sign of life. nil if this user may not see it.
  var sign: String?

  /// - Returns: nil if nobody has the lock.
  static func find(with connection: PostgreSQLConnection) throws(PostgreSQLError) -> LockHolder? {
    let row = try connection.query(
      """
      SELECT a.application_name, a.pid::bigint, a.backend_start::text, a.state_change::text
      FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
      WHERE l.locktype = 'advisory' AND l.granted
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.classid = $1::bigint::oid AND l.objid = $2::bigint::oid
      """,
      [
        .integer(PostgreSQLLock.serving >> 32), .integer(PostgreSQLLock.serving & 0xffff_ffff),
      ]
    ).first
    guard let row else { return nil }
    let words = (row.text(0) ?? "").split(separator: " ", maxSplits: 2).map { String($0) }
    let isServer = words.count == 3 && words[0] == "aipm"
    let (process, began, changed) = (row.integer(1), row.text(2), row.text(3))
    return LockHolder(
      instance: isServer ? words[1] : "",
      name: isServer ? words[2] : words.dropFirst().joined(separator: " "),
      process: process, sign: changed.map { "\(process) \(began ?? "") \($0)" })
  }

  /// Ends the session.
  func endSession(with connection: PostgreSQLConnection) throws(PostgreSQLError) {
    try LockSession.end(process: process, with: connection)
  }

  /// Ends all sessions of the server, its transactions with them.
  func end(with connection: PostgreSQLConnection) throws(PostgreSQLError) {
    try Self.endSessions(of: instance, with: connection)
  }

  static func endSessions(
    of instance: String, with connection: PostgreSQLConnection
  ) throws(PostgreSQLError) {
    try connection.query(
      """
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND split_part(application_name, ' ', 1) = 'aipm'
        AND split_part(application_name, ' ', 2) = $1
      """, [.text(instance)])
  }
}

/// Notices an active server that gives no sign of life, by the clock of this one.
struct SilenceWatch {
  /// So long a sign of life may be missing.
  static let patience: Duration = .seconds(3)
  /// After a pause of the database, which delays signs and looks alike, more than one look is
  /// needed.
  static let looksMin = 4

  private var last: (sign: String, since: ContinuousClock.Instant, looks: Int)?

  /// Takes a look at the holder of the lock.
  /// - Returns: whether it is to be replaced.
  mutating func isSilent(_ sign: String?, at now: ContinuousClock.Instant) -> Bool {
    guard let sign else {
      last = nil
      return false
    }
    guard let known = last, known.sign == sign else {
      last = (sign, now, 1)
      return false
    }
    last?.looks += 1
    return now - known.since >= Self.patience && known.looks + 1 >= Self.looksMin
  }
}

#endif
