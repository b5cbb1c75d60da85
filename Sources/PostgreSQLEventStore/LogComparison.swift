#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore
import Text

extension PostgreSQLLog {
  /// How many rows of a view are read at once.
  private static let fetchLength = 2000

  /// Folds the new events, and compares the views and the look-ups with the fold, in one snapshot.
  /// - Parameter fold: a replay up to near the head; up to the head afterwards.
  func compare(with fold: inout LogFold) throws -> Comparison {
    var comparison = try PostgreSQLReaders.snapshot(of: connection) {
      try scan(after: fold.head.position) {
        fold.take($0)
        return true
      }
      var comparison = Comparison()
      try compareRows(with: fold, &comparison)
      comparison.faults += try headFaults(fold.head) + lookUpFaults()
      return comparison
    }
    try findLastEvents(of: &comparison, through: fold.head.position)
    return comparison
  }

  private func compareRows(with fold: LogFold, _ comparison: inout Comparison) throws {
    let stored = try ViewRows.digests(in: connection)
    let outdated = try ViewRows.outdated(in: connection).map { $0.name }
    comparison.faults += outdated.map {
      "the view \($0.rawValue) is missing or of another version: "
        + "start `aipm serve` once to build it"
    }
    if outdated.isEmpty, stored.position != fold.head.position {
      let position = stored.position.map(String.init) ?? "different positions"
      comparison.faults.append("the views are at \(position), the log at \(fold.head.position)")
    }
    for view in allViews where !outdated.contains(view.name) {
      let actual = try compare(view, with: fold.projector, &comparison)
      if stored.digests[view.name] != actual {
        comparison.faults.append(
          "the kept digest of \(view.name.rawValue) is not that of its rows")
      }
    }
  }

  /// Compares the rows of a view.
  /// - Returns: the digest of the rows.
  private func compare<Row: ViewRow>(
    _: Row.Type, with projector: Projector, _ comparison: inout Comparison
  ) throws -> ViewDigest {
    let find = Row.finder(in: projector)
    var (seen, actual) = (Set<Row.ID>(), ViewDigest())
    var hasher = RowHasher()
    try forEachRow(ViewStatements.of(Row.self).select) { stored in
      let key: Row? = ViewRows.keyRow(stored)
      var folded = key.flatMap(find)
      if let row = folded, !seen.insert(row.id).inserted { folded = nil }
      let live: Row? = try? ViewRows.read(stored)
      if let live { actual.add(live, &hasher) }
      // Texts are compared by their bytes: two that look the same are not the same.
      if live == nil || folded != live || folded?.json.canonical != live?.json.canonical {
        comparison.note(ViewRows.key(stored, Row.self), folded: folded?.json, live: live?.json)
      }
    }
    guard seen.count < Row.countMax(in: projector) else { return actual }
    let missing = projector.rows(Row.self).filter { !seen.contains($0.id) }
    for row in missing.sorted(by: { $0.key < $1.key }) {
      comparison.note(row.key, folded: row.json, live: nil)
    }
    return actual
  }

  /// Passes the rows of a statement without parameters to `body`, a part at a time. The caller has
  /// begun a transaction.
  private func forEachRow(_ sql: String, _ body: (PostgreSQLRows.Row) throws -> Void) throws {
    try connection.execute("DECLARE rows NO SCROLL CURSOR FOR \(sql)")
    while true {
      let rows = try connection.queryOnce("FETCH \(Self.fetchLength) FROM rows", [])
      for index in 0..<rows.count { try body(rows[index]) }
      if rows.count < Self.fetchLength { break }
    }
    try connection.execute("CLOSE rows")
  }

  private func headFaults(_ head: LogHead) throws -> [String] {
    let row = try connection.query("SELECT position, hash FROM head").first
    guard let row else { return ["the table `head` has no row"] }
    return row.integer(0) == head.position && row.blob(1) == head.hash
      ? [] : ["the table `head` is at \(row.integer(0)), the log at \(head.position)"]
  }

  /// Compares the writer's look-ups with the log.
  /// - Returns: the differences.
  private func lookUpFaults() throws -> [String] {
    var faults = try connection.query(
      """
      SELECT s.name, s.version, count(e.version) FROM streams s
      LEFT JOIN events e ON e.stream = s.id
      GROUP BY s.id, s.name, s.version HAVING s.version <> count(e.version)
      """
    ).map {
      "stream \($0.text(0) ?? "") is counted as \($0.integer(1)) events, and has \($0.integer(2))"
    }
    let orphans =
      try connection.query(
        "SELECT count(*) FROM payloads p WHERE NOT EXISTS "
          + "(SELECT 1 FROM events e WHERE e.position = p.position)"
      ).first?.integer(0) ?? 0
    if orphans > 0 { faults.append("\(orphans) texts belong to no event") }
    var keys = try IdempotencyKeys(in: connection)
    var (strange, absent) = (0, 0)
    try forEachRow("SELECT key, delegation, body FROM idempotency") { row in
      let key = row.text(0) ?? ""
      let known = keys.byKey.removeValue(forKey: key)
      let isSame = known.map {
        $0.delegation.rawValue.utf8.elementsEqual((row.text(1) ?? "").utf8)
          && $0.body.utf8.elementsEqual((row.text(2) ?? "").utf8)
      }
      if isSame != true { strange += 1 }
      if isSame == false { absent += 1 }
    }
    absent += keys.byKey.count
    if strange > 0 { faults.append("\(strange) idempotency keys are not the log's") }
    if absent > 0 { faults.append("\(absent) idempotency keys of the log are absent") }
    return faults
  }

  /// Reads the log a second time, only if something differs.
  private func findLastEvents(of comparison: inout Comparison, through last: Int64) throws {
    guard !comparison.differences.isEmpty else { return }
    let wanted = Set(comparison.differences.map(\.key))
    var lastEvents: [ViewKey: Int64] = [:]
    var fold = LogFold(isChecking: false)
    try scan(after: 0, through: last) { stored in
      for change in fold.takeReturningChanges(stored) where wanted.contains(change.key) {
        lastEvents[change.key] = stored.position
      }
      return true
    }
    for index in comparison.differences.indices {
      comparison.differences[index].lastEvent = lastEvents[comparison.differences[index].key]
    }
  }
}

/// The idempotency keys, as the log's requests have them.
struct IdempotencyKeys {
  var byKey: [String: (delegation: DelegationID, body: String)] = [:]

  init() {}

  /// Reads every request of the log.
  init(in connection: PostgreSQLConnection) throws {
    var next: Int64 = 0
    while true {
      let events = LogRows.read(
        try connection.query(
          LogRows.select + " WHERE e.type = $1 AND e.version = 1 AND e.position > $2 "
            + "ORDER BY e.position LIMIT 2000",
          [.integer(Int64(EventType.requested.rawValue)), .integer(next)]))
      for event in events { take(event) }
      guard let last = events.last else { return }
      next = last.position
    }
  }

  /// Notes the key of an event, if it is a request with a key.
  mutating func take(_ stored: StoredEvent) {
    guard stored.type == Int64(EventType.requested.rawValue), stored.version == 1,
      case .delegation(let id)? = stored.stream.name,
      case .delegation(.requested(let request))? = try? stored.event(),
      let key = request.idempotencyKey
    else { return }
    byKey[key.key] = (id, key.body)
  }
}

#endif
