import EventLog
import Projections
import Text

extension LogFile {
  /// Folds the new events, and compares the views with the fold, in one snapshot. A server may
  /// write at the same time.
  /// - Parameter fold: a replay up to near the head; up to the head afterwards.
  package func compare(with fold: inout LogFold) throws(StoreFault) -> Comparison {
    var comparison = try snapshot { () throws -> Comparison in
      try scan(after: fold.head.position) {
        fold.take($0)
        return true
      }
      var comparison = Comparison()
      try compareRows(with: fold, &comparison)
      comparison.faults += try lookupFaults()
      return comparison
    }
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
    for view in ViewName.allCases where !outdated.contains(view) {
      var seen: Set<ViewKey> = []
      var actual = ViewDigest()
      try forEachRow(of: view) { key, live in
        let folded = seen.insert(key).inserted ? fold.projector.row(key) : nil
        if let live { actual.add(live) }
        // Texts are compared by their bytes: two that look the same are not the same.
        if live == nil || folded?.canonical != live?.canonical {
          comparison.note(key, folded: folded, live: live)
        }
      }
      for key in fold.projector.keys(of: view).filter({ !seen.contains($0) }).sorted() {
        comparison.note(key, folded: fold.projector.row(key), live: nil)
      }
      if stored.digests[view] != actual {
        comparison.faults.append("the kept digest of \(view.rawValue) is not that of its rows")
      }
    }
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
