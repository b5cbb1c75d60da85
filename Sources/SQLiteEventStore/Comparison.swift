import EventLog
import Projections
import SQLite
import SystemCalls
import Text

extension LogFile {
  /// Folds the new events, and compares the views with the fold, in one snapshot. A server may
  /// write at the same time.
  /// - Parameters:
  ///   - fold: a replay up to near the head; up to the head afterwards.
  ///   - lookUps: a check of the look-ups that was begun before; nil: it is begun now.
  package func compare(
    with fold: inout LogFold, lookUps: LookUpCheck? = nil
  ) throws(StoreFault) -> Comparison {
    let lookUps = lookUps ?? LookUpCheck(of: path)
    var comparison = try snapshot { () throws -> Comparison in
      try scan(after: fold.head.position) {
        fold.take($0)
        return true
      }
      var comparison = Comparison()
      try compareRows(with: fold, &comparison)
      return comparison
    }
    comparison.faults += try lookUps.faults()
    try findLastEvents(of: &comparison, through: fold.head.position)
    return comparison
  }

  private func compareRows(with fold: LogFold, _ comparison: inout Comparison) throws {
    let stored = try checking("digests") { try ViewTables.digests(in: $0) }
    let outdated = try checking("views") { try ViewTables.outdated(in: $0) }.map { $0.name }
    comparison.faults += outdated.map {
      "the view \($0.rawValue) is missing or of another version: "
        + "start `aipm serve` once to build it"
    }
    if outdated.isEmpty, stored.position != fold.head.position {
      let position = stored.position.map(String.init) ?? "different positions"
      comparison.faults.append("the views are at \(position), the log at \(fold.head.position)")
    }
    for view in allViews where !outdated.contains(view.name) {
      let actual = try checking("read \(view.name.rawValue)") {
        try Self.compare(view, with: fold.projector, in: $0, &comparison)
      }
      if stored.digests[view.name] != actual {
        comparison.faults.append(
          "the kept digest of \(view.name.rawValue) is not that of its rows")
      }
    }
  }

  /// Compares the rows of a view, column by column, in place. Only a row that differs is read.
  /// - Returns: the digest of the rows.
  private static func compare<Row: ViewRow>(
    _: Row.Type, with projector: Projector, in database: Database, _ comparison: inout Comparison
  ) throws -> ViewDigest {
    let find = Row.finder(in: projector)
    var (seen, actual) = (Set<Row.ID>(), ViewDigest())
    var hasher = RowHasher()
    let s = try database.statement(ViewSQL.of(Row.self).select)
    defer { s.reset() }
    while try s.step() {
      let key: Row? = ViewTables.keyRow(s)
      var folded = key.flatMap(find)
      if let row = folded, !seen.insert(row.id).inserted { folded = nil }
      if let folded, ViewTables.holds(folded, s) {
        actual.add(folded, &hasher)
        continue
      }
      let live: Row? = try? ViewTables.read(s)
      if let live { actual.add(live, &hasher) }
      // Texts are compared by their bytes: two that look the same are not the same.
      if live == nil || folded?.json.canonical != live?.json.canonical {
        comparison.note(ViewTables.key(s, Row.self), folded: folded?.json, live: live?.json)
      }
    }
    guard seen.count < Row.countMax(in: projector) else { return actual }
    let missing = projector.rows(Row.self).filter { !seen.contains($0.id) }
    for row in missing.sorted(by: { $0.key < $1.key }) {
      comparison.note(row.key, folded: row.json, live: nil)
    }
    return actual
  }

  /// Reads the log a second time, only if something differs.
  private func findLastEvents(
    of comparison: inout Comparison, through last: Int64
  ) throws(StoreFault) {
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

/// Compares the look-ups with the log, in a snapshot and on a thread of its own: this takes as long
/// as the fold.
package final class LookUpCheck: Sendable {
  private let found = Handover<Result<[String], StoreFault>>()
  private let path: String
  private let hasThread: Bool

  /// Begins the check of a log.
  init(of path: String) {
    self.path = path
    hasThread = startThread { [found] in
      found.give(Result { () throws(StoreFault) in try Self.faults(of: path) })
    }
  }

  private static func faults(of path: String) throws(StoreFault) -> [String] {
    let file = try LogFile(path: path)
    return try file.snapshot { try file.lookupFaults() }
  }

  /// Waits for the check.
  /// - Returns: the differences.
  func faults() throws(StoreFault) -> [String] {
    hasThread ? try found.wait().get() : try Self.faults(of: path)
  }
}
