import EventLog
import Projections

/// A row of a live view that is not what the log makes of it.
package struct RowDifference: Sendable {
  package var key: ViewKey
  /// What the fold has; nil where it has no such row.
  package var folded: JSONValue?
  /// What the live view has; nil where it has no such row, or one that cannot be read.
  package var live: JSONValue?
  /// The last event that changed the row as folded; nil where none did.
  package var lastEvent: Int64?
}

/// The live views against a replay.
package struct Comparison: Sendable {
  /// So many differing rows are told.
  package static let differencesMax = 100

  package var differences: [RowDifference] = []
  /// How many rows differ, told or not.
  package var differing = 0
  /// What else does not fit.
  package var faults: [String] = []
  package var isIdentical: Bool { differing == 0 && faults.isEmpty }
}

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
      var expected = Dictionary(
        uniqueKeysWithValues: fold.projector.rows(of: view).map { ($0.key, $0.row) })
      var actual = ViewDigest()
      func note(_ key: ViewKey, _ folded: JSONValue?, _ live: JSONValue?) {
        comparison.differing += 1
        guard comparison.differences.count < Comparison.differencesMax else { return }
        comparison.differences.append(
          RowDifference(key: key, folded: folded, live: live, lastEvent: nil))
      }
      try forEachRow(of: view) { key, live in
        let folded = expected.removeValue(forKey: key)
        if let live { actual.add(live) }
        // Texts are compared by their bytes: two that look the same are not the same.
        if live == nil || folded?.canonical != live?.canonical { note(key, folded, live) }
      }
      for (key, folded) in expected.sorted(by: { $0.key < $1.key }) { note(key, folded, nil) }
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
      for change in fold.take(stored) where wanted.contains(change.key) {
        lastEvents[change.key] = stored.position
      }
      return true
    }
    for index in comparison.differences.indices {
      comparison.differences[index].lastEvent = lastEvents[comparison.differences[index].key]
    }
  }
}
