import Domain
import EventLog
import FoundationEssentials
import Projections
import Terminal
import Text

/// The result of a replay.
struct Report {
  let fold: LogFold
  let isChecked: Bool
  /// Whether the log was folded to its head.
  let isWhole: Bool
  let comparison: Comparison?
  let duration: Duration

  var isSound: Bool { faults.isEmpty && comparison?.isIdentical ?? true }

  var faults: [String] {
    var all = fold.faults
    if isWhole {
      all += fold.unexplainedRedactions.map {
        "the text of event \($0) is gone, and no event of the log records its removal"
      }
    }
    return all + (comparison?.faults ?? [])
  }

  private var eventsPerSecond: Double { Double(fold.events) / max(duration.seconds, 1e-6) }

  func print(view: ViewName?, json: Bool) throws {
    switch (view, json) {
    case (nil, true): try JSONOutput.print(object)
    case (nil, false): printText()
    case (.some(let view), true):
      let items = JSONValue.array(fold.projector.rows(of: view).map(\.row))
      let position = JSONValue(fold.head.position)
      try JSONOutput.print(
        ["view": .string(view.rawValue), "position": position, "items": items] as JSONValue)
      printFaults()
    case (.some(let view), false):
      printTable(view)
      printFaults()
    }
  }

  // MARK: For people

  private func printText() {
    let checked = isChecked ? "hash chain checked" : "not checked"
    Terminal.say(
      "events         \(Terminal.grouped(fold.events)) in \(Terminal.tenths(duration.seconds)) s "
        + "(\(Terminal.grouped(Int(eventsPerSecond)))/s), \(checked)")
    Terminal.say("head           \(fold.head.position) \(Hex.encode(fold.head.hash))")
    let digests = fold.projector.digests
    for view in ViewName.allCases {
      let count = Terminal.grouped(fold.projector.keys(of: view).count)
      Terminal.say("\(view.label)\(digests[view]?.hex ?? "") (\(count) rows)")
    }
    printFaults()
    guard let comparison else { return }
    for difference in comparison.differences { printDifference(difference) }
    if comparison.differing > comparison.differences.count {
      Terminal.say("… and \(comparison.differing - comparison.differences.count) more rows")
    }
    Terminal.say(comparison.isIdentical ? "identical" : "NOT identical")
  }

  private func printFaults() {
    for fault in faults { Terminal.complain("aipm-replay: \(fault)") }
  }

  private func printDifference(_ difference: RowDifference) {
    let last = difference.lastEvent.map { "last changed by event \($0)" } ?? "no event made it"
    Terminal.say("\(difference.key.view.rawValue) \(difference.key): \(last)")
    Terminal.say("  folded: \(difference.folded?.canonicalText ?? "no such row")")
    Terminal.say("  live:   \(difference.live?.canonicalText ?? "no such row")")
  }

  private func printTable(_ view: ViewName) {
    func print<Row: ViewRow>(_ row: Row.Type) {
      let rows = fold.projector.rows(row).sorted(by: Row.view.isListedBefore)
      Terminal.table(
        Row.view.listing.map(\.heading),
        rows.map { row in Row.view.listing.map { $0.text(row) } })
    }
    for type in allViews where type.name == view { print(type) }
  }

  // MARK: For programs

  private var object: JSONValue {
    let views = fold.projector.digests.map { ($0.rawValue, JSONValue.string($1.hex)) }
    let object: JSONValue = [
      "events": JSONValue(fold.events), "seconds": .number(duration.seconds),
      "eventsPerSecond": .number(eventsPerSecond),
      "head": [
        "position": JSONValue(fold.head.position), "hash": .string(Hex.encode(fold.head.hash)),
      ],
      "views": .object(Dictionary(uniqueKeysWithValues: views)),
      "differences": .array((comparison?.differences ?? []).map(shown)),
      "faults": .array(faults.map { .string($0) }),
    ]
    return comparison.map { object.with(["identical": .bool($0.isIdentical)]) } ?? object
  }

  private func shown(_ difference: RowDifference) -> JSONValue {
    let members: [String: JSONValue?] = [
      "view": .string(difference.key.view.rawValue), "row": .string(difference.key.description),
      "folded": difference.folded, "live": difference.live,
      "lastEvent": difference.lastEvent.map { .integer($0) },
    ]
    return .object(members.compactMapValues(\.self))
  }
}
