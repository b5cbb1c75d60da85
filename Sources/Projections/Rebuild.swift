import EventLog
import Text

/// A row of a live view that differs from the fold of the log.
package struct RowDifference: Equatable, Sendable {
  package var key: ViewKey
  /// The folded row; nil if the fold has no such row.
  package var folded: JSONValue?
  /// The live row; nil if the view has no such row or it cannot be read.
  package var live: JSONValue?
  /// The last event that changed the folded row; nil if there is no such event.
  package var lastEvent: Int64?

  package init(key: ViewKey, folded: JSONValue?, live: JSONValue?, lastEvent: Int64?) {
    self.key = key
    self.folded = folded
    self.live = live
    self.lastEvent = lastEvent
  }

  /// As in the API and in `--json`.
  package var json: JSONValue {
    .object([
      "view": .string(key.view.rawValue), "row": .string(key.description),
      "folded": folded ?? .null, "live": live ?? .null,
      "lastEvent": lastEvent.map { .integer($0) } ?? .null,
    ])
  }
}

/// The comparison of the live views with a replay.
package struct Comparison: Equatable, Sendable {
  /// The most differing rows that are kept.
  package static let differencesMax = 100

  package var differences: [RowDifference] = []
  /// The number of differing rows, kept or not.
  package var differing = 0
  /// Other faults.
  package var faults: [String] = []
  package var isIdentical: Bool { differing == 0 && faults.isEmpty }

  package init() {}

  /// Adds a row that differs.
  package mutating func note(_ key: ViewKey, folded: JSONValue?, live: JSONValue?) {
    differing += 1
    guard differences.count < Self.differencesMax else { return }
    differences.append(RowDifference(key: key, folded: folded, live: live, lastEvent: nil))
  }
}

/// Views that were rebuilt from the log and replaced the live ones.
package struct Rebuild: Equatable, Sendable {
  /// The number of folded events: all events at the time of the swap.
  package var events: Int
  /// The end of the log at the swap.
  package var head: LogHead
  /// The digests of the views as rebuilt.
  package var rebuilt: [ViewName: ViewDigest]
  /// The digests of the replaced views at that moment.
  package var replaced: [ViewName: ViewDigest]
  /// The replaced rows, compared one by one with the fold.
  package var comparison: Comparison

  package init(
    events: Int, head: LogHead, rebuilt: [ViewName: ViewDigest],
    replaced: [ViewName: ViewDigest], comparison: Comparison
  ) {
    self.events = events
    self.head = head
    self.rebuilt = rebuilt
    self.replaced = replaced
    self.comparison = comparison
  }

  /// Whether the rebuilt views equal the live ones before.
  package var isIdentical: Bool { comparison.isIdentical && rebuilt == replaced }

  /// As in the API.
  package var json: JSONValue {
    func hex(_ digests: [ViewName: ViewDigest]) -> JSONValue {
      .object(
        Dictionary(uniqueKeysWithValues: digests.map { ($0.rawValue, .string($1.hex)) }))
    }
    return .object([
      "events": .integer(Int64(events)),
      "head": .object([
        "position": .integer(head.position), "hash": .string(Hex.encode(head.hash)),
      ]),
      "views": hex(rebuilt), "replaced": hex(replaced), "identical": .bool(isIdentical),
      "differing": .integer(Int64(comparison.differing)),
      "differences": .array(comparison.differences.map(\.json)),
      "faults": .array(comparison.faults.map { .string($0) }),
    ])
  }
}
