import EventLog
import Projections
import Text

extension LogFile {
  /// Folds what is new, and compares the views with the fold, all in one snapshot, so that a server
  /// that goes on writing does no harm.
  /// - Parameter fold: a replay that stands near the head; it stands at the head afterwards.
  package func compare(with fold: inout LogFold) throws(StoreFault) -> Comparison {
    var comparison = try snapshot { () throws -> Comparison in
      try scan(after: fold.head.position) {
        fold.take($0)
        return true
      }
      fold.settle()
      var comparison = Comparison()
      try compareRows(with: fold, &comparison)
      comparison.faults += try lookupFaults()
      return comparison
    }
    try tellLastEvents(of: &comparison, through: fold.head.position)
    return comparison
  }

  private func compareRows(with fold: LogFold, _ comparison: inout Comparison) throws {
    let stored = try storedDigests()
    if stored.position ?? 0 != fold.head.position {
      let stand = stored.position.map(String.init) ?? "no one position"
      comparison.faults.append("the views stand at \(stand), the log at \(fold.head.position)")
    }
    for view in ViewName.allCases {
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

  /// A second reading of the log, only where something differs.
  private func tellLastEvents(
    of comparison: inout Comparison, through last: Int64
  ) throws(StoreFault) {
    guard !comparison.differences.isEmpty else { return }
    let wanted = Set(comparison.differences.map(\.key))
    var lastEvents: [ViewKey: Int64] = [:]
    var fold = LogFold(isChecking: false)
    try scan(after: 0, through: last) { stored in
      for change in fold.takeTellingChanges(stored) where wanted.contains(change.key) {
        lastEvents[change.key] = stored.position
      }
      return true
    }
    for index in comparison.differences.indices {
      comparison.differences[index].lastEvent = lastEvents[comparison.differences[index].key]
    }
  }
}
