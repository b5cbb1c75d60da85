#if PostgreSQL

import CPostgreSQL
import Glibc

extension PostgreSQLConnection {
  /// Waits for a notification of a channel that this session listens to
  /// (https://www.postgresql.org/docs/current/libpq-notify.html). Those that have come are
  /// forgotten: their number says nothing.
  /// - Returns: whether one came in this time.
  package func isNotified(within time: Duration) throws(PostgreSQLError) -> Bool {
    let deadline = ContinuousClock.now + time
    while true {
      guard PQconsumeInput(handle) == 1 else { throw lost("LISTEN") }
      var isNotified = false
      while let notification = PQnotifies(handle) {
        PQfreemem(notification)
        isNotified = true
      }
      if isNotified { return true }
      guard try isReady(POLLIN, "LISTEN", by: deadline) else { return false }
    }
  }
}

#endif
