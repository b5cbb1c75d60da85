#if PostgreSQL

import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore

extension PostgreSQLDriver {
  /// See `StoreDriver`.
  package func examine() async -> [StoreFinding] {
    let place: PostgreSQLPlace
    do throws(StoreFault) { place = try self.place } catch {
      return [StoreFinding("store", .bad, error.message)]
    }
    do {
      return try await onThread("examine") { try Examination(place).findings() }
    } catch {
      // The session's beginning checks the version, the encoding, what a commit waits for, and
      // that no pooler is in between.
      let hint = "Check the address, the user and pg_hba.conf, and that PostgreSQL runs."
      return [StoreFinding("store", .bad, "\(place.address): \(error.message)", hint: hint)]
    }
  }
}

/// What `aipm doctor` looks at in a database.
private struct Examination {
  /// A server that was seen so long ago still runs.
  private static let seenWithin = "10 seconds"

  private let place: PostgreSQLPlace
  private let session: PostgreSQLConnection

  init(_ place: PostgreSQLPlace) throws {
    self.place = place
    session = try PostgreSQLSession.begin(place, for: .reading)
  }

  func findings() throws -> [StoreFinding] {
    let version = session.serverVersion
    var findings = [
      StoreFinding(
        "store", .good,
        "PostgreSQL \(version / 10_000).\(version % 10_000) at \(session.place), no pooler")
    ]
    findings.append(try standby())
    guard try PostgreSQLSchema.exists(in: session) else { return findings }
    if let refusal = try PostgreSQLSchema.refusal(session) {
      return findings + [StoreFinding("store", .bad, refusal)]
    }
    return findings + [try servers()]
  }

  private func standby() throws -> StoreFinding {
    let row = try session.query(
      """
      SELECT current_setting('synchronous_standby_names'),
        (SELECT count(*) FROM pg_stat_replication),
        (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')),
        (SELECT count(*) FROM pg_stat_replication WHERE sync_state IS NULL)
      """
    ).first
    let (names, all) = (row?.text(0) ?? "", row?.integer(1) ?? 0)
    let (waited, unknown) = (row?.integer(2) ?? 0, row?.integer(3) ?? 0)
    guard !names.isEmpty else {
      return StoreFinding(
        "standby", .poor,
        "synchronous_standby_names is empty: what was acknowledged can be lost with this database",
        hint: "With standbys, set it, such as to 'ANY 1 (s1, s2)'. One that is alone should not be "
          + "named: without it no commit is answered.")
    }
    if waited == 0, unknown == 0 {
      return StoreFinding(
        "standby", .bad, "no synchronous standby is connected (\(names)): commits wait for one",
        hint: "Start the standby, or change synchronous_standby_names.")
    }
    let seen = unknown > 0 ? "\(all)" : "\(waited) of \(all)"
    if place.address.hosts.count < 2 {
      return StoreFinding(
        "standby", .poor,
        "commits wait for a standby (\(names), \(seen) connected), and the address names one host",
        hint: "Name the standbys too: postgresql://USER@HOST1,HOST2/DATABASE. The server uses the "
          + "one that accepts writes.")
    }
    return StoreFinding(
      "standby", .good, "commits wait for a standby (\(names), \(seen) connected)")
  }

  private func servers() throws -> StoreFinding {
    let rows = try session.query(
      """
      SELECT s.name, h.claimed_by IS NOT NULL FROM servers s
      LEFT JOIN head h ON h.claimed_by = s.name
      WHERE s.seen_at > now() - interval '\(Self.seenWithin)' OR h.claimed_by IS NOT NULL
      ORDER BY s.name
      """)
    let active = try LockHolder.find(with: session)
    guard let active else {
      return StoreFinding("servers", .good, "no server has the log")
    }
    let following = rows.map { ($0.text(0) ?? "", $0.integer(1) != 0) }.filter { !$0.1 }.map(\.0)
    let detail = "\(active.name) is active"
    guard !following.isEmpty else {
      return StoreFinding("servers", .good, "\(detail), and no other server follows")
    }
    return StoreFinding(
      "servers", .good, "\(detail); following: \(following.joined(separator: "; "))")
  }
}

#endif
