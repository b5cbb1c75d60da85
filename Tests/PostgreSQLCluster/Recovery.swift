#if PostgreSQL

import Foundation
import PostgreSQL

// Point-in-time recovery (https://www.postgresql.org/docs/15/continuous-archiving.html).
extension Cluster {
  func makeBaseBackup() throws {
    try makeFolder("base")
    try runProgram("\(baseBackup(of: self)) -D \(folder)/base")
  }

  /// Names this moment, so that the server can be recovered to it.
  package func nameMoment(_ name: String) throws {
    try administer("SELECT pg_create_restore_point('\(name)')")
  }

  /// Replaces the data by what they were at a moment that was named: those of the base backup, and
  /// the archived log up to there. It can be done once.
  package func recover(to moment: String) throws {
    let session = try connection(to: "postgres")
    let segment = try session.query("SELECT pg_walfile_name(pg_switch_wal())").first?.text(0) ?? ""
    try self.await(
      "SELECT (last_archived_wal >= '\(segment)')::int::bigint FROM pg_stat_archiver")
    try kill()
    let files = FileManager.default
    try files.removeItem(atPath: "\(folder)/data")
    try files.moveItem(atPath: "\(folder)/base", toPath: "\(folder)/data")
    // The server removes it at the end of the recovery.
    let signal = "\(folder)/data/recovery.signal"
    try Data().write(to: URL(fileURLWithPath: signal))
    giveToServer(signal)
    try start(
      "-c restore_command='cp \(folder)/archive/%f %p' -c recovery_target_name=\(moment) "
        + "-c recovery_target_action=promote")
    try self.await("SELECT (NOT pg_is_in_recovery())::int::bigint", takesStandby: true)
  }
}

#endif
